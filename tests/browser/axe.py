"""What axe finds wrong with a page, by all of its rules for WCAG 2.2 AA and good practice."""

from importlib import resources
from typing import Any, Literal

from playwright.sync_api import Page

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
_AXE = (resources.files("axe_playwright_python") / "axe.min.js").read_text()
_RULES = '["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]'
_RUN = f'async () => (await axe.run({{runOnly: {_RULES}, resultTypes: ["violations"]}})).violations'


def bring(page: Page) -> None:
    """Give a page the script, which it loses when it leaves its address."""
    page.evaluate(_AXE)


def violations(page: Page) -> list[str]:
    """What is wrong with the page as it is shown now."""
    found: list[dict[str, Any]] = page.evaluate(_RUN)
    return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]
