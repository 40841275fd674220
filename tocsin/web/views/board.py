"""What is due, what is burning, which alerts wait, and who holds the pager?"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any

from django.db.models import BooleanField, Count, ExpressionWrapper, Prefetch, Q, QuerySet
from django.http import HttpRequest, HttpResponse

from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts import listing
from tocsin.alerts.models import Alert
from tocsin.incidents import queries as incidents
from tocsin.incidents.models import Incident, IncidentAlert, RoleAssignment
from tocsin.lib import together
from tocsin.obligations.models import Obligation
from tocsin.web import alert_rows, pages, standby

UPDATES = ("first_public_update", "next_public_update", "first_internal_update", "next_internal_update")
SHOWN_INCIDENTS, SHOWN_ALERTS, SHOWN_PROMISES = 30, 50, 8
RESOLVED = ExpressionWrapper(Q(status=Incident.Status.RESOLVED), BooleanField())


@needs(Needs.READ)
def board(request: HttpRequest) -> HttpResponse:
    """The war board."""
    now = pages.now(request)
    mine = incidents.visible_to(request.user)  # type: ignore[arg-type]
    running = list(with_people(mine.exclude(status=Incident.Status.CLOSED)).order_by(RESOLVED, "severity", "-id")[:SHOWN_INCIDENTS])
    promises = promises_of(running)
    on_call, gaps = standby.board(now)
    context = {
        "now": now,
        "due": due_next(mine),
        "active": [card(row, promises[row.pk]) for row in running if row.status != Incident.Status.RESOLVED],
        "resolved": [card(row, promises[row.pk]) for row in running if row.status == Incident.Status.RESOLVED],
        "triage": triage(request, now),
        "standby": on_call,
        "gaps": gaps,
    }
    return pages.page(request, "board/board.html", context)


def with_people(rows: QuerySet[Incident]) -> QuerySet[Incident]:
    """Incidents with who holds which role and how many respond."""
    roles = RoleAssignment.objects.filter(ended_at=None).select_related("user")
    return (
        rows.defer("procedure_version__document")
        .prefetch_related(Prefetch("role_assignments", roles, to_attr="held"))
        .annotate(people=Count("responders", distinct=True))
    )


def promises_of(rows: list[Incident]) -> dict[int, list[Obligation]]:
    """The promises of these incidents and the acknowledgement of their alerts, by incident."""
    incidents_of: dict[int, list[int]] = defaultdict(list)
    for incident_id, alert_id in IncidentAlert.objects.filter(incident__in=rows, cause=True).values_list("incident_id", "alert_id"):
        incidents_of[alert_id].append(incident_id)
    about = Q(incident_id__in=[row.pk for row in rows]) | Q(alert_id__in=list(incidents_of), kind="acknowledge", incident_id=None)
    found: dict[int, list[Obligation]] = defaultdict(list)
    for row in Obligation.objects.filter(about).defer("evidence", "history").order_by("id"):
        for incident_id in [row.incident_id] if row.incident_id else incidents_of[row.alert_id or 0]:
            found[incident_id].append(row)
    return found


def card(incident: Incident, promises: list[Obligation]) -> dict[str, Any]:
    """An incident with its two clocks: acknowledged, and the next thing that is owed."""
    acknowledged = next((p for p in promises if p.kind == "acknowledge" and p.state != Obligation.State.NOT_APPLICABLE), None)
    running = sorted((p for p in promises if p.state == Obligation.State.OPEN and p.due_at), key=lambda p: p.due_at)  # type: ignore[arg-type,return-value]
    owed = next((p for p in running if p.kind in UPDATES), None) or next((p for p in running if p.kind != "acknowledge"), None)
    commander = next((a.user for a in incident.held if a.role == "incident_commander"), None)  # type: ignore[attr-defined]
    return {"incident": incident, "acknowledged": acknowledged, "owed": owed, "commander": commander}


def due_next(mine: QuerySet[Incident]) -> list[dict[str, Any]]:
    """Every running promise that this person may know of, the soonest first."""
    rows = list(
        Obligation.objects.filter(state=Obligation.State.OPEN, due_at__isnull=False)
        .exclude(incident_id__isnull=False, incident_id__in=Incident.objects.exclude(pk__in=mine.values("pk")).values("pk"))
        .select_related("owner").order_by("due_at", "id")[:SHOWN_PROMISES]
    )  # fmt: skip
    by_incident = mine.defer("procedure_version__document").in_bulk([row.incident_id for row in rows if row.incident_id])
    by_alert = Alert.objects.in_bulk([row.alert_id for row in rows if row.alert_id and not row.incident_id])
    return [{"promise": row, "incident": by_incident.get(row.incident_id or 0), "alert": by_alert.get(row.alert_id or 0)} for row in rows]


def triage(request: HttpRequest, now: datetime) -> dict[str, Any]:
    """The firing alerts that belong to no incident and were not found to be false, the worst first, with their clock and who has them."""
    ids = listing.to_triage(SHOWN_ALERTS)
    found = alert_rows.read(ids)
    user: Any = request.user
    body = alert_rows.Rows(now, user.time_zone, may=user.may_respond, picks=False).all(found[one] for one in ids if one in found)
    more = len(ids) == SHOWN_ALERTS
    return {"body": body, "count": str(listing.waiting_of(*together.ask(listing.waiting()))) if more else len(ids), "more": more}
