"""Does the description say what each operation answers, and would a wrong word in it be noticed?"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from tests import answers
from tests.api.test_frame import call, token
from tocsin.api.mount import description

pytestmark = pytest.mark.django_db
TEAM = {
    "id": 1, "name": "Payments", "slug": "payments", "time_zone": "UTC", "country": "", "subdivision": "", "fallback_user": None,
    "members": [], "leads": [], "chat": None, "created_at": "2026-11-23T03:04:12Z",
}  # fmt: skip


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in description()["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_every_operation_says_what_it_answers_and_how_it_says_no():
    silent, seen = [], 0
    for name, operation in operations():
        *fine, otherwise = operation["responses"]
        assert fine and all(status.startswith("2") for status in fine) and otherwise == "default", name
        assert operation["responses"]["default"] == {"$ref": "#/components/responses/Problem"}, name
        for status in fine:
            content = operation["responses"][status].get("content", {})
            seen += 1
            if not (status == "204" and not content) and not (content and all(kind["schema"] for kind in content.values())):
                silent.append(f"{name} {status}")
    assert seen > 250 and not silent
    problem = description()["components"]["responses"]["Problem"]["content"]["application/problem+json"]["schema"]
    assert problem == {"$ref": "#/components/schemas/Problem"}


def test_every_form_of_an_answer_says_in_words_what_it_is_and_no_list_is_of_anything():
    forms = description()["components"]["schemas"]
    used = set(_used([operation["responses"] for _, operation in operations()], forms))
    assert len(used) > 180
    assert not [name for name in used if not forms[name].get("description")]
    assert not [name for name in used if "_" in name or name.endswith("Shape")]  # two of one name would be told apart by their modules
    loose = [name for name in used for field in forms[name]["properties"].values() if field.get("type") == "array" and not field["items"]]
    assert not loose


def _used(part: Any, forms: dict[str, Any], known: set[str] | None = None) -> Iterator[str]:
    """The names of the forms that a part of the description leads to."""
    known = set() if known is None else known
    if isinstance(part, dict):
        name = str(part.get("$ref", "")).removeprefix("#/components/schemas/")
        if name in forms and name not in known:
            known.add(name)
            yield name
            yield from _used(forms[name], forms, known)
        for inner in part.values():
            yield from _used(inner, forms, known)
    elif isinstance(part, list):
        for inner in part:
            yield from _used(inner, forms, known)


def test_times_are_told_as_times_words_as_words_and_what_may_be_empty_as_such():
    alert = description()["components"]["schemas"]["Alert"]["properties"]
    assert alert["last_seen"] == {"type": "string", "format": "date-time"}
    assert alert["resolved_at"] == {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}
    assert alert["status"]["enum"] == ["firing", "resolved"]
    listed = description()["paths"]["/api/v1/alerts"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert listed == {"$ref": "#/components/schemas/AlertPage"}
    assert description()["paths"]["/api/v1/alerts.csv"]["get"]["responses"]["200"]["content"].keys() == {"text/csv"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, ""),
        ({"name": None}, ".name"),
        ({"id": "1"}, ".id"),
        ({"nickname": "pay"}, "nickname"),
        ({"created_at": "yesterday"}, ".created_at"),
        ({"chat": {"account": 1}}, ".chat"),
        ({"chat": {"account": 1, "address": "#pay", "topic": ""}}, ".chat"),
        ({"slug": ...}, "slug"),
    ],
)
def test_an_answer_that_is_not_as_described_is_noticed(change, said):
    body = {name: value for name, value in {**TEAM, **change}.items() if value is not ...}
    complaint = answers.of("teams_get_team", HttpResponse(json.dumps(body), content_type="application/json"), "GET /teams/1")
    assert said in complaint and bool(said) == bool(complaint)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (HttpResponse("id,name", content_type="text/csv"), "not as text/csv"),
        (HttpResponse(json.dumps(TEAM), content_type="application/json", status=201), "the status 201 is not described"),
        (HttpResponse('{"title": "No"}', content_type="application/problem+json", status=404), "type"),
        (HttpResponse(json.dumps(TEAM), content_type="application/json", status=404), "not as application/json"),
    ],
)
def test_so_is_another_kind_of_answer(answer, said):
    assert said in answers.of("teams_get_team", answer, "GET /teams/1")


def test_every_answer_that_a_test_receives_is_looked_at(monkeypatch):
    secret = token("administer")
    monkeypatch.setattr("tocsin.api.teams.shape", lambda team: {"id": team.pk})
    with pytest.raises(AssertionError, match="POST /api/v1/teams: 201 is not as it is described"):
        call("POST", "/teams", {"name": "Payments"}, bearer=secret)


def test_the_page_for_people_tells_of_the_answers_as_well():
    page = Client().get("/api/v1/docs").content.decode()
    assert 'Answer: 200, a page of the list of <a href="#form-Alert">Alert</a>' in page
    assert 'Answer: 200, <a href="#form-AlertDetail">AlertDetail</a>' in page
    assert "Answer: 200, text/csv" in page and "Answer: 204, nothing" in page
    links, forms = set(re.findall(r'href="#(form-\w+)"', page)), re.findall(r'id="(form-\w+)"', page)
    assert links == set(forms) and len(forms) == len(links) > 150
