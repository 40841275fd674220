"""Whom does the watch on another host page when the heartbeat of Tocsin stops? Decided on a copy of the rota; no clock, no database.

Steps are gone through again and again until somebody acknowledges or the heartbeat returns: there is nobody behind the watch.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

SHORTEST_WAIT = timedelta(minutes=1)
LATER_WAIT = timedelta(minutes=15)  # at least, from the second round on
ACK_LASTS = timedelta(hours=1)  # still no heartbeat then: paging begins again
RETRY = timedelta(seconds=15)
MOST_TRIES = 4


@dataclass(frozen=True, slots=True)
class Method:
    """A way to reach a person, used so many seconds after a step starts."""

    kind: str
    address: str
    after_seconds: int = 0


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the rota."""

    id: int
    name: str
    methods: tuple[Method, ...] = ()


@dataclass(frozen=True, slots=True)
class Shift:
    """This person holds the pager in that span."""

    person: int
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Step:
    """Whoever is `always` named, and whoever holds the pager of its schedules."""

    wait_seconds: int
    always: tuple[int, ...] = ()
    shifts: tuple[Shift, ...] = ()


@dataclass(frozen=True, slots=True)
class Rota:
    """The copy: who is on call by the steps of one policy, until when it was computed."""

    installation: str
    policy: str
    made_at: datetime
    valid_until: datetime
    steps: tuple[Step, ...] = ()
    people: dict[int, Person] = field(default_factory=dict)

    def on_duty(self, number: int, now: datetime) -> list[Person]:
        """The people of a step now. Where the copy has run out, those of its last shifts: better somebody of yesterday than nobody."""
        step = self.steps[number]
        holders = [shift.person for shift in step.shifts if shift.starts_at <= now < shift.ends_at]
        if not holders and step.shifts and now >= self.valid_until:
            last = max(shift.ends_at for shift in step.shifts)
            holders = [shift.person for shift in step.shifts if shift.ends_at == last]
        ids = dict.fromkeys([*step.always, *holders])
        return [self.people[id] for id in ids if id in self.people and self.people[id].methods]


def read(plain: dict[str, Any]) -> Rota:
    """The rota in its plain form. Raises ValueError where it is none."""
    try:
        people = {
            int(one["id"]): Person(
                int(one["id"]),
                str(one["name"]),
                tuple(Method(str(m["kind"]), str(m["address"]), int(m["after_seconds"])) for m in one["methods"]),
            )
            for one in plain["people"]
        }
        steps = tuple(
            Step(
                int(step["wait_seconds"]), tuple(int(id) for id in step["always"]),
                tuple(Shift(int(s["person"]), datetime.fromisoformat(s["from"]), datetime.fromisoformat(s["until"])) for s in step["shifts"]),
            )
            for step in plain["steps"]
        )  # fmt: skip
        made, until = (datetime.fromisoformat(plain[name]) for name in ("made_at", "valid_until"))
        return Rota(str(plain["installation"]), str(plain["policy"]), made, until, steps, people)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"this is no rota: {error}") from error


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message that is to go out at `due_at`; `key` is the same for each try. `unsure`: a try began whose end nobody knows (the watch was
    killed, the provider did not answer), so that the next one may be a duplicate."""

    key: str
    person: int
    method: Method
    step: int
    due_at: datetime
    tries: int = 0
    unsure: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """Paging because the heartbeat stopped. `step` counts all that started, over the rounds."""

    number: int
    began_at: datetime
    due_at: datetime
    step: int = 0
    paged: tuple[int, ...] = ()
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """When the heartbeat was last heard (or the watch began), the run, and what is to go out."""

    heard_at: datetime
    run: Run | None = None
    outgoing: tuple[Outgoing, ...] = ()
    runs: int = 0


@dataclass(frozen=True, slots=True)
class Told:
    """What happened now, for the log: "silent", "step", "acknowledgement expired", "heard again"; with the people concerned."""

    what: str
    people: tuple[int, ...] = ()
    step: int = 0


def heard(state: State, now: datetime) -> tuple[State, list[Told]]:
    """A heartbeat came in: a run ends, what was to go out does not."""
    if state.run is None:
        return replace(state, heard_at=now), []
    return replace(state, heard_at=now, run=None, outgoing=()), [Told("heard again", state.run.paged)]


def acknowledge(state: State, by: str, now: datetime) -> State:
    """Somebody has it: nothing more goes out until the acknowledgement runs out."""
    if state.run is None or state.run.acknowledged_at is not None:
        return state
    run = replace(state.run, acknowledged_at=now, acknowledged_by=by, due_at=now + ACK_LASTS)
    return replace(state, run=run, outgoing=())


def decide(rota: Rota | None, state: State, now: datetime, silence: timedelta) -> tuple[State, list[Told]]:
    """What is due at `now`: a run begins when the heartbeat is silent for longer than `silence`; at most one step with somebody to reach starts."""
    told: list[Told] = []
    if state.run is None:
        if now - state.heard_at <= silence:
            return state, []
        state = replace(state, run=Run(state.runs + 1, now, now), runs=state.runs + 1)
        told.append(Told("silent"))
    run = state.run
    if run is None or now < run.due_at or rota is None or not rota.steps:
        return state, told
    if run.acknowledged_at is not None:
        run = Run(state.runs + 1, now, now, paged=run.paged)
        state = replace(state, run=run, runs=state.runs + 1)
        told.append(Told("acknowledgement expired", run.paged))
    return _step(rota, state, run, now, told)


def _step(rota: Rota, state: State, run: Run, now: datetime, told: list[Told]) -> tuple[State, list[Told]]:
    """Start the next step that reaches somebody; where none does, look again in a minute."""
    for ahead in range(len(rota.steps)):
        count = run.step + ahead
        number, again = count % len(rota.steps), count >= len(rota.steps)
        people = rota.on_duty(number, now)
        if not people:
            continue
        wait = max(timedelta(seconds=rota.steps[number].wait_seconds), LATER_WAIT if again else SHORTEST_WAIT)
        going = [
            Outgoing(f"watch-{run.number}-{count}-{one.id}-{place}", one.id, method, count, now + timedelta(seconds=method.after_seconds))
            for one in people
            for place, method in enumerate(one.methods)
        ]
        paged = tuple(dict.fromkeys([*run.paged, *(one.id for one in people)]))
        following = replace(run, step=count + 1, due_at=now + wait, paged=paged)
        told.append(Told("step", tuple(one.id for one in people), count + 1))
        return replace(state, run=following, outgoing=(*state.outgoing, *going)), told
    return replace(state, run=replace(run, due_at=now + SHORTEST_WAIT)), [*told, Told("nobody")]


def due(state: State, now: datetime) -> list[Outgoing]:
    """What is to be sent now."""
    return [one for one in state.outgoing if one.due_at <= now]


def begun(state: State, going: Iterable[Outgoing]) -> State:
    """These are being sent from now on: to be kept before the first byte of them goes out."""
    keys = {one.key for one in going}
    return replace(state, outgoing=tuple(replace(one, unsure=one.unsure or one.key in keys) for one in state.outgoing))


def sent(state: State, done: Iterable[Outgoing], failed: Iterable[Outgoing], now: datetime, *, unknown: Iterable[Outgoing] = ()) -> State:
    """What went out is done; what failed for now, or may have gone out (`unknown`), is tried again a few times. They are as `begun` was given
    them: what was unsure before stays so."""
    finished = {one.key for one in done}
    again = {one.key: one.unsure for one in failed} | {one.key: True for one in unknown}
    left = []
    for one in state.outgoing:
        if one.key in again and one.tries + 1 < MOST_TRIES:
            left.append(replace(one, tries=one.tries + 1, due_at=now + RETRY, unsure=again[one.key]))
        elif one.key not in finished and one.key not in again:
            left.append(one)
    return replace(state, outgoing=tuple(left))
