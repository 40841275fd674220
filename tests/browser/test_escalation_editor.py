"""The editor of a policy by keyboard: what would happen follows each change, and without scripts it follows a button."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_who_would_be_paged_follows_each_change(visit, site):
    page = visit("ana").open(f"/escalation-policies/{site.told['rich']}/")
    page.get_by_label("Severity that fires").select_option("SEV3")
    expect(page.get_by_role("heading", name="If a SEV3 fired now")).to_be_visible()
    expect(page.locator("#dry-run")).to_contain_text("it is only for SEV1 or SEV2, and this is SEV3")
    page.get_by_label("Severity that fires").select_option("SEV1")
    page.locator("#need-1").focus()
    page.keyboard.press("ArrowUp")
    expect(page.locator("#dry-run")).not_to_contain_text("all of them must acknowledge")
    assert page.url.endswith(f"/escalation-policies/{site.told['rich']}/"), "nothing was saved or left"


def test_a_button_of_the_form_leaves_whoever_has_no_mouse_where_they_are(visit):
    page = visit("ana").open("/escalation-policies/new/")
    for name in ("Ana Alder", "Ben Birch"):
        page.get_by_label("Whom or what to add to step 1").select_option(label=name)
        page.get_by_role("button", name="Add to step 1").press("Enter")
        expect(page.locator("#s0")).to_contain_text(name)
        expect(page.locator("#add-0")).to_be_focused()  # in its fold, which opens
    page.get_by_role("button", name="Add step").press("Enter")
    expect(page.get_by_label("Whom or what to add to step 2")).to_be_focused()
    page.get_by_role("button", name="Move step 2 up").press("Enter")
    expect(page.locator("#s0")).to_be_focused()


def test_a_step_is_added_to_and_shown_without_scripts(visit, site):
    page = visit("ana", scripts=False).open("/escalation-policies/new/")
    page.get_by_label("Whom or what to add to step 1").select_option(label="A webhook")
    page.get_by_label("Only for a room or a webhook: its address, of step 1").fill("https://hooks.example.com/in")
    page.locator("button[value='add-target:0']").press("Enter")
    expect(page.get_by_text("Webhook, signed")).to_be_visible()
    page.get_by_label("Severity that fires").select_option("SEV2")
    page.get_by_role("button", name="Show").press("Enter")
    expect(page.get_by_role("heading", name="If a SEV2 fired now")).to_be_visible()
