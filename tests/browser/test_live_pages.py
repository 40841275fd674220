"""Open pages hear of changes, clocks count, keys move; what a person types is never lost to a swap."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_a_message_appears_on_everybodys_open_page_without_reloading(visit, site):
    path = f"/incidents/{site.told['ref']}/"
    reading = visit("ben").open(path)
    reading.wait_for_selector("#live[data-live-state=live]:not([hidden])")
    draft = reading.get_by_label("Message to everybody in this incident")
    draft.fill("half a sentence")
    writing = visit("ana").open(path)
    writing.get_by_label("Message to everybody in this incident").fill("The breaker holds")
    writing.get_by_role("button", name="Send").click()
    reading.get_by_text("The breaker holds").wait_for()
    assert draft.input_value() == "half a sentence"


def test_clocks_count_in_the_browser(visit):
    page = visit("ana").open("/")
    clock = page.locator(".due .clock[data-due] .clock-value time", has_text=re.compile(r"\d\d:\d\d")).first  # one that shows seconds
    expect(clock).not_to_have_text(clock.text_content())


def test_the_declare_preview_follows_what_is_typed(visit):
    page = visit("ana").open("/declare/")
    page.get_by_label("What is broken?").fill("Login is down")
    page.get_by_text("-login-is-down").first.wait_for()
    page.locator("label.sevcard", has_text="SEV4").click()
    page.get_by_role("heading", name="What happens when you declare SEV4").wait_for()


def test_single_keys_go_places_and_are_ignored_while_typing(visit, site):
    page = visit("ana").open("/")
    page.clock.set_fixed_time("2026-11-27T03:00:00Z")  # two keys are a chord where they come soon after one another
    page.keyboard.press("g")
    page.keyboard.press("i")
    page.wait_for_url("**/incidents/")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_label("Words in title or impact").fill("d")
    assert page.url.endswith("/incidents/")
    page.keyboard.press("Tab")
    page.keyboard.press("d")
    page.wait_for_url("**/declare/")
