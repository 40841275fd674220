"""The walk of the tutorial, button by button, as somebody does it who has never seen the product. Used by test_newcomer.py."""

from __future__ import annotations

import json
import re
import urllib.request
from dataclasses import dataclass

from playwright.sync_api import Page, expect

PASSWORD = "correct horse battery"
ON_TOP = '[data-live="my-pages"]'


@dataclass
class Newcomer:
    """Ana with one open window on an empty installation."""

    page: Page
    base: str

    def go(self, label: str) -> None:
        """Choose it in the main navigation."""
        self.page.get_by_role("navigation", name="Main", exact=True).get_by_role("link", name=label).click()

    def press(self, label: str, within: str = "body") -> None:
        """Press the button or follow the link of that name."""
        place = self.page.locator(within)
        place.get_by_role("button", name=label).or_(place.get_by_role("link", name=label)).first.click()

    def fill(self, label: str, value: str) -> None:
        """Write into the field of that name."""
        self.page.get_by_label(label, exact=True).first.fill(value)

    def heading(self, words: str | re.Pattern[str]) -> None:
        """Wait for the page of that heading."""
        expect(self.page.get_by_role("heading", level=1)).to_contain_text(words)


def make_known(ana: Newcomer, link: str) -> None:
    """Step 2: the first administrator."""
    ana.page.goto(link)
    ana.fill("Organisation", "Larkfield")
    ana.page.get_by_label("Its time zone").select_option("Europe/Stockholm")
    ana.fill("Your name", "Ana Berg")
    ana.fill("Your e-mail address", "ana@example.com")
    ana.fill("A password", PASSWORD)
    ana.press("Make me the administrator")
    ana.heading("Be ready for the first page")


def be_reachable(ana: Newcomer) -> None:
    """Step 3: on screen, at once; a test page shows on the open page and is acknowledged there."""
    ana.go("People and teams")
    ana.page.locator("main").get_by_role("link", name="Ana Berg").first.click()
    ana.page.get_by_label("Kind").select_option(label="On screen")
    ana.press("Add", "section:has(#ways)")
    expect(ana.page.locator("section:has(#ways)")).to_contain_text("Proved")
    ana.press("Add", "section:has(#r-h)")
    expect(ana.page.locator("section:has(#r-h)")).to_contain_text("At once")
    ana.press("Send a test page to acknowledge")
    expect(ana.page.locator(ON_TOP)).to_contain_text("Test page: acknowledge it")
    ana.press("Acknowledge", ON_TOP)
    expect(ana.page.locator("#ready")).to_contain_text("A test page was acknowledged")


def be_on_call(ana: Newcomer) -> None:
    """Step 4: a team, a schedule, a policy, a service."""
    ana.go("People and teams")
    ana.press("New team")
    ana.fill("Name", "Payments")
    ana.page.locator("main").get_by_label("Ana Berg").check()
    ana.press("Make the team")
    ana.heading("Payments")
    ana.go("On-call")
    ana.press("New schedule")
    ana.page.get_by_label("Name").first.fill("Payments primary")
    ana.page.get_by_label("Team").select_option(label="Payments")
    ana.page.get_by_label("Person to add").select_option(label="Ana Berg")
    ana.press("Add", "fieldset")
    ana.press("Save schedule", ".actionbar")
    ana.heading("Payments primary")
    expect(ana.page.locator("main")).to_contain_text("Ana Berg")
    ana.go("Escalation")
    ana.press("New policy")
    ana.fill("Name", "Payments")
    ana.page.get_by_label("Whom or what to add to step 1").select_option(label="Payments primary")
    ana.press("Add", ".esc-step")
    ana.press("Add step")
    ana.page.get_by_label("Whom or what to add to step 2").select_option(label="Ana Berg")
    ana.press("Add", ".esc-step:nth-child(2)")
    ana.press("Save policy", ".actionbar")
    ana.heading("Payments escalation")
    ana.go("Services")
    ana.press("New service")
    ana.fill("Name", "checkout")
    for select in ("team", "escalation_policy"):
        ana.page.locator(f"select[name^={select}]").select_option(label="Payments")
    ana.press("Make service")
    ana.heading(re.compile("checkout|Services"))


def send(address: str, body: dict) -> None:
    """What the copied curl does."""
    request = urllib.request.Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=60).read()


def connect(ana: Newcomer) -> None:
    """Step 5: an integration, its command, and the page that arrives on whatever page is open."""
    ana.go("Integrations")
    ana.press("New integration")
    ana.fill("Name", "By hand")
    ana.page.get_by_role("radio", name=re.compile("Any JSON")).check()
    ana.page.get_by_label(re.compile("^Service")).select_option(label="checkout")
    ana.press("Make integration")
    address = ana.page.locator("#address").input_value()
    expect(ana.page.locator("#try")).to_contain_text(address)
    with ana.page.expect_response(lambda answer: answer.url.endswith("/shown/")):  # that it stands on a screen is its delivery
        send(address, {"title": "Checkout fails", "severity": "critical"})
    banner = ana.page.locator(f"{ON_TOP} [role=alert]")
    expect(banner).to_contain_text(re.compile("You are paged: .*Checkout fails"))


def acknowledge_and_declare(ana: Newcomer) -> None:
    """Step 6: acknowledge from the banner, say that it is real, declare."""
    ana.press("Acknowledge", ON_TOP)
    expect(ana.page.locator(f"{ON_TOP} [role=alert]")).to_have_count(0)
    ana.go("Alerts")
    ana.page.locator("main").get_by_role("link", name="Checkout fails").first.click()
    ana.press("Open the page", "aside.drawer")
    expect(ana.page.locator("section:has(#why-h)")).to_contain_text("delivered: shown on screen")
    ana.page.get_by_label("What you found").fill("Reproduced by hand")
    ana.press("Real", "#verify")
    expect(ana.page.locator("#verify")).to_contain_text("Reproduced by hand")
    ana.press("Declare incident", "main .page-actions")
    ana.heading("Declare an incident")
    ana.press("Declare incident", ".actionbar")
    ana.heading("Checkout fails")


def communicate(ana: Newcomer) -> None:
    """Roles, then an update for everybody and one for the team."""
    ana.page.wait_for_load_state()
    free = ana.page.locator("dl.strip").get_by_role("button", name=re.compile("Take it"))
    for left in reversed(range(free.count())):
        free.first.click()
        expect(free).to_have_count(left)
    ana.press("Write status update")
    ana.fill("… what?", "failed card payments at checkout")
    ana.page.get_by_label("Impact").fill("Some card payments fail. Bank transfer works.")
    ana.press("Publish", ".actionbar")
    ana.heading("Checkout fails")
    ana.press("Write team update")
    for label, value in (
        ("Impact", "Half of all payments"),
        ("Cause", "Suspected: the last deployment"),
        ("Actions", "Rolling back"),
        ("Next steps", "Watch"),
    ):
        ana.page.get_by_label(label).fill(value)
    ana.press("Send to the team", ".actionbar")
    ana.heading("Checkout fails")


def diagnose_and_mitigate(ana: Newcomer) -> None:
    """Answer a check; record the rollback that brought the service back."""
    probe = ana.page.locator("#diagnosis .probe", has_text="Traffic spike?")
    probe.locator("summary").click()
    probe.get_by_label("Answer").select_option("no")
    probe.get_by_label("Evidence").fill("Nothing unusual")
    probe.get_by_role("button", name="Answer").click()
    expect(probe).to_contain_text("No, clear")
    first = ana.page.locator("#mitigation .action").first
    first.locator("summary", has_text="Record what was done").click()
    first.get_by_label("What was done").fill("Back to 4.17")
    first.get_by_role("button", name="Record it").click()
    expect(ana.page.locator("#mitigation .action").first).to_contain_text("Done")


def resolve_and_verify(ana: Newcomer) -> None:
    """Resolve, verify, and hold the post-mortem; the incident's page leads to each of them."""
    ana.page.locator("#change summary", has_text="Resolve").click()
    ana.page.get_by_label("What fixed it").fill("The rollback")
    ana.press("Resolve INC-", "#change")
    ana.page.get_by_label("Evidence").first.fill("Test payments pass")
    ana.page.get_by_label("Watch for recurrence").fill("0")
    ana.press("Verify the fix", "#change")
    expect(ana.page.locator("#change")).to_contain_text(re.compile("Before it can be closed|Close INC-"))


def close(ana: Newcomer) -> None:
    """The last update says Resolved on the status page; then nothing stands against closing."""
    ana.press("Write status update", "#change")
    expect(ana.page.get_by_role("radio", name="Resolved")).to_be_checked()
    ana.page.get_by_label("Impact").fill("None any more.")
    ana.press("Publish", ".actionbar")
    ana.heading("Checkout fails")
    ana.press("Close INC-1", "#change")
    expect(ana.page.locator("header.ihead")).to_contain_text("Closed")


def learn(ana: Newcomer) -> None:
    """The post-mortem with an action item, and its publication."""
    ana.press("Post-mortem", "header.ihead")
    ana.press("Begin the post-mortem", "main")
    ana.page.locator("summary", has_text="Edit title and impact").click()
    ana.page.get_by_label("Users affected").fill("About 900")
    for name in ("summary", "root_cause", "lessons_learned"):
        ana.page.locator(f"textarea[name={name}]").fill("The last deployment doubled the connections of each worker.")
    ana.fill("What will be improved", "Alert on connections above 80 %")
    ana.page.get_by_label("Owner", exact=True).first.select_option(label="Ana Berg")
    ana.page.get_by_label("Due date").first.fill("2030-01-31")
    ana.press("Add action item")
    expect(ana.page.locator("#items")).to_contain_text("Alert on connections above 80 %")
    ana.press("Publish", ".page-actions")
    expect(ana.page.locator("#meeting")).to_contain_text("Published")


def see_the_proof(ana: Newcomer) -> None:
    """Step 7: the conformance of the incident, clause by clause."""
    ana.press("INC-1", "main")
    ana.heading("Checkout fails")
    ana.press("Conformance", "#procedure")
    ana.heading("Conformance")
    expect(ana.page.get_by_role("row", name="SEV2.response")).to_contain_text("Met")
    expect(ana.page.get_by_role("row", name="step-5.5")).to_contain_text("Met")
