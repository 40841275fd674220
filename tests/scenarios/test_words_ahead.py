"""What a schedule says ahead of time: my shift starts, is over, moved; what would hurt in 14, 7, 1 days; and who is ready for a first shift."""

from __future__ import annotations

from datetime import UTC, timedelta

import pytest

from tocsin.accounts.actor import Actor
from tocsin.accounts.models import Membership, Role, User
from tocsin.lib.refusal import Refused
from tocsin.oncall import operations as oncall
from tocsin.oncall import operations_people as people
from tocsin.oncall.models import Readiness, ShiftNotice
from tocsin.paging import messages
from tocsin.paging import operations_contacts as contacts
from tocsin.paging.models import ContactMethod, Escalation, Notification
from tocsin.response import ahead, ready, shift_requests, watch_schedules
from tocsin.response.acknowledge import acknowledge_by_link


@pytest.fixture
def on_call(world):
    """Ana has been on call since midnight and is for a week; Ben follows her. Both have tried a test page."""
    for person in (world.ana, world.ben):
        people.is_ready(person, now=world.now)
    today = world.now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return world.schedule(world.ana, world.ben, zone="UTC", starts_at=today.replace(tzinfo=None).isoformat(), shift={"days": 7})


def told(world, person) -> list[str]:
    """What that person was told by what wakes nobody, since the last time this was asked."""
    world.settle()
    mine = [message.title for address, message, _ in world.phone.notices if address == f"+{person.pk}"]
    world.phone.notices = [one for one in world.phone.notices if one[0] != f"+{person.pk}"]
    return mine


def midnight(world, days: int):
    return world.now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=days)


def go_to(world, moment) -> None:
    world.advance(seconds=(moment - world.now).total_seconds())


def test_who_follows_hears_a_day_and_an_hour_before_and_who_was_on_call_that_it_is_over(world, on_call):
    handoff = midnight(world, 7)
    go_to(world, handoff - timedelta(hours=25))
    assert told(world, world.ben) == []
    go_to(world, handoff - timedelta(hours=23))
    assert told(world, world.ben) == ["Your shift of Payments primary starts in 24 h"]
    go_to(world, handoff - timedelta(minutes=50))
    assert told(world, world.ben) == ["Your shift of Payments primary starts in 1 h"]
    go_to(world, handoff + timedelta(minutes=1))
    assert told(world, world.ana) == ["Your shift of Payments primary is over"]
    assert told(world, world.ben) == []


def test_each_word_is_said_once_however_often_it_is_looked_at(world, on_call):
    go_to(world, midnight(world, 7) - timedelta(hours=23))
    for _ in range(3):
        oncall.change_schedule(on_call, description=f"{world.now}", by=world.by, now=world.now)
        world.settle()
    assert told(world, world.ben) == ["Your shift of Payments primary starts in 24 h"]


def test_a_word_that_an_outage_delayed_says_how_long_is_left_and_one_that_is_too_late_is_not_said(world, on_call):
    from tocsin import clock

    world.settle()
    go_to(world, midnight(world, 7) - timedelta(hours=30))
    world.shifted += timedelta(hours=10)
    clock.shift(world.shifted)  # nobody was there when it fell due
    assert told(world, world.ben) == ["Your shift of Payments primary starts in 20 h"]
    world.shifted += timedelta(hours=21)
    clock.shift(world.shifted)
    assert told(world, world.ben) == [], "it began while nobody could say so"
    assert ShiftNotice.objects.get(word="hour", user=world.ben).outcome == "overtaken"


def test_a_crash_between_saying_and_settling_says_nothing_twice(world, on_call, monkeypatch):
    go_to(world, midnight(world, 7) - timedelta(hours=24, minutes=1))
    world.shifted += timedelta(minutes=2)
    from tocsin import clock

    clock.shift(world.shifted)
    whole = watch_schedules._say

    def dies(notice, now):
        whole(notice, now)
        raise RuntimeError("killed")

    monkeypatch.setattr(watch_schedules, "_say", dies)
    with pytest.raises(RuntimeError):
        watch_schedules.take()
    assert not Notification.objects.filter(title__contains="starts in").exists(), "one transaction: all or nothing"
    monkeypatch.undo()
    assert told(world, world.ben) == ["Your shift of Payments primary starts in 24 h"]


def test_whose_next_shift_moves_hears_it_with_both_times(world, on_call):
    assert told(world, world.ben) == [], "what was so from the beginning is no news"
    begin = midnight(world, 7)
    oncall.add_override(on_call, user=world.cy.pk, starts_at=begin, ends_at=begin + timedelta(days=1), by=world.by, now=world.now)
    world.settle()
    (moved,) = [message for address, message, _ in world.phone.notices if address == f"+{world.ben.pk}"]
    assert moved.title == "Your next shift of Payments primary moved"
    assert f"{begin:%a} {begin.day} {begin:%b} 00:00 to" in moved.text and "Now:" in moved.text
    assert told(world, world.cy) == ["You have a shift of Payments primary"]


def test_time_going_on_moves_nobodys_shift(world, on_call):
    go_to(world, midnight(world, 15))
    said = told(world, world.ana) + told(world, world.ben)
    assert not [title for title in said if "moved" in title or "You have" in title], said


def test_a_shift_that_was_given_away_meanwhile_is_not_announced(world, on_call):
    begin = midnight(world, 7)
    go_to(world, begin - timedelta(hours=25))
    oncall.add_override(on_call, user=world.cy.pk, starts_at=begin, ends_at=begin + timedelta(days=7), by=world.by, now=world.now)
    go_to(world, begin + timedelta(hours=1))
    assert not [title for title in told(world, world.ben) if "starts in" in title]
    assert "Your shift of Payments primary starts in 24 h" in told(world, world.cy)


def lead(world) -> User:
    """Lea leads the team."""
    Membership.objects.create(team=world.team, user=world.lea, lead=True)
    return world.lea


def test_a_gap_is_told_to_the_teams_leads_14_7_and_1_days_ahead_once_each(world, on_call):
    lea = lead(world)
    end = midnight(world, 20)
    plain = {"name": "primary", "participants": [world.ana.pk, world.ben.pk], "starts_at": f"{midnight(world, 0):%Y-%m-%dT00:00:00}",
             "shift": {"days": 7}, "ends_at": end.isoformat()}  # fmt: skip
    oncall.change_schedule(on_call, rotations=[plain], by=world.by, now=world.now)
    assert told(world, lea) == []
    found = []
    for days in (14, 7, 1):
        go_to(world, end - timedelta(days=days) - timedelta(hours=1))
        assert told(world, lea) == [], days
        go_to(world, end - timedelta(days=days) + timedelta(hours=7))
        found += told(world, lea)
    assert found == [f"Payments primary: trouble within {days}" for days in ("14 days", "7 days", "1 day")]


def test_without_leads_the_administrators_hear_it(world, on_call):
    User.objects.filter(pk=world.cy.pk).update(role=Role.ADMINISTRATOR)
    ContactMethod.objects.filter(user=world.ana).update(enabled=False)
    oncall.change_schedule(on_call, description="look", by=world.by, now=world.now)
    world.settle()
    (said,) = [message for address, message, _ in world.phone.notices if address == f"+{world.cy.pk}"]
    assert said.title == "Payments primary: trouble within 1 day"
    assert (
        "No page reaches Ana, who has no verified contact method" in said.text and "Fill it: http://localhost:8000/schedules/" in said.text
    )


def test_a_method_that_is_switched_off_is_noticed_at_once(world, on_call):
    lea = lead(world)
    assert told(world, lea) == []
    method = ContactMethod.objects.get(user=world.ben)
    contacts.change_method(method, enabled=False, by=Actor.of(world.ben, "web"), now=world.now)
    assert told(world, lea) == ["Payments primary: trouble within 7 days"]


def test_gaps_that_are_meant_trouble_nobody(world):
    lea = lead(world)
    office = world.schedule(world.ana, restrictions=[{"weekdays": [0, 1, 2, 3, 4], "from": "09:00", "until": "17:00"}])
    people.is_ready(world.ana, now=world.now)
    oncall.change_schedule(office, gaps_meant=True, by=world.by, now=world.now)
    assert told(world, lea) == []
    oncall.change_schedule(office, gaps_meant=False, by=world.by, now=world.now)
    assert len(told(world, lea)) == 1, "all of them in one message"


def test_what_lies_ahead_is_a_metric(world, on_call):
    world.settle()
    from tocsin.web import health

    query = next(query for name, _, _, query in health.GAUGES if name == "tocsin_schedule_troubles")

    def counted(kind):
        return dict(health._rows(query))[kind]

    assert counted("unreachable") == 0 and counted("gap") == 0
    ContactMethod.objects.filter(user=world.ben).update(enabled=False)
    oncall.change_schedule(on_call, description="look", by=world.by, now=world.now)
    world.settle()
    assert counted("unreachable") == 1


def test_who_has_not_tried_a_test_page_is_shown_and_told_before_their_first_shift(world, on_call):
    lea = lead(world)
    Readiness.objects.filter(user=world.ben).delete()
    oncall.change_schedule(on_call, description="look", by=world.by, now=world.now)
    assert told(world, lea) == ["Payments primary: trouble within 7 days"]
    assert [(str(one.kind), one.user) for one in ahead.of(on_call, world.now)] == [("not_ready", world.ben.pk)]
    go_to(world, midnight(world, 7) - timedelta(hours=23))
    world.settle()
    (said,) = [message.text for address, message, _ in world.phone.notices if address == f"+{world.ben.pk}"]
    assert "You have not acknowledged a test page yet." in said and f"/people/{world.ben.pk}/" in said


def test_a_test_page_is_acknowledged_by_its_link_and_makes_ready(world, on_call):
    Readiness.objects.filter(user=world.ben).delete()
    (sent,) = ready.rehearse(world.ben, by=Actor.of(world.ben, "web"), now=world.now)
    world.settle()
    page = world.phone.expect(world.ben, "Test page: acknowledge it")
    token = page.link.split("/ack/")[1].strip("/")
    assert ahead.unready({world.ben.pk}) == {world.ben.pk}, "that it was sent proves nothing"
    assert acknowledge_by_link(token=token, now=world.now).taken
    assert acknowledge_by_link(token=token, now=world.now).taken, "twice is once"
    assert ahead.unready({world.ben.pk}) == set()
    assert messages.read_ack_link(token, world.now).notification_id == sent.pk


def test_whoever_acknowledged_a_real_page_is_ready(world, on_call):
    Readiness.objects.all().delete()
    world.policy([on_call])
    alert = world.alert("Checkout is down")
    world.phone.expect(world.ana, "Checkout is down")
    world.acknowledge(alert, world.ana)
    assert Escalation.objects.get().acknowledged_by == world.ana and ahead.unready({world.ana.pk, world.ben.pk}) == {world.ben.pk}


def test_who_is_not_ready_is_paged_all_the_same(world, on_call):
    Readiness.objects.all().delete()
    world.policy([on_call])
    world.alert("Checkout is down")
    world.phone.expect(world.ana, "Checkout is down")


def test_an_administrator_lets_somebody_start_without_and_says_why(world, on_call):
    Readiness.objects.filter(user=world.ben).delete()
    root = world.person("Root")
    User.objects.filter(pk=root.pk).update(role=Role.ADMINISTRATOR)
    root.refresh_from_db()
    with pytest.raises(Refused, match="Only administrators"):
        ready.excuse(world.ben, reason="knows it", by=Actor.of(world.ben, "web"), now=world.now)
    with pytest.raises(Refused, match="why they may start"):
        ready.excuse(world.ben, reason=" ", by=Actor.of(root, "web"), now=world.now)
    ready.excuse(world.ben, reason="Did it for years at another place", by=Actor.of(root, "web"), now=world.now)
    assert ahead.unready({world.ben.pk}) == set() and Readiness.objects.get(user=world.ben).reason.startswith("Did it")


def test_a_test_page_needs_a_way_and_is_not_sent_twice_in_a_minute(world):
    nobody = world.person("Nora", phone=False)
    with pytest.raises(Refused, match="No way leads to Nora"):
        ready.rehearse(nobody, by=Actor.of(nobody, "web"), now=world.now)
    ready.rehearse(world.ben, by=Actor.of(world.ben, "web"), now=world.now)
    with pytest.raises(Refused, match="a moment ago"):
        ready.rehearse(world.ben, by=Actor.of(world.ben, "web"), now=world.now)
    world.settle()
    world.phone.expect(world.ben, "Test page")


def test_a_swap_is_told_once_to_each_and_a_third_hears_what_became_of_theirs(world, on_call):
    assert told(world, world.ben) == []
    begin = midnight(world, 7)
    asked = shift_requests.ask(
        on_call, starts_at=begin, ends_at=begin + timedelta(days=1), of=world.ana, by=Actor.of(world.ben, "web"), now=world.now
    )
    assert told(world, world.ana) == ["Ben asks you to take a shift"]
    shift_requests.accept(asked, by=Actor.of(world.ana, "web"), now=world.now)
    assert told(world, world.ben) == ["Ana takes your shift"], "it is said once that it moved"
    assert told(world, world.ana) == []
    asked = shift_requests.ask(
        on_call, starts_at=midnight(world, 9), ends_at=midnight(world, 10), of=world.cy, by=Actor.of(world.ben, "web"), now=world.now
    )
    told(world, world.cy)
    User.objects.filter(pk=world.lea.pk).update(role=Role.ADMINISTRATOR)
    lea = Actor.of(User.objects.get(pk=world.lea.pk), "web")
    shift_requests.accept(asked, user=world.cy, by=lea, now=world.now)  # an administrator says yes for Cy
    assert told(world, world.cy) == ["You have a shift of Payments primary"]
