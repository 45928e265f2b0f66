"""The techniques as a table: what each is, what it adds to a space, where it was written down, what test shows it."""

from trainers.proposal import ranged
from trainers.techniques import catalog

HEADINGS = ("technique", "what it is", "what it adds", "paper", "test")


def rows() -> list[tuple[str, ...]]:
    """One row for each technique, kind by kind."""
    found: list[tuple[str, ...]] = []
    for one in sorted(catalog.TECHNIQUES, key=lambda one: (one.kind, one.with_others, one.name)):
        chosen_by = [] if one.with_others or one.kind not in catalog.CHOICES else [catalog.CHOICES[one.kind][0]]
        added = [f"{each.name} {ranged(each)}" for each in one.dimensions]
        adds = [*(f"{name}: {one.name}" for name in chosen_by), *added]
        found.append((f"{one.kind}/{one.name}", one.summary, ", ".join(adds), one.paper, one.test))
    return found


def markdown() -> str:
    """The table for the documentation."""
    head = [" | ".join(("", *HEADINGS, "")).strip(), "|---" * len(HEADINGS) + "|"]
    body = [" | ".join(("", *(cell.replace("|", "\\|") for cell in row), "")).strip() for row in rows()]
    return "\n".join((*head, *body)) + "\n"
