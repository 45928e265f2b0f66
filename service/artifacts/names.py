"""The names of artifacts: a study's id and a file in its folder. Nothing else ever becomes part of a path."""

import re

DRAFT = ".draft-"
"""How the name of a file begins that is not whole yet."""

_NAME = re.compile(r"[0-9]{1,19}/[0-9a-z.\-]{1,200}")


def checked(name: str) -> str:
    """A name as it may become part of a path; whatever else is a mistake of ours."""
    if _NAME.fullmatch(name) is None or ".." in name:
        raise ValueError(f"{name!r} is not the name of an artifact")
    return name
