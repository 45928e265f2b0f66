"""`basin study artifact`: the model that a finished study leaves, with its card."""

import hashlib
import shlex
import shutil
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from service.cli.command import command
from service.cli.completion import StudyArgument
from service.cli.errors import CommandError, NotThere, Unreachable
from service.cli.files import whole
from service.cli.session import Session
from service.words import clean, plural, size

CARD = "MODEL_CARD.md"
_PLAIN = "model.bin"


@command("artifact", "basin study artifact digits-mlp -o model", output=False)
def artifact(
    session: Session,
    study: StudyArgument,
    folder: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="The folder to write into.")],
) -> None:
    """Write the model of a finished study into a folder: its files, and its card."""
    found = session.client.finish(study)
    model = found["artifact"]
    if model is None:
        why = found["reason"] or f"the finish is {found['state']}"
        raise NotThere(
            f"study '{clean(study)}' has no model: {clean(why)}", hint=f"basin study finish {shlex.quote(study)}"
        )
    if not model["stored"]:
        raise NotThere(f"the server has no bytes to give: the model is kept at {clean(model['uri'])}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"{clean(str(folder))}: {error.strerror}") from error
    with tempfile.TemporaryFile() as file:
        _fetch(session, study, model, file)
        names = _unpack(file, folder)
    with whole(folder / CARD) as card:
        card.write((found["card"] or "").encode())
    session.screen.progress("")
    session.screen.note(f"Wrote {plural(len(names) + 1, 'file')} to {clean(str(folder))}: {', '.join([*names, CARD])}.")


def _fetch(session: Session, study: str, model: Mapping[str, Any], file: BinaryIO) -> None:
    import httpx2

    digest, written = hashlib.sha256(), 0
    place = (study, model["trial"], model["attempt"], model["step"])
    with session.client.checkpoint(*place) as response:
        try:
            for chunk in response.iter_bytes():
                file.write(chunk)
                digest.update(chunk)
                written += len(chunk)
                session.screen.progress(f"{size(written)} of {size(model['size'])} ...")
        except httpx2.TransportError as error:
            session.screen.progress("")
            raise Unreachable(f"the connection was lost after {size(written)}", hint="Run it again.") from error
    if digest.hexdigest() != model["sha256"]:
        raise CommandError("the bytes that arrived are not those that were saved: run it again")
    file.seek(0)


def _write(packed: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    target = folder.resolve() / member.name
    if not target.resolve().is_relative_to(folder.resolve()):
        raise CommandError(f"the model holds a file that has no place in a folder: {clean(member.name)}")
    held = packed.extractfile(member)
    assert held is not None, "it is a file"
    target.parent.mkdir(parents=True, exist_ok=True)
    with whole(target) as written:
        shutil.copyfileobj(held, written)


def _unpack(file: BinaryIO, folder: Path) -> list[str]:
    """Write the files of a packed folder; a model that is one file is written as it is."""
    try:
        with tarfile.open(fileobj=file, mode="r:") as packed:
            # Files alone: no links, no devices.
            members = [one for one in packed.getmembers() if one.isfile()]
            for one in members:
                _write(packed, one, folder)
            return sorted(clean(one.name) for one in members)
    except tarfile.ReadError:
        file.seek(0)
    except OSError as error:
        raise CommandError(f"{clean(str(folder))}: {error.strerror or error}") from error
    with whole(folder / _PLAIN) as target:
        while piece := file.read(1 << 20):
            target.write(piece)
    return [_PLAIN]
