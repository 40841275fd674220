"""What will happen when this incident is declared? Who is paged, which clocks start, what the first message says; nothing is done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tocsin.accounts.models import Organisation, User
from tocsin.alerts.models import Service
from tocsin.domain import messages
from tocsin.domain import obligations as rules
from tocsin.domain.escalation_policy import POSTS, Policy, tracks
from tocsin.domain.procedure.model import Procedure, Severity
from tocsin.paging import people
from tocsin.response.declare_incident import channel_for


@dataclass(frozen=True)
class Consequences:
    """What the page shows beside the form."""

    severity: Severity
    channel: str
    paged: list[User]
    gaps: list[str]
    update_due: datetime | None
    repeat: int | None
    postmortem_hours: int | None
    message: str


def consequences(
    procedure: Procedure, severity: Severity, *, title: str, impact: str, service: Service | None, commander: User | None, now: datetime
) -> Consequences:
    """Of declaring it now."""
    organisation = Organisation.objects.select_related("leadership_policy").get(pk=1)
    owed = rules.first_update(procedure, severity.id, now)
    paged, gaps = _paged(severity, service, organisation, now)
    message = messages.declaration(
        procedure, severity=severity.id, impact=" ".join(impact.split()) or "Not known yet", incident_commander=str(commander or ""),
        next_update=owed.due_at if owed else None, zone=organisation.time_zone,
    )  # fmt: skip
    return Consequences(
        severity, channel_for(procedure, severity, title or "brief description", organisation.time_zone, now), paged, gaps,
        owed.due_at if owed else None, severity.communication.repeat_minutes if severity.communication else None,
        procedure.settings.postmortem_within_hours if severity.postmortem_required else None, message,
    )  # fmt: skip


def _paged(severity: Severity, service: Service | None, organisation: Organisation, now: datetime) -> tuple[list[User], list[str]]:
    """The people of the first step of each track, and what stands in the way."""
    found: dict[int, User] = {}
    gaps: list[str] = []
    for track in severity.escalation.page:
        leadership = (service.leadership_policy if service else None) or organisation.leadership_policy
        policy = leadership if track == "leadership" else service.escalation_policy if service else None
        if policy is None and track == "leadership":
            gaps.append("No policy is set for leadership")
            continue
        subject = {"team_id": service.team_id if service else None}
        for plain in tracks(policy.plain if policy else {}).values():
            for step in Policy.from_plain(plain).all_steps:
                reached, missing = people.find([target for target in step.targets if target.kind not in POSTS], subject, now)
                found |= {one.user.pk: one.user for one in reached}
                if reached:
                    break
                gaps += [one.reason[:1].upper() + one.reason[1:] for one in missing]
    return list(found.values()), list(dict.fromkeys(gaps))
