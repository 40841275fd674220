"""Time passes and people change while an escalation runs: handoffs, overrides, removals, clocks that jump, acknowledgements that run out."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.scenarios.world import World
from tocsin import clock
from tocsin.accounts.actor import Actor
from tocsin.accounts.models import Team, User
from tocsin.alerts import operations as alerts
from tocsin.alerts.models import Service
from tocsin.domain.ports import Outcome
from tocsin.oncall import operations as oncall
from tocsin.oncall import queries as rota
from tocsin.paging import operations as paging
from tocsin.paging import queries
from tocsin.paging.models import Escalation, Notification
from tocsin.response import alert_effects, escalate
from tocsin.response.acknowledge import acknowledge_alert, acknowledge_incident
from tocsin.response.declare_incident import declare
from tocsin.timeline.models import Entry

pytestmark = pytest.mark.django_db
BERLIN = ZoneInfo("Europe/Berlin")


def stand_at(world: World, *at: int) -> None:
    """The clock shows that time in Berlin."""
    world.shifted += datetime(*at, tzinfo=BERLIN) - clock.now()
    clock.shift(world.shifted)


def before_the_handoff(world: World):
    """Monday, 8:58; at nine the pager goes from one to the other. The schedule, who has it, who is next."""
    stand_at(world, 2030, 3, 25, 8, 58)
    schedule = world.schedule(world.ana, world.ben)
    now = rota.who(schedule, world.now)
    assert now
    first = world.ana if now.user == world.ana.pk else world.ben
    return schedule, first, world.ben if first == world.ana else world.ana


# -- handoffs and overrides ----------------------------------------------------------------------------------------------


def test_after_a_handoff_the_next_step_goes_to_whoever_has_the_pager_then(world: World):
    schedule, first, second = before_the_handoff(world)
    world.policy([schedule], [schedule])
    world.alert()
    world.phone.expect(first)
    world.advance(minutes=5)
    world.phone.expect(second)


def test_after_a_handoff_the_next_round_goes_to_whoever_has_the_pager_then(world: World):
    schedule, first, second = before_the_handoff(world)
    world.policy([schedule], repeats=1)
    world.alert()
    world.phone.expect(first)
    world.advance(minutes=5)
    world.phone.expect(second)


def test_what_somebody_has_stays_with_them_through_the_handoff(world: World):
    schedule, first, _ = before_the_handoff(world)
    world.policy([schedule], [schedule])
    alert = world.alert()
    world.phone.expect(first)
    world.acknowledge(alert, first)
    world.advance(minutes=20)
    assert world.escalation(alert).acknowledged_by == first


def test_an_acknowledgement_that_runs_out_after_the_handoff_pages_whoever_is_on_call_then(world: World):
    schedule, first, second = before_the_handoff(world)
    world.policy([schedule])
    alert = world.alert()
    world.phone.expect(first)
    paging.acknowledge(alert_id=alert.pk, by=Actor.of(first, "api"), now=world.now, expires_minutes=10)
    world.advance(minutes=11)
    world.phone.expect(second, f"The acknowledgement by {first.name} ran out")


def test_an_override_that_ends_between_two_steps_counts_no_longer(world: World):
    schedule = world.schedule(world.ana)
    world.policy([schedule], [schedule])
    world.override(schedule, world.cy, minutes=3)
    world.alert()
    world.phone.expect(world.cy)
    world.advance(minutes=5)
    world.phone.expect(world.ana)


def test_an_override_taken_back_a_second_before_the_step_counts_no_longer(world: World):
    schedule = world.schedule(world.ana)
    world.policy([world.lea], [schedule])
    override = world.override(schedule, world.cy, hours=1)
    world.alert()
    world.phone.expect(world.lea)
    world.advance(minutes=4, seconds=58)
    oncall.remove_override(override, by=world.by, now=world.now)
    world.advance(seconds=3)
    world.phone.expect(world.ana)


def test_in_a_gap_of_the_rotation_the_next_step_starts_at_once_and_the_gap_is_said(world: World):
    stand_at(world, 2030, 3, 25, 20, 0)
    day = [{"weekdays": list(range(7)), "from": "09:00", "until": "17:00"}]
    world.policy([world.schedule(world.ana, restrictions=day)], [world.ben])
    alert = world.alert()
    world.phone.expect(world.ben)
    assert Entry.objects.get(alert_id=alert.pk, kind="nobody_reached").text.endswith("schedule Payments primary has nobody on call.")


def test_in_the_hour_that_summer_time_leaves_out_somebody_is_on_call_and_paged_once(world: World):
    stand_at(world, 2030, 3, 31, 1, 59)
    world.policy([world.schedule(world.ana, world.ben, shift={"hours": 1})], repeats=3)
    world.alert()
    world.advance(minutes=19)
    pages = world.pages(kind="page")
    assert len({(page.identity, page.user_id) for page in pages}) == len(pages) == 4
    world.phone.unread.clear()


# -- people and policies that change --------------------------------------------------------------------------------------


def test_who_is_removed_between_two_steps_is_skipped_at_once_and_it_is_said(world: World):
    world.policy([world.ana], [world.ben], [world.cy])
    alert = world.alert()
    world.phone.expect(world.ana)
    User.objects.filter(pk=world.ben.pk).update(is_active=False, removed_at=world.now)
    world.advance(minutes=5)
    world.phone.expect(world.cy)
    assert Entry.objects.filter(
        alert_id=alert.pk, text="Step 2 does not reach anybody: Ben (named in the policy) is no longer active."
    ).exists()


def test_who_is_removed_while_their_page_waits_is_not_paged_and_the_next_step_starts(world: World):
    world.policy([world.ana], [world.ben])
    world.page(world.alert(page=False))
    User.objects.filter(pk=world.ana.pk).update(is_active=False)
    world.settle()
    world.phone.expect(world.ben)


def test_a_policy_deleted_while_it_runs_goes_on_to_its_end(world: World):
    policy = world.policy([world.ana], [world.ben])
    world.alert()
    world.phone.expect(world.ana)
    Service.objects.update(escalation_policy=None)
    paging.remove_policy(policy, by=world.by, now=world.now)
    world.advance(minutes=5)
    world.phone.expect(world.ben)


def test_after_a_policy_was_deleted_the_next_episode_goes_by_the_one_that_the_service_has_now(world: World):
    old = world.policy([world.ana])
    alert = world.alert()
    world.phone.expect(world.ana)
    paging.acknowledge(alert_id=alert.pk, by=world.by, now=world.now, expires_minutes=10)
    world.policy([world.cy], name="New")
    paging.remove_policy(old, by=world.by, now=world.now)
    world.advance(minutes=11)
    world.phone.expect(world.cy, "policy New, step 1")


def test_a_fallback_person_named_while_it_runs_counts(world: World):
    world.policy([world.ana])
    world.alert()
    world.phone.expect(world.ana)
    Team.objects.filter(pk=world.team.pk).update(fallback_user=world.lea)
    world.advance(minutes=5)
    world.phone.expect(world.lea)


def test_a_method_switched_off_between_two_rounds_is_not_used_and_the_others_are(world: World):
    world.method(world.ana, "+second")
    world.policy([world.ana], repeats=1)
    world.alert()
    world.phone.expect(world.ana)
    world.phone.expect(world.ana, number="+second")
    world.ana.contact_methods.filter(address="+second").update(enabled=False)
    world.advance(minutes=5)
    world.phone.expect(world.ana)


def test_all_methods_of_all_people_fail_and_the_last_fallback_is_reached_within_a_minute(world: World):
    world.fallback(team=world.cy, organisation=world.lea)
    for person in (world.ana, world.ben, world.cy):
        world.phone.answer(f"+{person.pk}", then=Outcome.FAILED)
    world.policy([world.ana], [world.ben])
    alert = world.alert()
    world.advance(seconds=59)
    world.phone.expect(world.lea)
    assert world.timeline(alert).count("nobody_reached") == 3


# -- acknowledgements that run out ----------------------------------------------------------------------------------------


def test_an_acknowledgement_runs_out_once_in_each_period_and_pages_again(world: World):
    world.policy([world.ana], wait=3600)
    alert = world.alert()
    for episode in range(1, 4):
        world.phone.expect(world.ana)
        paging.acknowledge(alert_id=alert.pk, by=world.by, now=world.now, expires_minutes=30)
        assert Escalation.objects.filter(alert=alert).count() == episode
        world.advance(minutes=31)
    world.phone.expect(world.ana)
    assert world.timeline(alert).count("acknowledgement_expired") == 3
    assert Entry.objects.filter(alert_id=alert.pk, text__contains="ran out").count() == 3  # each time it is said once


def test_an_incident_s_acknowledgement_runs_out_by_the_procedure_and_not_after_it_is_resolved(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("tocsin.response.acknowledge._expiry", lambda *_: 30)
    world.policy([world.ana])
    incident = declare(title="Checkout", severity="SEV2", service=world.service, by=world.by, now=world.now)
    world.settle()
    world.phone.expect(world.ana)
    acknowledge_incident(incident=incident, by=world.by, now=world.now)
    world.advance(minutes=29)
    runs = Escalation.objects.filter(incident_id=incident.pk, track="on_call")
    assert runs.get().ack_expires_at
    world.advance(minutes=2)
    assert runs.count() == 2
    acknowledge_incident(incident=incident, by=world.by, now=world.now)
    paging.stop(incident_id=incident.pk, reason="resolved", now=world.now)
    world.advance(hours=1)
    assert runs.count() == 2
    world.phone.unread.clear()  # its other promises page as well


def test_an_acknowledgement_that_ran_out_on_both_tracks_pages_both_again(world: World):
    alert = world.alert(page=False)
    world.policy([world.lea], name="Leadership")
    Service.objects.update(leadership_policy=world.service.escalation_policy)
    world.page(alert, track="leadership")
    world.policy([world.ana])
    world.page(alert)
    world.settle()
    world.phone.expect(world.ana)
    world.phone.expect(world.lea)
    paging.acknowledge(alert_id=alert.pk, by=world.by, now=world.now, expires_minutes=30)
    world.advance(minutes=31)
    world.phone.expect(world.ana)
    world.phone.expect(world.lea)


def test_whoever_had_it_was_removed_and_the_time_runs_out_for_somebody_else(world: World):
    world.policy([world.ana], [world.ben])
    alert = world.alert()
    world.phone.expect(world.ana)
    paging.acknowledge(alert_id=alert.pk, by=world.by, now=world.now, expires_minutes=30)
    User.objects.filter(pk=world.ana.pk).update(is_active=False)
    world.advance(minutes=31)
    world.phone.expect(world.ben)


# -- the moment -----------------------------------------------------------------------------------------------------------


def test_an_acknowledgement_in_the_second_before_the_step_keeps_the_step_from_starting(world: World):
    world.policy([world.ana], [world.ben])
    alert = world.alert()
    world.phone.expect(world.ana)
    world.advance(minutes=4, seconds=59)
    world.acknowledge(alert, world.ana)
    world.advance(minutes=5)
    assert not Notification.objects.filter(user=world.ben).exists()


def test_an_acknowledgement_after_the_step_was_planned_and_before_its_call_cancels_the_call(world: World):
    world.policy([world.ana], [world.ben])
    alert = world.alert()
    world.phone.expect(world.ana)
    Escalation.objects.filter(alert=alert).update(due_at=world.now)
    escalate.take()
    world.acknowledge(alert, world.ana)
    world.settle()
    assert [page.state for page in world.pages(user=world.ben)] == ["cancelled"]


def test_the_second_of_two_acknowledgements_at_once_changes_nothing(world: World):
    world.policy([world.ana], [world.ben])
    alert = world.alert()
    world.phone.expect(world.ana)
    first = acknowledge_alert(alert=alert, by=Actor.of(world.ben, "api"), now=world.now)
    second = acknowledge_alert(alert=alert, by=Actor.of(world.ana, "api"), now=world.now)
    assert (first.taken, second.taken, second.by) == (True, False, "Ben")
    assert world.timeline(alert).count("acknowledged") == 1


def test_the_end_of_the_alert_in_the_second_before_the_step_keeps_the_step_from_starting(world: World):
    world.policy([world.ana], [world.ben])
    alert = world.alert()
    world.phone.expect(world.ana)
    world.advance(minutes=4, seconds=59)
    alerts.resolve(alert, now=world.now)
    alert_effects.resolved(alert, "resolved by its source", now=world.now)
    world.advance(minutes=5)
    assert not Notification.objects.filter(user=world.ben).exists()


# -- clocks that jump -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jump", [3600, -3600])
def test_the_application_s_clock_jumps_an_hour_and_no_step_is_early_or_doubled(world: World, monkeypatch: pytest.MonkeyPatch, jump: int):
    world.policy([world.ana], [world.ben])
    world.alert()
    world.phone.expect(world.ana)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + jump)
    world.settle()
    world.advance(minutes=4)
    world.phone.silent()
    world.advance(minutes=1, seconds=1)
    world.phone.expect(world.ben)


def test_the_database_s_clock_jumps_back_ten_minutes_and_nothing_is_sent_again(world: World):
    world.policy([world.ana], [world.ben])
    world.alert()
    world.phone.expect(world.ana)
    world.advance(minutes=5)
    world.phone.expect(world.ben)
    world.shifted -= timedelta(minutes=10)
    clock.shift(world.shifted)
    world.settle()
    world.phone.silent()
    assert len(world.pages()) == 2
    world.advance(minutes=20)
    assert world.escalation(alert=Escalation.objects.get().alert).status == "exhausted"


# -- why ------------------------------------------------------------------------------------------------------------------


def test_every_page_says_why_in_its_text_on_the_timeline_and_in_the_api(world: World):
    world.fallback(organisation=world.lea)
    world.policy([world.schedule(world.ana)], [world.ben], repeats=1)
    alert = world.alert(page=False)
    subject = {"title": alert.title, "severity": "SEV2", "service": "checkout", "team_id": world.team.pk}
    paging.start(
        policy=world.service.escalation_policy, track="on_call", subject=subject, alert=alert, reason="SEV2: page on-call", now=world.now
    )
    world.advance(minutes=30)
    sent = [message.text for _, message, _ in world.phone.rang]
    assert len(sent) == 5 and all("Why you: " in text and "SEV2: page on-call" in text for text in sent)
    rows = world.pages(alert_id=alert.pk)
    assert all(queries.notification_plain(row)["reason"] in row.text for row in rows)
    told = Entry.objects.filter(alert_id=alert.pk, kind="page_sent")
    assert {entry.data["reason"] for entry in told} == {row.reason for row in rows}
    assert Entry.objects.filter(alert_id=alert.pk, kind="paged", text__contains="Because: SEV2: page on-call").count() == 3
    assert Entry.objects.get(alert_id=alert.pk, kind="escalation_started").text.endswith("SEV2: page on-call")  # with the first step
    world.phone.unread.clear()
