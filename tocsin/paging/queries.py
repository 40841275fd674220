"""What became of pages, and whom would a policy page now? Reads of the paging room."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from tocsin.domain import delivery
from tocsin.domain import escalation as rules
from tocsin.paging import people
from tocsin.paging.models import Escalation, EscalationPolicy, Notification


def policies() -> QuerySet[EscalationPolicy]:
    """The policies that are not removed."""
    return EscalationPolicy.objects.filter(removed_at=None).select_related("team").order_by("name", "id")


def escalation_plain(escalation: Escalation | None) -> dict[str, Any] | None:
    """An escalation as the API shows it; None for none."""
    if escalation is None:
        return None
    by = escalation.acknowledged_by
    return {
        "id": escalation.id, "status": escalation.status, "track": escalation.track, "episode": escalation.episode,
        "policy": {"id": escalation.policy_snapshot.get("id"), "name": escalation.policy_snapshot.get("name", "")},
        "step": escalation.step, "round": escalation.round, "next_step_at": escalation.due_at if escalation.status == "running" else None,
        "started_at": escalation.started_at, "acknowledged_at": escalation.acknowledged_at,
        "acknowledged_by": {"id": by.id, "name": by.name} if by else None, "acknowledged_via": escalation.acknowledged_via or None,
        "ack_expires_at": escalation.ack_expires_at,
    }  # fmt: skip


def notification_plain(row: Notification) -> dict[str, Any]:
    """A notification as the API shows it, with every state it had."""
    return {
        "id": row.id, "kind": row.kind, "state": row.state, "method": row.method_kind, "user": {"id": row.user_id, "name": row.user.name},
        "title": row.title, "text": row.text, "reason": row.reason, "outcome": row.outcome, "attempt": row.attempt,
        "possible_duplicate": row.possible_duplicate, "merged_count": row.merged_count, "merged_into": row.merged_into_id,
        "alert": row.alert_id, "escalation": row.escalation_id, "created_at": row.created_at, "sent_at": row.sent_at,
        "final_at": row.final_at, "history": row.history,
    }  # fmt: skip


def escalation_of_alert(alert_id: int) -> Escalation | None:
    """The newest on-call escalation of an alert, else the newest of any track."""
    rows = Escalation.objects.filter(alert_id=alert_id).select_related("acknowledged_by")
    return rows.filter(track="on_call").order_by("-id").first() or rows.order_by("-id").first()


@dataclass(frozen=True)
class Line:
    """One step of a dry run. `at` is when it would start; `who` and `how` in words; `reachable` says whether it reaches anybody."""

    at: datetime
    step: int | None
    who: str
    how: str
    reachable: bool
    after_seconds: int
    people: list[dict[str, Any]] = field(default_factory=list)
    unreachable: list[str] = field(default_factory=list)


def dry_run(
    plain: dict[str, Any], *, team: int | None = None, name: str = "", subject: dict[str, Any] | None = None, now: datetime
) -> list[Line]:
    """Who would be paged if this fired now, and why: one line a step, the fallbacks last. A step that reaches nobody takes no time."""
    policy = rules.Policy.from_plain(plain)
    about = {"title": "this", "team_id": team, **(subject or {})}
    lines, elapsed = [], 0
    for number, step in enumerate(policy.all_steps):
        shown = number + 1 if number < len(policy.steps) else None
        found, absent = people.find(step.targets, about, now)
        persons = [_person(one, about, name, shown) for one in found]
        reached = [person for person in persons if person["methods"]]
        missing = [nobody.reason for nobody in absent]
        missing += [f"{person['user']['name']} has no usable contact method" for person in persons if not person["methods"]]
        how = "; ".join([f"{p['via']}, by {', '.join(m['kind'] for m in p['methods'])}" for p in reached] + missing)
        who = ", ".join(person["user"]["name"] for person in reached) or "Nobody"
        lines.append(Line(now + timedelta(seconds=elapsed), shown, who, how, bool(reached), elapsed, reached, missing))
        elapsed += step.wait_seconds if reached else 0
    return lines


def _person(one: people.Found, about: dict[str, Any], policy: str, step: int | None) -> dict[str, Any]:
    return {
        "user": {"id": one.user.id, "name": one.user.name},
        "via": one.via,
        "why": delivery.path(about, alert=True, policy=policy, step=step, via=one.via),
        "methods": [{"kind": way.method.kind, "after_seconds": way.after_seconds} for way in people.ways(one.user)],
    }
