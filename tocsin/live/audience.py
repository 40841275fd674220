"""Who is behind a session cookie, and which topics may they follow? Asked in threads of their own, through Django."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from http.cookies import CookieError, SimpleCookie
from typing import Any, TypeVar

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.backends.db import SessionStore
from django.db import close_old_connections
from django.db.models import Q
from django.http import HttpRequest

from tocsin import clock
from tocsin.accounts.models import User
from tocsin.incidents import queries as incidents
from tocsin.incidents.models import Incident
from tocsin.timeline.models import Entry

OPEN = frozenset({"board", "alerts", "incidents", "components"})  # topics without a subject, for everybody who may read
KINDS = frozenset({"incident", "alert", "team", "schedule", "person"})
MOST_TOPICS, MOST_REPLAYED = 20, 200
COMMITTING = timedelta(seconds=10)  # an entry carries the time its transaction began, and is seen when that ends
Answer = TypeVar("Answer")

threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="live")


@dataclass(frozen=True)
class Reader:
    """A signed-in person and what they may follow."""

    user_id: int
    topics: frozenset[str]


def _with_connections(function: Callable[..., Answer]) -> Callable[..., Answer]:
    @wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Answer:
        close_old_connections()
        try:
            return function(*args, **kwargs)
        finally:
            close_old_connections()

    return wrapped


@_with_connections
def admit(cookies: str, wanted: list[str]) -> Reader | None:
    """The reader behind these cookies with the topics they may follow; None where nobody is signed in."""
    user = _signed_in(cookies)
    if user is None:
        return None
    topics = frozenset(topic for topic in wanted[:MOST_TOPICS] if _may(user, topic))
    return Reader(user.pk, topics)


def _signed_in(cookies: str) -> User | None:
    try:
        morsel = SimpleCookie(cookies).get(settings.SESSION_COOKIE_NAME)
    except CookieError:
        return None
    if morsel is None:
        return None
    request = HttpRequest()
    request.session = SessionStore(morsel.value)
    user = get_user(request)  # checks the session's age and that the password is still the one it was made with
    return user if user.is_authenticated and user.is_active else None  # type: ignore[return-value]


def _may(user: User, topic: str) -> bool:
    if topic in OPEN:
        return True
    kind, _, key = topic.partition(":")
    if kind not in KINDS or not key.isascii() or not key.isdigit() or len(key) > 18:
        return False
    if kind == "person":
        return int(key) == user.pk
    if kind == "incident":
        return incidents.visible_to(user).filter(pk=int(key)).exists()
    if kind == "alert":  # the record of an alert says what its private incident is about
        hidden = Incident.objects.filter(private=True, alert_links__alert=int(key)).exclude(pk__in=incidents.visible_to(user).values("pk"))
        return not hidden.exists()
    return True


@_with_connections
def missed(topics: frozenset[str], after: int | None, since: datetime | None) -> list[tuple[str, int]]:
    """The entries of these topics that came after the entry `after`, or (a page just opened) since it was made, as (topic, entry)."""
    newer = Q(pk__gt=after) if after else Q(at__gte=since - COMMITTING) if since else None
    if newer is None:
        return []
    found: dict[int, str] = {}
    for topic in topics:
        kind, _, key = topic.partition(":")
        rows = Entry.objects.filter(newer).order_by("id")
        if kind in ("incident", "alert", "team") and key:
            rows = rows.filter(**{f"{kind}_id": int(key)})
        elif topic not in OPEN:
            continue
        else:
            rows = rows.order_by("-id")[:1]  # lists are fetched whole: that something changed is enough
        found |= dict.fromkeys(rows.values_list("id", flat=True)[:MOST_REPLAYED], topic)
    return [(found[number], number) for number in sorted(found)]


@_with_connections
def server_time() -> str:
    """The time that every clock on every page counts against."""
    return clock.now().isoformat()
