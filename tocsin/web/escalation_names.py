"""What is a target of a step called on a page?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tocsin.accounts.models import Team, User
from tocsin.integrations.webhook import notifier as webhook
from tocsin.oncall import queries as oncall
from tocsin.oncall.models import Schedule
from tocsin.paging import operations_policies
from tocsin.paging.models import Provider
from tocsin.web import escalation_form


@dataclass(frozen=True)
class Names:
    """What targets are called: people, schedules, teams and chat accounts by their ids."""

    people: dict[int, User]
    schedules: dict[int, Schedule]
    teams: dict[int, Team]
    rooms: dict[int, Provider]


def now() -> Names:
    """What everything that a step can name is called now."""
    return Names(
        User.objects.filter(is_active=True, removed_at=None).in_bulk(), {schedule.pk: schedule for schedule in oncall.active()},
        Team.objects.filter(removed_at=None).in_bulk(), {account.pk: account for account in operations_policies.rooms()},
    )  # fmt: skip


def shown(target: dict[str, Any], names: Names, at: datetime) -> dict[str, Any]:
    """A stored target with its `label`, what stands under it (`sub`), its icon, and its `value` in the form."""
    found = {**target, "value": escalation_form.written(target)}
    kind, id = target["kind"], target.get("id", 0)
    if kind == "webhook":
        return {**found, "label": target["address"], "sub": "Webhook, signed", "icon": "link", "secret": webhook.secret(target["address"])}
    if kind == "chat":
        room = names.rooms.get(id)
        return {**found, "label": target["address"], "sub": f"Room in {room.name}" if room else "The account was removed", "icon": "hash"}
    if kind == "team":
        team = names.teams.get(id)
        size = User.objects.filter(memberships__team=team, is_active=True, removed_at=None).count() if team else 0
        return {**found, "label": team.name if team else "A team that was removed", "sub": f"Team · {size} people", "icon": "users"}
    if kind == "user":
        person = names.people.get(id)
        return {
            **found,
            "label": person.name if person else "Somebody who was removed",
            "sub": "Person" if person else "passed over",
            "icon": "user",
        }
    schedule = names.schedules.get(id)
    if schedule is None:
        return {
            **found,
            "label": "A schedule that was removed",
            "sub": "nobody is found there: the next step is paged at once",
            "icon": "calendar",
        }
    if kind == "schedule_people":
        return {
            **found,
            "label": f"Everyone of {schedule.name}",
            "sub": f"Schedule · {len(oncall.people(schedule, at))} people",
            "icon": "users",
        }
    current = oncall.who(schedule, at)
    name = names.people[current.user].name if current and current.user in names.people else "nobody"
    return {**found, "label": schedule.name, "sub": f"On call · now {name}", "icon": "calendar"}
