"""Which checks answer themselves, and with what? Change events answer what was deployed and changed lately."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q

from tocsin.accounts.models import Organisation
from tocsin.alerts.models import ChangeEvent
from tocsin.incidents.models import Incident

WINDOW = timedelta(hours=24)  # looked back from the declaration
AHEAD = timedelta(minutes=5)  # a sender's clock may be that much before ours
MOST = 50  # changes kept in a snapshot


@dataclass(frozen=True, slots=True)
class Found:
    """What a collector found: the answer with its evidence, a link, the data, and the window of time that it looked at."""

    answer: str
    evidence: str
    window: tuple[datetime, datetime]
    link: str = ""
    data: dict[str, Any] = field(default_factory=dict)


def recent(incident: Incident, now: datetime) -> list[ChangeEvent]:
    """The changes to the incident's service, what it depends on, and what belongs to no service, in the window; newest first."""
    rows = ChangeEvent.objects.filter(at__gte=incident.declared_at - WINDOW, at__lte=now + AHEAD).select_related("service")
    if incident.service:
        related = [incident.service.pk, *incident.service.depends_on.values_list("pk", flat=True)]
        rows = rows.filter(Q(service_id__in=related) | Q(service_id=None))
    return list(rows.order_by("-at", "-id")[:MOST])


def changes(incident: Incident, now: datetime, rows: list[ChangeEvent], *, kind: str = "") -> Found:
    """What those changes (of that kind) say to a check."""
    window = (incident.declared_at - WINDOW, now)
    found = [row for row in rows if row.kind == kind or not kind]
    word = {"deployment": "deployment", "infrastructure": "infrastructure change"}.get(kind, "change")
    zone = ZoneInfo(Organisation.objects.get(pk=1).time_zone)  # the clock of the updates, so that they can be compared at a glance
    span = f"since {window[0].astimezone(zone):%Y-%m-%d %H:%M %Z}"
    if not found:
        return Found("no", f"No {word} was reported {span}.", window, data={"changes": []})
    lines = [f"- {row.at.astimezone(zone):%Y-%m-%d %H:%M %Z} {row.summary}{f' ({row.service})' if row.service else ''}" for row in found]
    evidence = "\n".join([f"{len(found)} {word}{'' if len(found) == 1 else 's'} {span}:", *lines])[:8000]
    return Found("yes", evidence, window, link=found[0].link, data={"changes": [_plain(row) for row in found]})


COLLECTORS: dict[str, Callable[[Incident, datetime, list[ChangeEvent]], Found]] = {
    "recent_changes": changes,
    "recent_deployments": lambda incident, now, rows: changes(incident, now, rows, kind="deployment"),
    "infrastructure_changes": lambda incident, now, rows: changes(incident, now, rows, kind="infrastructure"),
}


def collector_for(question: str) -> str:
    """The collector that answers a line of the procedure, by its words; empty where people do."""
    name = question.strip().rstrip("?").lower().replace(" ", "_")
    return name if name in COLLECTORS else ""


def _plain(row: ChangeEvent) -> dict[str, Any]:
    return {
        "id": row.pk, "at": row.at.astimezone(UTC).isoformat().replace("+00:00", "Z"), "kind": row.kind, "summary": row.summary,
        "service": row.service.name if row.service else None, "source": row.source, "link": row.link,
    }  # fmt: skip
