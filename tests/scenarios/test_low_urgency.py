"""What can wait does: for working hours where its responder lives, outside quiet hours, past people who are away. What cannot, does not."""

from __future__ import annotations

from datetime import datetime, time, timedelta

import pytest

from tocsin import clock
from tocsin.accounts.models import User
from tocsin.lib.refusal import Refused
from tocsin.oncall import operations as oncall
from tocsin.oncall import operations_people as people
from tocsin.paging import low_urgency, rehearsal
from tocsin.paging import operations as paging
from tocsin.paging.models import ContactMethod, Notification
from tocsin.timeline.models import Entry


@pytest.fixture
def night(world):
    """Wednesday, three in the morning in Berlin, where Ana lives; Ben lives in New York."""
    User.objects.filter(pk=world.ana.pk).update(time_zone="Europe/Berlin", country="DE")
    User.objects.filter(pk=world.ben.pk).update(time_zone="America/New_York")
    world.shifted = datetime.fromisoformat("2027-02-03T03:00+01:00") - (world.now - world.shifted)
    clock.shift(world.shifted)
    return world


def can_wait(world, *steps, **fields):
    policy = world.policy(*steps)
    paging.change_policy(policy, low_severities=["SEV4"], by=world.by, now=world.now, **fields)
    return policy


def test_it_waits_for_the_morning_of_whoever_is_responsible(night):
    world = night
    can_wait(world, [world.ana])
    world.alert("A disk fills slowly", severity="SEV4")
    world.advance(hours=5, minutes=55)
    world.phone.silent()
    [page] = Notification.objects.filter(user=world.ana, kind="page")
    assert "working hours of Ana" in page.history[0]["reason"]
    world.advance(minutes=10)
    world.phone.expect(world.ana, "A disk fills slowly")


def test_the_next_step_waits_as_long_as_the_page_did(night):
    world = night
    can_wait(world, [world.ana], [world.cy])
    world.alert(severity="SEV4")
    world.advance(hours=6)
    world.phone.expect(world.ana)
    world.phone.silent()  # five minutes count from the morning on, not from three at night
    world.advance(minutes=5)


def test_what_cannot_wait_rings_through_quiet_hours(night):
    world = night
    can_wait(world, [world.ana])
    paging.set_quiet(world.ana, starts=time(20), ends=time(8), by=world.by, now=world.now)
    alert = world.alert("Checkout is down", severity="SEV1")
    world.phone.expect(world.ana, "Checkout is down")
    world.acknowledge(alert, world.ana)


def test_quiet_hours_hold_what_can_wait_even_in_working_hours(night):
    world = night
    can_wait(world, [world.ana])
    paging.set_quiet(world.ana, starts=time(20), ends=time(10, 30), by=world.by, now=world.now)
    alert = world.alert(severity="SEV4")
    world.advance(hours=7, minutes=20)
    world.phone.silent()
    world.advance(minutes=15)
    world.phone.expect(world.ana)
    world.acknowledge(alert, world.ana)


def test_somebody_with_time_off_is_passed_over_by_what_can_wait_alone(night):
    world = night
    can_wait(world, [world.ana], [world.ben])
    people.add_time_off(
        user=world.ana, starts_at=world.now - timedelta(days=1), ends_at=world.now + timedelta(days=9), by=world.by, now=world.now
    )
    alert = world.alert("A disk fills slowly", severity="SEV4")
    world.advance(hours=11, minutes=30)  # nine in New York is three in the afternoon in Berlin
    world.phone.silent()
    world.advance(minutes=45)
    world.phone.expect(world.ben, "A disk fills slowly")
    assert Entry.objects.filter(alert_id=alert.pk, kind="nobody_reached", text__contains="Ana is away until").exists()
    world.acknowledge(alert, world.ben)
    urgent = world.alert("Checkout is down", severity="SEV1")
    world.phone.expect(world.ana, "Checkout is down")
    world.acknowledge(urgent, world.ana)


def test_time_off_counts_when_the_page_would_go_out_not_when_it_begins_to_wait(night):
    world = night
    can_wait(world, [world.ana], [world.cy])
    off = {"starts_at": world.now + timedelta(hours=2), "ends_at": world.now + timedelta(days=9)}
    row = people.add_time_off(user=world.ana, **off, by=world.by, now=world.now)
    alert = world.alert("A disk fills slowly", severity="SEV4")
    world.advance(hours=8)
    world.phone.expect(world.cy)  # the step that passes Ana over takes no time
    world.acknowledge(alert, world.cy)
    people.remove_time_off(row, by=world.by, now=world.now)
    world.advance(hours=16)  # three at night again
    people.add_time_off(
        user=world.ana, starts_at=world.now - timedelta(days=2), ends_at=world.now + timedelta(hours=1), by=world.by, now=world.now
    )
    later = world.alert("Another disk", severity="SEV4")
    world.advance(hours=6, minutes=1)
    world.phone.expect(world.ana, "Another disk")
    world.acknowledge(later, world.ana)


def test_what_gets_worse_while_it_waits_goes_out_at_once(night):
    world = night
    can_wait(world, [world.ana], [world.ben])
    alert = world.alert("A disk fills slowly", severity="SEV4")
    world.advance(hours=1)
    world.phone.silent()
    paging.retitle(alert_id=alert.pk, subject={"severity": "SEV2", "title": "A disk is full"}, now=world.now)
    world.settle()
    world.phone.expect(world.ana, "A disk is full")
    world.advance(minutes=5)
    world.phone.expect(world.ben)
    world.acknowledge(alert, world.ben)
    assert "urgency_raised" in world.timeline(alert)


@pytest.fixture
def weekend(night):
    """Saturday, three in the morning; Ana is on call until Monday at nine, then Ben, who lives in Berlin now."""
    User.objects.filter(pk=night.ben.pk).update(time_zone="Europe/Berlin", country="DE")
    night.shifted += timedelta(days=3)
    clock.shift(night.shifted)
    rota = night.schedule(night.ana, night.ben, starts_at="2027-02-01T09:00:00")
    return night, rota


def test_what_waits_goes_to_whoever_is_on_call_when_it_goes_out(weekend):
    world, rota = weekend
    can_wait(world, [rota], [world.cy])
    alert = world.alert("A disk fills slowly", severity="SEV4")
    planned = rehearsal.dry_run(
        world.service.escalation_policy.plain, low=low(world), name="Payments", subject={"severity": "SEV4"}, now=world.now
    )
    assert planned[0].who == "Ben" and planned[0].waits.startswith("waits until Monday 08 February, 09:00 where Ben lives")
    assert "Step 1 waits until Mon 8 Feb 09:00 (Europe/Berlin)" in Entry.objects.get(alert_id=alert.pk, kind="held").text
    world.advance(days=2, hours=5, minutes=58)
    world.phone.silent()
    world.advance(minutes=3)
    world.phone.expect(world.ben, "A disk fills slowly")
    world.advance(minutes=4, seconds=30)
    world.phone.silent()  # the wait of the step counts from the morning on
    world.acknowledge(alert, world.ben)


def test_an_override_that_is_made_while_it_waits_counts(weekend):
    world, rota = weekend
    can_wait(world, [rota])
    alert = world.alert(severity="SEV4")
    world.advance(days=1)
    oncall.add_override(rota, user=world.ana.pk, starts_at=world.now, ends_at=world.now + timedelta(days=3), by=world.by, now=world.now)
    world.advance(days=1, hours=6, minutes=1)
    world.phone.expect(world.ana)
    world.acknowledge(alert, world.ana)


def test_what_gets_worse_while_its_step_waits_goes_to_whoever_is_on_call_now(weekend):
    world, rota = weekend
    can_wait(world, [rota], [world.cy])
    alert = world.alert("A disk fills slowly", severity="SEV4")
    world.advance(hours=2)
    paging.retitle(alert_id=alert.pk, subject={"severity": "SEV2", "title": "A disk is full"}, now=world.now)
    world.settle()
    world.phone.expect(world.ana, "A disk is full")
    world.advance(minutes=5)
    world.phone.expect(world.cy)
    world.acknowledge(alert, world.cy)


def test_where_nobody_would_be_on_call_in_the_morning_it_waits_for_whoever_is_now(weekend):
    world, _ = weekend
    nights = world.schedule(world.ana, name="Nights", starts_at="2027-02-01T20:00:00", restrictions=[{"weekdays": list(range(7)), "from": "20:00", "until": "08:00"}])  # fmt: skip
    can_wait(world, [nights])
    alert = world.alert(severity="SEV4")
    world.advance(days=2, hours=6, minutes=1)
    world.phone.expect(world.ana)
    world.acknowledge(alert, world.ana)


def low(world):
    return low_urgency.Low.of(world.service.escalation_policy, "SEV4")


def test_a_policy_may_only_record_what_can_wait(night):
    world = night
    can_wait(world, [world.ana], low_urgency="record")
    alert = world.alert(severity="SEV4")
    world.advance(days=3)
    assert Notification.objects.filter(kind="page").count() == 0
    assert world.escalation(alert).status == "stopped" and "recorded_only" in world.timeline(alert)
    assert world.acknowledge(alert, world.ana).taken


def test_a_way_is_used_again_until_somebody_has_it(world):
    method = ContactMethod.objects.get(user=world.ana)
    paging.add_rule(world.ana, contact_method=method.pk, repeats=3, repeat_seconds=120, by=world.by, now=world.now)
    world.policy([world.ana])
    alert = world.alert()
    world.phone.expect(world.ana)
    world.advance(minutes=2, seconds=1)
    world.phone.expect(world.ana)
    world.acknowledge(alert, world.ana)
    world.advance(minutes=10)  # acknowledged: the two others are not sent


def test_the_same_way_twice_in_the_order_is_used_twice(world):
    method = ContactMethod.objects.get(user=world.ana)
    for after in (0, 180):
        paging.add_rule(world.ana, contact_method=method.pk, after_seconds=after, by=world.by, now=world.now)
    world.policy([world.ana])
    alert = world.alert()
    world.phone.expect(world.ana)
    world.advance(minutes=3, seconds=1)
    world.phone.expect(world.ana)
    world.acknowledge(alert, world.ana)


def test_what_cannot_be_meant_is_refused_with_the_field(world):
    method = ContactMethod.objects.get(user=world.ana)
    for fields, name in (({"repeats": 11}, "repeats"), ({"repeats": 1, "repeat_seconds": 10}, "repeat_seconds")):
        with pytest.raises(Refused) as refused:
            paging.add_rule(world.ana, contact_method=method.pk, by=world.by, now=world.now, **fields)
        assert list(refused.value.errors) == [name]
    for starts, ends in ((time(9), None), (time(9), time(9))):
        with pytest.raises(Refused):
            paging.set_quiet(world.ana, starts=starts, ends=ends, by=world.by, now=world.now)
    with pytest.raises(Refused) as refused:
        can_wait(world, [world.ana], low_urgency="never")
    assert list(refused.value.errors) == ["low_urgency"]
