"""The addresses of studies, trials and workers, whatever characters are in their names."""

from urllib.parse import quote

from service.cli.errors import BadInput


def study_at(name: str) -> str:
    """Where a study is."""
    if name in {"", ".", ".."}:  # they would lead to another address
        raise BadInput(f"'{name}' cannot be the name of a study")
    return f"/v1/studies/{quote(name, safe='', errors='replace')}"


def worker_at(worker: str) -> str:
    """Where a worker is."""
    return f"/v1/workers/{quote(worker, safe='')}"


def trial_at(study: str, number: int) -> str:
    """Where a trial is."""
    return f"{study_at(study)}/trials/{number}"
