"""The page behind the link of a page: opening it changes nothing, its button does, and a bad link says so."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tocsin import clock
from tocsin.accounts.models import User
from tocsin.alerts.models import Alert
from tocsin.paging import messages
from tocsin.paging.models import Escalation, Notification

VENDORED = Path(__file__).parents[2] / "tocsin" / "web" / "static" / "vendor"


@pytest.fixture
def path(story):
    sent = Notification.objects.select_related("escalation").filter(escalation__alert=story.loose, kind="page").order_by("id")[0]
    return "/ack/" + messages.ack_link(sent, clock.now()).split("/ack/")[1]


@pytest.mark.clause("S35")
def test_opening_the_link_changes_nothing_and_pressing_the_button_stops_the_paging(client, story, path):
    for method in (client.get, client.head):
        answer = method(path)
        assert answer.status_code == 200 and len(answer.content) < 30_000
        assert answer["Referrer-Policy"] == "no-referrer" and "noindex" in answer["X-Robots-Tag"]
    assert Escalation.objects.get(alert=story.loose).status == "running"
    assert "csrf" not in client.get(path).content.decode()
    pressed = client.post(path)
    assert pressed.status_code == 303
    run = Escalation.objects.get(alert=story.loose)
    assert run.status == "acknowledged" and run.acknowledged_by == story.ana
    assert "It is yours. Paging has stopped." in client.get(path).content.decode()


def test_it_tells_times_in_the_zone_of_whoever_is_paged_and_when_the_next_step_is(client, story, path):
    User.objects.filter(pk=story.ana.pk).update(time_zone="Asia/Tokyo")
    due = Escalation.objects.get(alert=story.loose).due_at.astimezone(ZoneInfo("Asia/Tokyo"))
    shown = client.get(path).content.decode()
    assert f"paged at {due:%H:%M}" in shown and " JST</span>" in shown and " UTC" not in shown


def test_it_says_how_bad_the_cause_is_and_names_what_makes_it_so(client, story, path):
    Alert.objects.filter(pk=story.loose.pk).update(cause_severity="SEV1", member_count=1)
    worst = Alert.objects.get(pk=story.loose.pk)
    worst.pk, worst.lead_id, worst.title, worst.severity, worst.dedup_key = None, story.loose.pk, "Everything is down", "SEV1", "worst"
    worst.save()
    shown = client.get(path).content.decode()
    assert "likely SEV1" in shown and ">Everything is down</h1>" in shown


def test_a_link_that_is_altered_or_expired_says_so_and_does_nothing(client, story, path):
    assert client.post(path.replace("/ack/", "/ack/x")).status_code == 410
    clock.shift(timedelta(hours=25))
    answer = client.post(path)
    assert answer.status_code == 410 and "expired" in answer.content.decode()
    clock.shift(timedelta(0))
    assert Escalation.objects.get(alert=story.loose).status == "running"


def test_whoever_is_paged_sees_it_on_every_page(client, story):
    client.force_login(story.ana)
    assert "You are paged" in client.get("/incidents/").content.decode()
    client.force_login(story.cy)
    assert "You are paged" not in client.get("/incidents/").content.decode()


def test_vendored_files_are_the_ones_that_were_published():
    listed = dict(re.findall(r"^\| `([^`]+)` .*`([0-9a-f]{64})`", (VENDORED / "VENDORED.md").read_text(), re.MULTILINE))
    assert listed
    for name, digest in listed.items():
        assert hashlib.sha256((VENDORED / name).read_bytes()).hexdigest() == digest
    scripts = {str(file.relative_to(VENDORED)) for file in VENDORED.rglob("*.js")}
    assert scripts == set(listed)
