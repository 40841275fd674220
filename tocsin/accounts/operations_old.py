"""What of signing in and of repeated requests is no longer needed? Deletes it; the audit log is never touched."""

from __future__ import annotations

from datetime import datetime, timedelta

from allauth.usersessions.models import UserSession
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef, Q

from tocsin.accounts import idempotency
from tocsin.accounts.models import OneTimeToken

USED_TOKENS_KEPT = timedelta(days=1)


def forget_old(now: datetime) -> dict[str, int]:
    """Delete answers kept for repeated requests, one-time tokens that ran out or were used, and sessions that ended; how many of each."""
    return {"answers": idempotency.forget_old(now), "tokens": _tokens(now), "sessions": _sessions()}


def _tokens(now: datetime) -> int:
    old = Q(expires_at__lte=now) | Q(used_at__lte=now - USED_TOKENS_KEPT)
    return OneTimeToken.objects.filter(old).delete()[0]


def _sessions() -> int:
    before = Session.objects.count()
    SessionStore.clear_expired()  # by the real clock, as sessions end by it
    kept = Session.objects.filter(session_key=OuterRef("session_key"))
    UserSession.objects.filter(~Exists(kept)).delete()
    return before - Session.objects.count()
