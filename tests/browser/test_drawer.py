"""The drawer: an alert opens beside the list, gives the focus back when it closes, and is a plain link where there is no room."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.test_every_page import SCREENS, violations

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("dark", [False, True])
def test_an_alert_opens_beside_the_list_and_escape_gives_the_focus_back(visit, site, dark):
    window = visit("ana", dark=dark)
    page = window.open("/alerts/")
    link = page.locator(f'a[data-drawer][href="/alerts/{site.told["alert"]}/"]')
    link.click()
    drawer = page.locator("aside.drawer")
    expect(drawer.get_by_role("heading", name="Who was paged, and why")).to_be_visible()
    expect(drawer.locator("h2").first).to_be_focused()
    assert page.url.endswith("/alerts/")
    SCREENS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENS / f"drawer-{'dark' if dark else 'light'}.png")
    assert not violations(page)
    page.keyboard.press("Escape")
    expect(drawer).to_have_count(0)
    expect(link).to_be_focused()
    assert not window.complaints


def test_on_a_phone_it_is_the_page(visit, site):
    window = visit("ana", phone=True)
    page = window.open("/alerts/")
    page.locator(f'a[data-drawer][href="/alerts/{site.told["alert"]}/"]').click()
    page.wait_for_url(f"**/alerts/{site.told['alert']}/")
    expect(page.locator("aside.drawer")).to_have_count(0)
