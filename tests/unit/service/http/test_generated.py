"""Requests made up from the OpenAPI document: whatever comes, the answer is one that the document knows."""

import asyncio
from typing import Any

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import ignored_auth, negative_data_rejection, positive_data_acceptance

from service.http.app import create_app
from service.http.services import Services
from service.store.memory import MemoryStore
from service.usecases import leasing, studies, trials
from service.usecases.mirrors import Mirrors
from service.usecases.ports import Transaction
from service.wire.lease import Ask
from service.wire.study import DEFINITION_EXAMPLE, StudyDefinition
from service.wire.trial import NewTrial
from tests.unit.service.http.analysing import analyses, charts, reports
from tests.unit.service.http.keeping import introduce, keeper

# Rules between fields and the order of states are not in the document; "1" and true are taken for a number.
UNTOLD = [positive_data_acceptance, negative_data_rejection, ignored_auth]
# The server needs no tokens here, and takes a made up one for a wrong one. Who may do what: test_permissions.py.
WITHOUT_TOKENS = SchemathesisConfig.from_dict({"generation": {"with-security-parameters": False}})


def filled() -> MemoryStore:
    """A store with the study of the examples and a trial that runs, so that requests have something to meet."""

    def fill(tx: Transaction) -> None:
        studies.create(tx, StudyDefinition.model_validate(DEFINITION_EXAMPLE), seed=1)
        params = {"learning_rate": 0.01, "dropout": 0.1, "batch_size": 16, "optimizer": "adamw"}
        for _ in range(18):
            trials.add(tx, "digits-mlp", NewTrial.model_validate({"params": params}))
        leasing.ask(tx, "digits-mlp", Ask(worker="w", max_trials=18), ttl_seconds=3_600)
        introduce(tx)

    store = MemoryStore()
    asyncio.run(store.write(fill))
    return store


# The client of this tool calls itself "testserver".
STORE = filled()
APP = create_app(
    Services(
        store=STORE,
        mirrors=Mirrors(1_000),
        draw_seed=lambda: 1,
        version="0.0.1",
        trust_network=True,
        analyses=analyses(STORE),
        charts=charts(STORE),
        reports=reports(STORE).write,
        keeper=keeper(STORE),
    )
)
# A stream of events never ends.
API = schemathesis.openapi.from_asgi("/v1/openapi.json", APP, config=WITHOUT_TOKENS).exclude(path="/v1/events")


@API.parametrize()
@settings(max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_one_that_is_documented(case: Any) -> None:
    case.call_and_validate(excluded_checks=UNTOLD)
