"""Builds a stage of a Dockerfile without Docker: each stage a root folder, each RUN in it by chroot."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from tests.acceptance.dockerfile import Instruction, Stage, assignments

# By its full path, as it is started with the PATH of the image.
CHROOT = shutil.which("chroot", path="/usr/sbin:/usr/bin:/sbin:/bin") or "chroot"
# What every container has set, whatever its image says.
START = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}


@dataclass(frozen=True)
class Image:
    """A built stage: its root folder, and what is set for whatever runs in it."""

    root: Path
    env: Mapping[str, str] = field(default_factory=lambda: START)
    workdir: str = "/"
    user: str = "root"

    def command(self, words: list[str]) -> list[str]:
        """The command that runs these words in the image, as its user, in its folder."""
        inner = f"cd {shlex.quote(self.workdir)} && exec {shlex.join(words)}"
        return [CHROOT, f"--userspec={self.user}", str(self.root), "/bin/sh", "-c", inner]

    def run(self, words: list[str], **extra: str) -> subprocess.CompletedProcess[str]:
        """Run to the end; what it wrote comes with the answer."""
        return subprocess.run(
            self.command(words), env={**self.env, **extra}, capture_output=True, text=True, timeout=300
        )


@dataclass
class Builder:
    """Builds stages and what they need, each once."""

    stages: Mapping[str, Stage]
    context: Path
    allowed: set[str]
    folder: Path
    clean: Callable[[Path], None]
    # Set for RUN alone, as `docker build --build-arg` does: not left in the image.
    build_env: Mapping[str, str]
    built: dict[str, Image] = field(default_factory=dict)

    def build(self, name: str) -> Image:
        if name not in self.built:
            stage = self.stages[name]
            image = Image(self.folder / name)
            if stage.base in self.stages:
                below = self.build(stage.base)
                subprocess.run(["cp", "--archive", below.root, image.root], check=True)
                image = replace(below, root=image.root)
            else:
                assert stage.base == "${BASE}", stage.base
                self.clean(image.root)
            for instruction in stage.instructions:
                image = self._step(image, instruction)
            self.built[name] = image
        return self.built[name]

    def _step(self, image: Image, instruction: Instruction) -> Image:
        match instruction.name:
            case "ENV":
                return replace(image, env={**image.env, **assignments(instruction.rest)})
            case "USER":
                return replace(image, user=instruction.rest)
            case "WORKDIR":
                (image.root / instruction.rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
                return replace(image, workdir=instruction.rest)
            case "RUN":
                done = image.run(["/bin/sh", "-c", instruction.rest], **self.build_env)
                assert done.returncode == 0, f"RUN {instruction.rest}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
            case "COPY":
                self._copy(image, shlex.split(instruction.rest))
            case "VOLUME" | "EXPOSE" | "HEALTHCHECK" | "CMD" | "ENTRYPOINT":
                pass
            case other:
                raise AssertionError(f"{other} is not tried here")
        return image

    def _copy(self, image: Image, words: list[str]) -> None:
        origin = self.context
        allowed: set[str] | None = self.allowed
        if words[0].startswith("--from="):
            origin, allowed = self.build(words.pop(0).removeprefix("--from=")).root, None
        assert not words[0].startswith("--"), f"COPY {words[0]} is not tried here"
        *sources, target = words
        place = image.root / str(PurePosixPath(image.workdir) / target).lstrip("/")
        for source in sources:
            assert allowed is None or source in allowed, f".dockerignore shuts {source} out"
            path = origin / source.lstrip("/")
            if path.is_dir():
                ignore = shutil.ignore_patterns("__pycache__")
                shutil.copytree(path, place, symlinks=True, ignore=ignore, dirs_exist_ok=True)
            else:
                place.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, place)


def environment_for_builds(wheels: Path) -> dict[str, str]:
    """Makes pip in the image take its wheels from a folder in there, and ask no network."""
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "PIP_CONFIG_FILE": os.devnull}
