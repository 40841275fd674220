"""Where does a step post, beside the people whom it pages? Rooms of a chat, and web addresses. They are told; they cannot acknowledge."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from tocsin.domain import delivery
from tocsin.domain.escalation import POSTS, Target
from tocsin.integrations.registry import GATEWAYS
from tocsin.paging import operations_notifications as notifications
from tocsin.paging.models import Escalation, Notification, Provider
from tocsin.paging.people import NotFound

KIND = "post"


@dataclass(frozen=True)
class Place:
    """A room or web address that can be posted to: what people call it, and the channel whose lane carries it."""

    target: Target
    name: str
    channel: str


def find(targets: Iterable[Target]) -> tuple[list[Place], list[NotFound]]:
    """The places behind targets of a step, and those that cannot be used now. Targets that lead to people are left out."""
    found: list[Place] = []
    missing: list[NotFound] = []
    for target in dict.fromkeys(target for target in targets if target.kind in POSTS):
        answer = _place(target)
        (found if isinstance(answer, Place) else missing).append(answer)  # type: ignore[arg-type]
    return found, missing


def _place(target: Target) -> Place | NotFound:
    if target.kind == "webhook":
        return Place(target, f"webhook {urlsplit(target.address).hostname}", "webhook")
    account = Provider.objects.filter(pk=target.id, removed_at=None).first()
    if account is None or account.kind not in GATEWAYS:
        return NotFound(f"the chat account for {target.address} has been removed")
    if not account.enabled:
        return NotFound(f"the chat account {account.name} for {target.address} is switched off")
    return Place(target, f"{target.address} in {account.name}", account.channel)


def plan(places: Iterable[Place], *, escalation: Escalation, group: str, why: str, now: datetime) -> list[Notification]:
    """The rows of a step's posts; rows that exist already are not made again. What is private is not told to rooms."""
    words = said(escalation.subject, why)
    about = {"alert_id": escalation.alert_id, "incident_id": escalation.incident_id, "escalation": escalation}
    rows = [row(one, identity=f"{group}:t{number}", due_at=now, now=now, **words, **about) for number, one in enumerate(places)]
    notifications.insert(rows)
    return rows


def said(subject: dict[str, Any], why: str) -> dict[str, str]:
    """The title, text and reason of a post; of a private incident these say only that there is one."""
    if subject.get("private"):
        subject = {"incident_ref": subject.get("incident_ref"), "severity": subject.get("severity"), "title": "A private incident"}
        why = "an escalation of a private incident"
    return {"title": delivery.page_title(subject), "text": delivery.post_text(subject, why), "reason": why}


def row(place: Place, *, identity: str, due_at: datetime, now: datetime, **fields: Any) -> Notification:
    """The row, not written yet, of one post to a place."""
    target = {"kind": place.target.kind, "id": place.target.id, "address": place.target.address, "name": place.name}
    return Notification(
        identity=identity[:200], kind=KIND, method_kind=place.channel, created_at=now, due_at=due_at, target=target,
        history=[notifications.line("pending", "planned", now)], **fields,
    )  # fmt: skip
