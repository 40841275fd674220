"""Does a form that was refused keep what was typed, and lead to where it is wrong, without a mouse?"""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_the_cursor_stands_in_the_field_that_is_wrong_and_nothing_is_lost(visit):
    page = visit("ana").open("/people/new/")
    page.get_by_label("Name", exact=True).fill("Nia Novak")
    page.get_by_label("E-mail address").fill("nia at example")
    page.keyboard.press("Enter")
    expect(page.locator(".error")).to_contain_text("This is not an e-mail address.")
    expect(page.get_by_label("E-mail address")).to_be_focused()
    expect(page.get_by_label("E-mail address")).to_have_value("nia at example")
    expect(page.get_by_label("Name", exact=True)).to_have_value("Nia Novak")


def test_a_silence_asks_until_when_only_where_that_is_how_long_it_lasts(visit):
    page = visit("ana").open("/alerts/silences/new/")
    until = page.locator('input[name="ends"]')
    expect(until).to_be_hidden()
    page.get_by_role("radio", name="Until a time").check()
    expect(until).to_be_visible()
