"""What the kernel tells: here from files that look like its own."""

from pathlib import Path

import pytest

from worker import isolation


@pytest.mark.parametrize(
    ("group", "file", "content"),
    [
        ("0::/pod/trial\n", "pod/trial/memory.events", "low 0\nhigh 3\nmax 9\noom 4\noom_kill 2\n"),
        ("5:cpu,memory:/pod\n3:cpuset:/\n", "memory/pod/memory.oom_control", "oom_kill_disable 0\noom_kill 2\n"),
    ],
)
def test_kills_for_memory_are_counted(tmp_path: Path, group: str, file: str, content: str) -> None:
    own = tmp_path / "cgroup"
    own.write_text(group)
    assert isolation.killed_for_memory(tmp_path, own) == 0
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text(content)
    assert isolation.killed_for_memory(tmp_path, own) == 2
