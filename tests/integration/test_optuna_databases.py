"""Databases that Optuna itself has made, read as studies of ours, and never written to."""

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import optuna
import pytest
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend

from service.search.imported.reading import read
from service.search.imported.storages import close, shown
from service.search.quiet import hush
from service.usecases.importing import CannotImport, Imported, Wish


@pytest.fixture(autouse=True)
def quiet() -> None:
    hush()


def objective(trial: optuna.Trial) -> float:
    kind = trial.suggest_categorical("kind", ["svm", "net"])
    rate = trial.suggest_float("rate", 1e-5, 1e-1, log=True)
    for layer in range(trial.suggest_int("layers", 1, 3) if kind == "net" else 0):
        trial.suggest_int(f"units {layer}", 8, 64, step=8)
    for step in range(3):
        trial.report(rate * step, step)
    if trial.number == 3:
        raise optuna.TrialPruned
    if trial.number == 5:
        raise ValueError("boom")
    return float("inf") if trial.number == 6 else rate


def fill(storage: BaseStorage, *names: str) -> None:
    """Studies with 12 trials, one of them waiting and one running."""
    for name in names:
        study = optuna.create_study(study_name=name, sampler=optuna.samplers.RandomSampler(seed=1))
        study.set_metric_names(["loss"])
        study.set_user_attr("owner", "me")
        study.optimize(objective, n_trials=10, catch=(ValueError,))
        study.enqueue_trial({"kind": "svm", "rate": 0.01})
        study.ask()
        study.enqueue_trial({"kind": "svm", "rate": 0.02})
        # Each report would be a commit of its own.
        optuna.copy_study(from_study_name=name, from_storage=study._storage, to_storage=storage)
    close(storage)


def sqlite(path: Path, *names: str) -> str:
    fill(RDBStorage(f"sqlite:///{path}"), *names)
    return f"sqlite:///{path}"


def wish(url: str, study: str | None = None, name: str | None = None) -> Wish:
    return Wish(url=url, study=study, name=name, fill={})


def expect(found: Imported) -> None:
    """Hold a study to what `fill` has made."""
    assert found.definition.objectives[0].metric == "loss"
    assert found.definition.note == f"Imported from the Optuna study '{found.study}'.\nowner: me"
    assert found.states == {"complete": 8, "pruned": 1, "fail": 1, "running": 1, "waiting": 1}
    assert [one.number for one in found.arrivals] == list(range(12))
    assert found.left_out == {}
    whens = {name: one.when for name, one in found.definition.space.items()}
    assert whens["kind"] is whens["rate"] is None
    assert whens["layers"] == {"kind": "net"}
    states = [one.trial.state for one in found.arrivals]
    assert states[3:7] == ["pruned", "completed", "failed", "completed"]
    assert states[10:] == ["failed", "queued"]
    assert found.arrivals[6].trial.values == {"loss": float("inf")}
    assert [point.step for point in found.arrivals[3].trial.points] == [0, 1, 2]
    assert found.arrivals[5].trial.failure is not None
    assert found.arrivals[11].trial.params == {"kind": "svm", "rate": 0.02}


def fingerprint(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_sqlite_is_read_and_left_as_it_is(tmp_path: Path) -> None:
    url = sqlite(tmp_path / "old #1.db", "only")
    before = fingerprint(tmp_path)
    (tmp_path / "old #1.db").chmod(0o444)
    for way in (url, f"sqlite+pysqlite:///{tmp_path}/old #1.db?timeout=3", str(tmp_path / "old #1.db")):
        expect(read(wish(way)))
    assert fingerprint(tmp_path) == before


def test_a_journal_is_read_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    fill(JournalStorage(JournalFileBackend(str(path))), "only")
    with path.open("ab") as file:
        file.write(b'{"op_code": 4, "half a li')
    before = fingerprint(tmp_path)
    for url in (f"journal:///{path}", f"journal://{path}", str(path)):
        expect(read(wish(url)))
    assert fingerprint(tmp_path) == before


def test_postgresql_is_read_through_a_session_that_cannot_write(empty_postgres_url: str) -> None:
    url = empty_postgres_url
    fill(RDBStorage(url), "only", "other")
    expect(read(wish(url, "only")))
    for scheme in ("postgresql://", "postgres://", "postgresql+psycopg2://"):
        expect(read(wish(scheme + url.partition("://")[2], "other")))


def test_postgresql_without_optuna_stays_empty(empty_postgres_url: str) -> None:
    url = empty_postgres_url
    for _ in range(2):
        with pytest.raises(CannotImport, match="holds no studies of Optuna's"):
            read(wish(url))


def test_a_study_is_chosen_by_its_name(tmp_path: Path) -> None:
    url = sqlite(tmp_path / "two.db", "first", "the second/one")
    with pytest.raises(CannotImport, match="holds 2 studies: first, the second/one") as several:
        read(wish(url))
    assert several.value.what_to_do == "Choose one with --study NAME"
    with pytest.raises(CannotImport, match="holds no study 'third'") as missing:
        read(wish(url, "third"))
    assert missing.value.what_to_do == "There are: first, the second/one"
    found = read(wish(url, "the second/one"))
    assert found.definition.name == "the second_one"
    assert "the study is called 'the second_one' here" in found.notes
    assert read(wish(url, "first", "mine")).definition.name == "mine"


def test_several_objectives_and_no_names(tmp_path: Path) -> None:
    storage = RDBStorage(f"sqlite:///{tmp_path / 'two.db'}")
    study = optuna.create_study(storage=storage, study_name="two", directions=["minimize", "maximize"])
    study.optimize(lambda trial: (trial.suggest_float("x", 0, 1), 2.0), n_trials=2)
    close(storage)
    found = read(wish(f"sqlite:///{tmp_path / 'two.db'}"))
    assert [(one.metric, one.direction) for one in found.definition.objectives] == [
        ("value_0", "minimize"),
        ("value_1", "maximize"),
    ]
    assert [one.trial.values for one in found.arrivals] == [
        {"value_0": one.trial.params["x"], "value_1": 2.0} for one in found.arrivals
    ]


def test_constraints_make_trials_infeasible(tmp_path: Path) -> None:
    storage = RDBStorage(f"sqlite:///{tmp_path / 'c.db'}")
    study = optuna.create_study(storage=storage, study_name="c", sampler=optuna.samplers.RandomSampler(seed=1))

    def constrained(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        trial.set_constraint("half", x - 0.5)
        return x

    study.optimize(constrained, n_trials=20)
    close(storage)
    trials = [one.trial for one in read(wish(f"sqlite:///{tmp_path / 'c.db'}")).arrivals]
    for trial in trials:
        x = trial.params["x"]
        assert isinstance(x, float)
        assert trial.state == ("infeasible" if x > 0.5 else "completed")
    assert {trial.state for trial in trials} == {"infeasible", "completed"}


def test_names_that_cannot_be_are_changed_and_filling_uses_the_new_ones(tmp_path: Path) -> None:
    storage = RDBStorage(f"sqlite:///{tmp_path / 'n.db'}")
    study = optuna.create_study(storage=storage, study_name="n")
    late = {"a b": 0.5, "a_b": 0.25, "0": 0.75}

    def draw(trial: optuna.Trial) -> float:
        # A parameter that somebody added halfway.
        return sum(trial.suggest_float(name, 0, 1) for name in (late if trial.number % 3 == 2 else ["a b"]))

    study.optimize(draw, n_trials=12)
    close(storage)
    url = f"sqlite:///{tmp_path / 'n.db'}"
    found = read(Wish(url=url, fill={"a_b_2": 0.5, "p_0": 0.5}))
    assert list(found.definition.space) == ["a_b", "a_b_2", "p_0"]
    assert found.left_out == {}
    assert [one.trial.params.get("p_0") == 0.5 for one in found.arrivals[:3]] == [True, True, False]
    with pytest.raises(CannotImport, match=r"--fill lr: is not a parameter of this study \('a_b', 'a_b_2', 'p_0'\)"):
        read(Wish(url=url, fill={"lr": 1}))
    with pytest.raises(CannotImport, match=r"--fill p_0: must be a finite number \(is 'zero'\)"):
        read(Wish(url=url, fill={"p_0": "zero"}))
    # A value outside of the range is what was meant: the range holds it then.
    assert read(Wish(url=url, fill={"a_b_2": 2.0, "p_0": 0})).definition.space["a_b_2"].high == 2.0  # type: ignore[union-attr]


def test_what_is_no_database_of_optuna_says_so(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    (tmp_path / "text.db").write_text("hello")
    (tmp_path / "broken.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 200)
    (tmp_path / "broken.log").write_text("{nonsense\n")
    (tmp_path / "odd.log").write_text('{"op": 1}\n')
    with closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("CREATE TABLE studies (id INTEGER)")
        other.commit()
    before = fingerprint(tmp_path)
    for name, message in (
        ("gone.db", "no such file or directory"),
        (".", "is a directory"),
        ("empty.db", "is empty"),
        ("text.db", "is no SQLite database"),
        ("broken.db", "cannot be read"),
        ("other.db", "holds no studies of Optuna's"),
    ):
        with pytest.raises(CannotImport, match=message):
            read(wish(f"sqlite:///{tmp_path / name}"))
    for name, message in (
        ("gone.log", "no such file"),
        ("empty.db", "is empty"),
        ("text.db", "is no journal of Optuna"),
        ("broken.log", "cannot be read"),
        ("odd.log", "cannot be read"),
    ):
        with pytest.raises(CannotImport, match=message):
            read(wish(f"journal:///{tmp_path / name}"))
    assert fingerprint(tmp_path) == before, "nothing is made, nothing is changed"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("redis://localhost", "is no database that Optuna keeps"),
        ("oracle://me:secret@db/x", r"oracle://me:\*\*\*@db/x: is no database that Optuna keeps"),
        ("mysql://me:secret@db/x", r"mysql://me:\*\*\*@db/x: the driver for this database is not installed"),
        ("postgresql://me:secret@127.0.0.1:1/x", r"postgresql://me:\*\*\*@127.0.0.1:1/x: cannot be read"),
    ],
)
def test_urls_that_lead_nowhere(url: str, message: str) -> None:
    with pytest.raises(CannotImport, match=message) as refused:
        read(wish(url))
    assert "secret" not in str(refused.value)


def test_passwords_are_hidden_wherever_they_stand() -> None:
    assert shown("no postgresql://a:b@c/d nor x://e:f@g") == "no postgresql://a:***@c/d nor x://e:***@g"


@pytest.mark.parametrize("old", ["DELETE FROM alembic_version", "UPDATE alembic_version SET version_num = 'v1.3.0.a'"])
def test_an_old_schema_asks_for_an_upgrade(tmp_path: Path, old: str) -> None:
    url = sqlite(tmp_path / "old.db", "only")
    with closing(sqlite3.connect(tmp_path / "old.db")) as database:
        database.execute(old)
        database.commit()
    before = fingerprint(tmp_path)
    with pytest.raises(CannotImport, match="was written by another version of Optuna") as refused:
        read(wish(url))
    assert "optuna storage upgrade --storage" in str(refused.value.what_to_do)
    assert fingerprint(tmp_path) == before


def test_studies_without_anything_in_them(tmp_path: Path) -> None:
    storage = RDBStorage(f"sqlite:///{tmp_path / 'e.db'}")
    with pytest.raises(CannotImport, match=r"holds no studies$"):
        read(wish(f"sqlite:///{tmp_path / 'e.db'}"))
    optuna.create_study(storage=storage, study_name="e").enqueue_trial({"x": 1})
    close(storage)
    with pytest.raises(CannotImport, match="no trial of this study tells what was searched"):
        read(wish(f"sqlite:///{tmp_path / 'e.db'}"))
