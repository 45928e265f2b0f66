"""Bytes as letters that nothing in a page mistakes for anything else: no value can end the block that it stands in."""

import gzip
from base64 import b64encode


def packed(content: bytes) -> str:
    """Base64 of gzip."""
    return b64encode(gzip.compress(content, 6, mtime=0)).decode()
