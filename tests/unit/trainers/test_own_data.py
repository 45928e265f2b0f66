"""The user's own data: what is read of each form of file, and the sentence for each way in which it can be wrong."""

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image
from pyarrow import parquet

from trainers.chosen import Chosen
from trainers.data import pictures
from trainers.data.catalog import DIMENSIONS, load, parted, sealed
from trainers.space import BadParameter, Scalar


def chosen(path: Path, **given: Scalar) -> Chosen:
    return Chosen(DIMENSIONS, {"path": str(path), "cache": str(path.parent / "cache"), **given})


def refused(name: str, path: Path, **given: Scalar) -> str:
    with pytest.raises(BadParameter) as problem:
        load(name, chosen(path, **given))
    return str(problem.value).replace(str(path), "HERE")


def table(folder: Path, text: str) -> Path:
    path = folder / "flowers.csv"
    path.write_text(text)
    return path


FLOWERS = "size,colour,label\n" + "".join(
    f"{number / 10},{'red' if number % 3 else 'blue'},{'rose' if number % 2 else 'iris'}\n" for number in range(20)
)


def with_row(number: int, row: str) -> str:
    lines = FLOWERS.splitlines()
    lines[number] = row
    return "\n".join(lines)


# --- tables


def test_a_csv_file_gives_numbers_words_and_classes(tmp_path: Path) -> None:
    data = load("csv", chosen(table(tmp_path, FLOWERS)))
    assert (data.task, data.shape, data.outputs, data.labels) == ("classification", (3,), 2, ("iris", "rose"))
    whole, _ = parted("csv", chosen(table(tmp_path, FLOWERS)))
    assert torch.allclose(whole.inputs[4], torch.tensor([0.4, 0.0, 1.0]))
    assert whole.targets[:4].tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize("between", [";", "\t"])
def test_other_signs_than_commas_may_stand_between_values(tmp_path: Path, between: str) -> None:
    usual = load("csv", chosen(table(tmp_path, FLOWERS)))
    other = load("csv", chosen(table(tmp_path, "\ufeff" + FLOWERS.replace(",", between))))
    assert other.fingerprint == usual.fingerprint


def test_parquet_gives_what_csv_gives(tmp_path: Path) -> None:
    read = table(tmp_path, FLOWERS)
    columns = [line.split(",") for line in FLOWERS.splitlines()[1:]]
    sizes, colours, labels = zip(*columns, strict=True)
    cells = {
        "size": pa.array(map(float, sizes)),
        "colour": pa.array(colours).dictionary_encode(),
        "label": list(labels),
    }
    other = tmp_path / "flowers.parquet"
    parquet.write_table(pa.table(cells), other)
    first, second = load("csv", chosen(read)), load("parquet", chosen(other))
    assert torch.equal(first.train.inputs, second.train.inputs)
    assert first.fingerprint == second.fingerprint


def test_many_different_numbers_are_predicted_as_numbers_and_few_whole_ones_are_classes(tmp_path: Path) -> None:
    rows = "\n".join(f"{number},{number * 1.5},{number % 3}" for number in range(40))
    path = table(tmp_path, f"a,b,c\n{rows}\n")
    assert load("csv", chosen(path, target="b")).task == "regression"
    assert load("csv", chosen(path, target="c")).task == "classification"
    numbers = load("csv", chosen(path, target="c", task="regression"))
    assert (numbers.task, numbers.outputs, tuple(numbers.train.targets.shape)) == ("regression", 1, (24, 1))


def test_a_column_can_say_who_is_in_which_part(tmp_path: Path) -> None:
    words = ["train"] * 10 + ["val"] * 4 + ["test"] * 6
    lines = [f"{number},{number % 2},{word}" for number, word in enumerate(words)]
    path = table(tmp_path, "x,y,part\n" + "\n".join(lines))
    asked = chosen(path, split_column="part")
    _, parts = parted("csv", asked)
    assert [one.tolist() for one in (parts.train, parts.validation, parts.test)] == [
        list(range(10)),
        list(range(10, 14)),
        list(range(14, 20)),
    ]
    assert len(sealed("csv", asked)) == 6
    wrong = table(tmp_path, "x,y,part\n1,0,train\n2,1,later\n")
    said = refused("csv", wrong, split_column="part")
    assert said == "split_column must be train, validation or test, but HERE, row 2, column 'part' is 'later'"


def test_what_is_missing_is_refused_dropped_or_filled_in_as_the_study_wants_it(tmp_path: Path) -> None:
    path = table(tmp_path, with_row(3, "n/a,red,iris"))
    said = refused("csv", path)
    assert said == (
        "size has no value in HERE, row 3, column 'size': "
        "missing: drop leaves such rows out, missing: mean fills them in"
    )
    dropped, _ = parted("csv", chosen(path, missing="drop"))
    assert (len(dropped.targets), dropped.where(2)) == (19, "row 4")
    filled, parts = parted("csv", chosen(path, missing="mean"))
    place = (parts.train == 2).nonzero().flatten()
    assert bool(filled.inputs[2, 0].isnan())
    assert bool(len(place))
    assert float(load("csv", chosen(path, missing="mean")).train.inputs[place, 0]) == 0.0
    assert "column 'label': missing: drop" in refused("csv", table(tmp_path, with_row(3, "1,red,")), missing="mean")


@pytest.mark.parametrize(
    ("text", "given", "said"),
    [
        (FLOWERS, {"target": "colr"}, "target 'colr' is no column of HERE; there are size, colour, label"),
        (FLOWERS, {"split_column": "part"}, "split_column 'part' is no column of HERE; there are size, colour, label"),
        ("a,b\n1,2\n", {}, "target is needed: the column of HERE to be predicted, one of a, b"),
        ("y\n1\n2\n", {}, "path HERE has no column beside 'y' to predict it from"),
        (
            with_row(5, "big,red,iris"),
            {},
            "size holds numbers, but HERE, row 5, column 'size' is 'big': mend it, or leave the column out",
        ),
        (
            with_row(5, "inf,red,iris"),
            {},
            "size is infinite in HERE, row 5, column 'size': give it a finite value",
        ),
        (
            FLOWERS,
            {"task": "regression"},
            "task is regression, but HERE, row 1, column 'label' is 'iris', which is no number",
        ),
        (
            with_row(7, "1,red,tulip"),
            {},
            "target has class 'tulip' 1 time only (row 7), and each of train, validation, test needs one: "
            "add samples or leave the class out",
        ),
        ("x,y\n1,a\n2,a\n", {}, "target is 'a' in each row of HERE: there is nothing to tell apart"),
        ("x,x,y\n1,2,a\n", {}, "path HERE has more than one column 'x': rename one of them"),
    ],
)
def test_what_is_wrong_with_a_table_is_said_by_row_and_column(
    tmp_path: Path, text: str, given: dict[str, Scalar], said: str
) -> None:
    assert refused("csv", table(tmp_path, text), **given) == said


def test_a_file_that_is_not_there_or_of_another_form_is_named(tmp_path: Path) -> None:
    for name in ("csv", "parquet", "npz"):
        assert refused(name, tmp_path / "no.file") == "path names no file: there is no HERE on this worker"
    for name in ("image-folder", "mnist", "cifar10"):
        assert refused(name, tmp_path / "none") == "path names no folder: there is no HERE on this worker"
    assert "text cannot be read: No such file" in refused("text", tmp_path / "none.txt").replace("HERE", "text")
    with pytest.raises(BadParameter, match="path is needed for csv: the file or folder, as the worker sees it"):
        load("csv", Chosen(DIMENSIONS, {}))
    ragged = table(tmp_path, "a,y\n1,2\n1,2,3\n")
    assert refused("csv", ragged).startswith("path HERE is no CSV file of UTF-8 with a header: ")
    assert refused("parquet", ragged).startswith("path HERE is no Parquet file that can be read: ")


# --- arrays


def saved(folder: Path, **arrays: Any) -> Path:
    path = folder / "arrays.npz"
    np.savez(path, **arrays)
    return path


def test_arrays_may_be_rows_sequences_or_pictures(tmp_path: Path) -> None:
    labels = np.arange(30) % 3
    shapes: dict[tuple[int, ...], tuple[int, ...]] = {
        (30, 5): (5,),
        (30, 7, 2): (7, 2),
        (30, 8, 8, 3): (3, 8, 8),
        (30, 1, 8, 8): (1, 8, 8),
    }
    for shape, read in shapes.items():
        data = load("npz", chosen(saved(tmp_path, x=np.ones(shape, dtype=np.float32), y=labels)))
        assert (data.task, data.shape, data.outputs) == ("classification", read, 3)
    gray = load("npz", chosen(saved(tmp_path, images=np.zeros((30, 8, 8), dtype=np.uint8), labels=labels)))
    assert gray.shape == (1, 8, 8)
    numbers = load("npz", chosen(saved(tmp_path, x=np.ones((30, 5)), y=np.ones((30, 2)))))
    assert (numbers.task, numbers.outputs) == ("regression", 2)


def test_parts_that_the_arrays_name_are_kept_apart(tmp_path: Path) -> None:
    def part(count: int) -> tuple[Any, Any]:
        return np.arange(count, dtype=np.float32)[:, None], np.arange(count) % 2

    (x_train, y_train), (x_test, y_test) = part(20), part(6)
    asked = chosen(saved(tmp_path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test))
    assert (len(load("npz", asked).train), len(sealed("npz", asked))) == (16, 6)


def test_what_is_wrong_with_arrays_is_said_by_name_and_sample(tmp_path: Path) -> None:
    x, y = np.ones((30, 4), dtype=np.float32), np.arange(30) % 3
    broken, high, low = x.copy(), y.copy(), y.copy()
    broken[6, 2], high[4], low[9] = np.nan, 4000, -1
    cases: list[tuple[dict[str, Any], str]] = [
        ({"x": x, "y": y.astype(object)}, "is not loaded, for array 'y' holds pickled Python objects"),
        ({"x": broken, "y": y}, "path HERE: the inputs of sample 7 are not finite"),
        ({"x": x, "y": high}, "the label of sample 5 is 4000, but 4 different ones must be numbered 0 to 3"),
        ({"x": x, "y": low}, "the label of sample 10 is -1, but 4 different ones must be numbered 0 to 3"),
        ({"x": x, "y": y[:5]}, "path HERE has 30 inputs, but 5 targets: they must match"),
        ({"x": x}, "path HERE has no array y or targets or target or labels or label; there are x"),
        ({"x": x[:, :, None, None, None], "y": y}, "float32 of shape (30, 4, 1, 1, 1): rows, sequences or pictures"),
    ]
    for arrays, said in cases:
        assert said in refused("npz", saved(tmp_path, **arrays))
    (tmp_path / "arrays.npz").write_bytes(b"PK\x03\x04 cut off")
    assert "is no npz file that can be read" in refused("npz", tmp_path / "arrays.npz")


# --- pictures


def picture(path: Path, shade: int, size: tuple[int, int] = (12, 9)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (shade, 255 - shade, 7)).save(path)


def animals(root: Path) -> Path:
    for number in range(6):
        picture(root / "cat" / f"{number}.png", number)
        picture(root / "dog" / f"{number}.jpg", 200 + number)
    return root


def test_a_folder_of_pictures_is_decoded_once_and_again_when_a_file_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = animals(tmp_path / "animals")
    asked = chosen(root, image_size=8)
    first = load("image-folder", asked)
    assert (first.shape, first.labels, first.outputs) == ((3, 8, 8), ("cat", "dog"), 2)
    decoded: list[Path] = []
    plain = pictures._decode

    def counted(path: Path, size: int) -> Any:
        decoded.append(path)
        return plain(path, size)

    monkeypatch.setattr(pictures, "_decode", counted)
    again = load("image-folder", asked)
    assert decoded == []
    assert torch.equal(again.train.inputs, first.train.inputs)
    assert again.fingerprint == first.fingerprint
    picture(root / "cat" / "0.png", 99, (30, 20))
    assert load("image-folder", asked).fingerprint != first.fingerprint
    assert len(decoded) == 12


def test_folders_can_say_which_pictures_are_sealed(tmp_path: Path) -> None:
    animals(tmp_path / "animals" / "train")
    picture(tmp_path / "animals" / "test" / "cat" / "a.png", 3)
    assert len(sealed("image-folder", chosen(tmp_path / "animals", image_size=8))) == 1


def test_a_picture_that_does_not_decode_is_named(tmp_path: Path) -> None:
    root = animals(tmp_path / "animals")
    (root / "dog" / "3.jpg").write_bytes(b"not a picture")
    said = refused("image-folder", root, image_size=8)
    assert said.startswith("path HERE/dog/3.jpg is no picture that can be read: remove it or mend it (cannot identify")
    assert not (tmp_path / "cache").exists()
    (tmp_path / "empty").mkdir()
    assert "path HERE has no pictures in folders of classes" in refused("image-folder", tmp_path / "empty")


# --- bytes


def idx(values: Any) -> bytes:
    array = np.asarray(values, dtype=np.uint8)
    return bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def test_idx_files_are_read_packed_or_not_and_their_test_part_is_sealed(tmp_path: Path) -> None:
    images, labels = np.arange(24 * 16).reshape(24, 4, 4) % 256, np.arange(24) % 3
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(images))
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx(images[:5]))
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx(labels[:5]))
    data = load("mnist", chosen(tmp_path))
    assert (data.shape, data.outputs, len(sealed("mnist", chosen(tmp_path)))) == ((1, 4, 4), 3, 5)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(images)[:-7])
    assert "train-images-idx3-ubyte is cut off: it has 377 bytes for (24, 4, 4)" in refused("mnist", tmp_path)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(b"GIF89a and so on, long enough")
    assert "is no idx file of bytes with 3 dimensions" in refused("mnist", tmp_path)
    (tmp_path / "train-images-idx3-ubyte").unlink()
    assert refused("mnist", tmp_path) == "path HERE has no train-images-idx3-ubyte, packed (.gz) or not"


def test_cifar_is_read_in_its_binary_form(tmp_path: Path) -> None:
    def batch(count: int) -> bytes:
        return b"".join(bytes([number % 10]) + bytes([number % 256]) * 3072 for number in range(count))

    (tmp_path / "data_batch_1.bin").write_bytes(batch(40))
    (tmp_path / "test_batch.bin").write_bytes(batch(10))
    data = load("cifar10", chosen(tmp_path))
    assert (data.shape, data.outputs, data.labels[3]) == ((3, 32, 32), 10, "cat")
    assert len(sealed("cifar10", chosen(tmp_path))) == 10
    (tmp_path / "data_batch_1.bin").write_bytes(bytes([11]) + batch(40)[1:])
    assert "data_batch_1.bin: the label of record 1 is 11, which is not 0 to 9" in refused("cifar10", tmp_path)
    (tmp_path / "data_batch_1.bin").write_bytes(batch(2)[:-1])
    assert "is cut off: 6145 bytes are no whole records of 3073" in refused("cifar10", tmp_path)
    (tmp_path / "data_batch_1.bin").unlink()
    (tmp_path / "data_batch_1").write_bytes(b"")
    assert "those in Python's pickles are not read" in refused("cifar10", tmp_path)


# --- texts


def test_a_text_of_ones_own_is_read_to_the_letter(tmp_path: Path) -> None:
    path = tmp_path / "song.txt"
    path.write_text("abcdefgh" * 40)
    data = load("text", chosen(path, context=8))
    assert (data.task, data.shape, data.outputs, data.labels) == ("language", (8,), 8, tuple("abcdefgh"))
    assert data.train.targets[0].tolist() == [1, 2, 3, 4, 5, 6, 7, 0]
    assert "context is 256, but HERE has 320 characters" in refused("text", path, context=256)
    path.write_bytes(b"fine\nbut \xff\xfe here")
    assert refused("text", path) == "path HERE, line 2: byte 9 is no UTF-8: save it as UTF-8"


def test_rare_signs_of_a_text_share_one_place(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("".join(chr(0x4E00 + number) for number in range(400)) + "a" * 4000)
    data = load("text", chosen(tmp_path, context=16))
    assert data.outputs == 256
    assert "�" in data.labels
