"""What is watched of a contest, on contests that have each disease; the thresholds are tested with figures alone."""

import pytest
import torch
from torch import Tensor, nn

from tests.unit.trainers.techniques.given import chance, drawn
from trainers.api import Failed, Stop
from trainers.distances import energy
from trainers.health.contest import ContestWatch
from trainers.local import LocalTrial
from trainers.models.gan import Adversaries
from trainers.recipes import rings_gan
from trainers.space import Scalar

SMALL: dict[str, Scalar] = {"samples": 1000, "layers": 3, "hidden": 32, "batch_size": 32, "epochs": 6}


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def test_a_generator_that_hardly_moves_makes_one_sample_and_is_given_up() -> None:
    trial = LocalTrial({**SMALL, "generator_rate": 1e-7})
    with pytest.raises(Stop, match=r"^collapsed: samples have \d\.\d% of the spread of true ones, and the distance to"):
        rings_gan.train(trial)
    assert len(trial.points) == 4
    assert trial.points[-1][1]["health.spread"] < 0.1


def test_one_that_learns_spreads_and_is_let_go_on() -> None:
    trial = LocalTrial(SMALL)
    rings_gan.train(trial)
    first, last = trial.points[0][1], trial.points[-1][1]
    assert len(trial.points) == 6
    assert last["health.spread"] > 0.5
    assert last["health.distance"] == last["energy_distance"] < 0.2 * last["health.guess"]
    assert not [name for name in last if name.startswith("health.flag.")]
    assert first["health.violation"] < 0


def test_one_that_comes_apart_ends_at_once() -> None:
    trial = LocalTrial({**SMALL, "generator_rate": 1e6})
    with pytest.raises(Failed, match=r"^diverged: the distance to true samples is NaN after 1 epoch"):
        rings_gan.train(trial)
    assert trial.points[-1][1]["health.violation"] == 1.0


def test_it_can_be_told_to_watch_only() -> None:
    trial = LocalTrial({**SMALL, "generator_rate": 1e-7, "health": False})
    rings_gan.train(trial)
    assert trial.points[-1][1]["health.flag.collapsed"] == 1.0


class Pair:
    """A generator and a critic of a few numbers, stepped by hand."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        generator = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 2))
        self.both = Adversaries(2, generator, nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 1)))
        self.true = drawn(300, 2) + 3
        self.optimizers = [torch.optim.SGD(one.parameters(), lr=1e-3) for one in (self.both.critic, generator)]

    def epoch(self, scale: float = 1.0) -> dict[str, float]:
        """One step of each, whose gradients are so many times what they are, judged."""
        networks = {"generator": self.both.generator, "critic": self.both.critic}
        noise = self.both.chance(200, chance())
        watch = ContestWatch(
            self.both, networks, noise, self.true, self._distance, judge="distance", indifferent=1.386, stops=False
        )
        for optimizer in self.optimizers:
            optimizer.zero_grad()
            torch.autograd.backward(scale * self.both.critic(self.both(noise)).square().mean())
            with watch.step(optimizer):
                optimizer.step()
        with watch.evaluation(), torch.no_grad():
            distance = float(self._distance(self.both(noise)))
        host = {name: float(one) for name, one in watch.look().items()}
        found = watch.judge({**host, "distance": distance, "critic_loss": 0.01}, batch_loss=0.01, steps=100)
        return dict(found.metrics)

    def _distance(self, samples: Tensor) -> Tensor:
        return energy(samples, self.true)


def test_units_of_the_generator_that_are_dead_are_seen() -> None:
    pair = Pair()
    assert pair.epoch()["health.dead"] < 0.5
    with torch.no_grad():
        pair.both.generator[0].bias.fill_(-30.0)  # type: ignore[index]
    found = pair.epoch()
    assert (found["health.dead"], found["health.flag.dead_units"]) == (1.0, 1.0)
    assert found["health.flag.collapsed"] == 1.0, "it makes one and the same sample"


def test_gradients_that_explode_or_vanish_are_seen_of_both() -> None:
    assert Pair().epoch(1e6)["health.flag.exploding"] == 1.0
    pair = Pair()
    with torch.no_grad():
        # The critic's first layer is at the flat ends of its units, so that what is behind it learns nothing.
        pair.both.critic[0].bias.fill_(30.0)  # type: ignore[index]
    found = pair.epoch()
    assert found["health.flag.vanishing"] == 1.0
    assert found["health.fading"] < 1e-3


def test_a_critic_that_has_won_and_teaches_nothing_is_seen() -> None:
    pair = Pair()
    assert "health.flag.one_sided" not in pair.epoch()
    with torch.no_grad():
        pair.both.critic[0].bias.fill_(30.0)  # type: ignore[index]
    assert pair.epoch()["health.flag.one_sided"] == 1.0
