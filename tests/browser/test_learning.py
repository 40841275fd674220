"""In a real browser: what is typed on the page of a post-mortem is kept whichever button is pressed, and action items are ticked."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_text_typed_in_two_sections_is_kept_by_any_button_and_a_refused_one(visit, site):
    page = visit("ana").open(f"/incidents/{site.told['learned']}/postmortem/")
    page.get_by_text("Edit resolution", exact=True).click()
    page.get_by_label("Resolution", exact=True).fill("The pool was doubled.\n\nThe query has an index.")
    page.get_by_label("Lessons learned", exact=True).fill("Watch the pool.")
    page.get_by_role("button", name="Publish").click()
    page.get_by_role("alert").get_by_text("needs an owner and a due date").wait_for()
    expect(page.get_by_text("The query has an index.").first).to_be_visible()
    expect(page.get_by_text("Watch the pool.").first).to_be_visible()
    page.get_by_role("button", name="Alert when the pool passes 80%").click()
    expect(page.get_by_role("button", name="Alert when the pool passes 80%")).to_have_attribute("aria-pressed", "true")
    page.get_by_text("Edit title and impact").click()
    page.get_by_label("Revenue impact").fill("EUR 900")
    page.get_by_label("Revenue impact").press("Enter")
    page.get_by_text("EUR 900", exact=True).wait_for()


def test_an_action_item_is_given_to_somebody_on_the_list(visit):
    page = visit("ben").open("/action-items/")
    page.get_by_text("Choose owner and date").click()
    page.get_by_label("Owner").last.select_option(label="Ben Birch")
    page.get_by_label("Due date").last.fill("2030-01-02")
    page.get_by_role("button", name="Save").last.click()
    page.get_by_role("link", name="Mine").click()
    page.get_by_text("2 Jan 2030").wait_for()
