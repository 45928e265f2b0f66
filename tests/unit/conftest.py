"""Unit tests open no sockets: what needs one belongs to the integration tests."""

from collections.abc import Iterator

import pytest
from pytest_socket import disable_socket, enable_socket


@pytest.fixture(autouse=True)
def no_sockets() -> Iterator[None]:
    # Unix sockets stay: event loops wake themselves through a pair of them.
    disable_socket(allow_unix_socket=True)
    yield
    enable_socket()
