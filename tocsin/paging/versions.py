"""What did an escalation policy say before, and what differs? Every change is kept as a document."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from tocsin.accounts.actor import Actor
from tocsin.accounts.audit import audit
from tocsin.domain import escalation_policy as rules
from tocsin.lib import versions
from tocsin.paging.models import EscalationPolicy, PolicyVersion

Naming = Callable[[dict[str, Any]], str]  # a stored target, in words


def document(policy: EscalationPolicy) -> dict[str, Any]:
    """The stored policy as `create_policy` and `change_policy` take it."""
    return {
        "name": policy.name, "team": policy.team_id, "steps": policy.steps, "repeats": policy.repeats, "tracks": policy.tracks,
        "low_severities": policy.low_severities, "low_urgency": policy.low_urgency,
    }  # fmt: skip


def plainly(target: dict[str, Any]) -> str:
    """A stored target by its kind and number, where nobody reads it."""
    return f"{target['kind']} {target.get('id') or target.get('address', '')}"


def refuse_unseen(policy: EscalationPolicy, seen: int | None, name: Naming) -> None:
    """Refuse to write over what somebody saved of a locked policy after version `seen` was shown."""
    versions.refuse_unseen(policy.versions, seen, lambda before, after: changes(before, after, name))


def keep(policy: EscalationPolicy, *, note: str = "", by: Actor, now: datetime) -> PolicyVersion | None:
    """Remember what a locked policy says now; None where nothing changed. Of the oldest, those beyond 200 go."""
    facts = {"note": note[:300], "saved_by": by.user, "saved_label": by.label[:200], "at": now}
    row = versions.keep(policy.versions, document(policy), **facts)
    if row is not None:
        text = f"Escalation policy {policy.name} saved as version {row.number}"
        audit("policy.saved", "escalation_policy", policy.pk, text, by=by, now=now, version=row.number)
    return row


def changes(before: dict[str, Any], after: dict[str, Any], name: Naming) -> list[str]:
    """What differs between two documents of one policy, a clause each; `name` says what a target is called."""
    found = [f"name {before['name']} became {after['name']}"] if before["name"] != after["name"] else []
    if before["team"] != after["team"]:
        found.append("team changed")
    old, new = (rules.tracks(side) for side in (before, after))
    found += [f"track {track} added" for track in new if track not in old]
    found += [f"track {track} removed" for track in old if track not in new]
    for track in (track for track in new if track in old):
        found += [f"{track}: {one}" if track else one for one in _of_track(old[track], new[track], name)]
    if (before["low_severities"], before["low_urgency"]) != (after["low_severities"], after["low_urgency"]):
        found.append(f"what can wait: {_low(before)} became {_low(after)}")
    return found or ["nothing that is shown"]


def _of_track(old: dict[str, Any], new: dict[str, Any], name: Naming) -> Iterator[str]:
    if old.get("repeats", 0) != new.get("repeats", 0):
        yield f"{old.get('repeats', 0)} extra rounds became {new.get('repeats', 0)}"
    before, after = ([_words(step, name) for step in side["steps"]] for side in (old, new))
    for number in range(max(len(before), len(after))):
        if number >= len(after):
            yield f"step {number + 1} removed: {before[number]}"
        elif number >= len(before):
            yield f"step {number + 1} added: {after[number]}"
        elif old["steps"][number] != new["steps"][number]:
            yield f"step {number + 1}: {before[number]}, became: {after[number]}"


def _words(step: dict[str, Any], name: Naming) -> str:
    """ "Ana, Payments primary; 5 min; all must acknowledge; only for SEV1"."""
    read = rules.Policy.from_plain({"steps": [step]}).steps[0]
    parts = [", ".join(name(target) for target in step["targets"]), f"{read.wait_seconds / 60:g} min"]
    if read.need != 1:
        parts.append(f"{'all' if read.need == rules.ALL else read.need} must acknowledge")
    return "; ".join([*parts, *([read.when.words] if read.when.words else [])])


def _low(side: dict[str, Any]) -> str:
    what = "recorded only" if side["low_urgency"] == "record" else "waits for working hours"
    return f"{', '.join(side['low_severities'])} {what}" if side["low_severities"] else "nothing"
