"""What does an escalation policy say? Steps with targets, waits and conditions, as values; `domain.escalation` carries them out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

FALLBACK_WAIT_SECONDS = 300  # between the team's fallback and the organisation's, where somebody was reached
SHORTEST_WAIT_SECONDS = 1
ALL = 0  # `need` of a step that everybody who was paged by it must acknowledge

TargetKind = Literal["schedule", "schedule_people", "user", "team", "chat", "webhook", "team_fallback", "organisation_fallback"]
PEOPLE = ("schedule", "schedule_people", "user", "team")  # kinds of targets that lead to people
POSTS = ("chat", "webhook")  # kinds of targets that are told, and cannot answer by themselves
HOURS = {"business": "in business hours", "outside": "outside business hours"}
TIERS = {"critical": "for critical services", "standard": "for services that are not critical"}
ALL_TIERS = (1, 2, 3, 4)  # how much a service matters, 1 the most


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a step demands, or what it tells.

    `id`: the schedule, person or team, or the account of a chat; none for a web address or a fallback person. `address`: room or web address.
    """

    kind: TargetKind
    id: int = 0
    address: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What conditions are judged by. An unknown severity meets every condition: rather page than not."""

    severity: str = ""
    critical: bool = False
    business_hours: bool = True
    tier: int = 0  # of the service, 1 to 4; 0: not known, which meets every condition too


@dataclass(frozen=True, slots=True)
class When:
    """When a step counts; what is empty does not matter. Severities as the procedure names them; business hours are those of the team."""

    severities: tuple[str, ...] = ()
    hours: str = ""  # a key of HOURS
    tier: str = ""  # a key of TIERS
    tiers: tuple[int, ...] = ()  # of the service, of ALL_TIERS

    def refuses(self, facts: Facts) -> str:
        """Why the step is passed over, in words; empty when it counts."""
        if self.severities and facts.severity and facts.severity not in self.severities:
            return f"it is only for {_either(self.severities)}, and this is {facts.severity}"
        if self.hours and (self.hours == "business") != facts.business_hours:
            return f"it is only {HOURS[self.hours]}"
        if self.tier and (self.tier == "critical") != facts.critical:
            return f"it is only {TIERS[self.tier]}"
        if self.tiers and facts.tier and facts.tier not in self.tiers:
            return f"it is only for services of {_tiers(self.tiers)}, and this one is of tier {facts.tier}"
        return ""

    @property
    def words(self) -> str:
        """ "only for SEV1 or SEV2, outside business hours"; empty where it always counts."""
        parts = [f"for {_either(self.severities)}"] if self.severities else []
        parts += [words[key] for words, key in ((HOURS, self.hours), (TIERS, self.tier)) if key]
        parts += [f"for services of {_tiers(self.tiers)}"] if self.tiers else []
        return f"only {', '.join(parts)}" if parts else ""


def _either(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def _tiers(tiers: tuple[int, ...]) -> str:
    return f"tier {_either(tuple(map(str, tiers)))}"


@dataclass(frozen=True, slots=True)
class Step:
    """Its targets are paged together; `wait_seconds` later, unanswered, the next step starts.

    `need`: so many of those whom it paged must acknowledge, at most as many as there are; ALL for everybody.
    """

    wait_seconds: int
    targets: tuple[Target, ...] = ()
    need: int = 1
    when: When = field(default_factory=When)


@dataclass(frozen=True, slots=True)
class Policy:
    """One track of a policy: steps in order, gone through `repeats` + 1 times. `fallbacks`: whether the fallback people follow them; they
    belong to the first track, so that nobody is paged twice because two tracks went unanswered."""

    steps: tuple[Step, ...] = ()
    repeats: int = 0
    fallbacks: bool = True

    @property
    def all_steps(self) -> tuple[Step, ...]:
        """The written steps, then the two fallbacks."""
        if not self.fallbacks:
            return self.steps
        return (
            *self.steps,
            Step(FALLBACK_WAIT_SECONDS, (Target("team_fallback"),)),
            Step(FALLBACK_WAIT_SECONDS, (Target("organisation_fallback"),)),
        )

    @property
    def one_is_enough(self) -> bool:
        """Does one acknowledgement end it, whichever step it has come to?"""
        return all(step.need == 1 for step in self.steps)

    @property
    def asks_hours(self) -> bool:
        """Must somebody look up whether these are business hours?"""
        return any(step.when.hours for step in self.steps)

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Policy:
        """From the stored form of a track: {"steps": [{"wait_seconds", "targets": [{"kind", "id", "address"}], "need", "when"}], "repeats",
        "fallbacks"}. Missing parts are empty; `when` is {"severities", "hours", "tier", "tiers"}."""
        steps = tuple(_step(step) for step in plain.get("steps", []))
        return cls(steps, int(plain.get("repeats", 0)), bool(plain.get("fallbacks", True)))


def tracks(plain: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The tracks of a stored policy that run beside one another, by their names, each in the form that `Policy.from_plain` reads. The first
    is the policy's own steps and has no name; where those are all, it is the only one."""
    first = {"steps": plain.get("steps", []), "repeats": plain.get("repeats", 0)}
    return {"": first, **{one["name"]: {**one, "fallbacks": False} for one in plain.get("tracks") or []}}


def _step(plain: dict[str, Any]) -> Step:
    when = plain.get("when") or {}
    return Step(
        max(SHORTEST_WAIT_SECONDS, int(plain.get("wait_seconds", FALLBACK_WAIT_SECONDS))),
        tuple(Target(t["kind"], int(t.get("id") or 0), str(t.get("address") or "")) for t in plain.get("targets", [])),
        int(plain.get("need", 1)),
        When(
            tuple(when.get("severities") or ()), when.get("hours") or "", when.get("tier") or "", tuple(map(int, when.get("tiers") or ()))
        ),
    )
