"""Routing rules change places: drawn with the mouse, and by buttons from the keyboard."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_a_rule_is_drawn_above_another_and_moved_back_from_the_keyboard(visit, site):
    window = visit("ana")
    page = window.open("/routing/")
    names = page.locator("li[draggable] b > a")
    first, second = names.nth(0).inner_text(), names.nth(1).inner_text()
    with page.expect_navigation():  # the rows stand so at once; it is kept when the page has come back
        page.locator("li[draggable]").nth(1).drag_to(page.locator("li[draggable]").nth(0), target_position={"x": 40, "y": 4})
    expect(names.nth(0)).to_have_text(second)
    page.reload()  # it is kept
    expect(names.nth(0)).to_have_text(second)
    page.get_by_role("button", name=f"Move {first} up").focus()
    page.keyboard.press("Enter")
    expect(names.nth(0)).to_have_text(first)
    assert not window.complaints
