"""In which room of a chat is a team told what the procedure tells it, and what is said there? Writes the rooms of teams, and posts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from tocsin.accounts.actor import Actor
from tocsin.accounts.audit import audit
from tocsin.accounts.models import Team
from tocsin.domain import delivery
from tocsin.domain.escalation import Target
from tocsin.paging import operations_notifications as notifications
from tocsin.paging import posts
from tocsin.paging.models import Notification, TeamRoom
from tocsin.paging.operations_policies import check_target


@transaction.atomic
def set_room(team: Team, room: dict[str, Any] | None, *, by: Actor, now: datetime) -> TeamRoom | None:
    """The team's room from now on: {"account": id, "address": "#payments"}, or none. A new one is greeted, so that it shows whether it works."""
    before = TeamRoom.objects.filter(team=team).select_related("provider").first()
    if room is None:
        TeamRoom.objects.filter(team=team).delete()
        if before:
            audit("team.room", "team", team.pk, f"{by.label} took the chat room of the team {team.name} away.", by=by, now=now)
        return None
    target = check_target({"kind": "chat", "id": room.get("account"), "address": room.get("address")}, "chat")
    if before and (before.provider_id, before.address) == (target["id"], target["address"]):
        return before
    made = TeamRoom.objects.update_or_create(team=team, defaults={"provider_id": target["id"], "address": target["address"]})[0]
    audit("team.room", "team", team.pk, f"{by.label} chose {made.address} as the chat room of the team {team.name}.", by=by, now=now)
    text = f"This room is told what the incident procedure tells the team {team.name}: what needs no page."
    _post(team, f"greeting:{int(now.timestamp() * 1000)}", title=f"Room of the team {team.name}", text=text, why=text, subject={}, now=now)
    return made


def tell(team: Team, subject: dict[str, Any], *, why: str, entry: int, now: datetime, **about: int) -> bool:
    """Say it in the team's room of a chat, in the transaction of the built-in room's `entry`; whether there is one. `about`: alert_id or
    incident_id. What is private is not told there."""
    if subject.get("private"):
        subject = {name: subject.get(name) for name in ("incident_ref", "severity", "link")} | {"title": "A private incident"}
    title, text = delivery.page_title(subject), delivery.post_text(subject, why)
    return _post(team, str(entry), title=title, text=text, why=why, subject=subject, now=now, **about)


def _post(team: Team, name: str, *, title: str, text: str, why: str, subject: dict[str, Any], now: datetime, **about: int) -> bool:
    room = TeamRoom.objects.filter(team=team).select_related("provider").first()
    if room is None:
        return False
    found, missing = posts.find([Target("chat", room.provider_id, room.address)])
    place = found[0].name if found else f"{room.address}: {missing[0].reason}"
    row = Notification(
        identity=f"{_group(team)}{name}", kind=posts.KIND, method_kind=room.provider.channel, title=title, text=text, reason=why, created_at=now,
        due_at=now, target={"kind": "chat", "id": room.provider_id, "address": room.address, "name": place, "subject": subject},
        history=[notifications.line("pending", "planned", now)], **about,
    )  # fmt: skip
    notifications.insert([row])
    return True


def last(team: Team) -> Notification | None:
    """The newest message to the team's room of a chat, whatever became of it."""
    return Notification.objects.filter(identity__startswith=_group(team)).order_by("-id").first()


def _group(team: Team) -> str:
    return f"team:{team.pk}:"
