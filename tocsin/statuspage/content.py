"""What does the public see right now? Read from the database once, in Statuspage's form; HTML and feeds are made from it."""

from __future__ import annotations

import hashlib
import string
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings

from tocsin.domain import uptime
from tocsin.incidents.models import Incident, Update
from tocsin.statuspage.models import Component, ComponentChange, Maintenance, MaintenanceUpdate, StatusPage

NEWEST = 50  # incidents
IMPACTS = ("critical", "major", "minor")  # of the worst severity, the next, the third; below that: none
INDICATORS = ("none", "maintenance", "minor", "major", "critical")
OF_STATUS = {
    "operational": "none", "under_maintenance": "maintenance", "degraded_performance": "minor", "partial_outage": "major",
    "major_outage": "critical",
}  # fmt: skip
DESCRIPTIONS = {
    "none": "All Systems Operational", "maintenance": "Service Under Maintenance", "minor": "Partially Degraded Service",
    "major": "Partial System Outage", "critical": "Major Service Outage",
}  # fmt: skip
STATUS_AT = {  # of a component before and after an update about maintenance
    "in_progress": ("operational", "under_maintenance"), "verifying": ("under_maintenance", "under_maintenance"),
    "completed": ("under_maintenance", "operational"),
}  # fmt: skip
DIGITS = string.digits + string.ascii_lowercase


@dataclass(frozen=True)
class Content:
    """Everything that one page shows. `incidents` are in Statuspage's form, the newest first; `histories` by component id."""

    page: StatusPage
    url: str
    now: datetime
    components: list[Component]
    incidents: list[dict[str, Any]]
    updates: dict[str, Update]
    histories: dict[int, uptime.History]
    indicator: str
    maintenances: list[dict[str, Any]] = field(default_factory=list)  # the one that comes last first

    def when(self, at: datetime | None) -> str | None:
        """ISO 8601 with milliseconds and offset, in the page's zone."""
        return at.astimezone(ZoneInfo(self.page.time_zone)).isoformat(timespec="milliseconds") if at else None


def public_code(page: StatusPage, kind: str, number: int) -> str:
    """A stable id of 12 characters that says nothing about how many incidents there are."""
    value = int.from_bytes(hashlib.sha256(f"{page.code}:{kind}:{number}".encode()).digest()[:10], "big")
    digits = []
    for _ in range(12):
        value, rest = divmod(value, 36)
        digits.append(DIGITS[rest])
    return "".join(digits)


def read(page: StatusPage, now: datetime) -> Content:
    """The content of a page. Private incidents, drills and incidents without a public update are never in it."""
    url = f"{settings.TOCSIN_URL}/status/{page.slug + '/' if page.slug else ''}"
    components = list(page.components.filter(removed_at=None))
    found = Incident.objects.filter(private=False, drill=False, updates__audience="public").distinct().select_related("procedure_version")
    incidents = list(found.order_by("-declared_at", "-id")[:NEWEST])
    updates: dict[int, list[Update]] = {incident.pk: [] for incident in incidents}
    for update in Update.objects.filter(incident__in=incidents, audience="public").order_by("-published_at", "-id"):
        updates[update.incident_id].append(update)
    content = Content(page, url, now, components, [], {}, _histories(page, components, now), "none")
    rows = [_incident(content, incident, updates[incident.pk]) for incident in incidents]
    unresolved = [row["impact"] for row in rows if row["status"] != "resolved"]
    indicator = max([OF_STATUS[c.status] for c in components] + unresolved, key=INDICATORS.index, default="none")
    by_code = {public_code(page, "update", update.pk): update for group in updates.values() for update in group}
    content = replace(content, incidents=rows, updates=by_code, indicator=indicator)
    announced = page.maintenances.filter(withdrawn_at=None).prefetch_related("updates").order_by("-starts_at", "-id")[:NEWEST]
    return replace(content, maintenances=[_maintenance(content, row) for row in announced])


def _histories(page: StatusPage, components: Sequence[Component], now: datetime) -> dict[int, uptime.History]:
    changes: dict[int, list[uptime.Change]] = {component.pk: [] for component in components}
    for row in ComponentChange.objects.filter(component__in=components).order_by("at", "id"):
        changes[row.component_id].append(uptime.Change(row.at, row.before, row.after))
    return {c.pk: uptime.history(changes[c.pk], c.status, c.created_at, now, page.time_zone) for c in components}


def _incident(content: Content, incident: Incident, updates: list[Update]) -> dict[str, Any]:
    newest = updates[0]
    code = public_code(content.page, "incident", incident.pk)
    touched = {str(key) for update in updates for key in update.components}
    first_monitoring = next((update.published_at for update in reversed(updates) if update.status == "monitoring"), None)
    return {
        "id": code,
        "name": incident.title,
        "status": newest.status,
        "created_at": content.when(incident.declared_at),
        "updated_at": content.when(newest.published_at),
        "monitoring_at": content.when(first_monitoring),
        "resolved_at": content.when(newest.published_at) if newest.status == "resolved" else None,
        "impact": impact(incident),
        "shortlink": f"{content.url}incidents/{code}.html",
        "started_at": content.when(incident.declared_at),
        "page_id": content.page.code,
        "incident_updates": [_update(content, update, code) for update in updates],
        "components": [component(content, row) for row in content.components if str(row.pk) in touched],
    }


def impact(incident: Incident) -> str:
    """Statuspage's word for the severity: by its place in the incident's own procedure, the worst first."""
    order = [item.get("id") for item in incident.procedure_version.document.get("severities", [])]
    place = order.index(incident.severity) if incident.severity in order else len(IMPACTS)
    return IMPACTS[place] if place < len(IMPACTS) else "none"


def _update(content: Content, update: Update, incident_code: str) -> dict[str, Any]:
    at = content.when(update.published_at)
    rows = {str(row.pk): row for row in content.components}
    before = {
        str(change.component_id): change.before
        for change in ComponentChange.objects.filter(incident_id=update.incident_id, at=update.published_at)
    }
    affected = [
        {"code": rows[key].code, "name": rows[key].name, "old_status": before.get(key, status), "new_status": status}
        for key, status in update.components.items()
        if key in rows
    ]
    return {
        "id": public_code(content.page, "update", update.pk),
        "status": update.status,
        "body": update.text,
        "incident_id": incident_code,
        "created_at": at,
        "updated_at": at,
        "display_at": at,
        "affected_components": affected or None,
        "deliver_notifications": True,
        "custom_tweet": None,
        "tweet_id": None,
    }


def _maintenance(content: Content, row: Maintenance) -> dict[str, Any]:
    """Maintenance in Statuspage's form: an incident with the times that are planned."""
    updates = sorted(row.updates.all(), key=lambda one: one.pk, reverse=True)
    code = row.code
    begun = next((one.at for one in reversed(updates) if one.status == "in_progress"), None)
    touched = [line for line in content.components if line.pk in row.components]
    return {
        "id": code, "name": row.title, "status": row.status, "created_at": content.when(row.created_at),
        "updated_at": content.when(row.updated_at), "monitoring_at": None,
        "resolved_at": content.when(row.updated_at) if row.status == "completed" else None, "impact": "maintenance",
        "shortlink": f"{content.url}incidents/{code}.html", "started_at": content.when(begun or row.starts_at), "page_id": content.page.code,
        "incident_updates": [_maintenance_update(content, one, code, touched) for one in updates],
        "components": [component(content, line) for line in touched], "scheduled_for": content.when(row.starts_at),
        "scheduled_until": content.when(row.ends_at),
    }  # fmt: skip


def _maintenance_update(content: Content, update: MaintenanceUpdate, code: str, touched: list[Component]) -> dict[str, Any]:
    at = content.when(update.at)
    old, new = STATUS_AT.get(update.status, ("operational", "operational"))
    affected = [{"code": line.code, "name": line.name, "old_status": old, "new_status": new} for line in touched]
    return {
        "id": public_code(content.page, "maintenance update", update.pk), "status": update.status, "body": update.text, "incident_id": code,
        "created_at": at, "updated_at": at, "display_at": at, "affected_components": affected or None, "deliver_notifications": True,
        "custom_tweet": None, "tweet_id": None,
    }  # fmt: skip


def component(content: Content, row: Component) -> dict[str, Any]:
    """A component in Statuspage's form."""
    return {
        "id": row.code,
        "name": row.name,
        "status": row.status,
        "created_at": content.when(row.created_at),
        "updated_at": content.when(row.updated_at),
        "position": row.position,
        "description": row.description or None,
        "showcase": True,
        "start_date": row.created_at.astimezone(ZoneInfo(content.page.time_zone)).date().isoformat(),
        "group_id": None,
        "page_id": content.page.code,
        "group": False,
        "only_show_if_degraded": False,
    }


def documents(content: Content) -> dict[str, dict[str, Any]]:
    """The JSON files of the page, by their path. Every array is there, also when it is empty."""
    head = {
        "page": {
            "id": content.page.code, "name": content.page.name, "url": content.url, "time_zone": content.page.time_zone,
            "updated_at": content.when(content.now),
        }
    }  # fmt: skip
    status = {"status": {"indicator": content.indicator, "description": DESCRIPTIONS[content.indicator]}}
    components = {"components": [component(content, row) for row in content.components]}
    unresolved = {"incidents": [row for row in content.incidents if row["status"] != "resolved"]}

    def maintenances(*states: str) -> dict[str, Any]:
        return {"scheduled_maintenances": [row for row in content.maintenances if not states or row["status"] in states]}

    running = ("in_progress", "verifying")
    return {
        "api/v2/summary.json": head | components | unresolved | maintenances("scheduled", *running) | status,
        "api/v2/status.json": head | status,
        "api/v2/components.json": head | components,
        "api/v2/incidents.json": head | {"incidents": content.incidents},
        "api/v2/incidents/unresolved.json": head | unresolved,
        "api/v2/scheduled-maintenances.json": head | maintenances(),
        "api/v2/scheduled-maintenances/active.json": head | maintenances(*running),
        "api/v2/scheduled-maintenances/upcoming.json": head | maintenances("scheduled"),
    }
