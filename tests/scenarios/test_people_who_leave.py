"""Somebody leaves the house: nobody is left on call by name alone, and what they had goes to others."""

from __future__ import annotations

from datetime import UTC, timedelta

import pytest

from tocsin.accounts.actor import Actor
from tocsin.accounts.models import Role, User
from tocsin.alerts import operations_routing
from tocsin.alerts.models import Service
from tocsin.domain.ahead import Kind
from tocsin.lib.refusal import Refused
from tocsin.oncall import operations as oncall
from tocsin.oncall import queries, versions
from tocsin.oncall.models import ShiftRequest
from tocsin.paging import operations as paging
from tocsin.paging.models import Ask, Escalation, Notification
from tocsin.response import ahead, shift_requests
from tocsin.response.declare_incident import declare
from tocsin.response.hold import hand_over
from tocsin.response.page_someone import Wanted, page_people
from tocsin.response.remove_person import remove_person, restore_person
from tocsin.response.remove_schedule import remove_schedule
from tocsin.timeline.models import Entry


@pytest.fixture
def admin(world) -> Actor:
    """Lea administers."""
    User.objects.filter(pk=world.lea.pk).update(role=Role.ADMINISTRATOR)
    world.lea.refresh_from_db()
    return Actor.of(world.lea, "web")


@pytest.fixture
def on_call(world):
    """Ana has been on call since midnight and is for days; Ben follows her."""
    today = world.now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return world.schedule(world.ana, world.ben, zone="UTC", starts_at=today.replace(tzinfo=None).isoformat(), shift={"days": 7})


def test_who_leaves_in_the_middle_of_a_shift_is_followed_by_the_next_in_the_order_at_once(world, admin, on_call):
    world.policy([on_call])
    remove_person(world.ana.pk, by=admin, now=world.now)
    world.alert("Checkout is down")
    world.phone.expect(world.ben, "Checkout is down")
    assert queries.who(on_call, world.now - timedelta(minutes=1)).user == world.ana.pk, "what was, was"


def test_their_override_ends_and_the_rotation_counts_again(world, admin, on_call):
    world.override(on_call, world.cy, hours=5)
    remove_person(world.cy.pk, by=admin, now=world.now)
    assert queries.who(on_call, world.now).user == world.ana.pk


def test_where_everybody_has_left_a_gap_is_shown_and_the_next_step_starts(world, admin, on_call):
    world.policy([on_call], [world.cy])
    for person in (world.ana, world.ben):
        remove_person(person.pk, by=admin, now=world.now)
    assert {one.kind for one in ahead.of(on_call, world.now)} == {Kind.GAP}
    world.alert("Checkout is down")
    world.phone.expect(world.cy, "Checkout is down")


def test_whoever_removes_them_hears_where_they_are_still_named_and_leads_hear_who_stands_in(world, admin, on_call):
    world.policy([on_call], [world.ana])
    _, named = remove_person(world.ana.pk, by=admin, now=world.now)
    assert named == ["schedule Payments primary", "policy Payments"]
    found = [one for one in ahead.of(on_call, world.now) if one.kind is Kind.LEFT]
    assert {(one.user, one.why) for one in found} == {(world.ben.pk, "Ana")}
    assert queries.who(on_call, world.now).user == world.ben.pk
    restore_person(world.ana.pk, by=admin, now=world.now)
    assert queries.who(on_call, world.now).user == world.ana.pk


def test_whoever_removes_them_hears_which_roles_they_hold_in_open_incidents(world, admin):
    made = declare(title="Ledger is wrong", severity="SEV4", incident_commander=world.ana, by=world.by, now=world.now)
    _, named = remove_person(world.ana.pk, by=admin, now=world.now)
    assert named == [f"role incident commander of {made.ref}"]


def test_what_they_had_acknowledged_is_paged_again_at_once(world, admin, on_call):
    world.policy([on_call])
    alert = world.alert("Checkout is down")
    world.phone.expect(world.ana, "Checkout is down")
    world.acknowledge(alert, world.ana)
    remove_person(world.ana.pk, by=admin, now=world.now)
    world.settle()
    world.phone.expect(world.ben, "Checkout is down")


def test_where_all_must_acknowledge_who_has_left_is_not_waited_for(world, admin):
    world.written([world.step(world.ana, world.ben, need=0)])
    alert = world.alert("Checkout is down")
    for person in (world.ana, world.ben):
        world.phone.expect(person, "Checkout is down")
    remove_person(world.ben.pk, by=admin, now=world.now)
    assert not world.acknowledge(alert, world.ana).waits_for
    assert world.escalation(alert).status == "acknowledged"


def test_it_is_said_once_why_it_is_paged_again_however_many_tracks_ask_for_it(world, admin):
    world.policy([world.ana])
    alert = world.alert("Checkout is down")
    world.page(alert, track="leadership")
    world.settle()
    world.phone.unread.clear()
    world.acknowledge(alert, world.ana)
    world.policy([world.ben])
    Escalation.objects.update(policy=world.service.escalation_policy)
    remove_person(world.ana.pk, by=admin, now=world.now)
    world.settle()
    assert world.timeline(alert).count("unacknowledged") == 1
    page = world.phone.expect(world.ben, "Checkout is down")
    assert "Ana, who had it, has left" in page.text and "ran out" not in page.text
    texts = list(Entry.objects.filter(alert_id=alert.pk).values_list("text", flat=True))
    assert sum("has left" in text for text in texts) == 1 and not any("ran out" in text for text in texts)


def test_where_they_alone_were_paged_the_next_step_starts_at_once(world, admin):
    world.policy([world.ana], [world.ben], [world.cy])
    alert = world.alert("Checkout is down")
    world.phone.expect(world.ana, "Checkout is down")
    remove_person(world.ana.pk, by=admin, now=world.now)
    world.settle()
    world.phone.expect(world.ben, "Checkout is down")
    said = Entry.objects.get(alert_id=alert.pk, kind="nobody_reached").text
    assert said == "Ana has left, and nobody else of this step can answer: the next one starts now."
    world.advance(minutes=4)
    world.phone.silent()  # the step after that waits its whole time
    world.advance(minutes=1)
    world.phone.expect(world.cy, "Checkout is down")


def test_where_somebody_else_was_paged_too_the_next_step_waits_until_they_leave_as_well(world, admin):
    world.policy([world.ana, world.ben], [world.cy])
    world.alert("Checkout is down")
    for person in (world.ana, world.ben):
        world.phone.expect(person, "Checkout is down")
    remove_person(world.ana.pk, by=admin, now=world.now)
    world.settle()
    world.phone.silent()
    remove_person(world.ben.pk, by=admin, now=world.now)
    world.settle()
    world.phone.expect(world.cy, "Checkout is down")


def test_who_was_paged_by_an_earlier_step_hurries_nobody_by_leaving(world, admin):
    world.policy([world.ana], [world.ben], [world.cy])
    world.alert("Checkout is down")
    world.phone.expect(world.ana, "Checkout is down")
    world.advance(minutes=5)
    world.phone.expect(world.ben, "Checkout is down")
    remove_person(world.ana.pk, by=admin, now=world.now)
    world.settle()


def test_whoever_switches_off_their_only_way_is_not_waited_for_and_one_of_two_is(world):
    other = world.method(world.ana, "+90007")
    world.policy([world.ana], [world.ben])
    alert = world.alert("Checkout is down")
    world.phone.unread.clear()
    paging.change_method(other, enabled=False, by=world.by, now=world.now)
    world.settle()
    world.phone.silent()
    paging.remove_method(world.ana.contact_methods.exclude(pk=other.pk).get(), by=world.by, now=world.now)
    world.settle()
    world.phone.expect(world.ben, "Checkout is down")
    assert "Ana has no way left to be reached" in Entry.objects.get(alert_id=alert.pk, kind="nobody_reached").text


def test_their_pages_that_wait_are_withdrawn_and_it_is_said_once_that_nobody_could_be_reached(world, admin):
    world.policy([world.ana], [world.ben])
    alert = world.alert(page=False)
    world.page(alert)
    remove_person(world.ana.pk, by=admin, now=world.now)
    world.settle()
    world.phone.expect(world.ben)
    assert world.timeline(alert).count("nobody_reached") == 1
    assert Notification.objects.get(user=world.ana).outcome == "Ana has left"


def test_what_they_wanted_to_hand_over_is_not_taken_later_from_whoever_has_it_then(world, admin):
    world.policy([world.ana, world.cy])
    alert = world.alert("Checkout is down")
    world.acknowledge(alert, world.ana)
    hand_over(user=world.ben, alert=alert, by=Actor.of(world.ana, "web"), now=world.now)
    world.settle()
    remove_person(world.ana.pk, by=admin, now=world.now)
    world.settle()
    world.acknowledge(alert, world.cy)
    world.phone.unread.clear()
    world.advance(minutes=10)
    assert world.escalation(alert).acknowledged_by == world.cy
    assert Ask.objects.get().answer == "withdrawn"


def test_whoever_asked_them_to_come_hears_at_once_that_they_have_left(world, admin):
    world.policy([world.ana])
    alert = world.alert("Checkout is down")
    world.acknowledge(alert, world.ana)
    page_people(Wanted(users=[world.ben]), reason="You know it", alert=alert, by=Actor.of(world.ana, "web"), now=world.now)
    world.settle()
    world.phone.unread.clear()
    remove_person(world.ben.pk, by=admin, now=world.now)
    world.settle()
    assert "Ben has not answered: they have left" in [message.title for _, message, _ in world.phone.notices]
    assert world.escalation(alert).acknowledged_by == world.ana


def test_where_only_who_leaves_was_waited_for_whoever_has_acknowledged_has_it_and_nobody_else_is_paged(world, admin):
    world.written([world.step(world.ana, world.ben, need=0), world.step(world.cy)])
    alert = world.alert("Checkout is down")
    world.acknowledge(alert, world.ana)
    world.phone.unread.clear()
    remove_person(world.ben.pk, by=admin, now=world.now)
    run = world.escalation(alert)
    assert (run.status, run.acknowledged_by) == ("acknowledged", world.ana)
    world.advance(minutes=6)
    world.phone.silent()


def test_an_acknowledgement_of_somebody_who_has_left_does_not_count_as_one_of_several(world, admin):
    world.written([world.step(world.ana, world.ben, world.lea, need=2), world.step(world.cy)])
    alert = world.alert("Checkout is down")
    world.acknowledge(alert, world.ana)
    remove_person(world.ana.pk, by=admin, now=world.now)
    assert world.acknowledge(alert, world.ben).waits_for == "Lea"
    world.phone.unread.clear()
    world.advance(minutes=6)
    world.phone.expect(world.cy, "Checkout is down")


def test_a_swap_with_somebody_who_left_comes_to_nothing_and_the_other_hears_of_it(world, admin, on_call):
    back = (world.now + timedelta(days=8), world.now + timedelta(days=9))
    soon = {"starts_at": world.now + timedelta(hours=2), "ends_at": world.now + timedelta(hours=5)}
    asked = shift_requests.ask(on_call, **soon, of=world.ben, back=back, by=world.by, now=world.now)
    remove_person(world.ana.pk, by=admin, now=world.now)
    with pytest.raises(Refused, match="withdrawn already"):
        shift_requests.accept(asked, by=Actor.of(world.ben, "web"), now=world.now)
    other = shift_requests.ask(on_call, **soon, of=world.cy, by=Actor.of(world.ben, "web"), now=world.now)
    remove_person(world.cy.pk, by=admin, now=world.now)
    assert ShiftRequest.objects.get(pk=other.pk).answer == "Cy has left"
    world.settle()
    assert "Cy, whom you asked to take a shift, has left" in [message.title for _, message, _ in world.phone.notices]


def test_a_schedule_that_only_a_track_or_a_role_names_is_not_removed_either(world, admin, on_call):
    policy = world.policy([world.ben])
    policy.tracks = [{"name": "Leadership", "repeats": 0, "steps": [world.step(on_call)]}]
    policy.save()
    with pytest.raises(Refused, match="policy Payments"):
        remove_schedule(on_call, by=admin, now=world.now)
    policy.tracks = []
    policy.save()
    remove_schedule(on_call, by=admin, now=world.now)
    with pytest.raises(Refused):
        oncall.schedule_of(on_call.pk)


def test_a_policy_that_a_routing_rule_pages_by_is_not_removed(world, admin):
    policy = world.policy([world.ana])
    Service.objects.filter(pk=world.service.pk).update(escalation_policy=None)
    rule = {"name": "Payments at night", "match": "all", "conditions": [], "integrations": [], "then": {"policy": policy.pk}}
    operations_routing.save([rule], severities=("SEV1", "SEV2", "SEV3", "SEV4"), by=admin, now=world.now)
    with pytest.raises(Refused, match="routing rule Payments at night"):
        paging.remove_policy(policy, by=admin, now=world.now)


def test_everyone_of_a_schedule_is_who_takes_turns_now_or_later(world, admin, on_call):
    ended = {"name": "old", "participants": [world.cy.pk], "starts_at": "2026-01-05T09:00:00", "ends_at": "2026-02-01T00:00:00Z"}
    oncall.change_schedule(on_call, rotations=[*versions.document(on_call)["rotations"], ended], by=admin, now=world.now)
    world.written([world.step({"kind": "schedule_people", "id": on_call.pk})])
    world.alert("Checkout is down")
    for person in (world.ana, world.ben):
        world.phone.expect(person, "Checkout is down")
