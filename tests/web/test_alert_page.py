"""The page of an alert and its drawer: what came in, why somebody was paged, what was like it, and whether it was useful."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest

from tests.rooms.test_quiet import fire
from tests.scenarios.world import world  # noqa: F401 - a fixture
from tocsin import clock
from tocsin.accounts.actor import Actor
from tocsin.alerts import operations, queries_evidence
from tocsin.alerts.models import Alert, Feedback, RawEvent
from tocsin.incidents.models import Incident
from tocsin.response import hold_postmortem, receive_events
from tocsin.response.declare_incident import declare
from tocsin.response.resolve_alert import resolve_alert

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(world, client):  # noqa: F811
    client.force_login(world.ana)
    return lambda address: re.sub(r"\s+", " ", client.get(address).content.decode())


def test_the_drawer_is_a_part_of_the_page_and_the_list_links_to_the_page(world, page):  # noqa: F811
    alert = fire(world)
    world.phone.unread.clear()
    drawer = page(f"/alerts/{alert.pk}/?fragment=drawer")
    assert "<html" not in drawer and alert.title in drawer and "Who was paged, and why" in drawer and "Alerts like it" in drawer
    assert f'data-drawer href="/alerts/{alert.pk}/"' in page("/alerts/")


def test_an_alert_that_joined_a_cause_shows_who_is_asked_for_that_cause(world, page):  # noqa: F811
    world.policy([world.ana])
    lead, joined = fire(world), fire(world, "CheckoutDown")
    assert joined.lead == lead
    world.settle()
    world.phone.expect(world.ana, "DiskFull")
    for address in ("/alerts/", f"/alerts/{joined.pk}/"):
        assert f"/alerts/{joined.pk}/do/acknowledge/" in (shown := page(address)) and "nobody is paged" not in shown
    assert "Nobody was paged" not in shown and "→ you" in shown
    world.acknowledge(joined, world.ana)
    assert "CheckoutDown" in (shown := page("/alerts/?ack=yes")) and "nobody is paged" not in shown


def test_bodies_are_shown_escaped_readable_and_bounded(world, page):  # noqa: F811
    body = {"alerts": [{"status": "firing", "labels": {"alertname": "<script>alert(1)</script>"}, "annotations": {"long": "x" * 30_000}}]}
    operations.accept(world.integration, body=json.dumps(body).encode(), protocol="in", now=clock.now())
    while receive_events.take():
        pass
    world.phone.unread.clear()
    shown = page(f"/alerts/{Alert.objects.get().pk}/")
    assert "&lt;script&gt;" in shown and "<script>alert(1)" not in shown and "Only the beginning is shown" in shown
    assert len(shown) < 80_000


def test_links_and_images_of_pagerduty_are_links_and_the_key_in_its_body_is_shown_to_nobody(world, page):  # noqa: F811
    world.integration.kind, world.integration.key = "pagerduty_events_v2", "k" * 32
    world.integration.save()
    body = {
        "routing_key": world.integration.key, "event_action": "trigger", "dedup_key": "d", "payload": {"summary": "Disk full"},
        "links": [{"href": "https://dash.example/1", "text": "Dashboard"}, {"href": "javascript:alert(1)", "text": "Evil"}],
        "images": [{"src": "https://dash.example/2.png", "alt": "The curve"}],
    }  # fmt: skip
    operations.accept(world.integration, body=json.dumps(body).encode(), protocol="pagerduty", now=clock.now())
    while receive_events.take():
        pass
    world.phone.unread.clear()
    shown = page(f"/alerts/{Alert.objects.get().pk}/")
    assert 'The curve <a href="https://dash.example/2.png"' in shown and 'href="javascript' not in shown
    for address in (f"/alerts/{Alert.objects.get().pk}/", f"/events/{RawEvent.objects.get().pk}/"):
        assert world.integration.key not in page(address) and "routing_key" in page(address)


@pytest.mark.parametrize("body", [b"[" * 100_000, b"\xff\xfe\x00", b"", b'{"a": 1}'])
def test_any_body_is_readable(body):
    text, cut = queries_evidence.readable(body, 50)
    assert len(text) <= 50 and cut is (len(body) > 50)


def test_events_are_told_with_their_outcomes_and_refused_ones_can_be_replayed(world, client, page):  # noqa: F811
    alert = fire(world)
    fire(world)
    raw = RawEvent.objects.order_by("-id")[0]
    RawEvent.objects.filter(pk=raw.pk).update(state="refused", error="an item cannot be read")
    world.phone.unread.clear()
    told = queries_evidence.events_of(Alert.objects.get(pk=alert.pk))
    assert [one.change for one in told] == ["folded", "opened"] and [one.raw.pk for one in told] == [raw.pk, alert.first_raw_event_id]
    assert f'action="/events/{raw.pk}/replay/"' in page(f"/alerts/{alert.pk}/")
    answer = client.post(f"/events/{raw.pk}/replay/", {"next": f"/alerts/{alert.pk}/"})
    assert answer["Location"] == f"/alerts/{alert.pk}/" and RawEvent.objects.filter(replay_of=raw).count() == 1


def test_alerts_like_it_tell_how_they_ended_who_had_them_and_what_was_written(world, page):  # noqa: F811
    world.policy([world.ben])
    before = fire(world)
    world.settle()
    world.phone.expect(world.ben)
    world.acknowledge(before, world.ben)
    by = Actor.of(world.ben, "web")
    incident = declare(title="Disks", severity="SEV3", alert=before, service=world.service, by=by, now=world.now)
    hold_postmortem.draft(incident=incident, by=by, now=world.now)
    world.advance(minutes=20)
    resolve_alert(alert=before, by=by, now=world.now)
    again = fire(world)
    world.settle()
    world.phone.unread.clear()
    shown = page(f"/alerts/{again.pk}/")
    part = shown[shown.index("Alerts like it") : shown.index('id="ev-h"')]
    assert "The same key" in part and "over after 20 min" in part and "Ben had it" in part
    assert f'href="/incidents/{incident.ref}/"' in part and "Post-mortem" in part
    Incident.objects.filter(pk=incident.pk).update(private=True)
    shown = page(f"/alerts/{again.pk}/")
    part = shown[shown.index("Alerts like it") : shown.index('id="ev-h"')]
    assert incident.ref not in part and "Ben had it" not in part and "over after 20 min" in part


def test_likeness_is_by_key_then_words_then_service(world):  # noqa: F811
    now = world.now

    def made(title: str, key: str, **fields) -> Alert:
        return Alert.objects.create(
            integration=world.integration, dedup_key=key, title=title, source_severity="info", severity="SEV4", started_at=now, first_seen=now,
            last_seen=now, last_event_at=now, **{"status": "resolved", "resolved_at": now, **fields},
        )  # fmt: skip

    same_service = made("Certificate expires", "c", service=world.service)
    same_words = made("Disk almost full on db-17", "b")
    same_key = made("Anything", "a")
    alert = made("Disk almost full on db-3", "a", service=world.service, status="firing", resolved_at=None)
    assert queries_evidence.similar(alert) == [
        (same_key, "the same key"),
        (same_words, "the same words"),
        (same_service, "the same service"),
    ]


def test_useful_or_noise_is_ones_own_choice_visible_and_changeable(world, client, page):  # noqa: F811
    alert = fire(world)
    world.phone.unread.clear()
    for deed, said in (("useful", "You said useful. 1 useful, 0 noise"), ("noise", "You said noise. 0 useful, 1 noise")):
        assert client.post(f"/alerts/{alert.pk}/do/{deed}/").status_code == 303
        assert said in page(f"/alerts/{alert.pk}/")
    assert Feedback.objects.count() == 1
    client.force_login(world.ben)
    assert "You said" not in (shown := page(f"/alerts/{alert.pk}/")) and "0 useful, 1 noise" in shown


def test_details_that_stand_elsewhere_are_not_told_twice(world, page):  # noqa: F811
    alert = fire(world)
    world.phone.unread.clear()
    Alert.objects.filter(pk=alert.pk).update(
        labels={"env": "prod-only-once"}, details={"env": "prod-only-once", "extra": "kept"}, last_seen=clock.now() + timedelta(0)
    )
    shown = page(f"/alerts/{alert.pk}/")
    assert shown.count("prod-only-once") == 1 and "kept" in shown


def test_details_within_details_are_told_field_by_field(world, page):  # noqa: F811
    alert = fire(world)
    world.phone.unread.clear()
    inner = {"summary": "61 % fail", "deep": {"n": 1}, "none": None}
    Alert.objects.filter(pk=alert.pk).update(details={"annotations": inner, "hosts": ["a1", "a2"], "muted": True})
    shown = page(f"/alerts/{alert.pk}/").partition("What the monitor says")[2]
    assert "<dt>annotations.summary</dt>" in shown and "61 % fail" in shown and "annotations.none" not in shown
    assert "a1, a2" in shown and "{&quot;n&quot;: 1}" in shown and '<dt>muted</dt><dd class="break">true</dd>' in shown
