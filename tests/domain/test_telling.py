"""Whoever stands in two tracks is told once a moment, by the more urgent page; never less than that."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.telling import MOMENT, URGENCIES, Once, Told, once

NOW = datetime(2026, 11, 23, 3, 14, tzinfo=UTC)
WAYS = [(3, 0), (4, 0), (3, 1)]  # the phone, the mail, the phone again
ways = st.lists(st.tuples(st.integers(1, 3), st.integers(0, 2)), unique=True, min_size=1, max_size=4)
pages = st.builds(
    Told, st.integers(1, 20), st.tuples(st.integers(1, 3), st.integers(0, 2)), st.sampled_from(URGENCIES),
    st.integers(-120, 0).map(lambda seconds: NOW + timedelta(seconds=seconds)), st.booleans(),
)  # fmt: skip


def page(id: int, way=(3, 0), urgency="high", seconds=0, waits=True) -> Told:
    return Told(id, way, urgency, NOW - timedelta(seconds=seconds), waits)


def test_nobody_told_them_so_the_page_goes_out():
    assert once(WAYS, "high", [], NOW) == Once()


def test_what_another_track_pages_by_the_same_ways_at_this_moment_stands_for_each_of_them():
    told = [page(11), page(12, (4, 0)), page(13, (3, 1))]
    assert once(WAYS, "high", told, NOW).counted == {(3, 0): 11, (4, 0): 12, (3, 1): 13}


def test_a_way_that_the_other_page_does_not_use_counts_as_told_by_its_first_one():
    assert once(WAYS, "high", [page(11, (3, 0))], NOW).counted == {(3, 0): 11, (4, 0): 11, (3, 1): 11}


def test_a_minute_later_it_is_another_moment():
    assert once(WAYS, "high", [page(11, seconds=60)], NOW) == Once()
    assert once(WAYS, "high", [page(11, seconds=59)], NOW).counted


def test_the_more_urgent_wins_whichever_comes_first():
    assert once(WAYS, "low", [page(11, urgency="high")], NOW).counted
    told = [page(11, (3, 0), "low"), page(12, (9, 0), "low"), page(13, (4, 0), "low", waits=False)]
    assert once(WAYS, "high", told, NOW) == Once(replaced={11: (3, 0), 12: (3, 0)})  # what was sent cannot be taken back


@given(ways, st.sampled_from(URGENCIES), st.lists(pages, max_size=5))
def test_they_are_told_by_the_one_or_the_other_and_never_by_none(ways, urgency, told):
    decided = once(ways, urgency, told, NOW)
    assert not (decided.counted and decided.replaced)
    by_id: dict[int, list[Told]] = {}
    for one in told:
        by_id.setdefault(one.page, []).append(one)
    for way, lead in decided.counted.items():
        assert way in ways
        assert any(
            one.made_at > NOW - MOMENT and URGENCIES.index(one.urgency) >= URGENCIES.index(urgency) for one in by_id[lead]
        )  # it is really told, and no later than the new one would
    if decided.counted:
        assert set(decided.counted) == set(ways)
    for old, way in decided.replaced.items():
        assert way in ways and any(one.urgency == "low" and one.waits for one in by_id[old]) and urgency == "high"
