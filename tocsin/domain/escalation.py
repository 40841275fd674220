"""What does an escalation do next? `advance(policy, state, now)` on values; people are found by whoever carries the actions out.

After the last step of the last round come two more demands that every policy has: the team's fallback person, then the
organisation's. Only then is the escalation exhausted. A policy without steps begins with them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

FALLBACK_WAIT_SECONDS = 300  # between the team's fallback and the organisation's, where somebody was reached
SHORTEST_WAIT_SECONDS = 1

TargetKind = Literal["schedule", "user", "team_fallback", "organisation_fallback"]


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a step demands: a schedule or a person by id, or a fallback person (no id)."""

    kind: TargetKind
    id: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """Its targets are paged together; `wait_seconds` later, unanswered, the next step starts."""

    wait_seconds: int
    targets: tuple[Target, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """Steps in order, gone through `repeats` + 1 times."""

    steps: tuple[Step, ...] = ()
    repeats: int = 0

    @property
    def all_steps(self) -> tuple[Step, ...]:
        """The written steps, then the two fallbacks."""
        return (
            *self.steps,
            Step(FALLBACK_WAIT_SECONDS, (Target("team_fallback"),)),
            Step(FALLBACK_WAIT_SECONDS, (Target("organisation_fallback"),)),
        )

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Policy:
        """From the stored form: {"steps": [{"wait_seconds", "targets": [{"kind", "id"}]}], "repeats"}; missing parts are empty."""
        return cls(
            tuple(
                Step(
                    max(SHORTEST_WAIT_SECONDS, int(step.get("wait_seconds", FALLBACK_WAIT_SECONDS))),
                    tuple(Target(t["kind"], int(t.get("id") or 0)) for t in step.get("targets", [])),
                )
                for step in plain.get("steps", [])
            ),
            int(plain.get("repeats", 0)),
        )


@dataclass(frozen=True, slots=True)
class State:
    """`step` and `round` name the step that starts at `due_at`; `due_at` is None once nothing will start any more."""

    step: int = 0
    round: int = 0
    due_at: datetime | None = None

    @property
    def running(self) -> bool:
        return self.due_at is not None


@dataclass(frozen=True, slots=True)
class Page:
    """Demand the attention of these targets now."""

    step: int
    round: int
    targets: tuple[Target, ...]
    fallback: bool = False


@dataclass(frozen=True, slots=True)
class Exhausted:
    """Nobody answered any step, the fallbacks included."""


Action = Page | Exhausted


@dataclass(frozen=True, slots=True)
class Decision:
    """The state after, and what to do now."""

    state: State
    actions: tuple[Action, ...] = ()


def begin(now: datetime) -> State:
    """The state of a new escalation: its first step starts at once."""
    return State(0, 0, now)


def advance(policy: Policy, state: State, now: datetime) -> Decision:
    """What is due at `now`: at most one step; nothing when it is not due yet. Its wait counts from now, so a late start never shortens it."""
    if state.due_at is None or now < state.due_at:
        return Decision(state)
    if state.step >= len(policy.all_steps):
        return Decision(replace(state, due_at=None), (Exhausted(),))
    step = policy.all_steps[state.step]
    fallback = state.step >= len(policy.steps)
    page = Page(state.step, state.round, step.targets, fallback)
    following = _after(policy, state)
    return Decision(replace(following, due_at=now + timedelta(seconds=step.wait_seconds)), (page,))


def _after(policy: Policy, state: State) -> State:
    last = state.step == len(policy.steps) - 1
    if last and state.round < policy.repeats:
        return State(0, state.round + 1, state.due_at)
    return State(state.step + 1, state.round, state.due_at)


def nobody_reached(state: State, now: datetime) -> State:
    """The step that has just started reached nobody: the next one starts at once."""
    return replace(state, due_at=now) if state.running else state
