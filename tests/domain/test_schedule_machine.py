"""Edits, overrides, swaps, time off and undo, in any order: at each minute exactly one answer, and it is the one that a plain reading gives."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.domain.test_rotation import oracle, rotations
from tocsin.domain import swaps
from tocsin.domain.final_schedule import differences, gaps, shifts, spans
from tocsin.domain.rotation import Absence, Override, Schedule, Shift, Span, on_call

MINUTE = timedelta(minutes=1)
MINUTES = 20 * 60
STARTS = st.sampled_from([
    datetime(2026, 3, 28, 22, tzinfo=UTC), datetime(2026, 10, 24, 20, tzinfo=UTC), datetime(2028, 2, 28, 20, tzinfo=UTC),
    datetime(2026, 6, 3, 4, tzinfo=UTC),
])  # fmt: skip
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
PLACE = st.integers(0, MINUTES - 1)
PEOPLE = st.integers(1, 6)


class Planning(RuleBasedStateMachine):
    """One schedule that people change as the pages let them; `kept` is its history, as versions are kept."""

    @initialize(start=STARTS, zone=ZONES, first=st.lists(rotations, min_size=1, max_size=2))
    def begin(self, start, zone, first):
        self.start, self.order = start, 0
        self.schedule = Schedule(zone, tuple(first))
        self.kept = [self.schedule.rotations]

    def at(self, minute: int) -> datetime:
        return self.start + minute * MINUTE

    def edit(self, changed: tuple) -> None:
        self.schedule = replace(self.schedule, rotations=changed)
        self.kept.append(changed)

    @rule(added=rotations)
    def add_a_rotation(self, added):
        if len(self.schedule.rotations) < 3:
            self.edit((*self.schedule.rotations, added))

    @precondition(lambda self: len(self.schedule.rotations) > 1)
    @rule()
    def put_the_last_rotation_first(self):
        *rest, last = self.schedule.rotations
        self.edit((last, *rest))

    @precondition(lambda self: self.schedule.rotations)
    @rule(people=st.lists(PEOPLE, max_size=3))
    def change_who_takes_turns(self, people):
        first, *rest = self.schedule.rotations
        self.edit((replace(first, participants=tuple(people)), *rest))

    @rule(back=st.integers(0, 20))
    def restore_a_version(self, back):
        said = self.kept[max(len(self.kept) - 1 - back, 0)]
        self.edit(said)
        assert self.schedule.rotations == said

    def stand_in(self, user: int, begin: datetime, end: datetime) -> None:
        self.order += 1
        self.schedule = replace(self.schedule, overrides=(*self.schedule.overrides, Override(user, begin, end, self.order)))

    @rule(user=PEOPLE, begin=PLACE, length=st.integers(1, 600))
    def override(self, user, begin, length):
        if self.gone(user):
            return  # nobody lets them stand in
        self.stand_in(user, self.at(begin), self.at(begin + length))
        assert swaps.holds(self.schedule, user, self.at(begin), self.at(begin + length)), "the one that was made last counts at once"

    @precondition(lambda self: self.schedule.overrides)
    @rule(which=st.integers(0, 50))
    def take_an_override_back(self, which):
        left = list(self.schedule.overrides)
        gone = left.pop(which % len(left))
        before, self.schedule = self.schedule, replace(self.schedule, overrides=tuple(left))
        for one in differences(before, self.schedule, self.start, self.at(MINUTES)):
            assert gone.starts_at <= one.starts_at and one.ends_at <= gone.ends_at, "nothing changes outside of it"

    @rule(user=PEOPLE, when=PLACE)
    def take_the_shift_now(self, user, when):
        if self.gone(user):
            return
        made = swaps.take(self.schedule, user, self.at(when), self.at(when) + timedelta(days=35))
        held = on_call(self.schedule, self.at(when))
        assert (made is None) == (held is not None and held.user == user)
        if made:
            self.stand_in(made.user, made.starts_at, made.ends_at)
            assert on_call(self.schedule, self.at(when)).user == user

    @rule(which=st.integers(0, 50), taker=PEOPLE)
    def give_a_shift_away(self, which, taker):
        if self.gone(taker):
            return
        found = spans(self.schedule, self.start, self.at(MINUTES))
        span = found[which % len(found)]
        asker = span.user if isinstance(span, Shift) else 99
        made = swaps.swap(self.schedule, asker, taker, Span(span.starts_at, span.ends_at), None)
        if isinstance(made, str):
            assert taker == asker
            return
        for one in made:
            self.stand_in(one.user, one.starts_at, one.ends_at)
        assert swaps.holds(self.schedule, taker, span.starts_at, span.ends_at)

    @rule(one=st.integers(0, 50), other=st.integers(0, 50))
    def swap_two_shifts(self, one, other):
        held = shifts(self.schedule, self.start, self.at(MINUTES))
        if not held:
            return
        mine, theirs = held[one % len(held)], held[other % len(held)]
        spans_of = [Span(shift.starts_at, shift.ends_at) for shift in (mine, theirs)]
        made = swaps.swap(self.schedule, mine.user, theirs.user, *spans_of)
        assert isinstance(made, str) == (mine.user == theirs.user)
        if isinstance(made, str):
            return
        for stands_in in made:
            self.stand_in(stands_in.user, stands_in.starts_at, stands_in.ends_at)
        assert swaps.holds(self.schedule, theirs.user, *_edges(mine)) and swaps.holds(self.schedule, mine.user, *_edges(theirs))

    @rule(user=PEOPLE, begin=PLACE, length=st.integers(1, 900), over=st.booleans())
    def somebody_is_away(self, user, begin, length, over):
        away = (*self.schedule.absences, Absence(user, self.at(begin), self.at(begin + length)))[-4:]
        self.schedule = replace(self.schedule, absences=away, hand_over=over)

    @rule(user=PEOPLE)
    def somebody_leaves(self, user):
        self.schedule = replace(self.schedule, left=tuple({**dict(self.schedule.left), user: self.start}.items())[-2:])

    def gone(self, user: int) -> bool:
        return user in self.schedule.gone(self.start)

    @rule()
    def who_left_is_taken_in_again(self):
        self.schedule = replace(self.schedule, left=())

    @rule()
    def everybody_is_back(self):
        self.schedule = replace(self.schedule, absences=())

    @invariant()
    def each_minute_has_exactly_one_answer(self):
        if not hasattr(self, "schedule"):
            return
        end = self.at(MINUTES)
        whole = spans(self.schedule, self.start, end)
        assert whole[0].starts_at == self.start and whole[-1].ends_at == end
        assert all(before.ends_at == after.starts_at for before, after in pairwise(whole)), "no hole, no overlap"
        assert [span for span in whole if isinstance(span, Span)] == gaps(self.schedule, self.start, end)

    @invariant()
    def it_is_the_answer_of_a_plain_reading(self):
        if not hasattr(self, "schedule"):
            return
        expected = oracle(self.schedule, self.start, MINUTES)
        held: list[int | None] = [None] * MINUTES
        for shift in shifts(self.schedule, self.start, self.at(MINUTES)):
            begin, end = ((edge - self.start) // MINUTE for edge in _edges(shift))
            held[begin:end] = [shift.user] * (end - begin)
        assert held == expected
        for minute in range(0, MINUTES, 97):
            answer = on_call(self.schedule, self.at(minute))
            assert (answer.user if answer else None) == expected[minute]


def _edges(shift: Shift) -> tuple[datetime, datetime]:
    return shift.starts_at, shift.ends_at


TestPlanning = Planning.TestCase
TestPlanning.settings = settings(max_examples=25, stateful_step_count=12, deadline=None)
