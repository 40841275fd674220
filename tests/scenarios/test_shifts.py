"""Who takes whose shift: swaps, cover, "I take it now", time off and holidays; and each page goes to whom the agreement names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tocsin.accounts.actor import Actor
from tocsin.accounts.models import AuditEntry, User
from tocsin.lib.refusal import Refused
from tocsin.oncall import operations as oncall
from tocsin.oncall import operations_people as people
from tocsin.oncall import preview, queries
from tocsin.oncall.models import Override, ScheduleVersion, ShiftRequest
from tocsin.response import shift_requests


def hours(world, begin, end):
    return {"starts_at": world.now + timedelta(hours=begin), "ends_at": world.now + timedelta(hours=end)}


@pytest.fixture
def on_call(world):
    """Ana has been on call since midnight and is for days; Ben follows her."""
    today = world.now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return world.schedule(world.ana, world.ben, zone="UTC", starts_at=today.replace(tzinfo=None).isoformat(), shift={"days": 7})


def notices(world):
    """What was said about requests; what the watch says about shifts that moved has stories of its own."""
    world.settle()
    said = [(address, message.title) for address, message, _ in world.phone.notices]
    return [one for one in said if not one[1].startswith(("Your ", "You have "))]


def test_a_swap_is_asked_and_accepted_and_both_spans_change_hands(world, on_call):
    back = (world.now + timedelta(days=8), world.now + timedelta(days=9))
    asked = shift_requests.ask(on_call, **hours(world, 2, 5), of=world.ben, back=back, reason="dentist", by=world.by, now=world.now)
    assert notices(world) == [(f"+{world.ben.pk}", "Ana asks you to take a shift")]
    shift_requests.accept(asked, by=Actor.of(world.ben, "web"), now=world.now)
    assert queries.who(on_call, world.now + timedelta(hours=3)).user == world.ben.pk
    assert queries.who(on_call, back[0] + timedelta(hours=1)).user == world.ana.pk
    assert notices(world)[1:] == [(f"+{world.ana.pk}", "Ben takes your shift")]


def test_who_took_the_shift_is_paged_and_who_gave_it_is_not(world, on_call):
    world.policy([on_call])
    asked = shift_requests.ask(on_call, **hours(world, 0, 5), of=world.ben, by=world.by, now=world.now)
    shift_requests.accept(asked, by=Actor.of(world.ben, "web"), now=world.now)
    world.alert("Checkout is down")
    world.phone.expect(world.ben, "Checkout is down")


def test_cover_is_asked_of_everybody_in_the_schedule_and_the_first_yes_counts(world, on_call):
    oncall.change_schedule(on_call, rotations=[{"participants": [world.ana.pk, world.ben.pk, world.cy.pk], "starts_at": "2026-01-05T09:00:00"}],
                           by=world.by, now=world.now)  # fmt: skip
    holder = User.objects.get(pk=queries.who(on_call, world.now).user)
    others = [person for person in (world.ana, world.ben, world.cy) if person != holder]
    asked = shift_requests.ask(on_call, **hours(world, 0, 1), by=Actor.of(holder, "web"), now=world.now)
    assert sorted(address for address, _ in notices(world)) == sorted(f"+{person.pk}" for person in others)
    shift_requests.accept(asked, by=Actor.of(others[1], "web"), now=world.now)
    with pytest.raises(Refused, match="accepted already"):
        shift_requests.accept(asked, by=Actor.of(others[0], "web"), now=world.now)
    assert queries.who(on_call, world.now).user == others[1].pk


def test_a_declined_request_changes_nothing_and_says_why(world, on_call):
    asked = shift_requests.ask(on_call, **hours(world, 1, 2), of=world.ben, by=world.by, now=world.now)
    shift_requests.decline(asked, answer="I am away too", by=Actor.of(world.ben, "web"), now=world.now)
    assert not Override.objects.exists()
    assert ShiftRequest.objects.get().answer == "I am away too"


def test_nobody_else_can_answer_what_was_asked_of_one_person(world, on_call):
    asked = shift_requests.ask(on_call, **hours(world, 1, 2), of=world.ben, by=world.by, now=world.now)
    with pytest.raises(Refused, match="no such request"):
        shift_requests.accept(asked, by=Actor.of(world.cy, "web"), now=world.now)
    with pytest.raises(Refused, match="Only who asked"):
        shift_requests.withdraw(asked, by=Actor.of(world.cy, "web"), now=world.now)


def test_a_shift_that_is_not_ones_own_cannot_be_given_away(world, on_call):
    with pytest.raises(Refused, match="not on call for the whole"):
        shift_requests.ask(on_call, **hours(world, 1, 2), of=world.ana, by=Actor.of(world.ben, "web"), now=world.now)


def test_a_swap_that_an_override_overtook_is_refused_when_it_is_accepted(world, on_call):
    asked = shift_requests.ask(on_call, **hours(world, 1, 3), of=world.ben, by=world.by, now=world.now)
    oncall.add_override(on_call, user=world.cy.pk, **hours(world, 2, 3), by=world.by, now=world.now)
    with pytest.raises(Refused, match="any more"):
        shift_requests.accept(asked, by=Actor.of(world.ben, "web"), now=world.now)
    assert Override.objects.count() == 1


def test_a_request_that_nobody_answered_ends_with_its_span(world, on_call):
    shift_requests.ask(on_call, **hours(world, 1, 2), by=world.by, now=world.now)
    world.advance(hours=3)
    assert [row.state for row in people.expire_requests(world.now)] == ["expired"]


def test_i_take_it_counts_at_once_and_tells_who_held_it(world, on_call):
    world.policy([on_call])
    row = shift_requests.take_now(on_call, by=Actor.of(world.ben, "web"), now=world.now)
    assert row.ends_at == world.now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=7)
    assert notices(world) == [(f"+{world.ana.pk}", "Ben took your shift of Payments primary")]
    world.alert("Checkout is down")
    world.phone.expect(world.ben, "Checkout is down")
    with pytest.raises(Refused, match="already"):
        shift_requests.take_now(on_call, by=Actor.of(world.ben, "web"), now=world.now)


def test_time_off_hands_the_shift_over_where_the_schedule_says_so(world, on_call):
    world.policy([on_call])
    people.add_time_off(world.ana, **hours(world, -1, 6), reason="wedding", by=world.by, now=world.now)
    assert queries.who(on_call, world.now).user == world.ana.pk
    oncall.change_schedule(on_call, hand_over_time_off=True, by=world.by, now=world.now)
    on_call.refresh_from_db()
    assert queries.who(on_call, world.now) == queries.OnCall(world.ben.pk, "primary", world.ana.pk)
    world.alert("Checkout is down")
    world.phone.expect(world.ben, "Checkout is down")


def test_a_public_holiday_counts_where_the_person_lives(world, on_call):
    oncall.change_schedule(on_call, hand_over_holidays=True, by=world.by, now=world.now)
    on_call.refresh_from_db()
    User.objects.filter(pk=world.ana.pk).update(country="DE", time_zone="Europe/Berlin")
    begins = world.now.year + 1
    oncall.change_schedule(on_call, rotations=[{"participants": [world.ana.pk, world.ben.pk], "starts_at": f"{begins}-01-01T00:00:00",
                                                "shift": {"days": 300}}], by=world.by, now=world.now)  # fmt: skip
    unity = datetime(begins, 10, 3, 12, tzinfo=UTC)
    assert queries.who(on_call, unity).instead_of == world.ana.pk
    assert queries.who(on_call, unity + timedelta(days=1)).instead_of is None


def test_every_change_of_a_schedule_is_kept_and_can_be_undone(world, on_call):
    oncall.change_schedule(
        on_call, rotations=[{"participants": [world.cy.pk], "starts_at": "2026-01-05T09:00:00"}], by=world.by, now=world.now
    )
    assert queries.who(on_call, world.now).user == world.cy.pk
    oncall.change_schedule(on_call, name="Payments primary", by=world.by, now=world.now)  # says nothing new: no version
    assert [row.number for row in ScheduleVersion.objects.all()] == [2, 1]
    oncall.restore_version(on_call, 1, by=world.by, now=world.now)
    assert queries.who(on_call, world.now).user == world.ana.pk
    assert ScheduleVersion.objects.first().note == "version 1 restored"


def test_a_preview_shows_who_would_be_on_call_instead_and_saves_nothing(world, on_call):
    changes = {"rotations": [{"participants": [world.cy.pk], "starts_at": "2026-01-05T09:00:00", "restrictions": [
        {"weekdays": list(range(7)), "from": "00:00", "until": "12:00"}]}]}  # fmt: skip
    found = preview.compare(on_call, changes, by=world.by, now=world.now, until=world.now + timedelta(days=2))
    assert {one.after.user if one.after else None for one in found.differences} == {world.cy.pk, None}
    assert found.gaps
    assert queries.who(on_call, world.now).user == world.ana.pk
    assert ScheduleVersion.objects.count() == 1


def test_who_made_an_override_and_who_took_it_back_is_on_the_record(world, on_call):
    row = world.override(on_call, world.cy, hours=2)
    oncall.remove_override(row, by=Actor.of(world.ben, "web"), now=world.now)
    oncall.remove_override(row, by=world.by, now=world.now)  # it is gone already: nothing more happens
    found = AuditEntry.objects.filter(verb__startswith="override.").order_by("id").values_list("verb", "actor_label")
    assert list(found) == [("override.added", "Ana"), ("override.removed", "Ben")]


def test_a_rotation_that_would_end_before_it_begins_is_refused(world):
    with pytest.raises(Refused, match=r"rotations.0.ends_at: The end must lie after the first handoff"):
        world.schedule(world.ana, ends_at="2026-01-01T00:00:00Z")
