"""Silences: what may be silenced, by whom, for how long, and who is told; and maintenance of a whole team."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.api.test_frame import call, token
from tests.rooms.test_quiet import fire, window
from tocsin import clock
from tocsin.accounts.actor import Actor
from tocsin.accounts.models import Role
from tocsin.alerts import queries_quiet
from tocsin.alerts.models import Service, Silence
from tocsin.domain import quiet
from tocsin.lib.refusal import Refused
from tocsin.paging.models import Escalation, Notification
from tocsin.response import maintain, silence

DISK = [{"name": "alertname", "value": "Disk.*", "is_regex": True, "is_equal": True}]


def make(world, hours: float = 1, **fields) -> Silence:
    fields = {"matchers": DISK, "reason": "Known", "by": world.by, **fields}
    return silence.silence(**fields, ends_at=world.now + timedelta(hours=hours), now=world.now)


def administrator(world):
    world.lea.role = Role.ADMINISTRATOR
    world.lea.save()
    return Actor.of(world.lea, "web")


def notices() -> set[tuple[str, str]]:
    return set(Notification.objects.filter(kind="notice").values_list("user__name", "title"))


@pytest.mark.django_db
class TestSilencingEverything:
    def test_a_responder_gets_a_day_and_an_administrator_more(self, world):
        with pytest.raises(Refused) as refused:
            make(world, 24.1)
        assert "at most 24 hours" in refused.value.errors["ends_at"]
        assert make(world, 24).pk and make(world, 500, service=world.service.pk).pk
        assert make(world, 500, by=administrator(world)).pk

    def test_it_does_not_grow_longer_by_being_extended(self, world):
        row = make(world, 23)
        world.advance(hours=20)
        same = {"matchers": DISK, "service": None, "reason": "Known", "by": world.by}
        with pytest.raises(Refused, match="24 hours"):
            silence.change(row, **same, ends_at=row.ends_at + timedelta(hours=2), now=world.now)
        narrower = [{**DISK[0], "value": "DiskFull", "is_regex": False}]
        with pytest.raises(Refused, match="24 hours"):
            silence.change(row, **{**same, "matchers": narrower}, ends_at=row.ends_at + timedelta(hours=2), now=world.now)

    def test_the_team_and_the_administrators_are_told(self, world):
        administrator(world)
        fire(world)
        row = make(world)
        title = f"Pages are held back: silence {row.pk}"
        assert notices() == {("Lea", title), ("Ben", title)}
        assert "1 open alert" in Notification.objects.filter(kind="notice")[0].text
        make(world, service=world.service.pk)
        assert len(notices()) == 2
        world.settle()
        world.phone.unread.clear()

    def test_maintenance_is_no_way_around_it(self, world):
        broad = {"services": [], "matchers": DISK}
        for wrong, field in (({"minutes": 1441}, "minutes"), ({"rule": "FREQ=DAILY;COUNT=9"}, "rule")):
            with pytest.raises(Refused) as refused:
                window(world, **broad, **wrong)
            assert field in refused.value.errors
        administrator(world)
        maintain.plan(title="t", reason="r", starts=f"{clock.now():%Y-%m-%dT%H:%M}", minutes=60, matchers=DISK, by=world.by, now=world.now)
        assert {name for name, _ in notices()} == {"Lea"}
        world.settle()


@pytest.mark.django_db
def test_what_a_changed_silence_no_longer_matches_is_paged(world):
    world.policy([world.ana])
    row = make(world)
    alert = fire(world)
    assert alert.suppressed_by.startswith(f"silence {row.pk}:") and list(queries_quiet.held_by(f"silence {row.pk}")) == [alert]
    other = silence.change(
        row, matchers=[{**DISK[0], "value": "Cpu.*"}], service=None, ends_at=row.ends_at, reason="Known", by=world.by, now=world.now
    )
    assert other.pk != row.pk and other.starts_at == row.starts_at
    world.settle()
    world.phone.expect(world.ana)
    assert Escalation.objects.count() == 1


@pytest.mark.django_db
def test_a_silence_that_is_only_extended_stays_the_same(world):
    row = make(world)
    alert = fire(world)
    longer = silence.change(
        row, matchers=DISK, service=None, ends_at=row.ends_at + timedelta(hours=1), reason="Known", by=world.by, now=world.now
    )
    assert longer.pk == row.pk
    world.advance(minutes=90)
    alert.refresh_from_db()
    assert alert.suppressed_by
    silence.end(longer, by=world.by, now=world.now)
    with pytest.raises(Refused, match="over"):
        silence.change(longer, matchers=DISK, service=None, ends_at=row.ends_at, reason="x", by=world.by, now=world.now)


@pytest.mark.django_db
def test_maintenance_of_a_team_covers_what_it_owns_while_it_lasts(world):
    planned = window(world, services=[], team=world.team.pk)
    other = Service.objects.create(name="refunds")
    world.integration.service = other
    world.integration.save()
    assert fire(world, "First").suppressed_by == ""
    Service.objects.filter(pk=other.pk).update(team=world.team)
    assert fire(world, "Second").suppressed_by.startswith(f"maintenance window {planned.pk}:")
    assert [one.window_id for one in queries_quiet.in_force_for([Service.objects.get(pk=other.pk)], world.now)[other.pk]] == [planned.pk]
    world.phone.unread.clear()


@pytest.mark.django_db
def test_maintenance_of_a_team_that_owns_nothing_is_refused(world):
    Service.objects.update(team=None)
    with pytest.raises(Refused) as refused:
        window(world, services=[], team=world.team.pk)
    assert "owns no service" in refused.value.errors["team"]


@pytest.mark.django_db
def test_a_window_in_force_is_changed_and_pages_for_what_it_lets_go(world):
    world.policy([world.ana])
    planned = window(world)
    alert = fire(world)
    other = Service.objects.create(name="refunds")
    maintain.change(planned, services=[other.pk], by=world.by, now=world.now)
    world.settle()
    world.phone.expect(world.ana)
    alert.refresh_from_db()
    planned.refresh_from_db()
    assert alert.suppressed_by == "" and planned.ended_at is None
    assert planned.silences.filter(ended_at=None).get().service_id == other.pk


@pytest.mark.django_db
def test_silences_over_http_are_changed_in_part(world):
    bearer = token("respond", user=world.ana)
    end = (world.now + timedelta(hours=2)).isoformat()
    made = call("POST", "/silences", {"matchers": DISK, "ends_at": end, "reason": "Known"}, bearer=bearer).json()
    assert made["state"] == "active"
    later = (world.now + timedelta(hours=3)).isoformat()
    changed = call("PATCH", f"/silences/{made['id']}", {"ends_at": later}, bearer=bearer).json()
    assert changed["id"] == made["id"] and changed["ends_at"] != made["ends_at"] and changed["matchers"] == made["matchers"]
    far = (world.now + timedelta(hours=30)).isoformat()
    assert "ends_at" in str(call("PATCH", f"/silences/{made['id']}", {"ends_at": far}, bearer=bearer).json())
    world.settle()


MATCHER = st.fixed_dictionaries(
    {
        "name": st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,20}", fullmatch=True),
        "value": st.text(st.characters(exclude_categories=("Cs",)), max_size=40),
        "is_regex": st.booleans(),
        "is_equal": st.booleans(),
    }
)


@given(st.lists(MATCHER, max_size=5))
def test_matchers_are_read_as_they_are_written(matchers):
    assert quiet.read(quiet.written(matchers)) == matchers


@pytest.mark.parametrize("wrong", ["env", "=x", 'env="x', "!=x"])
def test_a_line_that_is_no_matcher_is_named(wrong):
    with pytest.raises(ValueError, match=r"write one matcher|quotation mark"):
        quiet.read(f"a=b\n{wrong}")


def test_matchers_may_be_written_plainly():
    assert quiet.read(" env = prod \n\nhost=~db.*") == [
        {"name": "env", "value": "prod", "is_regex": False, "is_equal": True},
        {"name": "host", "value": "db.*", "is_regex": True, "is_equal": True},
    ]
