"""Does the list of alerts show what was asked for, in the right order, page by page, however rare or frequent it is?"""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.scenarios.world import World
from tocsin import clock
from tocsin.alerts import listing
from tocsin.alerts.models import Alert
from tocsin.domain import alert_filters
from tocsin.domain.alert_filters import AlertFilter, WrongFilterError
from tocsin.lib.refusal import Refused
from tocsin.response.acknowledge import acknowledge_alert

pytestmark = pytest.mark.django_db


@pytest.fixture
def many(world: World, monkeypatch) -> list[Alert]:
    """Sixty alerts: every third is of a staging host, every tenth is SEV1, the twentieth and fortieth are held back."""
    monkeypatch.setattr(listing, "NEAR", 20)
    now, rows = clock.now(), []
    for number in range(60):
        at = now - timedelta(minutes=60 - number)
        rows.append(
            Alert(
                integration=world.integration, dedup_key=f"disk/web{number:02}.example.com", service=world.service, title=f"Disk of web{number:02} is full",
                source_severity="warning", severity="SEV1" if number % 10 == 0 else "SEV3", started_at=at, first_seen=at,
                last_seen=now - timedelta(minutes=number * 7 % 60), last_event_at=at, event_count=number * 11 % 60 + 1,
                labels={"env": "staging" if number % 3 == 0 else "prod", "host": f"web{number:02}"}, suppressed_by="silence 1: x" if number in (20, 40) else "",
            )
        )  # fmt: skip
    return Alert.objects.bulk_create(rows)


def everything(limit: int = 7, **fields) -> list[int]:
    """The ids of all pages, one after the other."""
    wanted, cursor, found = AlertFilter(**fields), None, []
    while True:
        page = listing.page(wanted, clock.now(), cursor=cursor, limit=limit)
        found += [row.pk for row in page.rows]
        if not (cursor := page.next):
            return found


ORDERS = {
    "newest": lambda row: -row.pk,
    "severity": lambda row: (row.severity, -row.pk),
    "last_seen": lambda row: (-row.last_seen.timestamp(), -row.pk),
    "count": lambda row: (-row.event_count, -row.pk),
}


@pytest.mark.parametrize("sort", ORDERS)
@pytest.mark.parametrize("status", ["firing", "all"])
def test_pages_of_every_order_have_each_alert_once(many, sort, status):
    assert everything(sort=sort, status=status) == [row.pk for row in sorted(many, key=ORDERS[sort])]
    staging = [row.pk for row in sorted(many, key=ORDERS[sort]) if row.labels["env"] == "staging"]
    assert everything(sort=sort, status=status, label=(("env", "staging"),)) == staging


def test_filters_find_what_is_rare_and_what_is_frequent(many, world):
    assert everything(q="disk") == [row.pk for row in reversed(many)]
    assert everything(q="web07") == everything(q="EXAMPLE web07") == everything(q="web07.exam") == [many[7].pk]
    assert everything(q="nothing") == everything(q="'!:* ()") == everything(label=(("host", "none"),)) == []
    assert everything(label=(("env", "staging"), ("host", "web03"))) == [many[3].pk]
    assert everything(held=True) == [many[40].pk, many[20].pk] and len(everything(held=False)) == 58
    assert everything(older="50m") == [row.pk for row in reversed(many[:10])]
    assert everything(newer="50m") == [row.pk for row in reversed(many[10:])]
    assert (
        len(everything(severity=("SEV1",))) == 6
        and len(everything(team=(world.team.pk,))) == 60
        and everything(team=(world.team.pk + 9,)) == []
    )


def test_who_has_an_alert_is_a_filter(many, world):
    world.page(many[5])
    acknowledge_alert(alert=many[5], by=world.by, now=world.now)
    assert everything(ack=True) == [many[5].pk] and many[5].pk not in everything(ack=False)
    world.phone.unread.clear()


def test_what_is_one_cause_with_an_alert_that_somebody_has_is_theirs_too(many, world):
    Alert.objects.filter(pk=many[6].pk).update(lead=many[5])
    world.page(many[5])
    acknowledge_alert(alert=many[5], by=world.by, now=world.now)
    assert everything(ack=True) == [many[6].pk, many[5].pk] and many[6].pk not in everything(ack=False)
    world.phone.unread.clear()


def test_counts_do_not_go_on_for_ever(many):
    assert str(listing.count(AlertFilter(), clock.now(), most=50)) == "50+"
    assert str(listing.count(AlertFilter(q="web07"), clock.now())) == "1"
    assert str(listing.count(AlertFilter(), clock.now())) == "60"
    assert listing.count(AlertFilter(label=(("env", "prod"),)), clock.now()).more


@pytest.mark.parametrize("cursor", ["x", "bm8", "WyJuZXdlc3QiLG51bGwsLTFd", "WyJjb3VudCIsIDUsIDFd", "é"])
def test_a_cursor_that_is_not_ours_is_refused(db, cursor):
    with pytest.raises(Refused, match="cursor"):
        listing.page(AlertFilter(), clock.now(), cursor=cursor)


def test_filters_survive_the_address_and_are_said_in_words():
    given = {
        "severity": ["SEV1,SEV2"],
        "service": ["3"],
        "ack": ["no"],
        "label": ["env=prod=x"],
        "older": ["2h"],
        "q": ["disk"],
        "sort": ["count"],
    }
    wanted = alert_filters.read(given)
    assert alert_filters.read(wanted.to_plain()) == wanted
    said = wanted.in_words({"service": {3: "checkout"}})
    assert said == "firing alerts of SEV1 or SEV2 of checkout, not acknowledged, env=prod=x, older than 2h, with the words “disk”"


@pytest.mark.parametrize(
    ("given", "wrong"),
    [({"status": "open"}, "status"), ({"service": "x"}, "service"), ({"ack": "maybe"}, "ack"), ({"label": "prod"}, "label"), ({"older": "2 hours"}, "older"), ({"q": "x" * 201}, "q"),
     ({"severity": ",".join(map(str, range(30)))}, "severity")],
)  # fmt: skip
def test_a_filter_that_cannot_be_read_is_named(given, wrong):
    with pytest.raises(WrongFilterError) as refused:
        alert_filters.read(given)
    assert list(refused.value.errors) == [wrong]


def test_the_page_keeps_its_filters_and_names_what_is_wrong(many, world, client):
    client.force_login(world.ana)
    shown = client.get("/alerts/?label=env%3Dstaging&sort=count&held=no").content.decode()
    assert "env=staging" in shown and "not held back" in shown and "Most events first" in shown
    wrong = client.get("/alerts/?older=soon")
    assert wrong.status_code == 400 and "30m, 2h, 7d" in wrong.content.decode() and 'value="soon"' in wrong.content.decode()
