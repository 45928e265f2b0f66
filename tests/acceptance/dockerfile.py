"""A Dockerfile as data: its stages, and their instructions, one after the other.

Not all that Docker knows is known here: what is not, is refused, so that no step of ours goes untried.
"""

import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

# Instructions that only tell something of the image, or are read from the stage by name.
KNOWN = {"ARG", "ENV", "WORKDIR", "RUN", "COPY", "USER", "VOLUME", "EXPOSE", "HEALTHCHECK", "CMD", "ENTRYPOINT"}


@dataclass(frozen=True)
class Instruction:
    """One instruction, with its continued lines joined."""

    name: str
    rest: str


@dataclass
class Stage:
    """One `FROM ... AS name` and what follows it."""

    name: str
    base: str
    instructions: list[Instruction] = field(default_factory=list)

    def command(self, name: str) -> list[str]:
        """The words of a CMD, ENTRYPOINT or HEALTHCHECK, which must be in JSON: a shell between would eat signals."""
        (found,) = [one.rest for one in self.instructions if one.name == name]
        words: list[str] = json.loads(found[found.index("[") :])
        return words


def parse(text: str) -> dict[str, Stage]:
    """Read the stages, in their order."""
    stages: dict[str, Stage] = {}
    current: Stage | None = None
    for name, rest in _instructions(text):
        if name == "FROM":
            found = re.fullmatch(r"(\S+) AS (\S+)", rest)
            assert found, f"FROM {rest}: each stage needs a name"
            current = stages[found[2]] = Stage(name=found[2], base=found[1])
        elif current is None:
            assert name == "ARG", f"{name} before the first FROM"
        else:
            assert name in KNOWN, f"{name} is not known here"
            current.instructions.append(Instruction(name, rest))
    return stages


def assignments(rest: str) -> dict[str, str]:
    """What an ENV sets."""
    return dict(word.split("=", maxsplit=1) for word in shlex.split(rest))


def in_context(root: Path) -> set[str]:
    """What `.dockerignore`, which shuts out everything and lets in some names, leaves for COPY."""
    lines = (root / ".dockerignore").read_text().splitlines()
    assert "*" in lines, "everything is shut out first"
    return {line[1:] for line in lines if line.startswith("!")}


def _instructions(text: str) -> list[tuple[str, str]]:
    kept = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", "", kept)
    split = (line.strip().partition(" ") for line in joined.splitlines() if line.strip())
    return [(name.upper(), rest.strip()) for name, _, rest in split]
