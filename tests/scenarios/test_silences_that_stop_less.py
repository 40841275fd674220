"""What a silence does not stop, and what it does although few see it: whom somebody asked for, what flaps, causes of thousands, private incidents."""

from __future__ import annotations

import pytest

from tests.api.test_frame import call, token
from tests.rooms.test_quiet import fire
from tests.scenarios.test_silences_and_pages import make, rings, said
from tocsin.accounts.actor import Actor
from tocsin.alerts import queries_quiet
from tocsin.alerts.models import Alert
from tocsin.obligations.models import Obligation
from tocsin.paging import operations as paging
from tocsin.paging.models import Escalation
from tocsin.response import alert_reach, silenced_now
from tocsin.response.declare_incident import declare
from tocsin.timeline.models import Entry

pytestmark = pytest.mark.django_db


def asks_for(world, alert: Alert, *people) -> Escalation:
    """A client asks for a policy of these people by hand, beside whoever is paged."""
    policy = paging.create_policy(name="Databases", team=None, steps=[world.step(one) for one in people], by=world.by, now=world.now)
    about = {"subject": alert_reach.subject(alert), "alert": alert, "reason": "Ana asked for Databases"}
    paging.start(policy=policy, track=f"{paging.BY_HAND}{policy.pk}", **about, by=world.by, now=world.now)
    world.settle()
    return Escalation.objects.get(policy=policy)


def test_whom_somebody_asked_for_by_hand_is_paged_on_and_nobody_is_forgotten_at_the_end(world):
    alert = rings(world, "DiskFull")
    asked = asks_for(world, alert, world.cy, world.lea)
    world.phone.expect(world.cy, "DiskFull")
    sentences = silenced_now.look([], [world.service.pk], world.now, world.by).sentences(stop=True)
    assert sentences[-1] == "For 1 those whom somebody asked for by hand are paged on." and "For 1 it stops" in sentences[1]
    assert make(world, "DiskFull", hours=0.5).stopped == 1 and world.escalation(alert) == asked
    world.advance(minutes=5)
    world.phone.expect(world.lea, "DiskFull")
    world.phone.silent()  # not Ben
    world.advance(minutes=25)
    world.phone.expect(world.ana, "DiskFull")
    world.acknowledge(alert, world.ana)
    asked.refresh_from_db()
    assert asked.status == "acknowledged"


def test_the_end_asks_those_on_call_again_while_somebody_who_was_asked_for_by_hand_still_rings(world):
    alert = rings(world, "DiskFull")
    make(world, "DiskFull", hours=0.1)
    asks_for(world, alert, world.cy, world.lea)
    world.phone.expect(world.cy, "DiskFull")
    world.advance(minutes=6)
    world.phone.expect(world.lea, "DiskFull")
    world.phone.expect(world.ana, "DiskFull")
    world.acknowledge(alert, world.ana)


def test_what_is_asked_for_by_hand_alone_goes_on_and_that_is_said(world):
    alert = rings(world, "DiskFull")
    world.acknowledge(alert, world.ana)
    asks_for(world, alert, world.cy)
    world.phone.expect(world.cy, "DiskFull")
    about = {"matchers": [], "service": world.service.pk}
    seen = call("POST", "/silences/preview", about, bearer=token("respond", user=world.ana)).json()
    assert (seen["paged"], seen["stops"], seen["asked_for"]) == (1, 0, 1)
    assert make(world, "DiskFull", hours=0.5).stopped == 0 and world.escalation(alert).status == "running"
    assert said(alert, "suppressed")[0].endswith("Those whom somebody asked for by hand are paged on.")
    world.acknowledge(alert, world.cy)


def flaps_and_is_down(world) -> Alert:
    """It opened three times and is down at this moment."""
    for _ in range(3):
        alert = fire(world, "DiskFull")
        world.settle()
        world.advance(seconds=20)
        fire(world, "DiskFull", "resolved")
        world.advance(seconds=20)
    alert.refresh_from_db()
    assert alert.status == "resolved" and alert.calm_at
    world.phone.unread.clear()
    return alert


def test_what_flaps_and_is_down_when_it_is_silenced_rings_no_longer_either(world):
    world.policy([world.ana], [world.ben])
    alert = flaps_and_is_down(world)
    assert world.escalation(alert).status == "running"
    row = make(world, "DiskFull", hours=2)
    alert.refresh_from_db()
    assert row.stopped == 1 and alert.suppressed_by.startswith(f"silence {row.pk}:")
    assert Obligation.objects.filter(kind="acknowledge", alert_id=alert.pk).latest("id").state == "not_applicable"
    fire(world, "DiskFull")
    world.advance(minutes=30)
    world.phone.silent()


def test_pages_go_on_while_something_of_the_cause_flaps_that_does_not_match(world):
    first = rings(world, "DiskSlow")
    assert flaps_and_is_down(world).lead == first
    assert make(world, "DiskSlow").stopped == 0
    world.advance(minutes=4)
    world.phone.expect(world.ben)
    world.acknowledge(first, world.ben)


@pytest.fixture
def few(monkeypatch):
    """Of a cause five alerts are looked at, and then the others three at a time."""
    for name, number in (("MOST_URGENT", 5), ("MOST_MATCHED", 3), ("_PAGE", 3)):
        monkeypatch.setattr(queries_quiet, name, number)


@pytest.mark.usefixtures("few")
def test_a_cause_of_more_alerts_than_are_looked_at_first_stops_where_all_match(world):
    first = rings(world, *[f"Disk{number}" for number in range(12)])
    world.phone.unread.clear()
    assert make(world, "Disk.*", hours=0.5).stopped == 1
    assert Alert.objects.filter(suppressed_by__startswith="silence").count() == 12
    world.advance(minutes=29)
    world.phone.silent()
    world.advance(minutes=1)
    world.phone.expect(world.ana, "Disk0")
    world.acknowledge(first, world.ana)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("strange", [0, 2, 5, 11])
def test_one_of_very_many_that_does_not_match_lets_pages_go_on(world, strange):
    first = rings(world, *[f"Mail{number}" if number == strange else f"Disk{number}" for number in range(12)])
    world.phone.unread.clear()
    found = silenced_now.look([{"name": "alertname", "value": "Disk.*", "is_regex": True}], [world.service.pk], world.now, world.by)
    assert "other alerts of the same cause fire" in found.sentences(stop=True)[-1]
    assert make(world, "Disk.*").stopped == 0
    assert "other alerts of it fire" in Entry.objects.filter(kind="suppressed").first().text
    world.acknowledge(first, world.ana)


@pytest.mark.usefixtures("few")
def test_a_cause_of_more_than_is_ever_looked_at_rings_on_and_that_is_said(world, monkeypatch):
    monkeypatch.setattr(queries_quiet, "MOST_OF_BIG", 4)
    first = rings(world, *[f"Disk{number}" for number in range(12)])
    world.phone.unread.clear()
    about = {"matchers": [{"name": "alertname", "value": "Disk.*", "is_regex": True}]}
    seen = call("POST", "/silences/preview", about, bearer=token("respond", user=world.ana)).json()
    assert (seen["stops"], seen["others_fire"], seen["too_many"], seen["all_looked_at"]) == (0, 0, 1, False)
    assert seen["sentences"][-1] == "For 1 it goes on: more alerts of the same cause fire than are looked at."
    assert make(world, "Disk.*").stopped == 0
    assert "more alerts of it fire than are looked at" in Entry.objects.filter(kind="suppressed").first().text
    world.acknowledge(first, world.ana)


def test_of_a_private_incident_nobody_learns_here(world):
    alert = rings(world, "DiskFull")
    by = Actor.of(world.ana, "web")
    declare(title="Break-in", severity="SEV2", impact="Nobody knows", private=True, alert=alert, by=by, now=world.now)
    world.settle()
    world.phone.unread.clear()
    about = {"matchers": [], "service": world.service.pk}
    told = call("POST", "/silences/preview", about, bearer=token("respond", user=world.ana)).json()
    assert told["of_incidents"] == 1 and told["sentences"][-1] == "For 1 it goes on: an incident is declared."
    outside = token("respond", user=world.cy)
    seen = call("POST", "/silences/preview", about, bearer=outside).json()
    assert (seen["stops"], seen["of_incidents"]) == (0, 0) and seen["sentences"][-1] == "For 1 it goes on."
    assert make(world, "DiskFull").stopped == 0
    record = call("GET", f"/alerts/{alert.pk}/timeline", bearer=outside).json()
    assert "Pages go on." in str(record) and "incident" not in f"{record}{seen['sentences']}".lower()
    world.phone.unread.clear()


def test_looking_at_many_alerts_asks_the_database_no_more_often_than_at_few(world, django_assert_max_num_queries):
    first = rings(world, *[f"Disk{number}" for number in range(20)])
    with django_assert_max_num_queries(9):
        found = silenced_now.look([], [world.service.pk], world.now, world.by)
    assert found.matched.number == 20
    world.acknowledge(first, world.ana)
