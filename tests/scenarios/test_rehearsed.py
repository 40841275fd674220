"""Who would be paged, and when, is what happens: the dry run against the run, for policies, hours, conditions and people in many mixes."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.scenarios.world import World
from tocsin import clock
from tocsin.accounts.models import User
from tocsin.integrations.registry import NOTIFIERS
from tocsin.oncall import operations_people as absent
from tocsin.paging import low_urgency, rehearsal
from tocsin.paging import operations as paging
from tocsin.paging.models import ContactMethod, EscalationPolicy
from tocsin.paging.several import IDENTITY

pytestmark = pytest.mark.django_db
PEOPLE = ("ana", "ben", "cy", "lea")
TARGETS = st.sampled_from([*PEOPLE, "schedule", "days", "everyone", "team", "gone"])
STEP = st.fixed_dictionaries(
    {
        "targets": st.lists(TARGETS, min_size=1, max_size=3, unique=True),
        "wait": st.sampled_from([300, 900, 3600]),
        "hours": st.sampled_from(["", "", "business", "outside"]),
        "severities": st.sampled_from([[], [], ["SEV1"], ["SEV2", "SEV4"]]),
        "need": st.sampled_from([1, 1, 0, 2]),
    }
)
PERSON = st.fixed_dictionaries(
    {
        "zone": st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Kiritimati"]),
        "reach": st.sampled_from(["phone", "phone", "two", "later", "none"]),
        "quiet": st.sampled_from([None, None, (22, 8), (9, 12)]),
        "away": st.sampled_from([None, None, (0, 30), (10, 60)]),
    }
)


def target(world: World, name: str, schedules: dict[str, Any]) -> Any:
    if name in PEOPLE:
        return getattr(world, name)
    return {"everyone": {"kind": "schedule_people", "id": schedules["schedule"].pk}, "team": world.team}.get(name) or schedules[name]


def organise(world: World, people: dict[str, dict[str, Any]]) -> dict[str, Any]:
    for name, plain in people.items():
        user = getattr(world, name)
        User.objects.filter(pk=user.pk).update(time_zone=plain["zone"])
        if plain["reach"] == "none":
            ContactMethod.objects.filter(user=user).update(enabled=False)
        if plain["reach"] == "two":
            world.method(user, f"+second{user.pk}")
        if plain["reach"] == "later":
            method = ContactMethod.objects.get(user=user)
            for urgency in ("high", "low"):
                paging.add_rule(user, contact_method=method.pk, urgency=urgency, after_seconds=120, by=world.by, now=world.now)
        if plain["quiet"]:
            starts, ends = (time(hour) for hour in plain["quiet"])
            paging.set_quiet(user, starts=starts, ends=ends, by=world.by, now=world.now)
        if plain["away"]:
            begin, end = (world.now + timedelta(hours=hours) for hours in plain["away"])
            absent.add_time_off(user, starts_at=begin, ends_at=end, reason="leave", by=world.by, now=world.now)
    days = {"shift": {"hours": 12}, "starts_at": "2026-01-05T09:00:00"}
    hours = [{"weekdays": [0, 1, 2, 3, 4], "from": "09:00", "until": "17:00"}]
    return {
        "schedule": world.schedule(world.ana, world.ben, **days),
        "days": world.schedule(world.cy, world.ana, name="Days", restrictions=hours),
        "gone": world.schedule(name="Nobody"),
    }


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    steps=st.lists(STEP, min_size=1, max_size=3), repeats=st.integers(0, 1), severity=st.sampled_from(["SEV1", "SEV2", "SEV4", "SEV4"]),
    people=st.fixed_dictionaries(dict.fromkeys(PEOPLE, PERSON)), fallback=st.booleans(), hour=st.integers(0, 24 * 9),
    track=st.lists(STEP, max_size=1),
)  # fmt: skip
def test_who_would_be_paged_is_who_is_paged(db, steps, repeats, severity, people, fallback, hour, track):
    with transaction.atomic():
        try:
            compare(steps, repeats, severity, people, fallback, hour, track)
        finally:
            transaction.set_rollback(True)
            NOTIFIERS.remove("phone")


def compare(steps, repeats, severity, people, fallback, hour, track):
    world = World()
    world.shifted = datetime.fromisoformat("2027-03-22T00:30+00:00") + timedelta(hours=hour) - (world.now - world.shifted)
    clock.shift(world.shifted)
    schedules = organise(world, people)
    if fallback:
        world.fallback(team=world.cy, organisation=world.lea)
    written = [
        world.step(*(target(world, name, schedules) for name in one["targets"]), wait=one["wait"], need=one["need"], hours=one["hours"],
                   severities=one["severities"])
        for one in [*steps, *track]
    ]  # fmt: skip
    policy = paging.create_policy(
        name="Payments", team=world.team.pk, steps=written[: len(steps)], repeats=repeats, low_severities=["SEV4"],
        tracks=[{"name": "Beside", "steps": written[len(steps) :], "repeats": 0}] if track else [], by=world.by, now=world.now,
    )  # fmt: skip
    type(world.service).objects.filter(pk=world.service.pk).update(escalation_policy=policy)
    world.service.refresh_from_db()
    policy = EscalationPolicy.objects.get(pk=policy.pk)
    about = {"severity": severity, "critical": world.service.critical, "title": "Checkout is down", "service": "checkout"}
    begun = world.now
    low = low_urgency.Low.of(policy, severity)
    lines = rehearsal.dry_run(policy.plain, team=world.team.pk, name=policy.name, subject=about, low=low, now=begun)
    planned = {
        (line.track, line.step or f"fallback {sum(1 for one in lines[:place] if one.step is None and one.track == line.track)}", line.round, person["user"]["name"]):
        (person["waits_until"] or line.at) + timedelta(seconds=person["methods"][0]["after_seconds"])
        for place, line in enumerate(lines) for person in line.people
    }  # fmt: skip
    alert = world.alert("Checkout is down", severity=severity, page=False)
    world.page(alert)
    last = max([line.at for line in lines] + list(planned.values()), default=begun)
    world.advance(seconds=(last - begun).total_seconds() + 900)
    happened: dict[Any, datetime | None] = {}
    for row in world.pages(kind__in=["page", "fallback"], escalation__isnull=False):
        place = IDENTITY.match(row.identity)
        run, step = row.escalation, int(place[1])
        count = len(run.policy_snapshot["steps"])
        name = step + 1 if step < count else f"fallback {step - count}"
        key = (run.policy_track, name, int(place[2]), row.user.name)
        happened[key] = min((at for at in (happened.get(key), row.sent_at) if at), default=None)
    assert sorted(map(str, happened)) == sorted(map(str, planned)), (lines, happened)
    for key, at in happened.items():
        late = (at - planned[key]).total_seconds() if at else 0
        assert -2 <= late <= 62, (key, planned[key], at, lines)
    world.phone.unread.clear()
