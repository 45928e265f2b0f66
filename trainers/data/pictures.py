"""A folder of pictures, one folder in it for each class. They are decoded once: a cache keeps them as they come out."""

import contextlib
import hashlib
import os
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps

from trainers.data import fingerprint
from trainers.data.named import part
from trainers.data.wanted import Wanted
from trainers.data.whole import Whole
from trainers.space import BadParameter

ENDINGS = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm"}
CACHE = "~/.cache/basin"
Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Found:
    """The pictures of a folder: each file, its class, and its part where the folders say it."""

    files: tuple[Path, ...]
    classes: tuple[str, ...]
    parts: tuple[str, ...] | None


def folder(wanted: Wanted) -> Whole:
    """`path/<class>/*.png`, or `path/train/<class>/*.png` beside `path/test/<class>/*.png`."""
    root = Path(wanted.path).expanduser()
    found = _find(root)
    pixels, mark = _pixels(root, found.files, wanted)
    names = tuple(sorted(set(found.classes)))
    if len(names) < 2:
        raise BadParameter("path", f"{root} has one class only, {names[0]!r}: there is nothing to tell apart")
    place = {name: number for number, name in enumerate(names)}
    return Whole(
        task="classification",
        inputs=torch.from_numpy(pixels),
        targets=torch.tensor([place[one] for one in found.classes]),
        outputs=len(names),
        fingerprint=fingerprint.of_texts([mark, str(wanted.image_size)]),
        labels=names,
        parts=found.parts,
        where=lambda sample: str(found.files[sample]),
    )


def _find(root: Path) -> Found:
    if not root.is_dir():
        raise BadParameter("path", f"names no folder: there is no {root.absolute()} on this worker")
    tops = [one for one in sorted(root.iterdir()) if one.is_dir() and not one.name.startswith(".")]
    split = bool(tops) and all(part(one.name) is not None for one in tops)
    files: list[Path] = []
    classes: list[str] = []
    parts: list[str] = []
    for top in tops:
        for kind in sorted(one for one in top.iterdir() if one.is_dir()) if split else [top]:
            mine = sorted(one for one in kind.rglob("*") if one.suffix.lower() in ENDINGS and one.is_file())
            files += mine
            classes += [kind.name] * len(mine)
            parts += [part(top.name) or ""] * len(mine)
    if not files:
        raise BadParameter(
            "path",
            f"{root} has no pictures in folders of classes, such as {root}/cat/1.png ({', '.join(sorted(ENDINGS))})",
        )
    if split and "train" not in parts:
        raise BadParameter("path", f"{root} has no pictures in a folder called train")
    return Found(tuple(files), tuple(classes), tuple(parts) if split else None)


def _pixels(root: Path, files: Sequence[Path], wanted: Wanted) -> tuple[Pixels, str]:
    """All pictures and the mark of their files, from the cache if no file has changed since."""
    cache = Path(wanted.cache or CACHE).expanduser() / f"pictures-{_key(root, files, wanted.image_size)}.npz"
    with contextlib.suppress(OSError, ValueError, KeyError), np.load(cache, allow_pickle=False) as kept:
        pixels, mark = kept["pixels"], str(kept["mark"])
        if pixels.shape == (len(files), 3, wanted.image_size, wanted.image_size):
            return pixels, mark
    pixels, mark = _decoded(root, files, wanted.image_size)
    # A node without room for a cache decodes again.
    with contextlib.suppress(OSError):
        _keep(cache, pixels, mark)
    return pixels, mark


def _key(root: Path, files: Sequence[Path], size: int) -> str:
    lines = [f"{root.absolute()} {size}"]
    for one in files:
        facts = one.stat()
        lines.append(f"{one.relative_to(root)} {facts.st_size} {facts.st_mtime_ns}")
    return fingerprint.of_texts(lines)[:32]


def _keep(cache: Path, pixels: Pixels, mark: str) -> None:
    cache.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=cache.parent, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, pixels=pixels, mark=np.array(mark))
        Path(name).replace(cache)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def _decoded(root: Path, files: Sequence[Path], size: int) -> tuple[Pixels, str]:
    """Each picture, and a mark of the files' bytes: what comes out of a decoder may differ between its versions."""
    pixels = np.empty((len(files), 3, size, size), dtype=np.uint8)
    digest = hashlib.sha256()
    broken: list[tuple[Path, Exception]] = []
    for place, path in enumerate(files):
        try:
            data = path.read_bytes()
            digest.update(f"{path.relative_to(root).as_posix()} {len(data)}\n".encode())
            digest.update(data)
            pixels[place] = _decode(path, size)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as problem:
            broken.append((path, problem))
    if broken:
        path, error = broken[0]
        more = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
        raise BadParameter("path", f"{path} is no picture that can be read{more}: remove it or mend it ({error})")
    return pixels, digest.hexdigest()


def _decode(path: Path, size: int) -> Pixels:
    with warnings.catch_warnings():
        # Of odd metadata, which change no pixel.
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(path) as image:
                whole = ImageOps.exif_transpose(image).convert("RGB")
        except Image.DecompressionBombWarning as bomb:
            raise ValueError(str(bomb)) from None
        fitted = ImageOps.fit(whole, (size, size), Image.Resampling.BILINEAR)
    return np.asarray(fitted).transpose(2, 0, 1)
