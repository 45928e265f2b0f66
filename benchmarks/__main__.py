"""Run every benchmark in turn: `python -m benchmarks [--strict] [--quick]`; exits 1 if one of them does."""

import subprocess
import sys
from pathlib import Path

PARTS = (
    "__init__",
    "__main__",
    "bare_api",
    "bars",
    "big_study",
    "browsing",
    "crowd",
    "listeners",
    "load",
    "one_step",
    "optuna_board",
    "optuna_peer",
    "prefill",
    "processes",
    "proxy_peer",
    "steady",
    "talk",
)


def main() -> None:
    """Each benchmark in a process of its own, so that none warms up another."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in PARTS)
    failed = []
    for name in names:
        print(f"== benchmarks.{name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *sys.argv[1:]], check=False).returncode:
            failed.append(name)
    if failed:
        raise SystemExit(f"missed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
