"""What waits to be sent: in memory up to a bound, in a file beyond it, and always in its order."""

import random
from pathlib import Path

from worker.child.backlog import Backlog


def test_what_goes_in_comes_out_in_its_order(tmp_path: Path, rng: random.Random) -> None:
    file = tmp_path / "unsent"
    backlog = Backlog(file, bound=1000)
    went, came = bytearray(), bytearray()
    assert not backlog
    for _ in range(2000):
        if rng.random() < 0.6:
            data = rng.randbytes(rng.randrange(1, 400))
            backlog.add(data)
            went += data
        elif first := backlog.first():
            count = rng.randrange(1, len(first) + 1)
            came += first[:count]
            backlog.remove(count)
    while first := backlog.first():
        came += first
        backlog.remove(len(first))
    assert came == went
    assert not backlog
    # It has no name, so that a killed process leaves nothing behind.
    assert not file.exists()
