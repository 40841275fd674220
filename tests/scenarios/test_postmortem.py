"""What is learned from an incident: drafted from the record, written together, booked in time, published, read back from Markdown."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.core import mail
from icalendar import Calendar
from procrastinate.contrib.django.models import ProcrastinateJob

from tests.scenarios.organisation import Organisation
from tocsin import clock
from tocsin.domain.postmortem import to_markdown
from tocsin.domain.procedure import to_plain
from tocsin.lib.refusal import Refused
from tocsin.postmortems import documents, jobs
from tocsin.procedures import operations as procedures
from tocsin.response import action_items, followers
from tocsin.response import hold_postmortem as verbs
from tocsin.response.resolve import resolve

pytestmark = pytest.mark.django_db
WRITTEN = {
    "summary": "Payments failed.", "users_affected": "92% of paying customers", "revenue_impact": "EUR 40,000",
    "root_cause": "The certificate had expired.\n## Not a heading", "lessons_learned": "Watch certificates.",
}  # fmt: skip


@pytest.fixture
def house():
    return Organisation()


@pytest.fixture
def incident(house):
    incident = house.declare(severity="SEV1")
    return resolve(incident=incident, resolution="Traffic moved to the second provider.", by=house.act(house.ana), now=clock.now())


def begin(house, incident, **sections):
    row = verbs.draft(incident=incident, by=house.act(house.ana), now=clock.now())
    return verbs.edit(postmortem=row, by=house.act(house.ana), now=clock.now(), **sections)


def markdown(row) -> str:
    row.refresh_from_db()
    return to_markdown(documents.document(row, clock.now()))


@pytest.mark.clause("S74", "S106", "S109", "S111")
def test_the_draft_is_filled_from_the_incident(house, incident):
    row = begin(house, incident)
    assert "Incident declared" in row.timeline and "Resolved: Traffic moved" in row.timeline
    assert all(line.startswith("- ") and " - " in line[2:] for line in row.timeline.splitlines())
    assert row.resolution == "Traffic moved to the second provider."
    assert "- Duration: 0 seconds" in markdown(row)
    assert begin(house, incident).pk == row.pk


@pytest.mark.clause("S75", "S112")
def test_action_items_stand_in_the_document_with_owner_and_date_and_their_box_follows(house, incident):
    row = begin(house, incident)
    due = clock.now().date() + timedelta(days=7)
    item = action_items.add_action_item(
        title="Watch it", incident=incident, owner=house.ben, due_on=due, by=house.act(house.ana), now=clock.now()
    )
    assert f"- [ ] Watch it - Ben - {due}" in markdown(row)
    action_items.change_action_item(item=item, done=True, by=house.act(house.ben), now=clock.now())
    assert f"- [x] Watch it - Ben - {due}" in markdown(row)


@pytest.mark.clause("S73")
def test_booking_the_meeting_in_time_keeps_the_promise_and_makes_an_invitation(house, incident):
    at = clock.now() + timedelta(hours=24)
    row, warning = verbs.book(postmortem=begin(house, incident), at=at, invitees=[house.ben], by=house.act(house.ana), now=clock.now())
    assert warning == "" and house.owed(incident, "postmortem").state == "met"
    event = Calendar.from_ical(documents.invitation(row, now=clock.now())).walk("VEVENT")[0]
    assert event["attendee"] == "MAILTO:ben@example.com" and event["dtstart"].dt == at.replace(microsecond=0)


@pytest.mark.clause("S73")
def test_a_meeting_after_48_hours_is_warned_about_and_moving_it_keeps_its_identity(house, incident):
    row = begin(house, incident)
    row, warning = verbs.book(postmortem=row, at=clock.now() + timedelta(hours=60), by=house.act(house.ana), now=clock.now())
    first = row.meeting_uid
    assert "48 hours" in warning
    row, warning = verbs.book(postmortem=row, at=clock.now() + timedelta(hours=20), by=house.act(house.ana), now=clock.now())
    assert (row.meeting_uid, row.meeting_sequence, warning) == (first, 1, "")


@pytest.mark.clause("S73")
def test_where_the_procedure_means_held_the_booking_does_not_keep_the_promise_but_the_review_does(house):
    document = procedures.document(procedures.current())
    held = replace(document, settings=replace(document.settings, postmortem_means="held"))
    procedures.replace(to_plain(held), note="Booked is not held", by=house.act(house.ana), now=clock.now())
    incident = resolve(incident=house.declare(severity="SEV1"), resolution="Moved.", by=house.act(house.ana), now=clock.now())
    row = begin(house, incident, summary="Payments failed.")
    row, _ = verbs.book(postmortem=row, at=clock.now() + timedelta(hours=24), by=house.act(house.ana), now=clock.now())
    assert house.owed(incident, "postmortem").state == "open"
    verbs.ask_for_review(postmortem=row, by=house.act(house.ana), now=clock.now())
    assert house.owed(incident, "postmortem").state == "met"


def test_a_later_editor_of_an_older_text_gets_a_conflict_and_overwrites_nothing(house, incident):
    row = begin(house, incident)
    read = row.version
    verbs.edit(postmortem=row, by=house.act(house.ana), now=clock.now(), version=read, summary="Ana's")
    with pytest.raises(Refused) as refusal:
        verbs.edit(postmortem=row, by=house.act(house.ben), now=clock.now(), version=read, summary="Ben's")
    row.refresh_from_db()
    assert (refusal.value.status, row.summary) == (409, "Ana's")


@pytest.mark.clause("S76")
def test_it_is_published_when_it_is_whole_and_the_record_says_so(house, incident):
    row = begin(house, incident)
    with pytest.raises(Refused) as refusal:
        verbs.publish(postmortem=row, by=house.act(house.ana), now=clock.now())
    assert "root_cause" in refusal.value.errors
    verbs.edit(postmortem=row, by=house.act(house.ana), now=clock.now(), **WRITTEN)
    assert verbs.ask_for_review(postmortem=row, by=house.act(house.ana), now=clock.now()).status == "in_review"
    assert verbs.publish(postmortem=row, by=house.act(house.ben), now=clock.now()).status == "published"
    assert house.said(incident, "postmortem_published")[0].startswith("Post-mortem published")


@pytest.mark.clause("S114")
def test_the_markdown_comes_back_without_loss(house, incident):
    row = begin(house, incident, **WRITTEN)
    due = clock.now().date() + timedelta(days=7)
    action_items.add_action_item(
        title="Watch - it", incident=incident, owner=house.ben, due_on=due, by=house.act(house.ana), now=clock.now()
    )
    text = markdown(row)
    begin(house, incident, summary="something else", root_cause="")
    verbs.import_markdown(incident=incident, text=text, by=house.act(house.ana), now=clock.now())
    assert markdown(row) == text
    with pytest.raises(Refused):
        verbs.import_markdown(incident=incident, text="# Shopping list", by=house.act(house.ana), now=clock.now())


def test_observers_write_nothing(house, incident):
    with pytest.raises(Refused):
        verbs.draft(incident=incident, by=house.act(house.cy), now=clock.now())


@pytest.mark.clause("S73")
def test_invitations_go_into_calendars_and_out_of_those_who_are_no_longer_invited(house, incident):
    row, who = begin(house, incident), house.act(house.ana)
    at = clock.now() + timedelta(hours=20)
    row, _ = verbs.book(postmortem=row, at=at, invitees=[house.ana, house.ben], by=who, now=clock.now())
    row, _ = verbs.book(postmortem=row, at=at, invitees=[house.ana], by=who, now=clock.now())
    invited = ProcrastinateJob.objects.filter(task_name="tocsin.postmortems.invite")
    (gone,) = ProcrastinateJob.objects.filter(task_name="tocsin.postmortems.uninvite")
    assert gone.queue_name == "mail" and gone.args["user_id"] == house.ben.pk
    for job in invited:
        jobs.invite(**job.args)
    jobs.uninvite(**gone.args)
    asked, cancelled = mail.outbox  # the first two invitations were overtaken by the second booking and are not sent
    assert (asked.to, cancelled.to) == (["ana@example.com"], ["ben@example.com"])
    for message, method in ((asked, "REQUEST"), (cancelled, "CANCEL")):
        part = next(part for part in message.message().walk() if part.get_content_type() == "text/calendar")
        assert part.get_param("method") == method
        calendar = Calendar.from_ical(part.get_payload(decode=True))
        assert calendar["method"] == method and calendar.walk("VEVENT")[0]["sequence"] == 1
    assert calendar.walk("VEVENT")[0]["status"] == "CANCELLED" and "ben@example.com" in calendar.walk("VEVENT")[0]["attendee"]


@pytest.mark.clause("S76")
def test_a_published_one_is_mailed_to_who_responded_and_who_follows(house, incident):
    followers.add(email="cfo@example.com", by=house.act(house.ana), now=clock.now())
    row = begin(house, incident, summary="Payments failed.", root_cause="A limit.", resolution="Moved.", lessons_learned="Watch it.")
    verbs.publish(postmortem=row, by=house.act(house.ana), now=clock.now())
    announced = list(ProcrastinateJob.objects.filter(task_name="tocsin.postmortems.announce"))
    for job in announced:
        jobs.announce(**job.args)
    assert {message.to[0] for message in mail.outbox} == verbs.told_of(row) >= {"ana@example.com", "cfo@example.com"}
    assert "Payments failed." in mail.outbox[0].body
