"""A post-mortem is written by the template and read back without loss."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.postmortem import (
    Action,
    Document,
    Moment,
    NotAPostmortemError,
    draft_timeline,
    duration_words,
    from_markdown,
    lines_of,
    to_markdown,
)  # fmt: skip

AT = datetime(2026, 11, 23, 3, 2, tzinfo=UTC)
WHOLE = Document(
    title="Checkout payments failing", summary="Payments failed.", duration="1 hour 5 minutes", users_affected="92% of paying customers",
    revenue_impact="EUR 40,000", timeline="- 03:02 UTC - First failed payment\n- 03:06 UTC - Ana acknowledged", root_cause="A certificate had expired.",
    resolution="Traffic moved.", lessons_learned="Watch certificates.",
    actions=(Action("Alert before a certificate expires", "Ben", date(2026, 11, 30)), Action("Move - quickly", "Ana", date(2026, 12, 1), done=True)),
)  # fmt: skip


@pytest.mark.clause("S103", "S104", "S105", "S106", "S107", "S108", "S109", "S110", "S111", "S112", "S113")
def test_the_markdown_is_the_template_line_by_line():
    assert to_markdown(WHOLE) == (
        "# Incident Post-Mortem: Checkout payments failing\n\n## Summary\nPayments failed.\n\n"
        "## Impact\n- Duration: 1 hour 5 minutes\n- Users affected: 92% of paying customers\n- Revenue impact: EUR 40,000\n\n"
        "## Timeline\n- 03:02 UTC - First failed payment\n- 03:06 UTC - Ana acknowledged\n\n## Root Cause\nA certificate had expired.\n\n"
        "## Resolution\nTraffic moved.\n\n"
        "## Action Items\n- [ ] Alert before a certificate expires - Ben - 2026-11-30\n- [x] Move - quickly - Ana - 2026-12-01\n\n"
        "## Lessons Learned\nWatch certificates.\n"
    )


@pytest.mark.clause("S114")
def test_it_is_read_back_without_loss():
    assert from_markdown(to_markdown(WHOLE)) == WHOLE


line = st.text(st.characters(exclude_characters="\r\n", exclude_categories=("Cs",)), max_size=60).map(str.strip)
hostile = st.sampled_from(
    ["## Impact", "# Incident Post-Mortem: x", "\\## Timeline", "\\\\# x", "### sub", "", "- [ ] a - b - 2026-01-01", "#", "```"]
)
prose = st.lists(st.one_of(hostile, line), max_size=6).map("\n".join)
owner = line.filter(
    lambda text: " - " not in text and text != "unassigned" and not text.startswith("- ") and not text.endswith(" -") and text != "-"
)
title = line.filter(lambda text: bool(text))
actions = st.lists(st.builds(Action, title, owner, st.none() | st.dates(min_value=date(1000, 1, 1)), st.booleans()), max_size=4).map(tuple)
documents = st.builds(
    Document, title=title, summary=prose, duration=line, users_affected=line, revenue_impact=line, timeline=prose, root_cause=prose,
    resolution=prose, lessons_learned=prose, actions=actions,
)  # fmt: skip


@pytest.mark.clause("S114")
@given(documents)
def test_whatever_people_write_survives_the_way_out_and_in(document: Document):
    assert from_markdown(to_markdown(document)) == document


@pytest.mark.clause("S106")
@pytest.mark.parametrize(
    ("lasted", "words"),
    [(timedelta(minutes=43), "43 minutes"), (timedelta(minutes=65), "1 hour 5 minutes"), (timedelta(hours=2), "2 hours"),
     (timedelta(seconds=1), "1 second"), (timedelta(days=1, hours=3), "1 day 3 hours"), (timedelta(seconds=-5), "0 seconds")],
)  # fmt: skip
def test_a_duration_is_said_in_words(lasted: timedelta, words: str):
    assert duration_words(lasted) == words


@pytest.mark.clause("S109")
def test_the_draft_takes_only_key_moments_in_order_and_names_the_day_once():
    moments = [
        Moment(AT + timedelta(minutes=4), "Ana acknowledged\nafter 2 min", key=True), Moment(AT, "Alert fires", key=True),
        Moment(AT + timedelta(minutes=5), "has anybody looked at the logs?"), Moment(AT + timedelta(days=1), "Resolved", key=True),
    ]  # fmt: skip
    assert lines_of(draft_timeline(moments, "UTC")) == [
        "- 2026-11-23 03:02 UTC - Alert fires", "- 03:06 UTC - Ana acknowledged after 2 min", "- 2026-11-24 03:02 UTC - Resolved",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "says"),
    [("", "first line"), ("# Something else", "first line"), ("# Incident Post-Mortem: x\n\n## Impact\n", '"## Summary" was expected'),
     (to_markdown(WHOLE).replace("- [ ] Alert before a certificate expires - Ben - 2026-11-30", "- Alert"), "Action Items"),
     (to_markdown(WHOLE).replace("2026-11-30", "2026-11-31"), "not a day")],
)  # fmt: skip
def test_what_is_no_postmortem_is_refused_with_a_sentence(text: str, says: str):
    with pytest.raises(NotAPostmortemError, match=says):
        from_markdown(text)
