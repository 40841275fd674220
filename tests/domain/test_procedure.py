"""The written procedure as values: its words, its forms, its checks, its differences."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.domain.procedure import FormError, default, from_markdown, from_plain, to_markdown, to_plain
from tocsin.domain.procedure.default import default_text
from tocsin.domain.procedure.diff import diff, for_open_incidents
from tocsin.domain.procedure.lint import Facts, lint
from tocsin.domain.procedure.reading import template
from tocsin.procedures import forms


@pytest.mark.clause("S1", "S2")
def test_the_default_is_the_written_document_byte_for_byte_and_reads_back():
    assert default().title == "Incident Response Procedures"
    assert "standard procedures for responding to production incidents" in default().scope
    assert to_markdown(default()) == default_text()
    assert from_markdown(default_text()) == default()
    assert lint(default()) == []


SEVERITIES = {
    "SEV1": ("Critical", "Complete service outage or major data loss affecting all users.", 5, ("on_call", "leadership"), ("public", 15)),
    "SEV2": ("High", "Significant degradation affecting many users or critical feature broken.", 15, ("on_call",), ("public", 30)),
    "SEV3": ("Medium", "Minor service degradation or non-critical feature broken.", 60, (), ("internal", 180)),
    "SEV4": ("Low", "Minor issues with workarounds available.", None, (), None),
}


@pytest.mark.clause("S3", "S4", "S12", "S13", "S21", "S22", "S29", "S30", "S33")
def test_the_four_severities_have_their_names_definitions_and_clocks():
    assert [severity.id for severity in default().severities] == list(SEVERITIES)
    for severity in default().severities:
        name, definition, minutes, pages, owed = SEVERITIES[severity.id]
        assert (severity.name, severity.definition, severity.response.within_minutes) == (name, definition, minutes)
        assert severity.escalation.page == pages
        assert (severity.communication and (severity.communication.audience, severity.communication.within_minutes)) == owed
    low = default().severity("SEV4")
    assert (
        low.communication is None and low.examples == () and low.response.business_days == 1 and low.escalation.ticket and not low.channel
    )


@pytest.mark.clause("S33")
def test_a_file_may_add_examples_to_sev4():
    text = default_text().replace("**Escalation:** Create ticket\n", "**Escalation:** Create ticket\n\n**Examples:**\n- A typo\n")
    assert [example.text for example in from_markdown(text).severity("SEV4").examples] == ["A typo"]


@pytest.mark.clause("S34")
def test_the_six_steps_stand_in_order():
    assert [(step.number, step.title) for step in default().steps] == list(
        enumerate(["Acknowledge and Assess", "Communicate", "Diagnose", "Mitigate", "Resolve and Verify", "Post-Incident"], 1)
    )


@pytest.mark.clause("S90", "S91", "S92", "S93", "S94", "S95", "S96", "S97", "S98", "S99", "S100", "S101", "S102")
def test_the_three_roles_have_their_duties_word_for_word():
    assert {role.title: role.duties for role in default().roles} == {
        "Incident Commander": (
            "Leads incident response", "Makes decisions on actions", "Coordinates communication", "Delegates tasks",
        ),
        "Technical Lead": ("Leads technical investigation", "Proposes solutions", "Implements fixes"),
        "Communications Lead": (
            "Updates status page", "Coordinates with customer support", "Manages stakeholder communication",
        ),
    }  # fmt: skip
    assert [role.id for role in default().roles] == ["incident_commander", "technical_lead", "communications_lead"]


WORDS = st.text(alphabet="abcxyz ABC019 .,:;!?'\"&%+()/äß漢*`[]#-", min_size=1, max_size=40).map(lambda text: "w" + text.strip())


@st.composite
def procedures(draw):
    made = default()
    severities = tuple(
        replace(
            row, name=draw(WORDS), definition=draw(WORDS), response=replace(row.response, text=draw(WORDS)),
            watch_minutes=draw(st.integers(0, 600)), channel=draw(st.booleans()),
            examples=tuple(replace(example, text=draw(WORDS)) for example in row.examples[: draw(st.integers(0, 4))]),
            communication=draw(st.sampled_from([None, row.communication])),
        )
        for row in made.severities[: draw(st.integers(1, 4))]
    )  # fmt: skip
    steps = tuple(replace(step, title=draw(WORDS)) for step in made.steps[: draw(st.integers(1, 6))])
    roles = tuple(replace(role, title=draw(WORDS), duties=(draw(WORDS),)) for role in made.roles)
    fraction = replace(
        made.settings, warn_at_fraction=draw(st.floats(0.1, 0.9)), may_waive=draw(st.sampled_from([(), ("technical_lead",)]))
    )
    return replace(made, title=draw(WORDS), severities=severities, steps=steps, roles=roles, settings=fraction)


@pytest.mark.clause("S2")
@settings(max_examples=60, deadline=None)
@given(procedures())
def test_every_procedure_survives_each_form(procedure):
    assert from_plain(json.loads(json.dumps(to_plain(procedure)))) == procedure
    assert forms.from_yaml(forms.to_yaml(procedure)) == procedure
    assert from_markdown(to_markdown(procedure)) == procedure


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"title": 7}, "title"),
        ({"titel": "x"}, "titel"),
        ({"severities": {}}, "severities"),
        ({"settings": {"warn_at_fraction": "soon"}}, "settings.warn_at_fraction"),
        ({"roles": [{"id": "a"}]}, "roles.0.title"),
        ({"title": "two\nlines"}, "title"),
    ],
)
def test_what_does_not_fit_is_named_by_its_place(change, place):
    with pytest.raises(FormError) as error:
        from_plain({**to_plain(default()), **change})
    assert error.value.place == place


@pytest.mark.parametrize("text", ["a: &x [1]\nb: *x", "[" * 40 + "]" * 40, "a: [", "!!python/object:os.system {}", "x" * 200_001])
def test_hostile_yaml_is_refused_with_a_sentence(text):
    with pytest.raises(FormError):
        forms.read(text)


def test_lint_names_what_cannot_work():
    sev1, *others = default().severities
    cases = {
        "nobody_told": replace(default(), severities=(replace(sev1, escalation=replace(sev1.escalation, page=())), *others)),
        "response_time": replace(default(), severities=(replace(sev1, response=replace(sev1.response, within_minutes=None)), *others)),
        "duplicate": replace(default(), severities=(sev1, sev1, *others)),
        "rank": replace(default(), severities=(*others, sev1)),
        "role_missing": replace(default(), roles=default().roles[1:]),
        "clock_without_owner": replace(default(), roles=default().roles[:1]),
        "field_unknown": replace(default(), templates=(template("declaration", "[weather] SEV[1-4]"), *default().templates[1:])),
        "template_missing": replace(default(), templates=default().templates[1:]),
    }
    for code, procedure in cases.items():
        found = [finding for finding in lint(procedure) if finding.code == code and finding.level == "error"]
        assert found and all(finding.place and finding.sentence and finding.remedy for finding in found), code
    assert [finding.code for finding in lint(default(), Facts(leadership_reachable=False))] == ["leadership"]


def test_a_diff_tells_each_change_in_a_sentence_and_what_it_means_for_open_incidents():
    edited = from_markdown(
        default_text()
        .replace("Immediate (within 5 minutes)", "Within 10 minutes")
        .replace("4. Traffic spike?", "4. Traffic spike?\n5. Full moon?")
    )
    changes = diff(default(), edited)
    sentences = " ".join(change.sentence for change in changes)
    assert "SEV1 is to be answered within 10 min instead of within 5 min." in sentences and 'Step 3 now asks for "Full moon?".' in sentences
    assert "keep the version" in for_open_incidents(changes, 2) and diff(default(), default()) == []
