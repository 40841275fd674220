"""What became of pages? Reads of the paging room."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from tocsin.lib.together import Question
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


def page_times(people: Collection[int], start: datetime, end: datetime) -> dict[int, list[datetime]]:
    """When each of those people (ids) was paged between two instants: each page once, by however many methods it went out."""
    rows = Notification.objects.filter(kind__in=("page", "fallback"), user__in=people, sent_at__gte=start, sent_at__lt=end)
    found: dict[int, dict[str, datetime]] = {}
    for user, identity, at in rows.order_by("sent_at").values_list("user_id", "identity", "sent_at"):
        if at is not None:
            found.setdefault(user, {}).setdefault(identity.rsplit(":m", 1)[0], at)
    return {user: list(times.values()) for user, times in found.items()}


def notification_plain(row: Notification) -> dict[str, Any]:
    """A notification as the API shows it, with every state it had."""
    return {
        "id": row.id, "kind": row.kind, "state": row.state, "method": row.method_kind, "user": {"id": row.user_id, "name": row.user.name} if row.user else None, "to": row.whom,
        "title": row.title, "text": row.text, "reason": row.reason, "outcome": row.outcome, "attempt": row.attempt,
        "possible_duplicate": row.possible_duplicate, "merged_count": row.merged_count, "merged_into": row.merged_into_id,
        "alert": row.alert_id, "escalation": row.escalation_id, "created_at": row.created_at, "sent_at": row.sent_at,
        "final_at": row.final_at, "history": row.history,
    }  # fmt: skip


def anything_on_screen(user_id: int, readable: timedelta) -> Question:
    """Whether an open page may have something to show to this person: what is to be sent, was sent within `readable`, or nobody has answered yet.

    Every page asks; so only the newest 500 of what they were ever sent are looked at.
    """
    return Question(
        "SELECT EXISTS (SELECT 1 FROM (SELECT escalation_id, state, final_at FROM paging_notification WHERE user_id = %s ORDER BY id DESC LIMIT 500) n"
        " LEFT JOIN paging_escalation e ON e.id = n.escalation_id"
        " WHERE n.state IN ('pending', 'sending') OR n.final_at >= tocsin_now() - %s OR e.status = 'running')",
        (user_id, readable),
    )


def escalation_of_alert(alert_id: int) -> Escalation | None:
    """The newest on-call escalation of an alert, else the newest of any track."""
    rows = Escalation.objects.filter(alert_id=alert_id).select_related("acknowledged_by")
    return rows.filter(track="on_call").order_by("policy_track", "-id").first() or rows.order_by("policy_track", "-id").first()
