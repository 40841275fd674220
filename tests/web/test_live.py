"""Live pages: who may follow what, that changes arrive with their ids, and that nothing is missed after a gap."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore

from tests import loops
from tests.web import larkfield
from tocsin import clock
from tocsin.accounts.actor import Actor
from tocsin.accounts.models import Role, User
from tocsin.live import audience
from tocsin.live.hub import QUEUE, Hub, Listener
from tocsin.response.declare_incident import declare
from tocsin.timeline.models import Entry
from tocsin.timeline.operations import record

pytestmark = pytest.mark.django_db


def cookie(user: User) -> str:
    """The cookie of a session in which this person is signed in."""
    session = SessionStore()
    session[SESSION_KEY], session[BACKEND_SESSION_KEY] = str(user.pk), settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return f"{settings.SESSION_COOKIE_NAME}={session.session_key}"


@pytest.fixture
def cast():
    ana, ben = larkfield.person("Ana Alder", Role.ADMINISTRATOR), larkfield.person("Ben Birch")
    secret = declare(title="Break-in", severity="SEV1", private=True, by=Actor.of(ana, "web"), now=clock.now())
    public = declare(title="Search is slow", severity="SEV3", by=Actor.of(ana, "web"), now=clock.now())
    return SimpleNamespace(ana=ana, ben=ben, secret=secret, public=public)


def admit(*args):
    return audience.admit.__wrapped__(*args)  # in the test's own connection and transaction


def test_nobody_follows_anything_without_a_session(cast):
    assert admit("", ["board"]) is None
    assert admit("sessionid=made-up", ["board"]) is None
    cookies = cookie(cast.ben)
    cast.ben.is_active = False
    cast.ben.save()
    assert admit(cookies, ["board"]) is None


def test_private_incidents_and_other_peoples_pages_are_not_followed(cast):
    topics = [
        "board",
        f"incident:{cast.secret.pk}",
        f"incident:{cast.public.pk}",
        f"person:{cast.ana.pk}",
        f"person:{cast.ben.pk}",
        "x:1",
        "incident:x",
    ]
    assert admit(cookie(cast.ben), topics).topics == {"board", f"incident:{cast.public.pk}", f"person:{cast.ben.pk}"}
    assert f"incident:{cast.secret.pk}" in admit(cookie(cast.ana), topics).topics


def test_after_a_gap_the_missed_entries_come_in_order(cast):
    seen = Entry.objects.filter(incident_id=cast.public.pk).latest("id").pk
    numbers = [record("message", str(n), by=Actor.of(cast.ana, "web"), now=clock.now(), incident_id=cast.public.pk).pk for n in range(3)]
    topics = frozenset({f"incident:{cast.public.pk}"})
    assert [number for _, number in audience.missed.__wrapped__(topics, seen, None)] == numbers
    since = [number for _, number in audience.missed.__wrapped__(topics, None, clock.now())]
    assert since[-3:] == numbers


def test_a_change_goes_to_those_who_follow_its_topic_and_slow_readers_are_dropped():
    async def story():
        hub, fast, other = Hub(), Listener(1, frozenset({"incident:12"})), Listener(2, frozenset({"board"}))
        for one in (fast, other):
            hub.readers.add(one)
            for topic in one.topics:
                hub.by_topic[topic].add(one)
        hub.heard("incident:12:345")
        assert fast.queue.get_nowait() == b"id: 345\nevent: changed\ndata: incident:12\n\n" and other.queue.empty()
        for _ in range(QUEUE + 1):
            hub.heard("board")
        assert other.slow and not fast.slow

    loops.run(story())
