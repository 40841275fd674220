"""What does an escalation do next? `advance(policy, state, now, facts)` on values; people are found by whoever carries the actions out.

After the last step of the last round come two more demands that every policy's first track has: the team's fallback person, then the
organisation's. Only then is the escalation exhausted. A policy without steps begins with them. Each track of a policy is a run of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tocsin.domain.escalation_policy import ALL, POSTS, Facts, Policy, Step, Target, When

__all__ = [
    "ALL", "POSTS", "Action", "Decision", "Exhausted", "Facts", "Page", "PassedOver", "Policy", "State", "Step", "Target", "When", "advance",
    "answered_enough", "begin", "nobody_reached", "rehearse", "still_asked",
]  # fmt: skip


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
class PassedOver:
    """This step does not count now; the next one starts at once."""

    step: int
    round: int
    why: str


@dataclass(frozen=True, slots=True)
class Exhausted:
    """Nobody answered any step, the fallbacks included."""


Action = Page | PassedOver | Exhausted


@dataclass(frozen=True, slots=True)
class Decision:
    """The state after, and what to do now."""

    state: State
    actions: tuple[Action, ...] = ()


def begin(now: datetime) -> State:
    """The state of a new escalation: its first step starts at once."""
    return State(0, 0, now)


def advance(policy: Policy, state: State, now: datetime, facts: Facts | None = None) -> Decision:
    """What is due at `now`: at most one step; nothing when it is not due yet. Its wait counts from now, so a late start never shortens it.

    A step whose conditions the `facts` do not meet takes no time.
    """
    if state.due_at is None or now < state.due_at:
        return Decision(state)
    if state.step >= len(policy.all_steps):
        return Decision(replace(state, due_at=None), (Exhausted(),))
    step, following = policy.all_steps[state.step], _after(policy, state)
    if facts and (why := step.when.refuses(facts)):
        return Decision(replace(following, due_at=now), (PassedOver(state.step, state.round, why),))
    page = Page(state.step, state.round, step.targets, state.step >= len(policy.steps))
    return Decision(replace(following, due_at=now + timedelta(seconds=step.wait_seconds)), (page,))


def _after(policy: Policy, state: State) -> State:
    last = state.step == len(policy.steps) - 1
    if last and state.round < policy.repeats:
        return State(0, state.round + 1, state.due_at)
    return State(state.step + 1, state.round, state.due_at)


def nobody_reached(state: State, now: datetime) -> State:
    """The step that has just started reached nobody: the next one starts at once."""
    return replace(state, due_at=now) if state.running else state


def rehearse(
    policy: Policy, now: datetime, facts: Callable[[datetime], Facts], reaches: Callable[[Page, datetime], timedelta | None]
) -> Iterator[tuple[datetime, Action]]:
    """What would happen, and when, if it started at `now` and nobody ever acknowledged. `reaches` says how long what a step demands is held
    back, which its wait begins after; None where it finds nobody."""
    state, at = begin(now), now
    while state.due_at is not None:
        at = max(at, state.due_at)
        decision = advance(policy, state, at, facts(at))
        state = decision.state
        for action in decision.actions:
            yield at, action
            if not isinstance(action, Page):
                continue
            held = reaches(action, at)
            if held is None:
                state = nobody_reached(state, at)
            elif held and state.due_at is not None:
                state = replace(state, due_at=state.due_at + held)


# -- acknowledgements of several ------------------------------------------------------------------------------------------

Asked = Mapping[tuple[int, int], Collection[int]]  # by round and step: the people whom the escalation has paged


def answered_enough(policy: Policy, asked: Asked, answered: Collection[int]) -> bool:
    """Do the acknowledgements of these people end the escalation? It is enough that one step has what it needs.

    Somebody whom nobody asked counts as one of a number, never for "all".
    """
    return not asked or any(_lacking(policy, place, asked, answered) == 0 for place in asked)


def still_asked(policy: Policy, asked: Asked, answered: Collection[int]) -> tuple[int, list[int]]:
    """How many more must acknowledge, by the last step that paged somebody, and who of it has not."""
    last = max(asked)
    return _lacking(policy, last, asked, answered), [one for one in asked[last] if one not in answered]


def _lacking(policy: Policy, place: tuple[int, int], asked: Asked, answered: Collection[int]) -> int:
    people, need = asked[place], policy.all_steps[place[1]].need
    own = len(set(people) & set(answered))
    if need == ALL:
        return len(people) - own
    outsiders = set(answered) - {one for everybody in asked.values() for one in everybody}
    return max(0, min(need, len(people)) - own - len(outsiders))
