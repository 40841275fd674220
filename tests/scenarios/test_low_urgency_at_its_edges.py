"""What can wait is held once and for no longer than it should be: the dry run, own absence and what gets worse meanwhile included."""

from __future__ import annotations

import re
from datetime import timedelta

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.scenarios.test_low_urgency import can_wait, low, night, weekend  # noqa: F401
from tocsin.accounts.actor import Actor
from tocsin.accounts.models import Membership, Organisation, User
from tocsin.domain.escalation_policy import Target
from tocsin.oncall import operations_people as people
from tocsin.paging import low_urgency, rehearsal
from tocsin.paging import operations as paging
from tocsin.paging.models import ContactMethod
from tocsin.response.declare_incident import declare
from tocsin.response.hold import give_back
from tocsin.timeline.models import Entry


def lives(user, zone):
    User.objects.filter(pk=user.pk).update(time_zone=zone, country="")


def rehearsed(world):
    return rehearsal.dry_run(
        world.service.escalation_policy.plain, low=low(world), name="Payments", subject={"severity": "SEV4"}, now=world.now
    )


def test_what_is_declared_worse_while_it_waits_pages_at_once(weekend):  # noqa: F811
    world, rota = weekend
    can_wait(world, [rota], [world.cy])
    alert = world.alert("A disk fills slowly", severity="SEV4")
    world.phone.silent()
    declare(title="All is down", severity="SEV1", alert=alert, by=Actor.of(world.lea, "web"), now=world.now)
    world.settle()
    world.phone.expect(world.ana, "All is down")
    assert "urgency_raised" in Entry.objects.filter(alert_id=alert.pk).values_list("kind", flat=True)
    world.acknowledge(alert, world.ana)


def test_what_got_worse_while_somebody_had_it_pages_at_once_when_they_give_it_back(night):  # noqa: F811
    world = night
    can_wait(world, [world.ana], [world.ben])
    alert = world.alert("A disk fills slowly", severity="SEV4")
    world.acknowledge(alert, world.ana)
    paging.retitle(alert_id=alert.pk, subject={"severity": "SEV1", "title": "A disk is full"}, now=world.now)
    give_back(alert=alert, by=Actor.of(world.ana, "web"), now=world.now)
    world.settle()
    world.phone.expect(world.ana, "A disk is full")
    world.acknowledge(alert, world.ana)


def test_a_step_for_the_time_outside_working_hours_is_not_passed_over_because_it_was_held_into_them(weekend):  # noqa: F811
    world, rota = weekend
    Organisation.objects.filter(pk=1).update(time_zone="Europe/Berlin")
    world.written([world.step(rota, hours="outside"), world.step(world.cy)])
    paging.change_policy(world.service.escalation_policy, low_severities=["SEV4"], by=world.by, now=world.now)
    world.service.refresh_from_db()
    alert = world.alert("A disk fills slowly", severity="SEV4")
    world.advance(days=2, hours=6, minutes=1)
    world.phone.expect(world.ben, "A disk fills slowly")
    assert "step_passed_over" not in world.timeline(alert)
    world.acknowledge(alert, world.ben)


def test_a_step_is_held_once_and_then_waits_for_its_person(night):  # noqa: F811
    world = night
    lives(world.ana, "Europe/Berlin")
    lives(world.ben, "America/Los_Angeles")
    can_wait(world, [world.schedule(world.ben, world.ana, starts_at="2027-02-01T00:00:00", shift={"hours": 12})])
    alert = world.alert("A disk fills slowly", severity="SEV4")
    planned = rehearsed(world)[0]
    assert planned.who == "Ana" and "Thursday 04 February, 09:00" in planned.waits
    world.advance(days=1, hours=5, minutes=58)
    world.phone.silent()
    world.advance(minutes=3)
    world.phone.expect(world.ana, "A disk fills slowly")
    assert world.timeline(alert).count("held") == 1
    world.acknowledge(alert, world.ana)


def test_the_dry_run_says_what_happens_where_who_is_on_call_then_lives_elsewhere(weekend):  # noqa: F811
    world, rota = weekend
    lives(world.ben, "Asia/Kolkata")
    can_wait(world, [rota])
    planned = rehearsed(world)[0]
    assert planned.who == "Ben" and planned.waits.startswith("waits until Monday 08 February, 13:30 where Ben lives (Asia/Kolkata)")
    alert = world.alert("A disk fills slowly", severity="SEV4")
    world.advance(days=2, hours=6, minutes=1)
    world.phone.expect(world.ben, "A disk fills slowly")
    world.acknowledge(alert, world.ben)


def test_the_dry_run_counts_somebody_who_is_back_when_the_page_goes_out(weekend):  # noqa: F811
    world, rota = weekend
    lives(world.ben, "Asia/Kolkata")
    can_wait(world, [rota], [world.cy])
    off = {"starts_at": world.now - timedelta(days=1), "ends_at": world.now + timedelta(days=2, hours=3)}
    people.add_time_off(user=world.ben, **off, by=world.by, now=world.now)  # his working hours begin before that, the page does not
    assert [line.who for line in rehearsed(world)[:2]] == ["Ben", "Cy"]


def test_after_own_absence_the_next_step_waits_its_wait_and_not_the_night_again(night):  # noqa: F811
    world = night
    lives(world.cy, "Europe/Berlin")
    can_wait(world, [world.ana], [world.cy])
    alert = world.alert("A disk fills slowly", severity="SEV4")
    world.advance(hours=5, minutes=55)
    world.downtime(minutes=20)
    world.settle()
    world.phone.expect(world.ana)
    world.advance(minutes=4)
    world.phone.silent()
    world.advance(minutes=1, seconds=5)
    world.phone.expect(world.cy)
    world.acknowledge(alert, world.cy)


def test_a_step_that_was_due_in_working_hours_pages_after_own_absence_and_not_the_next_morning(weekend):  # noqa: F811
    world, rota = weekend
    can_wait(world, [rota])
    alert = world.alert("A disk fills slowly", severity="SEV4")
    world.advance(days=2, hours=5, minutes=55)
    world.downtime(hours=10)  # until seven in the evening
    world.settle()
    world.phone.expect(world.ben, "A disk fills slowly")
    world.acknowledge(alert, world.ben)


def test_what_got_worse_pages_at_once_on_every_track_when_the_acknowledgement_runs_out(night):  # noqa: F811
    world = night
    policy = can_wait(world, [world.ana])
    tracks = [{"name": "Owners", "steps": [world.step(world.ben)]}]
    paging.change_policy(policy, tracks=tracks, by=world.by, now=world.now)
    world.service.refresh_from_db()
    alert = world.alert("A disk fills slowly", severity="SEV4")
    world.acknowledge(alert, world.ana)
    paging.retitle(alert_id=alert.pk, subject={"severity": "SEV1", "title": "A disk is full"}, now=world.now)
    paging.expire_at([run.pk for run in alert.escalations.all()], world.now, by=world.by, now=world.now)
    world.settle()
    world.phone.expect(world.ana, "A disk is full")
    world.phone.expect(world.ben, "A disk is full")
    world.acknowledge(alert, world.ana)


def test_the_page_of_an_alert_and_the_list_say_that_it_waits_and_nobody_is_paged_yet(weekend):  # noqa: F811
    world, rota = weekend
    can_wait(world, [rota])
    alert = world.alert("A disk fills slowly", severity="SEV4")
    client = Client()
    client.force_login(world.cy)
    for address in (f"/alerts/{alert.pk}/", "/alerts/"):
        shown = " ".join(re.sub(r"<[^>]+>", " ", client.get(address).content.decode()).split())
        assert "waits until 8 Feb" in shown and "next step" not in shown and " paging " not in shown.split("A disk fills", 1)[1]
    shown = " ".join(re.sub(r"<[^>]+>", " ", client.get(f"/alerts/{alert.pk}/").content.decode()).split())
    assert re.search(r"step 1 waits until 8 Feb[^:]*:\d\d for working hours: it has paged nobody yet", shown)


def test_nothing_waits_for_the_hours_of_somebody_whom_nothing_reaches(weekend):  # noqa: F811
    world, rota = weekend
    ContactMethod.objects.filter(user__in=[world.ana, world.ben]).update(enabled=False)
    can_wait(world, [rota], [world.cy])
    alert = world.alert("A disk fills slowly", severity="SEV4")
    said = Entry.objects.filter(alert_id=alert.pk, kind="nobody_reached")
    assert [entry.at for entry in said] == [world.escalation(alert).started_at] and "has no usable contact method" in said[0].text
    assert "held" not in world.timeline(alert)
    world.phone.silent()
    world.advance(days=3)
    world.phone.expect(world.cy)


def test_many_people_in_a_step_that_waits_cost_no_more_questions_than_one(weekend):  # noqa: F811
    world, rota = weekend
    counted = []
    for more in (0, 6):
        for number in range(more):
            Membership.objects.create(team=world.team, user=world.person(f"Dan {number}"))
        with CaptureQueriesContext(connection) as asked:
            assert low_urgency.held([Target("schedule", rota.pk), Target("team", world.team.pk)], {}, world.now)
        counted.append(len(asked))
    assert counted[0] == counted[1]
