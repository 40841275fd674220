"""What events make of alerts, whatever their order."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.alerts import AlertState, Change, Event, expire, fold

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def event(status="firing", **fields):
    return Event(status, "Disk full", "k", **fields)


@st.composite
def streams(draw):
    statuses = draw(st.lists(st.sampled_from(["firing", "resolved", "acknowledged", "none", "unknown", "change"]), max_size=30))
    times = st.one_of(st.none(), st.integers(-100, 100).map(lambda n: START + timedelta(seconds=n)))
    return [
        event(s, occurred_at=draw(times), severity=draw(st.sampled_from([None, "critical", "error", "warning", "info"]))) for s in statuses
    ]


@given(streams())
def test_every_event_has_an_outcome_and_the_state_stays_sound(events):
    state: AlertState | None = None
    for number, one in enumerate(events):
        at = START + timedelta(seconds=number)
        before = state
        folded = fold(state, one, at, "warning")
        state = folded.state
        assert isinstance(folded.change, Change)
        if folded.change in (Change.IGNORED, Change.REFUSED):
            assert folded.reason and state is before
        if state:
            assert (state.status == "resolved") is (state.resolved_at is not None)
            assert state.first_seen <= state.last_seen <= at and state.last_event_at <= at
            assert state.status == "firing" or state.ends_at is None
        if folded.change is Change.RESOLVED:
            assert before and before.status == "firing"


@given(st.lists(st.just("firing"), min_size=1, max_size=20))
def test_equal_events_are_one_alert_with_a_true_count(statuses):
    state = None
    for number, status in enumerate(statuses):
        state = fold(state, event(status), START + timedelta(seconds=number), "warning").state
    assert state and state.event_count == len(statuses)


def test_a_source_whose_clock_is_ahead_can_still_resolve_its_alert():
    state = fold(None, event(occurred_at=START + timedelta(hours=3)), START, "warning").state
    folded = fold(state, event("resolved", occurred_at=START + timedelta(minutes=1)), START + timedelta(minutes=1), "warning")
    assert folded.change is Change.RESOLVED


def test_a_milder_word_does_not_page_again_and_a_worse_one_does():
    state = fold(None, event(severity="error"), START, "warning").state
    assert fold(state, event(severity="info"), START, "warning").change is Change.FOLDED
    assert fold(state, event(severity="critical"), START, "warning").change is Change.WORSENED
    assert fold(state, event(severity=None), START, "warning").change is Change.FOLDED


def test_an_acknowledgement_by_the_source_leaves_the_alert_firing():
    state = fold(None, event(), START, "warning").state
    folded = fold(state, event("acknowledged"), START, "warning")
    assert folded.change is Change.ACKNOWLEDGED and folded.state and folded.state.status == "firing"


def test_a_renewal_moves_the_end_and_never_backwards():
    state = fold(None, event(ends_at=START + timedelta(minutes=4)), START, "warning").state
    assert fold(state, event(ends_at=START + timedelta(minutes=3)), START, "warning").state.ends_at == START + timedelta(minutes=4)
    assert fold(state, event(ends_at=START + timedelta(minutes=5)), START, "warning").state.ends_at == START + timedelta(minutes=5)
    ended = expire(state, START + timedelta(minutes=4))
    assert ended == replace(state, status="resolved", resolved_at=START + timedelta(minutes=4), ends_at=None)
