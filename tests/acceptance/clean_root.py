"""A bare Debian with Python in a folder, made by debootstrap: what the images of Basin start from."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

SUITE = "bookworm"
# python3-venv brings python3.11 with pip, as the python:3.11 image has them.
PACKAGES = ("python3", "python3-venv")
# Kept from run to run: Debian changes seldom, and so a run without a network works once there was one with.
CACHE = Path(os.environ.get("BASIN_TEST_CACHE") or "/var/cache/basin-test")


def missing() -> str | None:
    """Why no clean root can be made here, or None if one can."""
    if os.geteuid() != 0:
        return "only root can change into another root folder"
    if not _archive().exists() and shutil.which("debootstrap", path=_path()) is None:
        return "debootstrap is not installed"
    return None


def make(root: Path) -> None:
    """Fill a new folder with a clean system."""
    root.mkdir(parents=True)
    archive = _archive()
    if not archive.exists():
        _make_archive(archive)
    subprocess.run(["tar", "-xf", archive, "-C", root], check=True)


def wheels(project: Path) -> Path:
    """A folder with the wheels that the server needs: the builds in the clean root are done without a network."""
    folder = CACHE / "wheels"
    folder.mkdir(parents=True, exist_ok=True)
    table = tomllib.loads((project / "pyproject.toml").read_text())
    needed = [
        *table["build-system"]["requires"],
        *table["project"]["dependencies"],
        *table["project"]["optional-dependencies"]["service"],
    ]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--dest", str(folder), "--find-links", str(folder), "--constraint", str(project / "constraints.txt")]
    # For the Python in there, whichever runs here.
    command += ["--only-binary=:all:", "--python-version=3.11", *needed]
    subprocess.run(command, check=True, env=os.environ | {"PIP_ROOT_USER_ACTION": "ignore"})
    return folder


def _make_archive(archive: Path) -> None:
    archive.parent.mkdir(parents=True, exist_ok=True)
    fresh = archive.with_suffix(f".{os.getpid()}")
    try:
        command = ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, str(fresh)]
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PATH": _path()})
        assert done.returncode == 0, f"debootstrap failed:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        shutil.rmtree(fresh / "var/cache/apt", ignore_errors=True)
        half = archive.with_suffix(f".half.{os.getpid()}")
        subprocess.run(["tar", "-cf", half, "-C", fresh, "."], check=True)
        half.replace(archive)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _archive() -> Path:
    return CACHE / f"{SUITE}-{'-'.join(PACKAGES)}.tar"


def _path() -> str:
    return os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
