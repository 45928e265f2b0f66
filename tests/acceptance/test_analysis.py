"""What is read out of a study, from a real server by the command line, after a search by real clients."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from service.cli import main
from tests.acceptance.server_process import ServerProcess
from tests.acceptance.test_search import Client, create, run_all

TRIALS = 30


class Basin:
    """The command, in this process, against one server."""

    def __init__(self, server: ServerProcess, captured: pytest.CaptureFixture[str]) -> None:
        self._server = server
        self._captured = captured

    def text(self, *arguments: str) -> str:
        """What a command that must succeed writes."""
        code = main(["--server", self._server.address, *arguments])
        captured = self._captured.readouterr()
        assert code == 0, f"{arguments}: {captured.out}\n{captured.err}"
        return captured.out

    def json(self, *arguments: str) -> Any:
        """What it writes for programs."""
        return json.loads(self.text(*arguments, "-o", "json"))


def test_a_study_is_read(database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ServerProcess(database_url, tmp_path) as server:
        create(server, "s", scheduler="none", sampler="tpe", budget={"max_trials": TRIALS})
        run_all([Client([server], "s", seed) for seed in range(2)], 90)
        basin = Basin(server, capsys)

        best = basin.json("study", "best", "s", "--count", "3")
        losses = [trial["values"]["loss"] for trial in best["trials"]]
        assert losses == sorted(losses)
        listed = basin.json("trial", "list", "s", "--order-by", "value", "--limit", "3")
        assert [trial["number"] for trial in listed] == [trial["number"] for trial in best["trials"]]
        front = basin.json("study", "pareto", "s")
        assert [trial["number"] for trial in front["trials"]] == [best["trials"][0]["number"]]
        volumes = [one["hypervolume"] for one in front["history"]]
        assert volumes == sorted(volumes)
        assert volumes[-1] == front["hypervolume"] > 0

        none = basin.json("study", "what-if", "s", "--scheduler", "none")["replay"]
        assert (none["trials"], none["stopped"], none["steps"]["saved"]) == (TRIALS, 0, 0)
        halved = basin.json("study", "what-if", "s", "--scheduler", "{type: asha, mode: stop, reduction_factor: 2}")
        replay = halved["replay"]
        assert replay["stopped"] > 0
        assert replay["steps"]["saved"] == sum(one["last_step"] - one["step"] for one in replay["halted"])
        asha = ("--scheduler", "asha", "--set", "mode=stop", "--set", "reduction_factor=2")
        told = basin.text("study", "what-if", "s", *asha)
        assert f"{replay['stopped']} stopped; really 0 were" in told

        explained = [basin.json("trial", "explain", "s", str(number)) for number in range(0, TRIALS, 3)]
        _agree(explained)
        assert "tpe drew it" in basin.text("trial", "explain", "s", str(TRIALS - 1))


def test_importances_are_read(database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a random search: what is drawn for a number hangs on nothing else there, so the ranks are the same each time.

    A sampler that learns closes in on the best learning rates, sooner or later as its clients race: other parameters
    may matter most among what it has left.
    """
    with ServerProcess(database_url, tmp_path) as server:
        create(server, "s", scheduler="none", sampler="random", budget={"max_trials": TRIALS})
        run_all([Client([server], "s", seed) for seed in range(2)], 90)
        basin = Basin(server, capsys)
        for method in ("ped_anova", "fanova"):
            found = basin.json("study", "importances", "s", "--method", method)
            assert (found["state"], found["trials"]) == ("ready", TRIALS)
            assert found["importances"][0]["name"] == "lr"
            assert math.fsum(one["share"] for one in found["importances"]) == pytest.approx(1)


def _agree(explained: list[Mapping[str, Any]]) -> None:
    """Many suggestions can be made again, and none comes out otherwise; what cannot be told is said to be so.

    It cannot where another that waited then has been made anew since: how many wait depends on how fast is asked.
    """
    states = [one["recomputed"]["state"] for one in explained]
    # Which trials waited when a suggestion was made is not kept: what was made anew meanwhile may lead elsewhere.
    assert states.count("different") <= len(states) // 4, states
    assert states.count("same") >= len(states) // 3, states
    for one in explained:
        assert (one["recomputed"]["state"] == "same") is (one["recomputed"]["reason"] is None)
        assert one["known"]["ended"] <= one["number"]
