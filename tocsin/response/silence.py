"""How does somebody keep alerts from paging for a while, and who is told when it may be too much?"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from tocsin.accounts.actor import Actor
from tocsin.accounts.audit import audit
from tocsin.accounts.models import Role, User
from tocsin.alerts import operations_silences as silences
from tocsin.alerts import queries_quiet
from tocsin.alerts.models import Silence
from tocsin.domain import quiet
from tocsin.lib.conflicts import again_on_conflict
from tocsin.paging import operations as paging
from tocsin.response import frame, silenced_now

MOST_TOLD = 200  # people told of one silence


@again_on_conflict
@transaction.atomic
def silence(
    *, matchers: list[dict[str, Any]], service: int | None = None, starts_at: datetime | None = None, ends_at: datetime, reason: str,
    by: Actor, now: datetime, author: str = "", stop_paging: bool = True,
) -> Silence:  # fmt: skip
    """No paging for what matches until `ends_at`. One without a service is told to the teams concerned and the administrators.

    `author`: who it is, where a token without a person acts for somebody. `stop_paging`: what is open as it begins is held back as well, and its
    pages stop; else it is only for what comes from then on.
    """
    frame.require_responder(by)
    row = silences.create_silence(
        matchers=matchers, service=service, starts_at=starts_at, ends_at=ends_at, reason=reason, by=by, now=now, author=author,
        stop_paging=stop_paging,
    )  # fmt: skip
    audit("save", "silence", row.pk, f"Silence {row.pk} until {ends_at:%Y-%m-%d %H:%M} UTC: {row.reason}"[:300], by=by, now=now)
    _tell(row, by, now)
    _begin(row, by, now)
    return row


@again_on_conflict
@transaction.atomic
def change(
    row: Silence, *, matchers: list[dict[str, Any]], service: int | None, ends_at: datetime, reason: str, by: Actor, now: datetime,
    stop_paging: bool | None = None,
) -> Silence:  # fmt: skip
    """Other matchers, another end or reason. The silence that stands now, which may be a new one. `stop_paging` left out stays."""
    frame.require_responder(by)
    before = (row.matchers, row.service_id, row.ends_at)
    changed = silences.change_silence(
        row, matchers=matchers, service=service, ends_at=ends_at, reason=reason, by=by, now=now, stop_paging=stop_paging
    )
    number = f"Silence {row.pk}" if changed.pk == row.pk else f"Silence {row.pk}, now {changed.pk},"
    audit("save", "silence", changed.pk, f"{number} changed: until {ends_at:%Y-%m-%d %H:%M} UTC: {changed.reason}"[:300], by=by, now=now)
    if before != (changed.matchers, changed.service_id, changed.ends_at):
        _tell(changed, by, now)
    _begin(changed, by, now)
    return changed


@transaction.atomic
def end(row: Silence, *, by: Actor, now: datetime) -> Silence:
    """End it now; what it held back and still fires is paged. One of a maintenance window ends with its window alone."""
    frame.require_responder(by)
    if row.ended_at is None and row.ends_at > now:
        row = silences.end_silence(row, by=by, now=now)
        audit("end", "silence", row.pk, f"Silence {row.pk} ended", by=by, now=now)
    return row


def _begin(row: Silence, by: Actor, now: datetime) -> None:
    if row.stop_paging and row.starts_at <= now:
        silenced_now.begin(row, by=by, now=now)


def _tell(row: Silence, by: Actor, now: datetime) -> None:
    if row.service_id is None:
        what = f"silence {row.pk}"
        tell(what, f"/alerts/silences/{row.pk}/", row.matchers, row.ends_at, row.reason, by=by, now=now)


def tell(
    what: str, address: str, matchers: list[dict[str, Any]], ends_at: datetime, reason: str, *, by: Actor, now: datetime
) -> None:  # fmt: skip
    """Notices for the administrators and the teams whose open alerts match, but not for whoever made it."""
    found = queries_quiet.matched(matchers, None, now)
    concerned = Q(role=Role.ADMINISTRATOR) | Q(memberships__team_id__in=found.teams)
    people = User.objects.filter(concerned, is_active=True).exclude(pk=by.user.pk if by.user else 0).distinct().order_by("pk")
    text = (
        f"{by.label} holds pages back for every service: {quiet.written(matchers).replace(chr(10), ', ')[:600]}.\n"
        f"It matches {found} and lasts until {ends_at:%Y-%m-%d %H:%M} UTC. Reason: {reason[:600]}\n{settings.TOCSIN_URL}{address}"
    )
    for person in people[:MOST_TOLD]:
        identity = f"{what}:{int(now.timestamp())}"
        paging.notice(person, title=f"Pages are held back: {what}", text=text, identity=identity, now=now)
