"""Who would be paged if an alert of a service fired now, on each track that the procedure pages?"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from tocsin.accounts.models import Organisation
from tocsin.alerts.models import Service
from tocsin.lib.refusal import invalid
from tocsin.paging import low_urgency, rehearsal
from tocsin.paging.models import EscalationPolicy
from tocsin.procedures import operations as procedures

ON_CALL, LEADERSHIP = "on_call", "leadership"


@dataclass(frozen=True)
class Track:
    """One escalation that would run beside the others: its policy ("": none is set), its steps, and a sentence where there is something to say."""

    track: str
    policy: str
    lines: list[rehearsal.Line]
    note: str = ""
    urgent: bool = True  # not what can wait


def policy_of(service: Service | None, track: str) -> EscalationPolicy | None:
    """The service's policy for a track; leadership falls back on the organisation's. None leads to the fallback people."""
    if track == LEADERSHIP:
        return (service.leadership_policy if service else None) or Organisation.objects.get(pk=1).leadership_policy
    return service.escalation_policy if service else None


def rehearse(service: Service, *, severity: str = "", now: datetime) -> list[Track]:
    """The tracks that run beside one another for that severity; without one the on-call track alone. Refuses a severity that is not known."""
    if not severity:
        return [_track(service, ON_CALL, "", now)]
    document = procedures.document(procedures.current())
    known = {level.id: level for level in document.severities}
    if severity not in known:
        raise invalid(severity=f"It is one of {', '.join(known)}.")
    demanded = known[severity].escalation
    if not demanded.page:
        return [Track(ON_CALL, "", [], f"{severity} pages nobody: {demanded.text}")]
    later = "From an alert, leadership is paged only when an incident is declared." if document.settings.leadership_on_declare_only else ""
    found = [_track(service, track, severity, now, later if track == LEADERSHIP else "") for track in demanded.page]
    return found if later else _once(found)


def _once(tracks: list[Track]) -> list[Track]:
    """The same, where who stands in several of them is told once."""
    named = [
        (f"track {line.track}" if line.track else one.track.replace("_", " "), one.urgent, line) for one in tracks for line in one.lines
    ]
    lines = iter(rehearsal.told_once(named))
    return [replace(one, lines=[next(lines) for _ in one.lines]) for one in tracks]


def _track(service: Service, track: str, severity: str, now: datetime, note: str = "") -> Track:
    policy = policy_of(service, track)
    if policy is None and track != ON_CALL:
        return Track(track, "", [], f"{track.capitalize()} could not be paged: no policy is set for it.")
    about = {"service": service.name, "severity": severity, "critical": service.critical, "tier": service.tier}
    name, low = policy.name if policy else "", low_urgency.Low.of(policy, severity)
    lines = rehearsal.dry_run(policy.plain if policy else {}, team=service.team_id, name=name, subject=about, low=low, now=now)
    if low and low.record_only:
        note = f"{severity} is only recorded by policy {name}: nobody is paged."
    return Track(track, name, lines, note, low is None)


def shape(track: Track) -> dict[str, Any]:
    """A track as the API and the command line show it."""
    return {"track": track.track, "policy": track.policy or None, "note": track.note, "steps": [asdict(line) for line in track.lines]}
