"""Scripts off, network poor, hands cold: reading, acknowledging and declaring still work."""

from __future__ import annotations

import urllib.request

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_a_link_scanner_changes_nothing_and_a_person_acknowledges_with_one_press(visit, site):
    address = f"{site.base}/ack/{site.told['ack']}"
    for method in ("GET", "HEAD"):
        for _ in range(3):  # what mail scanners and chat previews do
            answer = urllib.request.urlopen(urllib.request.Request(address, method=method))
            body = answer.read()
            assert answer.status == 200 and len(body) < 30_000 and "noindex" in answer.headers["X-Robots-Tag"]
    page = visit("", phone=True, scripts=False).open(f"/ack/{site.told['ack']}")
    button = page.get_by_role("button", name="Acknowledge")
    assert button.bounding_box()["height"] >= 48
    button.click()
    expect(page.get_by_text("It is yours. Paging has stopped.")).to_be_visible()


def test_the_board_and_an_incident_are_read_and_worked_without_scripts(visit, site):
    window = visit("ana", scripts=False)
    board = window.open("/")
    assert board.get_by_text("Checkout payments failing").first.is_visible()
    page = window.open(f"/incidents/{site.told['ref']}/")
    page.get_by_label("Message to everybody in this incident").fill("Written without scripts")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("Written without scripts")).to_be_visible()
    page.get_by_text("Contain the blast radius").click()
    expect(page.get_by_role("button", name="Contain the blast radius")).to_have_attribute("aria-pressed", "true")


def test_an_incident_is_declared_without_scripts(visit):
    page = visit("ana", scripts=False).open("/declare/")
    page.get_by_label("What is broken?").fill("Search is down")
    page.get_by_role("button", name="Declare incident").click()
    expect(page.get_by_role("heading", name="Search is down")).to_be_visible()
