"""On paper: what is read, without what is pressed, and light whatever the theme."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("theme", ["auto", "dark"])
def test_a_schedule_is_printed_light_and_without_its_buttons(visit, site, theme):
    page = visit("ana", dark=True).open(f"/schedules/{site.told['schedule']}/?view=month")
    page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
    background = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(background) == "rgb(13, 14, 17)"
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate(background) == "rgb(255, 255, 255)"
    expect(page.get_by_role("link", name="Edit rotations")).to_be_hidden()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator(".month .slot").first).to_be_visible()
