"""The fake server of the agent's tests says what the real one says: the same exchanges with both, answer by answer."""

import asyncio
from collections.abc import Iterator

import httpx2
import pytest

from tests.acceptance.server_process import ServerProcess
from tests.fakes.server import FakeServer
from tests.integration.agent.exchanges import EXCHANGES, Caller, Exchange, Said
from tests.patience import PATIENCE


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("real")
    with ServerProcess(f"sqlite:///{folder}/basin.db", folder, log_level="warning") as process:
        yield process


async def with_the_real_one(server: ServerProcess, exchange: Exchange) -> list[Said]:
    study = {
        "name": exchange.__name__,
        "objectives": [{"metric": "loss"}],
        "space": {"lr": {"type": "float", "low": 0.1, "high": 1.0}},
        # Only the one that is queued, and at once again after a loss.
        "budget": {"max_trials": 1},
        "scheduler": "none",
        "retry": {"backoff": 0},
        "trainer": {"name": "toy"},
    }
    async with httpx2.AsyncClient(base_url=server.address, timeout=PATIENCE, verify=False) as http:
        (await http.post("/v1/studies", json=study)).raise_for_status()
        await http.post(f"/v1/studies/{exchange.__name__}/trials", json={"params": {"lr": 0.5}})
        return await exchange(Caller(http, exchange.__name__))


async def with_the_fake(exchange: Exchange) -> list[Said]:
    async with (
        FakeServer() as server,
        httpx2.AsyncClient(base_url=server.address, timeout=PATIENCE, verify=False) as http,
    ):
        server.add({"lr": 0.5}, study=exchange.__name__, trainer={"name": "toy"})
        return await exchange(Caller(http, exchange.__name__))


@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda exchange: exchange.__name__)
def test_the_fake_says_what_the_real_one_says(server: ServerProcess, exchange: Exchange) -> None:
    real = asyncio.run(with_the_real_one(server, exchange))
    fake = asyncio.run(with_the_fake(exchange))
    assert [said[0] for said in real if said[0] >= 500] == []
    for place, (said, pretended) in enumerate(zip(real, fake, strict=True)):
        # Addresses of workers are drawn anew for each.
        if isinstance(said[1], dict) and isinstance(pretended[1], dict):
            assert said[1].pop("id", None) is None or pretended[1].pop("id", None) is not None
        assert pretended == said, f"answer {place} of {exchange.__name__}"


def test_the_exchanges_come_to_what_the_agent_must_know(server: ServerProcess) -> None:
    """All the codes that steer the agent have been seen: otherwise two empty answers would be alike."""

    async def all_of_them() -> list[Said]:
        return [said for exchange in EXCHANGES for said in await with_the_fake(exchange)]

    said = asyncio.run(all_of_them())
    codes = {one[1]["code"] for one in said if one[0] >= 400}
    assert codes == {
        "already_completed",
        "body_too_large",
        "checkpoint_not_found",
        "checksum_mismatch",
        "data_differ",
        "invalid_argument",
        "offset_gap",
        "protocol_unsupported",
        "seq_gap",
        "stale_lease",
        "worker_not_found",
        "worker_taken",
    }
    assert any(one[1].get("acked_seq") == 4 for one in said if one[0] == 409)
