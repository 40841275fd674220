"""Every page in light, in dark and on a phone: readable for everybody, nothing sideways, no complaint of the browser; a picture is kept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.conftest import PHONE
from tests.browser.pages import PAGES

pytestmark = pytest.mark.browser
SCREENS = Path(os.environ.get("TOCSIN_SCREENS", Path(__file__).parents[2] / "artefacts" / "screens"))
# What a narrow window can spoil; names, roles and order are the same as in the wide one.
NARROW = ("color-contrast", "scrollable-region-focusable", "target-size", "meta-viewport", "nested-interactive", "aria-hidden-focus")
NOT_FOUND = "the server responded with a status of 404"


def violations(page, *rules: str) -> list[str]:
    """What axe calls serious or critical, by all its rules or by those alone: the rule, and the first places."""
    options = {"runOnly": {"type": "rule", "values": list(rules)}} if rules else None
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{one['id']}: {[node['target'][0] for node in one['nodes'][:4]]}: {one['nodes'][0]['failureSummary'][:300]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_readable_for_everybody(visit, site, name):
    window = visit("ana")
    page = window.open(PAGES[name].format(**site.told))
    SCREENS.mkdir(parents=True, exist_ok=True)

    def look(word: str, *rules: str) -> None:
        page.screenshot(path=SCREENS / f"{name}-{word}.png", full_page=True)
        assert not violations(page, *rules), word

    assert page.title() != "", name
    look("light")
    page.emulate_media(color_scheme="dark")
    look("dark", "color-contrast")  # only colours differ
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(PHONE)
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"{name} is {wide} px too wide at 390 px: {page.evaluate(WIDEST)}"
    look("phone", *NARROW)
    assert not [said for said in window.complaints if not (name == "not-found" and NOT_FOUND in said)]


WIDEST = """() => [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1
  && !e.closest('.scroll-x, .jump, .segmented')).slice(0, 4).map(e => e.tagName + '.' + e.className)"""
