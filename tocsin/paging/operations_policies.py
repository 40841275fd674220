"""How are escalation policies written? Writes escalation policies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from tocsin.accounts.actor import SYSTEM, Actor
from tocsin.accounts.models import Organisation, Team, User
from tocsin.alerts import queries_routing
from tocsin.alerts.models import Service
from tocsin.domain import escalation_policy as rules
from tocsin.domain.ports import RoomGateway
from tocsin.integrations.registry import GATEWAYS, NOTIFIERS
from tocsin.lib.refusal import Refused, invalid, missing
from tocsin.oncall.models import Schedule
from tocsin.paging import versions
from tocsin.paging.models import EscalationPolicy, PolicyVersion, Provider
from tocsin.procedures import operations as procedures

MOST_STEPS = 20
MOST_TRACKS = 5  # beside the first
LONGEST_TRACK_NAME = 60
MOST_TARGETS = 20
MOST_REPEATS = 10
MOST_NEEDED = 50  # people who must acknowledge one step
MOST_SEVERITIES = 10
LONGEST_WAIT = 24 * 3600
LONGEST_ADDRESS = 500


@transaction.atomic
def create_policy(
    *,
    name: str,
    team: int | None = None,
    steps: list[dict[str, Any]],
    repeats: int = 0,
    tracks: list[dict[str, Any]] | None = None,
    low_severities: list[str] | None = None,
    low_urgency: str = "hours",
    by: Actor,
    now: datetime,
) -> EscalationPolicy:
    """A new policy. `steps`: [{"wait_seconds": 300, "targets": [{"kind": "schedule", "id": 3}], "need": 1, "when": {"severities": ["SEV1"]}}];
    `repeats`: extra rounds. `tracks` run beside them: [{"name": "Leadership", "steps": […], "repeats": 0}].
    `low_severities` can wait: for the responder's working hours (`low_urgency` "hours"), or nobody is paged ("record")."""
    policy = EscalationPolicy(
        name=_name(name), team=_team(team), steps=_steps(steps), repeats=_repeats(repeats), tracks=_tracks(tracks or []),
        low_severities=_low_severities(low_severities or []), low_urgency=_low_urgency(low_urgency),
    )  # fmt: skip
    _refuse_unknown(policy, kept=set())
    policy.save()
    versions.keep(policy, note="made", by=by, now=now)
    return policy


@transaction.atomic
def change_policy(
    policy: EscalationPolicy,
    *,
    note: str = "",
    seen: int | None = None,
    naming: versions.Naming = versions.plainly,
    by: Actor,
    now: datetime,
    **changes: Any,
) -> EscalationPolicy:
    """Change any of name, team, steps, repeats, tracks, low_severities, low_urgency. Escalations that run keep the steps they started with.
    `seen`: the version that was shown; a newer one is not written over, and what it changed is told with targets called as `naming` says."""
    policy = EscalationPolicy.objects.select_for_update().get(pk=policy.pk)
    versions.refuse_unseen(policy, seen, naming)
    checks: dict[str, Callable[[Any], Any]] = {
        "name": _name, "team": _team, "steps": _steps, "repeats": _repeats, "tracks": _tracks,
        "low_severities": _low_severities, "low_urgency": _low_urgency,
    }  # fmt: skip
    kept = {one for _, named in _severities(policy) for one in named}
    for field, check in checks.items():
        if field in changes:
            setattr(policy, field, check(changes[field]))
    _refuse_unknown(policy, kept=kept)
    if not policy.versions.exists():  # made before versions were kept
        versions.keep(EscalationPolicy.objects.get(pk=policy.pk), note="as it was before", by=SYSTEM, now=now)
    policy.save()
    versions.keep(policy, note=note, by=by, now=now)
    return policy


@transaction.atomic
def restore_version(policy: EscalationPolicy, number: int, *, by: Actor, now: datetime) -> EscalationPolicy:
    """Say again what version `number` said (undo). What it names and is no longer there refuses it, by its place."""
    version = PolicyVersion.objects.filter(policy=policy, number=number).first()
    if version is None:
        raise missing("version")
    return change_policy(policy, note=f"version {number} restored", by=by, now=now, **version.content)


@transaction.atomic
def remove_policy(policy: EscalationPolicy, *, by: Actor, now: datetime) -> None:
    """Take a policy out of use; refused while services, routing rules or the organisation page by it."""
    services = Service.objects.filter(Q(escalation_policy=policy) | Q(leadership_policy=policy), removed_at=None)
    in_use = [f"service {service.name}" for service in services]
    if Organisation.objects.filter(leadership_policy=policy).exists():
        in_use.append("the organisation's leadership track")
    in_use += [f"routing rule {rule['name']}" for rule in queries_routing.current().rules if rule["then"].get("policy") == policy.pk]
    if in_use:
        raise Refused(f"It is in use by {', '.join(in_use[:5])}.", status=409)
    EscalationPolicy.objects.filter(pk=policy.pk).update(removed_at=now)


def policy_of(id: int) -> EscalationPolicy:
    """The policy of that id that is not removed. Raises a refusal with 404."""
    found = EscalationPolicy.objects.filter(pk=id, removed_at=None).select_related("team").first()
    if not found:
        raise missing("escalation policy")
    return found


def _name(name: str) -> str:
    name = (name or "").strip()
    if not name or len(name) > 120:
        raise invalid(name="Give a name of 1 to 120 characters.")
    return name


def _team(team: int | None) -> Team | None:
    found = Team.objects.filter(pk=team, removed_at=None).first() if team is not None else None
    if team is not None and not found:
        raise invalid(team="There is no such team.")
    return found


def _tracks(tracks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if len(tracks) > MOST_TRACKS:
        raise invalid(tracks=f"At most {MOST_TRACKS} tracks run beside the first.")
    read: list[dict[str, Any]] = []
    for number, track in enumerate(tracks):
        name = str(track.get("name") or "").strip()
        if not 0 < len(name) <= LONGEST_TRACK_NAME or name.lower() in {one["name"].lower() for one in read}:
            raise invalid(**{f"tracks.{number}.name": f"Give each track a name of its own, of 1 to {LONGEST_TRACK_NAME} characters."})
        steps = _steps(track.get("steps") or [], f"tracks.{number}.steps")
        read.append({"name": name, "steps": steps, "repeats": _repeats(track.get("repeats", 0), f"tracks.{number}.repeats")})
    return read


def _repeats(repeats: int, field: str = "repeats") -> int:
    if not isinstance(repeats, int) or not 0 <= repeats <= MOST_REPEATS:
        raise invalid(**{field: f"Give 0 to {MOST_REPEATS} extra rounds."})
    return repeats


def _low_severities(severities: list[str]) -> list[str]:
    known = isinstance(severities, list) and all(isinstance(one, str) and 0 < len(one) <= 20 for one in severities)
    if not known or len(severities) > MOST_SEVERITIES:
        raise invalid(low_severities=f"Give at most {MOST_SEVERITIES} severities of the procedure, such as SEV4.")
    return list(dict.fromkeys(severities))


def _severities(policy: EscalationPolicy) -> Iterator[tuple[str, list[str]]]:
    """Where a policy names severities, and which."""
    yield "low_severities", policy.low_severities
    tracks = [("", policy.steps), *((f"tracks.{number}.", track["steps"]) for number, track in enumerate(policy.tracks))]
    for place, steps in tracks:
        for number, step in enumerate(steps):
            yield f"{place}steps.{number}.when.severities", step.get("when", {}).get("severities", [])


def _refuse_unknown(policy: EscalationPolicy, *, kept: set[str]) -> None:
    """A step for a severity that there is not would never count. Those of an earlier procedure that the policy named already may stay."""
    known = [level.id for level in procedures.document(procedures.current()).severities]
    for field, named in _severities(policy):
        for one in named:
            if one not in known and one not in kept:
                raise invalid(**{field: f"The procedure has no severity {one}; it has {', '.join(known)}."})


def _low_urgency(what: str) -> str:
    if what not in ("hours", "record"):
        raise invalid(low_urgency='What can wait does so for working hours ("hours"), or is only recorded ("record").')
    return what


def _steps(steps: list[dict[str, Any]], field: str = "steps") -> list[dict[str, Any]]:
    if not 1 <= len(steps) <= MOST_STEPS:
        raise invalid(**{field: f"A {'policy' if field == 'steps' else 'track'} has 1 to {MOST_STEPS} steps."})
    return [_step(step, f"{field}.{number}") for number, step in enumerate(steps)]


def _step(step: dict[str, Any], field: str) -> dict[str, Any]:
    """A step as it is stored: `need` and `when` only where they say something."""
    wait, targets, need = step.get("wait_seconds", 300), step.get("targets") or [], step.get("need", 1)
    if not isinstance(wait, int) or not 1 <= wait <= LONGEST_WAIT:
        raise invalid(**{f"{field}.wait_seconds": "Give 1 to 86400 seconds."})
    if not 1 <= len(targets) <= MOST_TARGETS:
        raise invalid(**{f"{field}.targets": f"A step demands 1 to {MOST_TARGETS} targets."})
    if not isinstance(need, int) or isinstance(need, bool) or not 0 <= need <= MOST_NEEDED:
        raise invalid(**{f"{field}.need": f"Give how many must acknowledge, 1 to {MOST_NEEDED}, or 0 for all."})
    read = {"wait_seconds": wait, "targets": [check_target(target, f"{field}.targets.{i}") for i, target in enumerate(targets)]}
    if need != 1:
        if all(target["kind"] in rules.POSTS for target in targets):
            raise invalid(**{f"{field}.need": "This step pages nobody who could acknowledge."})
        read["need"] = need
    if when := _when(step.get("when") or {}, f"{field}.when"):
        read["when"] = when
    return read


def _when(when: dict[str, Any], field: str) -> dict[str, Any]:
    severities, hours, tier = when.get("severities") or [], when.get("hours") or "", when.get("tier") or ""
    if (
        not isinstance(severities, list)
        or len(severities) > MOST_SEVERITIES
        or not all(isinstance(s, str) and 0 < len(s) <= 20 for s in severities)
    ):
        raise invalid(**{f"{field}.severities": f"Give at most {MOST_SEVERITIES} severities of the procedure, such as SEV1."})
    tiers = when.get("tiers") or []
    if not isinstance(tiers, list) or not all(tier in rules.ALL_TIERS and not isinstance(tier, bool) for tier in tiers):
        raise invalid(**{f"{field}.tiers": "Give tiers of services, from 1 to 4."})
    for name, value, known in (("hours", hours, rules.HOURS), ("tier", tier, rules.TIERS)):
        if value and value not in known:
            raise invalid(**{f"{field}.{name}": f"It is one of {', '.join(known)}, or left empty."})
    found = {"severities": list(dict.fromkeys(severities)), "hours": hours, "tier": tier, "tiers": sorted(set(tiers))}
    return {name: value for name, value in found.items() if value}


def check_target(target: dict[str, Any], field: str) -> dict[str, Any]:
    """One target as it is stored. Raises Refused naming the field."""
    kind = target.get("kind")
    if kind == "webhook":
        return {"kind": kind, "address": _address(NOTIFIERS["webhook"].check_address, target, field)}
    id = target.get("id")
    if kind not in KINDS or not isinstance(id, int):
        raise invalid(**{field: f'A target is {{"kind": one of {", ".join(KINDS)}, "id": its number}}, or a webhook with its address.'})
    row = KINDS[kind][1]().filter(pk=id).first()
    if row is None:
        raise invalid(**{field: f"There is no such {KINDS[kind][0]}."})
    if kind != "chat":
        return {"kind": kind, "id": id}
    gateway = GATEWAYS.get(row.kind)
    if not isinstance(gateway, RoomGateway):
        raise invalid(**{field: f"The account {row.name} cannot post to rooms; choose one of a chat."})
    return {"kind": kind, "id": id, "address": _address(gateway.check_room, target, field)}


def _address(check: Callable[[str], str], target: dict[str, Any], field: str) -> str:
    address = target.get("address")
    if not isinstance(address, str) or not address.strip() or len(address) > LONGEST_ADDRESS:
        raise invalid(**{field: f"Give the address, of at most {LONGEST_ADDRESS} characters."})
    try:
        return check(address.strip())
    except ValueError as error:
        raise invalid(**{field: str(error)}) from error


# What a target may name: in words, and what there is of it.
KINDS: dict[str, tuple[str, Callable[[], QuerySet[Any]]]] = {
    "schedule": ("schedule", lambda: Schedule.objects.filter(removed_at=None)),
    "schedule_people": ("schedule", lambda: Schedule.objects.filter(removed_at=None)),
    "user": ("person", lambda: User.objects.filter(is_active=True, removed_at=None)),
    "team": ("team", lambda: Team.objects.filter(removed_at=None)),
    "chat": ("account", lambda: Provider.objects.filter(removed_at=None)),
}


def rooms() -> list[Provider]:
    """The accounts whose gateways post to rooms."""
    rows = Provider.objects.filter(removed_at=None, kind__in=list(GATEWAYS)).order_by("name")
    return [row for row in rows if isinstance(GATEWAYS[row.kind], RoomGateway)]
