"""How are silences made, changed and ended, and what do they hold back?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Q

from tocsin.accounts.actor import Actor
from tocsin.alerts import queries, queries_quiet
from tocsin.alerts.models import Alert, Service, Silence
from tocsin.alerts.operations_fold import apply
from tocsin.domain import quiet
from tocsin.domain.procedure.model import Procedure
from tocsin.domain.routing import Directory, SilenceRule, held_words, route, trace_of
from tocsin.lib import due
from tocsin.lib.patterns import complaint, full_match
from tocsin.lib.refusal import Refused, invalid

LOOP_NAME = "raw_events"
LONGEST_SILENCE = timedelta(days=366)
MOST_MATCHERS = 20


def create_silence(
    *, matchers: list[dict[str, Any]], service: int | None = None, starts_at: datetime | None = None, ends_at: datetime, reason: str,
    by: Actor, now: datetime, author: str = "", stop_paging: bool = False,
) -> Silence:  # fmt: skip
    """No paging for what matches until `ends_at`; `stop_paging`: for what is open as it begins neither. Raises Refused naming each field that
    cannot be."""
    starts_at = starts_at or now
    check(matchers=matchers, service=service, starts_at=starts_at, ends_at=ends_at, reason=reason, by=by, now=now)
    return Silence.objects.create(
        matchers=plain_matchers(matchers),
        service_id=service,
        starts_at=starts_at,
        ends_at=ends_at,
        reason=reason.strip(),
        created_by=by.user,
        author="" if by.user else (author.strip() or by.label)[:200],
        stop_paging=stop_paging,
    )


def check(
    *, matchers: list[dict[str, Any]], service: int | None, starts_at: datetime, ends_at: datetime, reason: str, by: Actor, now: datetime
) -> None:
    """Raises Refused naming each field with which there can be no silence."""
    errors = _wrong_scope(matchers, service)
    if ends_at <= max(starts_at, now):
        errors["ends_at"] = "It must end after it starts, and in the future."
    elif ends_at - starts_at > LONGEST_SILENCE:
        errors["ends_at"] = "A silence lasts at most a year."
    elif wrong := quiet.too_broad(ends_at - starts_at, scoped=service is not None, administrator=by.is_administrator):
        errors["ends_at"] = wrong
    if not 0 < len(reason.strip()) <= 1000:
        errors["reason"] = "Say why, in at most 1,000 characters."
    if errors:
        raise invalid(**errors)


def check_scope(*, matchers: list[dict[str, Any]], service: int | None) -> None:
    """Raises Refused naming each field by which nothing can be matched."""
    if errors := _wrong_scope(matchers, service):
        raise invalid(**errors)


def _wrong_scope(matchers: list[dict[str, Any]], service: int | None) -> dict[str, str]:
    errors = wrong_matchers(matchers)
    if not matchers and service is None:
        errors["matchers"] = "A silence names a service or at least one matcher, else it would silence everything."
    if service is not None and not Service.objects.filter(pk=service, removed_at=None).exists():
        errors["service"] = "There is no such service."
    return errors


def wrong_matchers(matchers: list[dict[str, Any]]) -> dict[str, str]:
    """What is wrong with matchers, by field; nothing where they can be used."""
    errors: dict[str, str] = {}
    for one in matchers:
        name, value = one.get("name"), one.get("value")
        if not isinstance(name, str) or not isinstance(value, str) or not 0 < len(name) <= 200 or len(value) > 1000:
            errors["matchers"] = "Each matcher has a name of at most 200 and a value of at most 1,000 characters."
        elif one.get("is_regex") and (wrong := complaint(value)):
            errors["matchers"] = f"{name}: {wrong}."
    return {"matchers": f"At most {MOST_MATCHERS} matchers."} if len(matchers) > MOST_MATCHERS else errors


def plain_matchers(matchers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Matchers as they are stored."""
    return [
        {"name": one["name"], "value": one["value"], "is_regex": bool(one.get("is_regex")), "is_equal": bool(one.get("is_equal", True))}
        for one in matchers
    ]


@transaction.atomic
def change_silence(
    silence: Silence, *, matchers: list[dict[str, Any]], service: int | None, ends_at: datetime, reason: str, by: Actor, now: datetime,
    stop_paging: bool | None = None,
) -> Silence:  # fmt: skip
    """The silence as it is from now on. Where it holds something back already and is to match something else, it ends and another takes
    its place, so that what it no longer matches is looked at again. Refuses one that is over or belongs to a maintenance window.
    """
    queries.hold_folding()  # before the row, as whoever looks at silences that are over does
    row = Silence.objects.select_for_update(of=("self",)).get(pk=silence.pk)
    if row.window_id:
        raise Refused(f"It belongs to maintenance window {row.window_id}: change that one.", status=409, code="of_a_window")
    if row.ended_at or row.ends_at <= now or row.released_at:
        raise Refused("This silence is over; make a new one.", status=409, code="over")
    check(matchers=matchers, service=service, starts_at=row.starts_at, ends_at=ends_at, reason=reason, by=by, now=now)
    same = plain_matchers(matchers) == row.matchers and service == row.service_id
    stops = row.stop_paging if stop_paging is None else stop_paging
    if same or row.starts_at > now:
        row.matchers, row.service_id, row.ends_at, row.reason = plain_matchers(matchers), service, ends_at, reason.strip()
        row.stop_paging = stops
        row.save(update_fields=["matchers", "service", "ends_at", "reason", "stop_paging"])
        return row
    end_silence(row, by=by, now=now)
    # It begins where the old one began, so that a change makes no silence longer than one may be.
    return Silence.objects.create(
        matchers=plain_matchers(matchers), service_id=service, starts_at=row.starts_at, ends_at=ends_at, reason=reason.strip(),
        created_by=by.user, author="" if by.user else row.author or by.label[:200], stop_paging=stops,
    )  # fmt: skip


@transaction.atomic
def end_silence(silence: Silence, *, by: Actor, now: datetime) -> Silence:
    """End a silence now; what it held back and still fires is paged."""
    if silence.ended_at is None and silence.ends_at > now:
        silence.ended_at = now
        silence.save(update_fields=["ended_at"])
        due.wake(LOOP_NAME)
    return silence


# -- what they hold back -----------------------------------------------------------------------------------------------


def begun(silence: Silence, stopped: int) -> None:
    """It has looked at what was open, and stopped the pages for so many causes more."""
    silence.stopped = (silence.stopped or 0) + stopped
    silence.save(update_fields=["stopped"])


def hold_back(ids: Sequence[int], silence: SilenceRule) -> list[int]:
    """This silence holds back those of these alerts that are open and that nothing held back before; which. Locked."""
    rows = Alert.objects.select_for_update(of=("self",)).filter(queries_quiet.OPEN, pk__in=ids, suppressed_by="")
    held = list(rows.order_by("id").values_list("id", flat=True))
    if held:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE alerts_alert SET suppressed_by = %s, trace = trace || %s::jsonb WHERE id = ANY(%s)",
                [held_words(silence), json.dumps([trace_of(silence)]), held],
            )
    return held


def judge_again(alert: Alert, directory: Directory, procedure: Procedure, now: datetime) -> None:
    """What rules and silences say of a stored alert now. The caller holds folding (queries.hold_folding)."""
    decision = route(queries.subject(alert, alert.integration), directory, procedure, now, full_match)
    own = {name: value for name, value in alert.labels.items() if name not in alert.added_labels}
    apply(alert, decision, own, alert.group_key.removeprefix("named "))
    alert.labels = {**own, **alert.added_labels}
    alert.save(update_fields=[
        "service", "severity", "severity_reason", "suppressed_by", "trace", "route", "rule_id", "policy", "links", "added_labels", "labels",
        "group_key", "group_minutes",
    ])  # fmt: skip


def release(now: datetime, procedure: Procedure) -> list[Alert]:
    """Look again at what silences held back that are over; the alerts that still fire and that no other silence holds."""
    queries.hold_folding()
    over = queries.ended_silences(now)
    if not over:
        return []
    directory, released = queries.directory(now), []
    prefixes = Q()
    for silence in over:
        prefixes |= Q(suppressed_by__startswith=f"{queries.as_rule(silence).label}:")
    held = Alert.objects.select_for_update(of=("self",)).filter(prefixes, status=Alert.Status.FIRING)
    for alert in held.select_related("integration", "service").order_by("id"):  # the first that came leads
        judge_again(alert, directory, procedure, now)
        if not alert.suppressed_by:
            released.append(alert)
    Silence.objects.filter(pk__in=[silence.pk for silence in over]).update(released_at=now)
    from tocsin.alerts import operations_quiet  # which itself ends silences by this file

    operations_quiet.roll(over, now)
    return released
