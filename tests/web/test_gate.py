"""Does every route, with every method, let in only whom its permission names?"""

from __future__ import annotations

import re

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError
from django.test import Client
from django.urls import get_resolver, path

from tocsin import clock
from tocsin.accounts import operations, operations_tokens
from tocsin.accounts.actor import SYSTEM
from tocsin.accounts.models import User
from tocsin.accounts.permissions import Needs, needs
from tocsin.web import gate

pytestmark = pytest.mark.django_db

ALLOWED = {  # who passes which permission
    "anonymous": {Needs.PUBLIC},
    "observer": {Needs.PUBLIC, Needs.SELF, Needs.READ},
    "responder": {Needs.PUBLIC, Needs.SELF, Needs.READ, Needs.RESPOND},
    "administrator": set(Needs),
    "read token": {Needs.PUBLIC, Needs.SELF, Needs.READ},
    "respond token": {Needs.PUBLIC, Needs.SELF, Needs.READ, Needs.RESPOND},
}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def routes(api: bool):
    return [(name, address, view) for name, address, view in gate.routes(get_resolver().url_patterns) if address.startswith("api/") == api]


def address_of(route: str) -> str:
    """The route with every parameter filled in with something that does not exist."""
    route = re.sub(r"\(\?P<[^>]+>(?:[^()]|\([^()]*\))*\)", "zz-zz", route.replace("^", "").replace("$", "").replace("\\", ""))
    return "/" + re.sub(
        r"<(?:(\w+):)?(\w+)>", lambda m: "INC-987654321" if m.group(1) != "int" and m.group(2) in ("ref", "token") else "987654321", route
    )


@pytest.fixture
def crew() -> dict[str, User]:
    root = operations.add_user(name="Root", email="root@example.com", role="administrator", by=SYSTEM, now=clock.now())
    made = {
        role: operations.add_user(name=role.title(), email=f"{role}@example.com", role=role, by=SYSTEM, now=clock.now())
        for role in ("observer", "responder")
    }
    return {"administrator": root, **made}


@pytest.mark.parametrize("who", ALLOWED)
def test_the_api_refuses_everybody_whom_a_route_does_not_name(who, crew, monkeypatch):
    monkeypatch.setattr("tests.answers.of_answer", lambda answer: "")  # the marker is no answer of an operation
    headers, client = {}, Client()
    if who.endswith("token"):
        secret = operations_tokens.add_token(name=who, scopes=[who.split()[0]], by=SYSTEM, now=clock.now())[1]
        headers["HTTP_AUTHORIZATION"] = f"Bearer {secret}"
    elif who != "anonymous":
        client.force_login(crew[who])
    wrong = []
    for _, route, view in routes(api=True):
        for method in METHODS:
            needed = gate.permission(view, "", method)
            operation = getattr(view, "operations", {}).get(method)
            if operation is not None:  # what lies behind the gate is not this test's: a marker stands in its place
                monkeypatch.setattr(
                    operation,
                    "run",
                    lambda request, **kw: __import__("django.http", fromlist=["x"]).HttpResponse(status=299),
                    raising=False,
                )
            status = client.generic(method, address_of(route), b"{}", content_type="application/json", **headers).status_code
            if who == "read token" and needed is Needs.SELF and method != "GET":
                expected = 403
            elif needed in ALLOWED[who]:
                expected = 299 if operation is not None else (405 if getattr(view, "operations", None) is not None else 200)
            else:
                expected = 401 if who == "anonymous" else 403
            if status != expected:
                wrong.append((who, method, route, str(needed), status, expected))
    assert not wrong


@pytest.mark.parametrize("who", ["anonymous", "observer", "responder", "administrator"])
def test_pages_send_strangers_to_the_sign_in_and_refuse_lesser_roles(who, crew, monkeypatch):
    client = Client(raise_request_exception=False)
    if who != "anonymous":
        client.force_login(crew[who])
    wrong = []
    for name, route, view in routes(api=False):
        needed = gate.permission(view, name, "GET")
        if needed in ALLOWED[who]:
            continue  # who may pass is tested with the page itself
        for method in METHODS:
            answer = client.generic(method, address_of(route))
            fine = (
                answer.status_code == 403
                if who != "anonymous"
                else (answer.status_code == 302 and answer["Location"].startswith("/accounts/login/"))
            )
            if not fine:
                wrong.append((who, method, route, answer.status_code))
    assert not wrong


def test_foreign_or_missing_objects_look_the_same_and_nothing_breaks(crew):
    client = Client(raise_request_exception=False)
    client.force_login(crew["responder"])
    broken = []
    for _name, route, view in routes(api=True):
        if "<" in route and "GET" in getattr(view, "operations", {}):
            status = client.get(address_of(route)).status_code
            if status not in (404, 403):
                broken.append((route, status))
    assert not broken


def test_a_route_without_a_permission_stops_the_start():
    with pytest.raises(ImproperlyConfigured, match="GET /secret/"):
        gate.check([path("secret/", lambda request: None)])
    gate.check([path("open/", needs(Needs.PUBLIC)(lambda request: None))])


def test_a_swapped_fragment_of_a_stranger_is_401(crew):
    answer = Client().get("/people/", HTTP_HX_REQUEST="true")
    assert answer.status_code == 401
    assert answer["HX-Redirect"] == "/accounts/login/"


def test_while_the_database_is_away_people_and_programs_are_told_to_come_again(crew, monkeypatch):
    """Also where that is found before a view is reached: the first thing that is asked is who asks."""

    def away(*_, **__):
        raise OperationalError("connection refused")

    monkeypatch.setattr("tocsin.accounts.bearer.actor_of", away)
    monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.load", away)
    client = Client(raise_request_exception=False)
    client.cookies[settings.SESSION_COOKIE_NAME] = "x" * 32
    for answer in (client.get("/api/v1/teams", HTTP_AUTHORIZATION="Bearer tcs_x"), client.get("/alerts/")):
        assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "The database does not answer" in answer.content.decode()
