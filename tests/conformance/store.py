"""The suite that holds every store to its contract. Subclass it and give the fixture `store`."""

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest

from service.domain.trial import Trial
from service.usecases.ports import Store
from tests.conformance.samples import Bench
from tests.conformance.store_access import AuditConformance, SessionConformance, TokenConformance
from tests.conformance.store_attempts import AttemptConformance, CheckpointConformance, PointConformance
from tests.conformance.store_engine import EngineConformance
from tests.conformance.store_finishes import FinishConformance
from tests.conformance.store_fleet import FleetConformance, LogConformance, PutOffConformance, StoredConformance
from tests.conformance.store_queries import QueryConformance
from tests.conformance.store_records import EventConformance, RequestConformance
from tests.conformance.store_studies import StudyConformance
from tests.conformance.store_trials import TrialConformance
from tests.conformance.store_writes import TogetherConformance, WriteConformance


class StoreConformance(
    StudyConformance,
    TrialConformance,
    QueryConformance,
    AttemptConformance,
    PointConformance,
    CheckpointConformance,
    EngineConformance,
    FinishConformance,
    FleetConformance,
    LogConformance,
    PutOffConformance,
    StoredConformance,
    EventConformance,
    RequestConformance,
    TokenConformance,
    SessionConformance,
    AuditConformance,
    WriteConformance,
    TogetherConformance,
):
    """All of `service.usecases.ports.Store`."""

    def test_no_test_hides_another_of_its_name(self) -> None:
        names = Counter(name for part in StoreConformance.__bases__ for name in vars(part) if name.startswith("test_"))
        assert [name for name, times in names.items() if times > 1] == []

    @pytest.fixture
    def store(self) -> Store:
        """The store to be held to it: empty, and closed afterwards by the suite."""
        raise NotImplementedError("give the fixture `store`")

    @pytest.fixture
    def bench(self, store: Store) -> Iterator[Bench]:
        """The store with an event loop for its callers."""
        with asyncio.Runner() as runner:
            yield Bench(store, runner)
        store.close()

    @pytest.fixture
    def owner(self, bench: Bench) -> Trial:
        """A trial to make attempts at; it is not the first of its study, nor is its study the first."""
        bench.trials(bench.study("first"), 2)
        return bench.trials(bench.study(), 2)[1]
