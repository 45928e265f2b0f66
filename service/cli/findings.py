"""What `basin doctor` finds on this machine: Python, disk, port, GPUs, limits. Nothing here loads torch or a server."""

import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from service.words import clean, size

Level = Literal["ok", "warn", "fail"]
NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "9p", "ceph", "lustre", "gpfs", "beegfs", "glusterfs", "fuse.sshfs"}
)
OLDEST_PYTHON = (3, 11)
_LITTLE_SPACE = 1_000_000_000
_NO_SPACE = 100_000_000
_FEW_FILES = 1_024
_LISTENS = "0A"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: how it is, and what to do if that is not well."""

    level: Level
    what: str
    said: str
    advice: str = ""


def python(running: tuple[int, ...] = tuple(sys.version_info[:3])) -> Finding:
    """Whether this Python is new enough."""
    shown, needed = ".".join(map(str, running)), ".".join(map(str, OLDEST_PYTHON))
    if running < OLDEST_PYTHON:
        return Finding("fail", "Python", shown, f"Basin needs Python {needed} or newer.")
    return Finding("ok", "Python", shown)


def disk(folder: Path, free: int) -> Finding:
    """Whether there is room for the data."""
    said = f"{size(free)} free in {clean(str(folder))}"
    if free < _NO_SPACE:
        return Finding("fail", "disk space", said, "Make room: a full disk stops the server's writes.")
    if free < _LITTLE_SPACE:
        return Finding("warn", "disk space", said, "Make room before it is full.")
    return Finding("ok", "disk space", said)


def file_system(folder: Path, mounts: str, *, sqlite: bool) -> Finding:
    """Whether the folder lies on a disk of this machine; `mounts` is /proc/self/mountinfo."""
    kind = mounted_as(folder, mounts)
    where = clean(str(folder))
    if kind not in NETWORK_FILE_SYSTEMS:
        return Finding("ok", "data folder", f"{where}{f' ({kind})' if kind else ''}")
    said = f"{where} is on a network file system ({kind})"
    if sqlite:
        return Finding("fail", "data folder", said, "SQLite needs a local disk: set --data-dir, or use PostgreSQL.")
    return Finding("warn", "data folder", said, "It works, and is slow; a local disk is better.")


def mounted_as(folder: Path, mounts: str) -> str:
    """The type of the file system on which a folder lies; empty if it cannot be told."""
    best, kind = -1, ""
    for line in mounts.splitlines():
        fields, _, behind = line.partition(" - ")
        if not behind:
            continue
        place = Path(fields.split()[4].replace("\\040", " "))
        if len(place.parts) >= best and (place == folder or place in folder.parents):
            best, kind = len(place.parts), behind.split()[0]
    return kind


def port(host: str, number: int, *, basin: bool, proc: Path = Path("/proc")) -> Finding:
    """Whether the server's port is free; `basin` says that a Basin server answers there."""
    where = f"{host}:{number}"
    if number == 0 or _free(host, number):
        return Finding("ok", "port", f"{where} is free" if number else "any free one")
    if basin:
        return Finding("ok", "port", f"{where} is held by a running Basin server")
    holder = held_by(number, proc)
    said = f"{where} is taken{f' by {holder}' if holder else ''}"
    return Finding("warn", "port", said, "Stop that program, or choose another with --port (BASIN_PORT).")


def _free(host: str, number: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host.strip("[]"), number))
    except OSError:
        return False
    return True


def held_by(number: int, proc: Path) -> str:
    """The program that listens on a port, if it is one of ours: `python (process 123)`."""
    inodes = set(_listening(number, proc))
    for process in proc.glob("[0-9]*"):
        try:
            links = {str(link.readlink()) for link in (process / "fd").iterdir()}
            if any(f"socket:[{inode}]" in links for inode in inodes):
                return f"{clean((process / 'comm').read_text().strip())} (process {process.name})"
        except OSError:  # it is another user's, or has just ended
            continue
    return ""


def _listening(number: int, proc: Path) -> Iterator[str]:
    for table in (proc / "net/tcp", proc / "net/tcp6"):
        if not table.exists():
            continue
        for line in table.read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTENS and int(fields[1].rpartition(":")[2], 16) == number:
                yield fields[9]


def torch(installed: Callable[[str], str] = version) -> Finding:
    """Whether torch is installed; it is not loaded for that."""
    try:
        return Finding("ok", "torch", installed("torch"))
    except PackageNotFoundError:
        return Finding("ok", "torch", "not installed (only trainers and the sampler gp need it)")


def gpus(run: Callable[[Sequence[str]], str] | None = None) -> Finding:
    """Which NVIDIA GPUs there are; none is fine."""
    if run is None:
        if shutil.which("nvidia-smi") is None:
            return Finding("ok", "GPUs", "none found (no nvidia-smi); training runs on the CPU")
        run = _output
    try:
        lines = run(["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"])
    except (OSError, subprocess.SubprocessError) as error:
        return Finding("warn", "GPUs", f"nvidia-smi does not answer ({clean(str(error))})", "Check the NVIDIA driver.")
    found = [line.strip() for line in lines.splitlines() if line.strip()]
    if not found:
        return Finding("ok", "GPUs", "none; training runs on the CPU")
    return Finding("ok", "GPUs", f"{len(found)}: {clean('; '.join(dict.fromkeys(found)))}")


def _output(command: Sequence[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout


def open_files(soft: int, unlimited: int) -> Finding:
    """Whether enough files and connections may be open at once."""
    said = "unlimited" if soft == unlimited else f"{soft:,}"
    if soft != unlimited and soft < _FEW_FILES:
        return Finding("warn", "open files", said, "Each worker holds a connection: raise it with ulimit -n 65536.")
    return Finding("ok", "open files", said)
