"""On the page of a post-mortem nothing that was typed is lost, and everything about learning is done there; action items have a list of their own."""

import re
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tests.scenarios.organisation import Organisation
from tocsin import clock
from tocsin.accounts.models import Role
from tocsin.incidents.models import ActionItem
from tocsin.obligations.models import Obligation
from tocsin.postmortems.models import Postmortem
from tocsin.response import action_items
from tocsin.response.resolve import resolve

pytestmark = pytest.mark.django_db


@pytest.fixture
def house():
    return Organisation()


@pytest.fixture
def incident(house):
    incident = house.declare(severity="SEV1")
    resolve(incident=incident, resolution="Traffic moved.", by=house.act(house.ana), now=clock.now())
    incident.refresh_from_db()
    return incident


def signed_in(user) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def listed(client: Client, shown: str) -> bool:
    """Whether the item of the story is on that list (what else the page shows does not count)."""
    return (
        b"Push as well as text"
        in client.get(f"/action-items/?show={shown}").content.split(b'aria-label="Action items"')[1].split(b"</ul>")[0]
    )


class Page:
    """The page of the post-mortem as a browser has it: what its fields held when it was opened, and what is typed into them."""

    def __init__(self, user, incident):
        self.client, self.address = signed_in(user), f"/incidents/{incident.ref}/postmortem/"
        self.client.post(self.address + "act/", {"action": "begin"})
        self.open()

    def open(self) -> str:
        self.html = self.client.get(self.address).content.decode()
        self.fields = dict(re.findall(r'name="(base_\w+)" value="(\w+)"', self.html))
        row = Postmortem.objects.get()
        self.fields |= {name.removeprefix("base_"): getattr(row, name.removeprefix("base_")) for name in self.fields}
        return self.html

    def press(self, action: str, **typed):
        answer = self.client.post(self.address + "act/", {**self.fields, **typed, "action": action})
        self.html = answer.content.decode()
        return answer


@pytest.mark.clause("S74")
def test_two_people_write_different_sections_at_once_and_nothing_is_lost(house, incident):
    hers, his = Page(house.ana, incident), Page(house.ben, incident)
    assert hers.press("save", summary="Cards were refused.").status_code == 303
    assert his.press("save", root_cause="A limit was lowered.").status_code == 303
    row = Postmortem.objects.get()
    assert (row.summary, row.root_cause) == ("Cards were refused.", "A limit was lowered.")


def test_two_people_write_the_same_section_and_the_later_one_sees_both(house, incident):
    hers, his = Page(house.ana, incident), Page(house.ben, incident)
    hers.press("save", summary="Cards were refused.")
    answer = his.press("save", summary="Tills were down.", lessons_learned="Watch the limit.")
    assert answer.status_code == 409
    assert "Cards were refused." in his.html and "Tills were down." in his.html and "Watch the limit." in his.html
    assert Postmortem.objects.get().lessons_learned == ""
    his.fields |= dict(re.findall(r'name="(base_\w+)" value="(\w+)"', his.html))
    assert his.press("save", summary="Tills were down.", lessons_learned="Watch the limit.").status_code == 303
    assert Postmortem.objects.get().summary == "Tills were down."


def test_whatever_is_refused_every_field_keeps_what_was_typed(house, incident):
    page = Page(house.ana, incident)
    answer = page.press(
        "item", title="x" * 301, users_affected="38%", summary="Half a sentence", item_title="Watch it", owner=str(house.ben.pk), due_on="2030-01-02",
        meeting_at="2030-01-02T10:00", meeting_minutes="45", choose="yes",
    )  # fmt: skip
    assert answer.status_code == 422
    for kept in (
        "x" * 301,
        'value="38%"',
        "Half a sentence",
        'value="Watch it"',
        'value="2030-01-02"',
        'value="2030-01-02T10:00"',
        'value="45"',
    ):
        assert kept in page.html, kept
    assert f'<option value="{house.ben.pk}" selected>' in page.html
    assert Postmortem.objects.get().summary == "" and not ActionItem.objects.exists()
    answer = page.press("publish", summary="Cards were refused.", root_cause="A limit")
    assert answer.status_code == 409 and "Lessons learned" in page.html
    assert Postmortem.objects.get().root_cause == "A limit"


@pytest.mark.clause("S75", "S112")
def test_action_items_are_ticked_and_given_to_somebody_on_the_page_and_on_their_list(house, incident):
    page = Page(house.ana, incident)
    action_items.add_action_item(title="Push as well as text", incident=incident, by=house.act(house.ana), now=clock.now())
    item = ActionItem.objects.get()
    assert "Choose owner and date" in page.open() and "owner and due date of 1 action item" in page.html
    due = clock.now().date() + timedelta(days=3)
    assert page.press(f"assign:{item.pk}", **{f"owner_{item.pk}": house.ben.pk, f"due_on_{item.pk}": due.isoformat()}).status_code == 303
    item.refresh_from_db()
    assert (item.owner, item.due_on) == (house.ben, due)
    promise = Obligation.objects.get(kind="action_item", subject_id=item.pk)
    assert promise.state == "open" and promise.warn_at < promise.due_at
    assert page.press(f"done:{item.pk}", summary="Kept too").status_code == 303
    item.refresh_from_db()
    promise.refresh_from_db()
    assert item.status == "done" and promise.state == "met" and Postmortem.objects.get().summary == "Kept too"
    assert page.press("open:999999").status_code == 404

    ben = signed_in(house.ben)
    assert listed(ben, "done")
    assert (
        ben.post(f"/action-items/{item.pk}/", {"done": "no", "next": "/action-items/?show=mine"})["Location"] == "/action-items/?show=mine"
    )
    assert listed(ben, "mine") and not listed(signed_in(house.ana), "mine") and not listed(ben, "overdue")
    ben.post(f"/action-items/{item.pk}/", {"owner": house.ana.pk, "due_on": (clock.now().date() - timedelta(days=2)).isoformat()})
    assert listed(ben, "overdue")


def test_the_action_items_of_a_private_incident_are_not_on_the_list_of_others(house):
    incident = house.declare(severity="SEV1", private=True)
    action_items.add_action_item(title="Rotate the stolen keys", incident=incident, by=house.act(house.ana), now=clock.now())
    item = ActionItem.objects.get()
    house.cy.role = Role.RESPONDER
    house.cy.save()
    cy = signed_in(house.cy)
    assert b"stolen keys" not in cy.get("/action-items/").content
    assert cy.post(f"/action-items/{item.pk}/", {"done": "yes"}).status_code == 404


@pytest.mark.clause("S73")
def test_the_meeting_invites_whom_the_boxes_say_and_a_late_one_is_warned_about(house, incident):
    page = Page(house.ana, incident)
    assert page.press("book", choose="yes", meeting_at="nonsense", invitees=[house.ben.pk]).status_code == 422
    late = (clock.now() + timedelta(hours=72)).strftime("%Y-%m-%dT%H:%M")
    assert page.press("book", choose="yes", meeting_at=late, meeting_minutes="30", invitees=[house.ben.pk]).status_code == 303
    row = Postmortem.objects.get()
    assert list(row.invitees.all()) == [house.ben] and row.meeting_minutes == 30
    assert "later than 48 hours after the resolution" in page.open()
    soon = (clock.now() + timedelta(hours=20)).strftime("%Y-%m-%dT%H:%M")
    page.press("book", choose="yes", meeting_at=soon, invitees=[house.ana.pk, house.ben.pk])
    assert "The meeting is late" not in page.open() and row.invitees.count() == 2


@pytest.mark.clause("S114")
def test_markdown_comes_in_by_a_file_or_by_pasting_and_a_bad_one_stays_in_its_field(house, incident):
    page = Page(house.ana, incident)
    page.press("save", summary="Cards were refused.")
    text = page.client.get(f"/incidents/{incident.ref}/postmortem.md").content.decode()
    assert page.press("import", markdown=text.replace("Cards were refused.", "Half of all cards were refused.")).status_code == 303
    assert Postmortem.objects.get().summary == "Half of all cards were refused."
    file = SimpleUploadedFile("pm.md", text.encode(), content_type="text/markdown")
    assert page.press("import", markdown_file=file).status_code == 303
    assert Postmortem.objects.get().summary == "Cards were refused."
    answer = page.press("import", markdown="# Shopping\n- eggs")
    assert answer.status_code == 422 and "- eggs" in page.html
    assert page.press("import", markdown="").status_code == 422
    assert page.press("import", markdown_file=SimpleUploadedFile("pm.md", b"\xff\xfe\x00")).status_code == 422


def test_the_page_says_what_publishing_does_and_how_long_things_took(house, incident):
    page = Page(house.ana, incident)
    assert "Before it can be published: Summary, Root cause, Lessons learned." in page.html
    assert "Time to resolve" in page.html and '<table class="gen gen-2">' in page.html
    assert page.press("review").status_code == 409
    assert page.press("review", summary="Cards were refused.").status_code == 303
    assert page.press("publish", root_cause="A limit.", lessons_learned="Watch it.").status_code == 303
    row = Postmortem.objects.get()
    assert row.status == "published" and row.lessons_learned == "Watch it."


def test_a_published_one_whose_meeting_is_not_booked_says_that_this_is_what_is_owed(house, incident):
    page = Page(house.ana, incident)
    Postmortem.objects.update(summary="s", root_cause="r", resolution="f", lessons_learned="l")
    page.client.post(page.address + "act/", {"action": "publish"})
    assert Postmortem.objects.get().status == "published"
    for address in (page.address, f"/incidents/{incident.ref}/"):
        said = page.client.get(address).content.decode()
        assert "Post-mortem meeting to be booked" in said and "Post-mortem due" not in said
    page.client.post(
        page.address + "act/", {"action": "book", "meeting_at": f"{clock.now() + timedelta(hours=3):%Y-%m-%dT%H:%M}", "choose": "yes"}
    )
    assert Postmortem.objects.get().meeting_at and "to be booked" not in page.open()


def test_where_the_procedure_means_a_written_one_that_is_what_is_owed(house, incident, monkeypatch):
    monkeypatch.setattr("tocsin.web.clocks._is_held", lambda _: True)
    assert "Post-mortem due" in Page(house.ana, incident).html
