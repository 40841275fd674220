"""How is an act on many alerts kept while it is carried out? With its progress and what it changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tocsin.accounts.actor import Actor
from tocsin.alerts.models import Alert, BulkAction
from tocsin.lib import due
from tocsin.lib.together import Question

LOOP_NAME = "bulk_actions"


def begin(
    *, key: str, action: str, minutes: int | None, about: str, alert_ids: Sequence[int], by: Actor, now: datetime
) -> tuple[BulkAction, bool]:
    """Keep an act to be carried out; the one that had this key before, and False, where there was one."""
    row, new = BulkAction.objects.get_or_create(
        key=key,
        defaults={
            "action": action, "minutes": minutes, "about": about[:1000], "alert_ids": list(alert_ids), "by": by.user, "by_label": by.label,
            "via": by.via, "created_at": now,
        },
    )  # fmt: skip
    due.wake(LOOP_NAME)
    return row, new


def any_since(user_id: int | None, at: datetime) -> Question:
    """Whether that person has an act that is not finished, or that began after `at` and was not taken back."""
    return Question(
        "SELECT EXISTS (SELECT 1 FROM alerts_bulkaction WHERE by_id = %s AND (finished_at IS NULL OR (created_at > %s AND undone_at IS NULL)))",
        (user_id, at),
    )


def waiting() -> BulkAction | None:
    """The oldest act that is not finished and that no other process works on, locked."""
    return BulkAction.objects.select_for_update(skip_locked=True, of=("self",)).filter(finished_at=None).order_by("id").first()


def locked(number: int) -> BulkAction:
    """That act, locked until the transaction ends."""
    return BulkAction.objects.select_for_update(of=("self",)).get(pk=number)


def took(row: BulkAction, changed: Sequence[int], looked_at: int, now: datetime) -> None:
    """So many more alerts were looked at; these were changed."""
    row.position += looked_at
    row.changed_ids = [*row.changed_ids, *changed]
    if row.position >= len(row.alert_ids):
        row.finished_at = now
    row.save(update_fields=["position", "changed_ids", "finished_at"])


def undone(row: BulkAction, now: datetime) -> None:
    """It was taken back."""
    row.undone_at = row.finished_at = now
    row.save(update_fields=["undone_at", "finished_at"])


def fire_again(alert: Alert) -> bool:
    """Take a resolution by hand back; False where the key has fired anew meanwhile, or it was not resolved."""
    newer = Alert.objects.filter(integration=alert.integration_id, dedup_key=alert.dedup_key, pk__gt=alert.pk).exists()
    if newer:
        return False
    return bool(Alert.objects.filter(pk=alert.pk, status=Alert.Status.RESOLVED).update(status=Alert.Status.FIRING, resolved_at=None))
