"""The page behind the link of a page: opening it changes nothing, its button does, and a bad link says so."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta
from pathlib import Path

import pytest

from tocsin import clock
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
