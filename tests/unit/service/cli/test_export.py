"""Exports: whole or not at all, to a file or to standard output."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.unit.service.cli.conftest import Run
from tests.unit.service.cli.fake_server import FakeServer, problem


class Broken(httpx2.SyncByteStream):
    """A stream that is lost halfway."""

    def __iter__(self) -> Iterator[bytes]:
        yield b"x" * 1_500
        raise httpx2.ReadError("reset")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_to_standard_output(run: Run, server: FakeServer) -> None:
    server.plan(httpx2.Response(200, content="number\n1 ö\n".encode()))
    ran = run("study", "export", "a")
    assert (ran.code, ran.out, ran.err) == (0, "number\n1 ö\n", "")
    assert str(server.requests[0].url).endswith("/v1/studies/a/export?format=csv&points=false")


@pytest.mark.parametrize(
    ("arguments", "query"),
    [
        (("-o", "x.parquet"), "format=parquet&points=false"),
        (("-o", "x.JSON", "--points"), "format=json&points=true"),
        (("-o", "x.csv", "--format", "json"), "format=json&points=false"),
        (("-o", "x.txt"), "format=csv&points=false"),
        (("-o", "x.htm"), "format=html&points=false"),
        (("-o", "x", "--format", "html"), "format=html&points=false"),
    ],
)
def test_to_a_file(run: Run, server: FakeServer, folder: Path, arguments: tuple[str, ...], query: str) -> None:
    server.plan(httpx2.Response(200, content=b"data" * 500))
    ran = run("study", "export", "a", *arguments)
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == f"Wrote 2.0 kB to {arguments[1]}.\n"
    assert server.requests[0].url.query.decode() == query
    (file,) = folder.iterdir()
    assert file.read_bytes() == b"data" * 500
    assert file.stat().st_mode & 0o044


def test_a_lost_connection_leaves_the_old_file(run: Run, server: FakeServer, folder: Path) -> None:
    (folder / "x.csv").write_text("old")
    server.plan(httpx2.Response(200, stream=Broken()))
    ran = run("study", "export", "a", "-o", "x.csv")
    assert ran.code == 4
    assert ran.err.startswith("error: the connection was lost after 1.5 kB; the export is not complete")
    assert [file.name for file in folder.iterdir()] == ["x.csv"]
    assert (folder / "x.csv").read_text() == "old"


def test_a_refusal_leaves_no_file(run: Run, server: FakeServer, folder: Path) -> None:
    server.plan(problem(404, "study_not_found", "there is no study named 'a'"))
    ran = run("study", "export", "a", "-o", "x.csv")
    assert ran.code == 3
    assert ran.err.startswith("error: there is no study named 'a'")
    assert list(folder.iterdir()) == []


def test_a_folder_that_is_not_there(run: Run, server: FakeServer) -> None:
    ran = run("study", "export", "a", "-o", "none/x.csv")
    assert (ran.code, ran.err) == (1, "error: none/x.csv: No such file or directory\n")
    assert server.requests == []


def test_binary_data_is_kept_from_terminals(run: Run, server: FakeServer) -> None:
    ran = run("study", "export", "a", "--format", "parquet", terminal=80)
    assert ran.code == 2
    assert "it would spoil your terminal" in ran.err
    assert server.requests == []
    server.plan(httpx2.Response(200, content=b"PAR1"))
    assert run("study", "export", "a", "--format", "parquet").out == "PAR1"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--format", "html"), "a report is for a browser: it would fill your terminal\nhint: Add -o report.html"),
        (("--points", "-o", "x.html"), "a report has the curves in any case\nhint: Leave --points away."),
    ],
)
def test_a_report_is_a_file_of_its_own(run: Run, server: FakeServer, arguments: tuple[str, ...], said: str) -> None:
    ran = run("study", "export", "a", *arguments, terminal=80)
    assert (ran.code, said in ran.err) == (2, True), ran.err
    assert server.requests == []
