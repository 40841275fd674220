"""Tracks of a policy run beside one another: each with its own steps and waits, all ended by one acknowledgement; tiers; a test on oneself; undo."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.scenarios.world import World
from tocsin import clock
from tocsin.accounts.actor import Actor
from tocsin.accounts.models import User
from tocsin.alerts.models import Service
from tocsin.cli import configuration
from tocsin.domain import escalation as rules
from tocsin.domain.ports import Outcome
from tocsin.domain.replies import Verb
from tocsin.lib.refusal import Refused
from tocsin.oncall.models import Readiness
from tocsin.paging import low_urgency, rehearsal, versions
from tocsin.paging import operations as paging
from tocsin.paging import operations_policies as policies
from tocsin.paging import operations_policy_tests as policy_tests
from tocsin.paging.messages import ack_link
from tocsin.paging.models import ContactMethod, Escalation, Notification
from tocsin.response.acknowledge import acknowledge_by_link
from tocsin.response.answer_page import _carry_out
from tocsin.response.ready import rehearse as send_rehearsal
from tocsin.response.rehearse import rehearse
from tocsin.response.try_policy import try_policy
from tocsin.timeline.models import Entry

pytestmark = pytest.mark.django_db


def beside(world: World, *steps: dict[str, Any], name: str = "Leadership", repeats: int = 0) -> None:
    """The service's policy has that track as well."""
    policy = world.service.escalation_policy
    track = {"name": name, "steps": list(steps), "repeats": repeats}
    paging.change_policy(policy, tracks=[*policy.tracks, track], by=world.by, now=world.now)
    world.service.refresh_from_db()


def runs(alert: Any, track: str) -> list[str]:
    return list(Escalation.objects.filter(alert=alert, policy_track=track).order_by("id").values_list("status", flat=True))


# -- tracks ---------------------------------------------------------------------------------------------------------------


def test_on_call_and_leadership_are_paged_side_by_side_and_one_acknowledgement_ends_both(world: World):
    world.policy([world.ana], [world.ben])
    beside(world, world.step(world.lea, wait=600), world.step(world.cy))
    alert = world.alert()
    world.phone.expect(world.ana, "policy Payments")
    assert "policy Payments, track Leadership" in world.phone.expect(world.lea).text
    world.advance(minutes=5)
    world.phone.expect(world.ben)
    world.phone.silent()  # the track beside it waits ten minutes
    world.advance(minutes=5)
    world.phone.expect(world.cy)
    assert world.acknowledge(alert, world.cy).taken
    assert runs(alert, "") == runs(alert, "Leadership") == ["acknowledged"]
    said = [entry.text for entry in Entry.objects.filter(alert_id=alert.pk).order_by("id")]
    assert "Paging started beside it (policy Payments, track Leadership)." in said
    assert any(text.startswith("Track Leadership, step 2 pages Cy") for text in said)
    world.advance(hours=1)


def test_a_track_that_nobody_answers_ends_by_itself_and_the_fallback_people_are_paged_once(world: World):
    world.policy([world.ana])
    world.fallback(team=world.ben)
    beside(world, world.step(world.lea))
    alert = world.alert()
    for person in (world.ana, world.lea):
        world.phone.expect(person)
    world.advance(minutes=5)
    world.phone.expect(world.ben, "fallback")
    world.advance(minutes=20)
    assert (runs(alert, ""), runs(alert, "Leadership")) == (["exhausted"], ["exhausted"])
    assert "Nobody answered any step of track Leadership." in [entry.text for entry in Entry.objects.filter(alert_id=alert.pk)]


def test_a_track_for_worse_severities_starts_when_it_becomes_worse_even_where_somebody_has_it(world: World):
    world.policy([world.ana])
    beside(world, world.step(world.lea, severities=["SEV1"]))
    alert = world.alert(severity="SEV2")
    world.phone.expect(world.ana)
    assert runs(alert, "Leadership") == ["stopped"]
    assert world.timeline(alert).count("step_passed_over") == 2  # the step, and with it the track
    paging.retitle(alert_id=alert.pk, subject={"severity": "SEV3"}, now=world.now)
    paging.retitle(alert_id=alert.pk, subject={"severity": "SEV1"}, now=world.now)
    world.settle()
    world.phone.expect(world.lea, "track Leadership")
    paging.retitle(alert_id=alert.pk, subject={"severity": "SEV2"}, now=world.now)
    paging.retitle(alert_id=alert.pk, subject={"severity": "SEV1"}, now=world.now)
    world.settle()  # whoever was asked once is not asked again
    world.acknowledge(alert, world.lea)


def test_each_track_pages_again_once_when_its_acknowledgement_runs_out(world: World):
    world.policy([world.ana])
    beside(world, world.step(world.lea))
    alert = world.alert()
    world.phone.expect(world.ana)
    world.phone.expect(world.lea)
    paging.acknowledge(alert_id=alert.pk, by=world.by, now=world.now, expires_minutes=30)
    world.advance(minutes=31)
    world.phone.expect(world.ana)
    world.phone.expect(world.lea)
    assert runs(alert, "") == runs(alert, "Leadership") == ["acknowledged", "running"]
    policy = world.service.escalation_policy
    paging.acknowledge(alert_id=alert.pk, by=world.by, now=world.now, expires_minutes=30)
    paging.change_policy(policy, tracks=[], by=world.by, now=world.now)
    world.advance(minutes=31)
    world.phone.expect(world.ana)  # the policy has no such track any more
    paging.stop(alert_id=alert.pk, reason="resolved", now=world.now)
    world.advance(hours=2)
    assert not Escalation.objects.filter(alert=alert, status="running").exists()


def test_a_running_escalation_keeps_the_tracks_that_it_started_with(world: World):
    world.policy([world.ana], [world.ben])
    beside(world, world.step(world.lea), world.step(world.cy))
    alert = world.alert()
    world.phone.expect(world.ana)
    world.phone.expect(world.lea)
    paging.change_policy(world.service.escalation_policy, tracks=[], by=world.by, now=world.now)
    world.advance(minutes=5)
    world.phone.expect(world.ben)
    world.phone.expect(world.cy)
    world.acknowledge(alert, world.ana)


def test_the_dry_run_and_explain_show_the_tracks_beside_one_another(world: World):
    world.policy([world.ana], [world.ben])
    beside(world, world.step(world.lea, wait=600), world.step(world.cy))
    (track,) = rehearse(world.service, now=world.now)
    shown = [(line.track, line.step, line.who, line.after_seconds) for line in track.lines if line.step]
    assert shown == [("", 1, "Ana", 0), ("", 2, "Ben", 300), ("Leadership", 1, "Lea", 0), ("Leadership", 2, "Cy", 600)]
    assert not [line for line in track.lines if line.track and line.step is None], "the fallback people follow the first track alone"
    assert "policy Payments, track Leadership" in track.lines[-1].people[0]["why"]


def test_a_track_without_a_name_or_with_one_twice_is_refused_by_its_place(world: World):
    policy, step = world.policy([world.ana]), world.step(world.lea)
    for tracks, field in (
        ([{"name": " ", "steps": [step]}], "tracks.0.name"),
        ([{"name": "a", "steps": [step]}, {"name": "A", "steps": [step]}], "tracks.1.name"),
        ([{"name": "a", "steps": []}], "tracks.0.steps"),
        ([{"name": "a", "steps": [{**step, "targets": []}]}], "tracks.0.steps.0.targets"),
        ([{"name": "a", "steps": [step], "repeats": 99}], "tracks.0.repeats"),
        ([{"name": str(n), "steps": [step]} for n in range(6)], "tracks"),
        ([{"name": "a", "steps": [world.step(world.lea, tiers=[5])]}], "tracks.0.steps.0.when.tiers"),
    ):
        with pytest.raises(Refused) as refused:
            paging.change_policy(policy, tracks=tracks, by=world.by, now=world.now)
        assert field in refused.value.errors


plain_steps = st.lists(st.integers(60, 900).map(lambda wait: {"wait_seconds": wait}), min_size=1, max_size=3)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(own=plain_steps, other=plain_steps, repeats=st.integers(0, 1), pause=st.integers(1, 3000))
def test_tracks_never_hurry_delay_or_silence_one_another(world: World, own, other, repeats, pause):
    def steps(waits: list[dict[str, int]], person: User) -> list[dict[str, Any]]:
        return [world.step(person, wait=one["wait_seconds"]) for one in waits]

    world.written(steps(own, world.ana), repeats=repeats)
    beside(world, *steps(other, world.lea), repeats=repeats)
    began = world.now
    alert = world.alert(page=False)
    world.page(alert)
    world.advance(seconds=pause)
    for track, waits in (("", own), ("Leadership", other)):
        seconds = [one["wait_seconds"] for one in waits] * (repeats + 1)
        expected = sum(sum(seconds[:n]) <= pause for n in range(len(seconds)))
        run = Escalation.objects.get(alert=alert, policy_track=track)
        pages = run.notifications.filter(kind="page").order_by("id")
        assert pages.count() == expected
        for n, page in enumerate(pages):
            assert timedelta(0) <= page.created_at - began - timedelta(seconds=sum(seconds[:n])) < timedelta(seconds=5)
    world.acknowledge(alert, world.cy)
    assert not Notification.objects.filter(alert_id=alert.pk, state="pending").exists()
    before = Notification.objects.count()
    world.advance(hours=3)
    assert Notification.objects.count() == before
    world.phone.unread.clear()  # each of them was looked at above


# -- somebody who stands in two tracks ------------------------------------------------------------------------------------


def test_whoever_stands_in_two_tracks_is_told_once_and_both_tracks_go_on(world: World):
    world.policy([world.ana], [world.ben])
    beside(world, world.step(world.ana), world.step(world.lea))
    alert = world.alert()
    message = world.phone.expect(world.ana, "policy Payments")
    assert "more" not in message.title and "Also:" not in message.text
    first, second = world.pages(user=world.ana)
    assert (second.state, second.merged_into) == ("cancelled", first)
    assert second.outcome == f"told at this moment already, by page {first.pk}"
    [said] = Entry.objects.filter(alert_id=alert.pk, kind="told_already")
    assert said.text == (
        "Track Leadership, step 1 counts as told: Ana (named in the policy), whom on call pages about this at the same moment. Once is enough."
    )
    world.advance(seconds=300)
    world.phone.expect(world.ben)
    world.phone.expect(world.lea)
    assert world.acknowledge(alert, world.ana).taken
    assert runs(alert, "") == runs(alert, "Leadership") == ["acknowledged"]


def test_the_procedures_own_tracks_tell_somebody_once_too_and_others_are_told_as_ever(world: World):
    world.policy([world.ana, world.ben])
    alert = world.alert()
    world.phone.expect(world.ana)
    world.phone.expect(world.ben)
    world.advance(seconds=20)
    leadership = paging.create_policy(name="Heads", team=None, steps=[world.step(world.ana, world.lea)], by=world.by, now=world.now)
    paging.start(policy=leadership, track="leadership", subject={"title": alert.title}, alert=alert, now=world.now)
    world.settle()
    world.phone.expect(world.lea)
    world.phone.silent()
    world.acknowledge(alert, world.lea)


def test_the_dry_run_says_of_whoever_stands_in_two_tracks_that_they_are_told_once(world: World):
    world.policy([world.ana], [world.ben])
    beside(world, world.step(world.ana), world.step(world.lea))
    lines = rehearsal.dry_run(world.service.escalation_policy.plain, name="Payments", now=world.now)
    assert [(line.who, line.told) for line in lines if line.track or line.step == 1] == [
        ("Ana", ""),
        ("Ana", "Ana is told once, by Payments"),
        ("Lea", ""),
    ]
    Service.objects.filter(pk=world.service.pk).update(leadership_policy=world.service.escalation_policy)
    world.service.refresh_from_db()
    on_call, leadership = rehearse(world.service, severity="SEV1", now=world.now)
    assert [line.told for line in leadership.lines if line.step and not line.track] == [
        "Ana is told once, by on call",
        "Ben is told once, by on call",
    ]
    assert not [line for line in on_call.lines if line.told and not line.track]
    assert [line.told for line in on_call.lines if line.track and line.who == "Lea"] == [""]


def test_another_moment_another_subject_and_another_person_are_told_as_ever(world: World):
    world.policy([world.ana], wait=600)
    beside(world, world.step(world.lea, wait=61), world.step(world.ana))
    alert = world.alert("First")
    world.phone.expect(world.ana, "First")
    world.phone.expect(world.lea)
    world.advance(seconds=61)
    world.phone.expect(world.ana, "First")  # a minute later it is a reminder
    world.acknowledge(alert, world.ana)
    world.advance(seconds=120)
    second, third = world.alert("Second", page=False), world.alert("Third", page=False)
    for one in (second, third):
        world.page(one)
    world.settle()
    assert "Also: SEV2 Third" in world.phone.expect(world.ana, "Second").text  # merged with a true count (R9), as before
    world.phone.expect(world.lea)
    for one in (second, third):
        world.acknowledge(one, world.ana)


def test_what_is_more_urgent_wins_and_what_waited_is_told_with_it(world: World):
    policy = world.policy([world.ana])
    paging.change_policy(policy, low_severities=["SEV3"], by=world.by, now=world.now)
    world.service.refresh_from_db()
    world.advance(seconds=(datetime(2026, 11, 28, 3, 0, tzinfo=world.now.tzinfo) - world.now).total_seconds() % 604_800)  # a Saturday
    alert = world.alert(severity="SEV3")
    world.phone.silent()
    [waiting] = world.pages(user=world.ana)
    assert waiting.state == "pending"
    heads = paging.create_policy(name="Heads", team=None, steps=[world.step(world.ana)], by=world.by, now=world.now)
    paging.start(policy=heads, track="leadership", subject={"title": alert.title, "severity": "SEV3"}, alert=alert, now=world.now)
    world.settle()
    world.phone.expect(world.ana, "policy Heads")
    waiting.refresh_from_db()
    urgent = world.pages(user=world.ana)[1]
    assert (waiting.state, waiting.merged_into) == ("cancelled", urgent) and "more urgent" in waiting.outcome
    again = paging.create_policy(name="Low", team=None, steps=[world.step(world.ana)], by=world.by, now=world.now)
    paging.change_policy(again, low_severities=["SEV3"], by=world.by, now=world.now)
    again.refresh_from_db()
    paging.start(policy=again, track="person", subject={"title": alert.title, "severity": "SEV3"}, alert=alert, now=world.now)
    assert world.pages(user=world.ana)[2].merged_into == urgent  # the other way round: what can wait was told by what could not
    world.acknowledge(alert, world.ana)
    world.advance(days=4)


def test_where_the_page_that_stands_for_both_fails_both_tracks_go_on_at_once(world: World):
    world.phone.answer(f"+{world.ana.pk}", then=Outcome.FAILED)
    world.policy([world.ana], [world.ben])
    beside(world, world.step(world.ana), world.step(world.lea))
    alert = world.alert()
    world.phone.expect(world.ben)
    world.phone.expect(world.lea)
    assert world.timeline(alert).count("nobody_reached") == 2
    world.acknowledge(alert, world.ben)


def test_their_next_way_is_used_for_both_before_either_track_goes_on(world: World):
    world.method(world.ana, "+second")
    world.phone.answer(f"+{world.ana.pk}", then=Outcome.FAILED)
    first, second = ContactMethod.objects.filter(user=world.ana).order_by("id")
    paging.add_rule(world.ana, contact_method=first.pk, by=world.by, now=world.now)
    paging.add_rule(world.ana, contact_method=second.pk, after_seconds=900, by=world.by, now=world.now)
    world.policy([world.ana], [world.ben])
    beside(world, world.step(world.ana), world.step(world.lea))
    alert = world.alert()
    world.phone.expect(world.ana, number="+second")
    world.phone.silent()
    world.acknowledge(alert, world.ana)


def test_passing_it_on_passes_on_both(world: World):
    world.policy([world.ana], [world.ben], wait=900)
    beside(world, world.step(world.ana, wait=900), world.step(world.lea))
    alert = world.alert()
    world.phone.expect(world.ana)
    with transaction.atomic():
        assert paging.hurry(Escalation.objects.get(alert=alert, policy_track="").pk, by=world.by, now=world.now)
    world.settle()
    world.phone.expect(world.ben)
    world.phone.expect(world.lea)
    world.acknowledge(alert, world.lea)


def test_where_all_must_acknowledge_who_was_told_once_is_asked_by_both(world: World):
    world.written([world.step(world.ana, world.ben, need=0)])
    beside(world, world.step(world.ana, world.lea, need=0))
    alert = world.alert()
    for person in (world.ana, world.ben, world.lea):
        world.phone.expect(person)
    world.acknowledge(alert, world.ana)
    assert (runs(alert, ""), runs(alert, "Leadership")) == (["running"], ["running"])
    world.acknowledge(alert, world.ben)
    assert (runs(alert, ""), runs(alert, "Leadership")) == (["acknowledged"], ["running"])
    world.acknowledge(alert, world.lea)
    assert runs(alert, "Leadership") == ["acknowledged"]


def test_what_was_merged_into_a_page_that_is_merged_itself_is_not_lost(world: World):
    """Two tracks tell Ana once; in a storm that page waits behind another alert's, which fails: every track of both goes on."""
    world.policy([world.ana], [world.ben])
    beside(world, world.step(world.ana), world.step(world.lea))
    world.phone.answer(f"+{world.ana.pk}", then=Outcome.FAILED)
    first, second = world.alert("First", page=False), world.alert("Second", page=False)
    for one in (first, second):
        world.page(one)
    world.settle()
    for one in (first, second):
        assert {run.step for run in Escalation.objects.filter(alert=one)} == {2}, "each track of each has gone on"
    world.phone.expect(world.ben)
    world.phone.expect(world.lea)
    assert {page.merged_into_id for page in world.pages(user=world.ben, state="cancelled")} == {world.pages(user=world.ben)[0].pk}
    for one in (first, second):
        world.acknowledge(one, world.ben)


# -- tiers ----------------------------------------------------------------------------------------------------------------


def test_a_step_counts_for_the_tiers_it_names_and_an_unknown_tier_leaves_nobody_out(world: World):
    world.written([world.step(world.lea, tiers=[1, 2]), world.step(world.ana)])
    Service.objects.filter(pk=world.service.pk).update(tier=3)
    world.service.refresh_from_db()
    (track,) = rehearse(world.service, now=world.now)
    assert track.lines[0].passed_over == "it is only for services of tier 1 or 2, and this one is of tier 3"
    assert track.lines[0].condition == "only for services of tier 1 or 2" and track.lines[1].who == "Ana"
    Service.objects.filter(pk=world.service.pk).update(tier=2)
    world.service.refresh_from_db()
    assert rehearse(world.service, now=world.now)[0].lines[0].who == "Lea"
    alert = world.alert()  # its subject names no tier, as one from before there were any
    world.phone.expect(world.lea)
    world.acknowledge(alert, world.ana)


# -- what can wait --------------------------------------------------------------------------------------------------------


def test_the_dry_run_says_until_when_a_low_page_would_wait_and_why(world: World):
    User.objects.filter(pk=world.ana.pk).update(time_zone="Europe/Berlin", country="DE")
    world.shifted = datetime.fromisoformat("2027-02-03T03:00+01:00") - (world.now - world.shifted)
    clock.shift(world.shifted)
    policy = world.policy([world.ana], [world.cy])
    paging.change_policy(policy, low_severities=["SEV4"], by=world.by, now=world.now)
    world.service.refresh_from_db()
    about = {"team": world.team.pk, "name": "Payments", "subject": {"severity": "SEV4"}, "now": world.now}
    low = low_urgency.Low.of(world.service.escalation_policy, "SEV4")
    first, second = [line for line in rehearsal.dry_run(policy.plain, low=low, **about) if line.step]
    assert first.waits == ("waits until Wednesday 03 February, 09:00 where Ana lives (Europe/Berlin): SEV4 can wait for working hours")
    assert second.after_seconds == 6 * 3600 + 300, "five minutes count from the morning on"
    alert = world.alert(severity="SEV4")
    world.advance(hours=6)
    world.phone.expect(world.ana)
    world.acknowledge(alert, world.ana)
    assert not [line for line in rehearsal.dry_run(policy.plain, **about) if line.waits], "what cannot wait is not held"
    paging.change_policy(policy, low_urgency="record", by=world.by, now=world.now)
    world.service.refresh_from_db()
    (only,) = rehearsal.dry_run(policy.plain, low=low_urgency.Low.of(world.service.escalation_policy, "SEV4"), **about)
    assert (only.who, only.how, only.reachable) == ("Nobody", "recorded only: policy Payments pages nobody for SEV4", False)


# -- a test on oneself ----------------------------------------------------------------------------------------------------


def test_whoever_tries_a_policy_gets_its_pages_alone_marked_as_a_test_and_ends_them_by_acknowledging(world: World):
    policy = world.policy([world.ana], [world.ben], [world.lea])
    beside(world, world.step(world.lea))
    me = Actor.of(world.cy, "web")
    try_policy(policy, by=me, now=world.now)
    world.settle()
    page = world.phone.expect(world.cy, "TEST of policy Payments: step 1")
    assert "nobody else is paged" in page.text and "would page Ana at once" in page.text and page.link
    assert "would page Lea at once" in world.phone.expect(world.cy, "TEST of policy Payments, track Leadership: step 1").text
    with pytest.raises(Refused, match="under way"):
        try_policy(policy, by=me, now=world.now)
    world.advance(seconds=31)
    assert "would page Ben 5 minutes after the start" in world.phone.expect(world.cy, "step 2").text
    answer = acknowledge_by_link(token=page.link.rstrip("/").rsplit("/", 1)[1], now=world.now)
    assert answer.taken
    world.advance(minutes=5)  # step 3 never comes
    trace = policy_tests.newest(world.service.escalation_policy, world.cy, world.now)
    assert sorted(row.state for row in trace) == ["cancelled", "delivered", "delivered", "delivered"]
    assert policy_tests.acknowledged_at(trace[0]) and not Escalation.objects.exists()
    nobody = world.person("Nil", phone=False)
    with pytest.raises(Refused, match="No way leads to Nil"):
        try_policy(policy, by=Actor.of(nobody, "web"), now=world.now)


def test_a_test_page_is_acknowledged_by_an_answer_too(world: World):
    """A text, a key or a button: what comes from a provider ends in the same place."""
    policy = world.policy([world.ana], [world.ben])
    try_policy(policy, by=Actor.of(world.cy, "web"), now=world.now)
    world.settle()
    world.phone.expect(world.cy, "step 1")
    page = Notification.objects.filter(user=world.cy, kind="test").order_by("due_at", "id").first()
    assert _carry_out(page, Verb.ACKNOWLEDGE, world.cy, "sms", world.now).sentence == "You have acknowledged the test page."
    world.advance(minutes=2)
    send_rehearsal(world.cy, by=Actor.of(world.cy, "web"), now=world.now)
    world.settle()
    world.phone.expect(world.cy, "Test page: acknowledge it")
    ready = Notification.objects.filter(user=world.cy, identity__startswith="ready:").get()
    assert ack_link(ready, world.now) and _carry_out(ready, Verb.ACKNOWLEDGE, world.cy, "voice", world.now).done
    assert Readiness.objects.get(user=world.cy).acknowledged_at == world.now


# -- versions -------------------------------------------------------------------------------------------------------------


def test_each_change_of_a_policy_is_kept_says_what_changed_and_can_be_undone(world: World):
    policy = world.policy([world.ana])
    policies.change_policy(
        policy, steps=[world.step(world.ana, wait=600, severities=["SEV1"]), world.step(world.ben)], by=world.by, now=world.now
    )
    policies.change_policy(policy, tracks=[{"name": "Leadership", "steps": [world.step(world.lea)]}], by=world.by, now=world.now)
    policies.change_policy(policy, name="Payments", by=world.by, now=world.now)  # nothing new is no version
    rows = list(policy.versions.order_by("number"))
    assert [(row.number, row.saved_label) for row in rows] == [(n, "Ana") for n in (1, 2, 3)]
    names = dict(User.objects.values_list("id", "name"))

    def name(target: dict[str, Any]) -> str:
        return names[target["id"]]

    assert versions.changes(rows[0].content, rows[1].content, name) == [
        "step 1: Ana; 5 min, became: Ana; 10 min; only for SEV1", "step 2 added: Ben; 5 min",
    ]  # fmt: skip
    assert versions.changes(rows[1].content, rows[2].content, name) == ["track Leadership added"]
    policies.restore_version(policy, 1, by=world.by, now=world.now)
    policy.refresh_from_db()
    assert (len(policy.steps), policy.tracks, policy.versions.first().note) == (1, [], "version 1 restored")
    User.objects.filter(pk=world.ben.pk).update(is_active=False)
    with pytest.raises(Refused) as refused:
        policies.restore_version(policy, 2, by=world.by, now=world.now)
    assert refused.value.errors == {"steps.1.targets.0": "There is no such person."}
    with pytest.raises(Refused, match="There is no such version"):
        policies.restore_version(policy, 99, by=world.by, now=world.now)


def test_tracks_tiers_and_what_can_wait_are_in_the_configuration_document(world: World):
    policy = world.policy([world.ana])
    beside(world, world.step(world.lea, tiers=[1]))
    paging.change_policy(policy, low_severities=["SEV4"], low_urgency="record", by=world.by, now=world.now)
    Service.objects.filter(pk=world.service.pk).update(tier=1)
    document = configuration.current()
    (written,) = document["escalation_policies"]
    assert written["tracks"][0]["steps"][0]["targets"] == [{"kind": "user", "name": "lea@example.com"}]
    assert (written["low_severities"], written["low_urgency"], document["services"][0]["tier"]) == (["SEV4"], "record", 1)
    assert configuration.Applying(world.now).apply(document) == []
    written["tracks"][0]["name"], document["services"][0]["tier"] = "Directors", 2
    assert len(configuration.Applying(world.now).apply(document)) == 2
    policy.refresh_from_db()
    assert policy.tracks[0]["name"] == "Directors" and Service.objects.get(pk=world.service.pk).tier == 2


def test_one_track_by_itself_has_the_fallbacks_and_others_end_after_their_steps():
    step = rules.Step(60, (rules.Target("user", 1),))
    assert len(rules.Policy((step,)).all_steps) == 3 and len(rules.Policy((step,), fallbacks=False).all_steps) == 1
