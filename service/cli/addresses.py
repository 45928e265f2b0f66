"""The addresses of what commands speak of, as the API has them."""

from urllib.parse import quote

from service.cli.errors import BadInput


def study_path(name: str) -> str:
    """Of a study; BadInput for what leads elsewhere."""
    if name in {"", ".", ".."}:  # they would lead to another address
        raise BadInput(f"'{name}' cannot be the name of a study")
    return f"/v1/studies/{quote(name, safe='', errors='replace')}"


def worker_path(worker: str) -> str:
    """Of a worker."""
    return f"/v1/workers/{quote(worker, safe='')}"


def trial_path(study: str, number: int) -> str:
    """Of a trial."""
    return f"{study_path(study)}/trials/{number}"
