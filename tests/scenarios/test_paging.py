"""Somebody is paged: the right person, on time, once, and never nobody."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.scenarios.world import World
from tocsin import clock
from tocsin.accounts.actor import Actor
from tocsin.accounts.models import User
from tocsin.domain.ports import Outcome, Receipt
from tocsin.oncall import operations as oncall
from tocsin.paging import operations as paging
from tocsin.paging import operations_claims as claims
from tocsin.paging import operations_settling as settling
from tocsin.paging.models import Escalation, Notification
from tocsin.response.acknowledge import acknowledge_by_link
from tocsin.response.page_someone import page_someone

pytestmark = pytest.mark.django_db


@pytest.mark.clause("S5", "S15")
def test_the_person_on_call_is_paged_at_once_and_told_why(world: World):
    world.policy([world.schedule(world.ana)], [world.ben])
    world.alert("Checkout is down")
    page = world.phone.expect(world.ana, "Checkout is down")
    assert "alert “Checkout is down” → service checkout → policy Payments, step 1 → schedule Payments primary → you" in page.text
    assert page.link.startswith("http://localhost:8000/ack/")


@pytest.mark.clause("S5")
def test_unanswered_it_goes_from_step_to_step_on_time_and_never_early(world: World):
    world.policy([world.ana], [world.ben], wait=300)
    world.alert()
    world.phone.expect(world.ana)
    world.advance(seconds=299)
    world.phone.silent()
    world.advance(seconds=2)
    world.phone.expect(world.ben)


@pytest.mark.clause("S15")
def test_the_leadership_track_runs_beside_the_on_call_track(world: World):
    alert = world.alert(page=False)
    world.policy([world.lea], name="Leadership")
    world.page(alert, track="leadership")
    world.policy([world.ana], [world.ben])
    world.page(alert)
    world.settle()
    world.phone.expect(world.ana)
    world.phone.expect(world.lea)
    world.advance(minutes=5)
    world.phone.expect(world.ben)


@pytest.mark.clause("S35")
def test_acknowledging_stops_everything_and_says_who_and_when(world: World):
    world.policy([world.ana], [world.ben])
    alert = world.alert()
    world.phone.expect(world.ana)
    done = world.acknowledge(alert, world.ana)
    assert done.taken
    world.advance(hours=1)
    world.phone.silent()
    escalation = world.escalation(alert)
    assert (escalation.status, escalation.acknowledged_by, escalation.acknowledged_via) == ("acknowledged", world.ana, "api")
    assert escalation.acknowledged_at == done.at
    assert "acknowledged" in world.timeline(alert)


@pytest.mark.clause("S35")
def test_the_second_to_acknowledge_is_told_who_already_has_it(world: World):
    world.policy([world.ana], [world.ben])
    alert = world.alert()
    world.phone.expect(world.ana)
    world.acknowledge(alert, world.ana)
    late = world.acknowledge(alert, world.ben)
    assert (late.taken, late.by) == (False, "Ana")


@pytest.mark.clause("S35")
def test_the_link_in_a_page_acknowledges_for_the_person_it_was_sent_to(world: World):
    world.policy([world.ana], [world.ben])
    alert = world.alert()
    link = world.phone.expect(world.ana).link
    acknowledge_by_link(token=link.rstrip("/").rpartition("/")[2], now=world.now)
    escalation = world.escalation(alert)
    assert (escalation.acknowledged_by, escalation.acknowledged_via) == (world.ana, "link")


@pytest.mark.clause("S35")
def test_an_alert_that_paged_nobody_can_be_acknowledged_too(world: World):
    alert = world.alert(page=False)
    assert world.acknowledge(alert, world.ana).taken
    assert world.escalation(alert).status == "acknowledged"


def test_an_acknowledgement_before_the_call_cancels_a_page_that_waits_for_its_delay(world: World):
    rules = [(world.ana.contact_methods.get(), 0), (world.method(world.ana, "+later"), 120)]
    for method, after in rules:
        paging.add_rule(world.ana, contact_method=method.pk, after_seconds=after, by=world.by, now=world.now)
    world.policy([world.ana])
    alert = world.alert()
    world.phone.expect(world.ana)
    world.acknowledge(alert, world.ana)
    world.advance(minutes=3)
    assert [page.state for page in world.pages()] == ["delivered", "cancelled"]


def test_personal_rules_give_order_and_delay(world: World):
    first, second = world.ana.contact_methods.get(), world.method(world.ana, "+second")
    paging.add_rule(world.ana, contact_method=second.pk, after_seconds=0, by=world.by, now=world.now)
    paging.add_rule(world.ana, contact_method=first.pk, after_seconds=60, by=world.by, now=world.now)
    world.policy([world.ana])
    world.alert()
    world.phone.expect(world.ana, number="+second")
    world.phone.silent()
    world.advance(seconds=61)
    world.phone.expect(world.ana)


def test_an_acknowledgement_that_runs_out_pages_again_as_the_next_episode(world: World):
    world.policy([world.ana], [world.ben])
    alert = world.alert()
    world.phone.expect(world.ana)
    paging.acknowledge(alert_id=alert.pk, by=world.by, now=world.now, expires_minutes=30)
    world.advance(minutes=29)
    world.phone.silent()
    world.advance(minutes=2)
    world.phone.expect(world.ana)
    assert list(Escalation.objects.order_by("id").values_list("episode", "status")) == [(1, "acknowledged"), (2, "running")]


def test_paging_ends_when_the_subject_is_over(world: World):
    world.policy([world.ana], [world.ben])
    alert = world.alert()
    world.phone.expect(world.ana)
    paging.stop(alert_id=alert.pk, reason="resolved", now=world.now)
    world.advance(hours=1)
    assert world.escalation(alert).status == "stopped"


def test_a_policy_is_gone_through_again_as_often_as_it_says(world: World):
    world.policy([world.ana], [world.ben], repeats=1)
    world.alert()
    for _ in range(2):
        world.phone.expect(world.ana)
        world.advance(minutes=5)
        world.phone.expect(world.ben)
        world.advance(minutes=5)


# -- never silent (R6) ----------------------------------------------------------------------------------------------------


def test_nobody_on_call_leads_to_the_next_step_at_once(world: World):
    world.policy([world.schedule()], [world.ben])
    alert = world.alert()
    world.phone.expect(world.ben)
    assert world.timeline(alert)[:3] == ["escalation_started", "nobody_reached", "paged"]


def test_nobody_at_all_leads_to_the_team_then_to_the_organisation(world: World):
    world.fallback(team=world.cy, organisation=world.lea)
    world.policy([world.schedule()])
    alert = world.alert()
    world.phone.expect(world.cy)
    world.advance(minutes=5)
    world.phone.expect(world.lea)
    world.advance(minutes=5)
    assert world.escalation(alert).status == "exhausted"
    kinds = world.timeline(alert)
    assert [kind for kind in kinds if kind in ("nobody_reached", "fallback_paged", "escalation_exhausted")] == [
        "nobody_reached", "fallback_paged", "fallback_paged", "escalation_exhausted",
    ]  # fmt: skip


def test_without_a_policy_the_fallback_person_is_paged(world: World):
    world.fallback(organisation=world.lea)
    world.alert()
    world.phone.expect(world.lea)


def test_a_person_without_a_contact_method_is_passed_over_at_once(world: World):
    mute = world.person("Mute", phone=False)
    world.policy([mute], [world.ben])
    alert = world.alert()
    world.phone.expect(world.ben)
    assert "nobody_reached" in world.timeline(alert)


def test_a_person_who_left_between_two_steps_is_skipped(world: World):
    world.policy([world.ana], [world.ben], [world.cy])
    world.alert()
    world.phone.expect(world.ana)
    User.objects.filter(pk=world.ben.pk).update(is_active=False)
    world.advance(minutes=5)
    world.phone.expect(world.cy)


def test_an_exhausted_escalation_can_still_be_acknowledged(world: World):
    alert = world.alert()
    assert world.escalation(alert).status == "exhausted"
    assert world.acknowledge(alert, world.ana).taken


def test_paging_by_hand_somebody_without_a_method_pages_the_fallback(world: World):
    world.fallback(organisation=world.lea)
    mute, alert = world.person("Mute", phone=False), world.alert(page=False)
    page_someone(user=mute, reason="You know the ledger", alert=alert, by=world.by, now=world.now)
    world.settle()
    page = world.phone.expect(world.lea)
    assert "Mute could not be reached" in page.text


def test_paging_by_hand_twice_in_a_minute_pages_once(world: World):
    alert = world.alert(page=False)
    for _ in range(2):
        page_someone(user=world.cy, reason="You know the ledger", alert=alert, by=world.by, now=world.now)
    world.settle()
    assert "You know the ledger" in world.phone.expect(world.cy).text


# -- the right person (R5) ------------------------------------------------------------------------------------------------


def test_an_override_made_a_second_before_counts(world: World):
    schedule = world.schedule(world.ana)
    world.policy([schedule])
    world.override(schedule, world.cy, hours=1)
    world.alert()
    world.phone.expect(world.cy)


def test_people_are_looked_up_when_the_step_starts_not_before(world: World):
    schedule = world.schedule(world.ben)
    world.policy([world.ana], [schedule])
    world.alert()
    world.phone.expect(world.ana)
    world.advance(minutes=4)
    world.override(schedule, world.cy, hours=1)
    world.advance(minutes=1)
    world.phone.expect(world.cy)


def test_a_running_escalation_keeps_its_steps_when_the_policy_changes(world: World):
    policy = world.policy([world.ana], [world.ben])
    world.alert()
    world.phone.expect(world.ana)
    paging.change_policy(policy, steps=[{"wait_seconds": 60, "targets": [{"kind": "user", "id": world.cy.pk}]}], by=world.by, now=world.now)
    world.advance(minutes=5)
    world.phone.expect(world.ben)


def test_the_handoff_follows_the_wall_clock_through_the_change_to_summer_time(world: World):
    schedule = world.schedule(world.ana, world.ben, shift={"days": 1})
    berlin = ZoneInfo("Europe/Berlin")
    for day in (28, 29, 30):  # clocks change on 29 March 2026
        before = oncall.who(schedule, datetime(2026, 3, day, 8, 59, 59, tzinfo=berlin))
        after = oncall.who(schedule, datetime(2026, 3, day, 9, 0, 0, tzinfo=berlin))
        assert before and after and before.user != after.user


# -- failures (R7, R10) ---------------------------------------------------------------------------------------------------


def test_a_temporary_failure_is_tried_again_after_5_15_and_30_seconds(world: World):
    world.policy([world.ana])
    world.phone.answer(f"+{world.ana.pk}", Outcome.RETRY, Outcome.RETRY, Outcome.RETRY)
    world.alert()
    for seconds in (5, 15, 30):
        world.phone.silent()
        world.advance(seconds=seconds - 1)
        world.phone.silent()
        world.advance(seconds=1)
    world.phone.expect(world.ana)
    (page,) = world.pages()
    assert (page.state, page.attempt, page.possible_duplicate) == ("delivered", 4, False)


def test_a_permanent_failure_leads_to_the_next_method_at_once(world: World):
    world.method(world.ana, "+second")
    first = world.ana.contact_methods.get(address=f"+{world.ana.pk}")
    paging.add_rule(world.ana, contact_method=first.pk, after_seconds=0, by=world.by, now=world.now)
    world.policy([world.ana])
    world.phone.answer(f"+{world.ana.pk}", Outcome.FAILED)
    alert = world.alert()
    world.phone.expect(world.ana, number="+second")
    assert "page_failed" in world.timeline(alert)


def test_when_all_methods_of_a_person_fail_the_next_step_starts_at_once(world: World):
    world.method(world.ana, "+second")
    world.phone.answer(f"+{world.ana.pk}", then=Outcome.FAILED)
    world.phone.answer("+second", then=Outcome.FAILED)
    world.policy([world.ana], [world.ben])
    world.alert()
    world.phone.expect(world.ben)


def test_a_step_goes_on_waiting_while_another_person_of_it_was_reached(world: World):
    world.phone.answer(f"+{world.ana.pk}", then=Outcome.FAILED)
    world.policy([world.ana, world.cy], [world.ben])
    world.alert()
    world.phone.expect(world.cy)
    world.phone.silent()
    world.advance(minutes=5)
    world.phone.expect(world.ben)


def test_a_provider_that_asks_for_a_day_is_not_waited_for(world: World):
    world.method(world.ana, "+second")
    paging.add_rule(world.ana, contact_method=world.ana.contact_methods.first().pk, by=world.by, now=world.now)
    world.phone.answer(f"+{world.ana.pk}", Outcome.RETRY, retry_after=86400)
    world.policy([world.ana])
    world.alert()
    world.phone.expect(world.ana, number="+second")


def test_a_crash_between_call_and_mark_pages_at_most_once_more_and_says_so(world: World):
    world.policy([world.ana])
    alert = world.alert(page=False)
    world.page(alert)
    (row,) = claims.claim("phone", 8, "99999999@0/gone", world.now)  # a sender that calls and then dies
    world.advance(seconds=11)
    world.phone.expect(world.ana, "Possible duplicate")
    row.refresh_from_db()
    assert (row.state, row.possible_duplicate, row.fence) == ("delivered", True, 2)


def test_a_sender_that_was_overtaken_cannot_settle(world: World):
    world.policy([world.ana])
    world.page(world.alert(page=False))
    (row,) = claims.claim("phone", 8, "99999999@0/gone", world.now)
    world.advance(seconds=11)
    world.phone.expect(world.ana)
    assert settling.settle(row.pk, row.fence, Receipt(Outcome.FAILED, "late"), world.now) == ""


def test_an_acknowledgement_while_a_page_is_being_retried_ends_the_retries(world: World):
    world.policy([world.ana], [world.ben])
    world.phone.answer(f"+{world.ana.pk}", then=Outcome.RETRY)
    alert = world.alert()
    world.acknowledge(alert, world.ben)
    world.advance(minutes=10)
    assert [page.state for page in world.pages()] == ["cancelled"]


def test_the_same_page_is_never_planned_twice(world: World):
    world.policy([world.ana])
    alert = world.alert()
    world.phone.expect(world.ana)
    Escalation.objects.update(step=0, round=0, due_at=world.now)  # as if the step's transaction had been repeated
    world.settle()
    assert len(world.pages(alert_id=alert.pk)) == 1


def test_each_page_has_a_history_and_a_final_state(world: World):
    world.policy([world.ana])
    world.alert()
    world.phone.expect(world.ana)
    (page,) = world.pages()
    assert [line["state"] for line in page.history] == ["pending", "sending", "delivered"]
    assert page.final_at is not None and page.due_at is None


# -- a storm does not bury a person (R9) ----------------------------------------------------------------------------------


def test_in_a_storm_a_person_gets_one_page_a_minute_with_a_true_count(world: World):
    world.policy([world.ana], wait=3600)
    world.alert("first")
    world.phone.expect(world.ana, "first")
    for number in range(5):
        world.alert(f"cause {number}")
    world.phone.silent()
    world.advance(seconds=60)
    page = world.phone.expect(world.ana, "and 4 more")
    assert all(f"cause {number}" in page.text for number in range(5))
    assert Notification.objects.filter(merged_into__isnull=False).count() == 4


def test_merged_pages_find_their_next_method_when_the_one_that_carried_them_fails(world: World):
    world.method(world.ana, "+second")
    paging.add_rule(world.ana, contact_method=world.ana.contact_methods.first().pk, by=world.by, now=world.now)
    world.policy([world.ana], wait=3600)
    world.phone.answer(f"+{world.ana.pk}", then=Outcome.FAILED)
    for title in ("one", "two"):
        world.page(world.alert(title, page=False))
    world.settle()
    page = world.phone.expect(world.ana, number="+second")
    assert "one" in page.text and "two" in page.text


# -- contact methods ------------------------------------------------------------------------------------------------------


def test_an_address_is_proved_by_the_code_that_was_sent_to_it(world: World):
    actor = Actor.of(world.cy, "web")
    method = paging.add_method(world.cy, kind="phone", address="+new", by=actor, now=world.now)
    world.settle()
    code = world.phone.expect(world.cy, "The code is", number="+new").text.split("The code is ")[1][:6]
    assert not Notification.objects.filter(text__contains=code).exists()
    assert paging.verify(method, code, by=actor, now=clock.now()).verified_at


def test_an_unproved_address_is_not_paged(world: World):
    new = world.person("New", phone=False)
    paging.add_method(new, kind="phone", address="+new", by=Actor.of(new, "web"), now=world.now)
    world.settle()
    world.phone.expect(new, "code", number="+new")
    world.policy([new], [world.ben])
    world.alert()
    world.phone.expect(world.ben)


def test_a_screen_that_shows_nothing_is_replaced_by_the_next_method(world: World):
    paging.add_method(world.ana, kind="screen", by=world.by, now=world.now)
    screen = world.ana.contact_methods.get(kind="screen")
    paging.add_rule(world.ana, contact_method=screen.pk, by=world.by, now=world.now)
    world.policy([world.ana])
    world.alert()
    world.advance(seconds=49)
    world.phone.silent()
    world.advance(seconds=11)
    world.phone.expect(world.ana)


def test_a_screen_that_shows_the_page_has_delivered_it(world: World):
    paging.add_method(world.ana, kind="screen", by=world.by, now=world.now)
    paging.add_rule(world.ana, contact_method=world.ana.contact_methods.get(kind="screen").pk, by=world.by, now=world.now)
    world.policy([world.ana])
    world.alert()
    paging.shown(world.pages()[0], world.now + timedelta(seconds=1))
    world.advance(minutes=2)
    assert [page.state for page in world.pages()] == ["delivered"]
