"""Who stands in two tracks is told once a moment: which pages stand for others? Writes notifications.

A page that another one stands for is a row like any other, merged into that one: where the one that went out fails, both tracks go on.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from tocsin.domain import telling as rules
from tocsin.lib import statements, together
from tocsin.paging.models import Escalation, Notification

State = Notification.State
LIVE = (State.PENDING, State.SENDING, *Notification.OUT)  # it may still reach its person, or has
_OTHERS = (
    "e.id <> %s AND (e.incident_id = %s OR (e.alert_id = %s AND e.incident_id IS NULL AND %s::bigint IS NULL))"
    " AND n.user_id = ANY(%s) AND n.kind IN ('page', 'fallback') AND n.created_at > %s"
    # a run of the same track that is over was answered, and what begins anew has to reach its people again
    " AND (e.status = 'running' OR (e.track, e.policy_track) <> (%s, %s))"
)
ANY = ("SELECT EXISTS (SELECT 1 FROM paging_escalation e JOIN paging_notification n ON n.escalation_id = e.id WHERE {others})").replace(
    "{others}", _OTHERS
)
_TOLD = (  # what was merged is told by the page that it was merged into
    "SELECT {e}, {n}, lead.id FROM paging_escalation e JOIN paging_notification n ON n.escalation_id = e.id"
    " JOIN paging_notification lead ON lead.id = coalesce(n.merged_into_id, n.id) WHERE {others}"
    " AND lead.state IN ('pending', 'sending', 'accepted', 'unconfirmed', 'delivered') ORDER BY n.id FOR UPDATE OF lead"
)
TOLD = statements.Read(_TOLD.replace("{others}", _OTHERS), e=Escalation, n=Notification)


@dataclass(frozen=True)
class Page:
    """A page of another track, as the rules see it, and in words: "track Leadership"."""

    told: rules.Told
    row: Notification
    by: str


def told(escalation: Escalation, people: Collection[int], now: datetime) -> dict[int, list[Page]]:
    """The live pages that other tracks have made for these people (ids) about the same subject within a moment, by person.

    Tracks that start a step at the same instant wait for one another here, so that the second sees what the first has done.
    """
    if not people:
        return {}
    track = (escalation.track, escalation.policy_track)
    about = (escalation.pk, escalation.incident_id, escalation.alert_id, escalation.incident_id, list(people), now - rules.MOMENT, *track)
    subject = (escalation.incident_id or escalation.alert_id or 0) % 2**31
    _, ((there,),) = together.several(("SELECT pg_advisory_xact_lock(7422, %s)", (subject,)), (ANY, about))
    found: dict[int, list[Page]] = {}
    for run, row, lead in TOLD.all(*about) if there else ():
        waits = row.state == State.PENDING and not row.attempt
        one = rules.Told(lead, (row.contact_method_id or 0, turn_of(row)), run.urgency, row.created_at, waits)
        found.setdefault(row.user_id, []).append(Page(one, row, _by(run)))
    return found


def turn_of(row: Notification) -> int:
    """Which of the repetitions of its way a row is, 0 for the first."""
    return int(row.identity.rsplit(":m", 1)[1].partition(":n")[2] or 0)


def _by(run: Escalation) -> str:
    return f"track {run.policy_track}" if run.policy_track else run.track.replace("_", " ")


def group_is_live(rows: Collection[Notification]) -> bool:
    """Whether one of the rows may still reach somebody or has, by itself or by the page that stands for it."""
    leads = {row.merged_into_id for row in rows if row.merged_into_id}
    return any(row.state in LIVE for row in rows) or bool(leads and Notification.objects.filter(pk__in=leads, state__in=LIVE).exists())


def told_through(escalation: Escalation, user: int) -> list[int]:
    """The other escalations that count this person as told because this one pages them."""
    rows = Notification.objects.filter(merged_into__escalation=escalation, merged_into__user=user).exclude(escalation=escalation)
    about = Q(incident_id=escalation.incident_id) if escalation.incident_id else Q(alert_id=escalation.alert_id)
    return sorted(set(rows.filter(about, escalation__isnull=False).values_list("escalation_id", flat=True)))
