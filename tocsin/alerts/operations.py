"""How are services, integrations, verdicts and alerts by hand stored? With operations_fold the only files that write the room's tables."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import F

from tocsin.accounts.actor import Actor
from tocsin.accounts.audit import audit
from tocsin.accounts.models import Team
from tocsin.alerts import queries
from tocsin.alerts.models import Alert, Integration, RawEvent, Service
from tocsin.alerts.operations_fold import Folded, Reading, expire_due, fold_events
from tocsin.alerts.operations_rows import Outcome, Row, write_outcomes
from tocsin.domain.alerts import Change
from tocsin.domain.escalation_policy import ALL_TIERS
from tocsin.integrations import mapping, signing
from tocsin.integrations.registry import SOURCES
from tocsin.lib import due
from tocsin.lib.refusal import Refused, invalid
from tocsin.lib.sealing import box
from tocsin.paging.models import EscalationPolicy
from tocsin.procedures import operations as procedures

__all__ = ["Folded", "Outcome", "Reading", "Row", "accept", "expire_due", "fold_events", "write_outcomes"]
KEYS_CHANNEL = "tocsin_integrations"
LOOP_NAME = "raw_events"
MOST_TOPICS = 50  # of an integration of Amazon SNS
_TOPIC = re.compile(r"arn:aws[a-z-]{0,20}:sns:[a-z0-9-]{1,40}:\d{12}:[A-Za-z0-9_.-]{1,256}", re.ASCII)
READ_BY_OWNER = ("topics", "mapping", "severity_words", "identity_labels", "ignored_labels")  # before and after are kept in the audit
MOST_TRIES = 3
MOST_RATE = 100_000  # events a second of one integration
MOST_BURST = 10_000_000  # events at once of one integration
LONGEST_GROUPING = 1440  # minutes
MOST_DEPENDENCIES = 100  # of one service
LONGEST_STALE = 8760  # hours


# -- services -----------------------------------------------------------------------------------------------------------


def create_service(*, name: str, by: Actor, now: datetime, **fields: Any) -> Service:
    """A service. Fields: description, team, escalation_policy, leadership_policy (ids or None), components and depends_on (ids), critical, tier,
    severity_map, runbook, group_minutes."""
    return change_service(Service(), name=name, by=by, now=now, **fields)


@transaction.atomic
def change_service(service: Service, *, by: Actor, now: datetime, **fields: Any) -> Service:
    """Set these fields of a service. Raises Refused naming each field that cannot be."""
    errors: dict[str, str] = {}
    components, depends_on = fields.pop("components", None), fields.pop("depends_on", None)
    if "name" in fields:
        fields["name"] = name = str(fields["name"]).strip()
        taken = Service.objects.filter(name__iexact=name, removed_at=None).exclude(pk=service.pk).exists()
        if not 0 < len(name) <= 120:
            errors["name"] = "A service needs a name of at most 120 characters."
        elif taken:
            errors["name"] = "There is a service of this name already."
    for field, model in (("team", Team), ("escalation_policy", EscalationPolicy), ("leadership_policy", EscalationPolicy)):
        if field in fields:
            fields[f"{field}_id"] = value = fields.pop(field)
            if value is not None and not model.objects.filter(pk=value, removed_at=None).exists():  # type: ignore[attr-defined]
                errors[field] = "There is no such one."
    if (mapping := fields.get("severity_map")) is not None and not _is_map(mapping):
        errors["severity_map"] = "It maps critical, error, warning or info to a severity of the procedure."
    if (minutes := fields.get("group_minutes")) is not None and not 0 <= minutes <= LONGEST_GROUPING:
        errors["group_minutes"] = "From 0 (never) to 1,440 minutes, or empty for the organisation's own."
    if (tier := fields.get("tier")) is not None and tier not in ALL_TIERS:
        errors["tier"] = "A service is of tier 1 (it matters most) to 4."
    if len(fields.get("description") or "") > 2000:
        errors["description"] = "At most 2,000 characters."
    if (runbook := fields.get("runbook")) and not _is_address(runbook):
        errors["runbook"] = "It is an address that begins with http:// or https://."
    lines = Service._meta.get_field("components").related_model  # the status page lies above this room: no import of it
    if components is not None and lines._default_manager.filter(pk__in=components).count() != len(set(components)):
        errors["components"] = "There is no such component."
    if depends_on is not None and (wrong := _not_depended_on(service, depends_on)):
        errors["depends_on"] = wrong
    _refuse(errors)
    for field, value in fields.items():
        setattr(service, field, value)
    service.save()
    if components is not None:
        service.components.set(components)
    if depends_on is not None:
        service.depends_on.set(depends_on)
    audit("save", "service", service.pk, f"Service {service.name} saved", by=by, now=now)
    return service


def _not_depended_on(service: Service, ids: list[int]) -> str:
    """Why a service cannot depend on these; nothing where it can. Circles are taken: services do use one another."""
    if service.pk in ids:
        return "A service does not depend on itself."
    if len(set(ids)) > MOST_DEPENDENCIES:
        return f"At most {MOST_DEPENDENCIES} services: name those that it uses directly."
    known = Service.objects.filter(pk__in=ids, removed_at=None).count()
    return "" if known == len(set(ids)) else "There is no such service."


@transaction.atomic
def remove_service(service: Service, *, by: Actor, now: datetime) -> None:
    """Take a service out of use; refused while an integration belongs to it."""
    if service.integrations.filter(removed_at=None).exists():
        raise Refused("Integrations belong to this service: move or remove them first.", status=409, code="in_use")
    service.removed_at = now
    service.save(update_fields=["removed_at"])
    audit("remove", "service", service.pk, f"Service {service.name} removed", by=by, now=now)


def _is_map(mapping: Any) -> bool:
    known = ("critical", "error", "warning", "info")
    severities = {severity.id for severity in procedures.ask_in_force().severities} if mapping else set()
    return isinstance(mapping, dict) and all(word in known and isinstance(to, str) and to in severities for word, to in mapping.items())


def _is_address(text: str) -> bool:
    return len(text) <= 1000 and text.lower().startswith(("http://", "https://")) and not any(c.isspace() for c in text)


def _refuse(errors: dict[str, str]) -> None:
    if errors:
        raise invalid(**errors)


# -- integrations -------------------------------------------------------------------------------------------------------


def create_integration(*, name: str, kind: str, by: Actor, now: datetime, **fields: Any) -> Integration:
    """An integration with a fresh key of 32 characters. Fields: service (id or None), default_severity, identity_labels,
    ignored_labels, mapping (field → expression), severity_words (word → level), enabled, event_rate, event_burst (events a second, and at once).
    """
    _refuse({} if kind in SOURCES else {"kind": f"It is one of {', '.join(sorted(SOURCES))}."})
    return change_integration(Integration(kind=kind, key=secrets.token_hex(16)), name=name, by=by, now=now, **fields)


@transaction.atomic
def change_integration(integration: Integration, *, by: Actor, now: datetime, **fields: Any) -> Integration:
    """Set these fields of an integration and tell the intake. Raises Refused naming each field that cannot be."""
    errors: dict[str, str] = {}
    if "name" in fields:
        fields["name"] = str(fields["name"]).strip()
        if not 0 < len(fields["name"]) <= 120:
            errors["name"] = "An integration needs a name of at most 120 characters."
    if "service" in fields:
        fields["service_id"] = value = fields.pop("service")
        if value is not None and not Service.objects.filter(pk=value, removed_at=None).exists():
            errors["service"] = "There is no such service."
    if "default_severity" in fields and fields["default_severity"] not in ("critical", "error", "warning", "info"):
        errors["default_severity"] = "It is critical, error, warning or info."
    for field in ("stale_hours", "auto_resolve_hours"):
        if fields.get(field) is not None and not (0 if field == "stale_hours" else 1) <= fields[field] <= LONGEST_STALE:
            errors[field] = "At most 8,760 hours, or empty."
    for field in ("identity_labels", "ignored_labels"):
        if len(fields.get(field) or []) > 50 or any(not 0 < len(name) <= 200 for name in fields.get(field) or []):
            errors[field] = "At most 50 labels of at most 200 characters."
    if wrong := [one for one in fields.get("topics") or [] if not _TOPIC.fullmatch(one)]:
        errors["topics"] = f"{wrong[0][:60]!r} is no topic; one is like arn:aws:sns:eu-west-1:123456789012:ops."
    elif len(fields.get("topics") or []) > MOST_TOPICS:
        errors["topics"] = f"At most {MOST_TOPICS} topics."
    for field, most in (("event_rate", MOST_RATE), ("event_burst", MOST_BURST)):
        if field in fields and not (isinstance(fields[field], int) and 1 <= fields[field] <= most):
            errors[field] = f"It is a whole number from 1 to {most:,}."
    if fields.get("signing_secret"):
        errors |= _wrong_secret(integration.kind, fields["signing_secret"])
        fields["signing_secret"] = box(signing.PURPOSE).encrypt(fields["signing_secret"].encode()).decode()
    if "mapping" in fields or "severity_words" in fields:
        errors |= mapping.complaints(fields.get("mapping", {}), fields.get("severity_words", {}))
    _refuse(errors)
    read_before = {field: getattr(integration, field) for field in READ_BY_OWNER}
    for field, value in fields.items():
        setattr(integration, field, value)
    integration.save()
    changed = {field: [before, after] for field, before in read_before.items() if (after := getattr(integration, field)) != before}
    audit("save", "integration", integration.pk, f"Integration {integration.name} saved", by=by, now=now, **changed)
    _tell_intake()
    return integration


def _wrong_secret(kind: str, secret: str) -> dict[str, str]:
    if kind not in signing.SCHEMES:
        return {"signing_secret": f"Only these kinds sign what they send: {', '.join(sorted(signing.SCHEMES))}."}
    if not signing.SHORTEST_SECRET <= len(secret) <= signing.LONGEST_SECRET:
        return {"signing_secret": f"A secret has {signing.SHORTEST_SECRET} to {signing.LONGEST_SECRET} characters."}
    return {}


@transaction.atomic
def remove_integration(integration: Integration, *, by: Actor, now: datetime) -> None:
    """Take an integration out of use: its key is refused from now on, its alerts and events stay."""
    integration.removed_at, integration.enabled = now, False
    integration.save(update_fields=["removed_at", "enabled"])
    audit("remove", "integration", integration.pk, f"Integration {integration.name} removed", by=by, now=now)
    _tell_intake()


def _tell_intake() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, '')", [KEYS_CHANNEL])


# -- raw events ---------------------------------------------------------------------------------------------------------


@transaction.atomic
def accept(
    integration: Integration, *, body: bytes, protocol: str, now: datetime, content_type: str = "application/json", dedup_key: str = "",
    replay_of: RawEvent | None = None, headers: Mapping[str, str] | None = None,
) -> RawEvent:  # fmt: skip
    """Take an event in as the intake would: a test event, or the replay of an earlier one."""
    raw = RawEvent.objects.create(
        integration=integration, protocol=protocol, content_type=content_type, body=body, received_at=now, dedup_key=dedup_key, replay_of=replay_of,
        headers=dict(headers or {}),
    )  # fmt: skip
    due.wake(LOOP_NAME)
    return raw


def attend() -> None:
    """Say that events are being taken, by the real clock; a gap since the last time begins a new attendance."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO alerts_attendance (id, at, since) VALUES (1, clock_timestamp(), 'epoch') ON CONFLICT (id) DO UPDATE SET"
            " since = CASE WHEN alerts_attendance.at < clock_timestamp() - %s::interval THEN clock_timestamp()"
            " ELSE alerts_attendance.since END, at = clock_timestamp()",
            [queries.GAP],
        )


def mark_failed(raw: RawEvent, error: str, now: datetime) -> None:
    """Folding it failed: it stays waiting for another try, or is refused, shown and replayable after the last one."""
    raw.attempts += 1
    raw.error = error[:1000]
    if raw.attempts >= MOST_TRIES:
        raw.state, raw.processed_at = RawEvent.State.REFUSED, now
        raw.outcomes = [{"alert": None, "change": str(Change.REFUSED), "reason": error[:500]}]
    raw.save(update_fields=["attempts", "error", "state", "processed_at", "outcomes"])


# -- alerts -------------------------------------------------------------------------------------------------------------


def set_verdict(alert: Alert, verdict: str, note: str, by: Actor, now: datetime) -> Alert:
    """Keep what somebody found the alert to be: real, a false alarm, unsure."""
    alert.verdict, alert.verdict_note, alert.verdict_by, alert.verdict_at = verdict, note[:2000], by.user, now
    alert.save(update_fields=["verdict", "verdict_note", "verdict_by", "verdict_at"])
    return alert


def join(causes: Mapping[int, tuple[int, datetime]]) -> None:
    """So many more alerts joined these causes, the last one then: by the alert that leads each."""
    if causes:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE alerts_alert a SET member_count = a.member_count + u.more, cause_at = greatest(a.cause_at, u.at)"
                " FROM unnest(%s::bigint[], %s::int[], %s::timestamptz[]) AS u(id, more, at) WHERE a.id = u.id",
                [list(causes), [more for more, _ in causes.values()], [at for _, at in causes.values()]],
            )


def begin_cause(alert: Alert, *, severity: str, at: datetime, reason: str = "") -> None:
    """The alert leads a cause of that severity from now on."""
    alert.lead, alert.cause_severity, alert.cause_at = None, severity, at
    alert.group_reason = reason[:300] or alert.group_reason
    alert.save(update_fields=["lead", "cause_severity", "cause_at", "group_reason"])


def leave_cause(alert: Alert, *, reason: str, now: datetime) -> None:
    """Take an alert out of the cause that it joined: it leads one of its own."""
    Alert.objects.filter(members=alert, member_count__gt=0).update(member_count=F("member_count") - 1)
    begin_cause(alert, severity=alert.severity, at=now, reason=reason)


def settle_in(alert: Alert, row: Row) -> None:
    """Keep what was decided about the cause of a stored alert."""
    alert.lead_id, alert.cause_at, alert.cause_severity = row.lead_id, row.cause_at, row.cause_severity
    alert.group_reason, alert.member_count = row.group_reason, alert.member_count + row.member_count
    alert.save(update_fields=["lead", "cause_at", "cause_severity", "group_reason", "member_count"])


def calm_due(now: datetime, limit: int = 200) -> list[Alert]:
    """Flapping alerts that have been calm for long enough; they flap no more. Locked."""
    rows = Alert.objects.select_for_update(skip_locked=True, of=("self",)).filter(calm_at__lte=now).order_by("calm_at")
    found = list(rows.select_related("service")[:limit])
    Alert.objects.filter(pk__in=[row.pk for row in found]).update(calm_at=None)
    return found


def stale_due(now: datetime, limit: int = 200) -> list[Alert]:
    """Firing alerts that may not have been renewed for long, the longest due first. Locked."""
    rows = Alert.objects.select_for_update(skip_locked=True, of=("self",)).filter(status=Alert.Status.FIRING, stale_at__lte=now)
    return list(rows.select_related("service__team", "integration").order_by("stale_at")[:limit])


def look_again(alert: Alert, *, at: datetime | None, asked_at: datetime | None) -> None:
    """When the alert is looked at again for want of a renewal, and since when somebody is asked whether it is still real."""
    alert.stale_at, alert.asked_at = at, asked_at
    alert.save(update_fields=["stale_at", "asked_at"])


def resolve(alert: Alert, *, now: datetime) -> bool:
    """End an alert by hand; False when it had ended already. The next event of its key opens a new one."""
    ended = Alert.objects.filter(pk=alert.pk, status=Alert.Status.FIRING).update(
        status=Alert.Status.RESOLVED, resolved_at=now, ends_at=None, stale_at=None, asked_at=None, calm_at=None
    )
    alert.refresh_from_db(fields=["status", "resolved_at", "ends_at", "stale_at", "asked_at", "calm_at"])
    return bool(ended)
