"""Does the API say who may, what is wrong, and do things once?"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.test import Client
from ninja import Schema

from tocsin import clock
from tocsin.accounts import operations, operations_tokens
from tocsin.accounts.actor import SYSTEM
from tocsin.accounts.models import ApiToken, AuditEntry, Team, User
from tocsin.api.mount import api

pytestmark = pytest.mark.django_db


def person(name: str, role: str = "responder") -> User:
    return operations.add_user(
        name=name,
        email=f"{name.lower()}@example.com",
        role=role,
        time_zone="UTC",
        password="correct horse battery",
        by=SYSTEM,
        now=clock.now(),
    )


def token(*scopes: str, user: User | None = None) -> str:
    return operations_tokens.add_token(name="test", scopes=list(scopes), user_id=user and user.pk, by=SYSTEM, now=clock.now())[1]


def call(method: str, path: str, body=None, *, bearer: str = "", client: Client | None = None, **headers):
    if bearer:
        headers["HTTP_AUTHORIZATION"] = f"Bearer {bearer}"
    data = body if isinstance(body, (bytes, str)) else json.dumps(body)
    return (client or Client()).generic(
        method, f"/api/v1{path}", data if body is not None else b"", content_type="application/json", **headers
    )


def test_nobody_gets_in_without_a_token():
    answer = call("GET", "/teams")
    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == 401
    assert "Bearer" in answer["WWW-Authenticate"]


@pytest.mark.parametrize("wrong", ["nonsense", "tcs_00000000_abc", "tcs__", "tcs_aaaaaaaa_" + "x" * 400])
def test_a_wrong_token_is_nobody(wrong):
    assert call("GET", "/teams", bearer=wrong).status_code == 401


def test_the_bootstrap_token_may_do_everything(settings):
    settings.BOOTSTRAP_TOKEN = "bootstrap-secret"
    team = call("POST", "/teams", {"name": "Payments"}, bearer="bootstrap-secret")
    assert team.status_code == 201
    body = {"name": "Ana", "email": "Ana@Example.com", "time_zone": "Europe/Berlin", "teams": [team.json()["id"]]}
    ana = call("POST", "/users", body, bearer="bootstrap-secret")
    assert ana.status_code == 201, ana.content
    assert ana.json()["teams"] == [team.json()["id"]]
    assert ana.json()["email"] == "ana@example.com"
    assert AuditEntry.objects.filter(verb="user.added", actor_label="Bootstrap token").exists()


def test_a_token_is_kept_only_as_its_hash_and_ends_when_revoked():
    secret = token("read")
    row = ApiToken.objects.get()
    assert secret.startswith(f"tcs_{row.prefix}_")
    assert secret not in (row.digest, row.prefix)
    assert call("GET", "/teams", bearer=secret).status_code == 200
    operations_tokens.revoke_token(row.pk, by=SYSTEM, now=clock.now())
    assert call("GET", "/teams", bearer=secret).status_code == 401


def test_an_expired_token_is_nobody():
    now = clock.now()
    _, secret = operations_tokens.add_token(name="short", scopes=["read"], expires_at=now + timedelta(hours=1), by=SYSTEM, now=now)
    assert call("GET", "/teams", bearer=secret).status_code == 200
    ApiToken.objects.update(expires_at=now - timedelta(seconds=1))
    assert call("GET", "/teams", bearer=secret).status_code == 401


def test_a_token_of_a_person_can_do_no_more_than_they():
    person("Root", "administrator")
    observer = person("Olga", "observer")
    secret = token("administer", user=observer)
    assert call("POST", "/teams", {"name": "Payments"}, bearer=secret).status_code == 403
    User.objects.filter(pk=observer.pk).update(role="administrator")
    assert call("POST", "/teams", {"name": "Payments"}, bearer=secret).status_code == 201


def test_taking_a_role_away_works_at_once():
    person("Root", "administrator")
    ana = person("Ana", "administrator")
    secret = token("administer", user=ana)
    assert call("GET", "/tokens", bearer=secret).status_code == 200
    operations.change_user(ana.pk, {"role": "responder"}, by=SYSTEM, now=clock.now())
    assert call("GET", "/tokens", bearer=secret).status_code == 403
    operations.remove_user(ana.pk, by=SYSTEM, now=clock.now())
    assert call("GET", "/teams", bearer=secret).status_code == 401


def test_every_wrong_field_is_named_with_a_sentence():
    answer = call("POST", "/users", {"name": 7, "verified": True}, bearer=token("administer"))
    assert answer.status_code == 422
    problem = answer.json()
    assert set(problem["errors"]) == {"name", "email", "verified"}
    assert problem["errors"]["email"] == "This field is required."
    assert problem["errors"]["verified"] == "There is no such field."
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "body",
    [b'{"name": ', b'{"name": "a\\u0000b"}', b'{"name": NaN}', b'{"name": "\\ud800"}', b"[" * 5000 + b"]" * 5000, b'"x"', b"[]", b"null"],
)
def test_bad_json_is_refused_clearly(body):
    answer = call("POST", "/teams", body, bearer=token("administer"))
    assert answer.status_code in (400, 422), answer.content
    assert answer["Content-Type"] == "application/problem+json"


def test_a_body_over_one_megabyte_is_refused():
    assert call("POST", "/teams", b" " * (1024 * 1024 + 1), bearer=token("administer")).status_code == 413


def test_what_is_not_there_and_what_is_not_understood():
    secret = token("administer")
    for method, path, status in (
        ("GET", "/teams/999999", 404),
        ("GET", "/nothing", 404),
        ("PUT", "/teams", 405),
        ("GET", "/teams/99999999999999999999999", 404),
    ):
        answer = call(method, path, bearer=secret)
        assert answer.status_code == status, (path, answer.content)
        assert answer["Content-Type"] == "application/problem+json"
    assert call("GET", "/users?email=a%00b", bearer=secret).status_code == 400


def test_a_name_that_exists_is_a_conflict():
    secret = token("administer")
    assert call("POST", "/teams", {"name": "Payments"}, bearer=secret).status_code == 201
    answer = call("POST", "/teams", {"name": "payments"}, bearer=secret)
    assert answer.status_code == 409
    assert answer.json()["errors"]["name"]


def test_an_unexpected_failure_gives_only_a_request_id(monkeypatch):
    monkeypatch.setattr("tocsin.api.organisation.operations.organisation", lambda: 1 / 0)
    answer = call("GET", "/organisation", bearer=token("read"))
    assert answer.status_code == 500
    assert answer.json()["request_id"] == answer["X-Request-Id"]
    assert b"Zero" not in answer.content


def test_a_list_is_read_page_by_page_without_loss_or_repetition():
    secret = token("administer")
    for number in range(7):
        call("POST", "/teams", {"name": f"Team {number}"}, bearer=secret)
    seen, cursor = [], ""
    for _ in range(4):
        answer = call("GET", f"/teams?limit=2{cursor}", bearer=secret).json()
        seen += [team["id"] for team in answer["items"]]
        cursor = f"&cursor={answer['next']}"
        if answer["next"] is None:
            break
    assert seen == list(Team.objects.order_by("id").values_list("id", flat=True))


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "cursor=nonsense", "cursor=WyJ4Il0", "cursor=WzEsMl0", "cursor=W251bGxd"]
)
def test_a_wrong_limit_or_cursor_is_told(query):
    answer = call("GET", f"/teams?{query}", bearer=token("read"))
    assert answer.status_code == 422, answer.content
    assert query.partition("=")[0] in answer.json()["errors"]


def test_a_repeated_write_is_done_once_and_answered_the_same():
    secret = token("administer")
    first = call("POST", "/teams", {"name": "Payments"}, bearer=secret, HTTP_IDEMPOTENCY_KEY="k1")
    second = call("POST", "/teams", {"name": "Payments"}, bearer=secret, HTTP_IDEMPOTENCY_KEY="k1")
    assert (first.status_code, first.content) == (second.status_code, second.content) and first.status_code == 201
    assert second["Idempotency-Replayed"] == "true"
    assert Team.objects.count() == 1
    other = call("POST", "/teams", {"name": "Search"}, bearer=secret, HTTP_IDEMPOTENCY_KEY="k1")
    assert other.status_code == 422
    somebody_else = call("POST", "/teams", {"name": "Search"}, bearer=token("administer"), HTTP_IDEMPOTENCY_KEY="k1")
    assert somebody_else.status_code == 201


def test_a_stored_answer_cannot_be_read_in_the_database():
    from tocsin.accounts.models import IdempotencyKey

    made = call("POST", "/tokens", {"name": "ci", "scopes": ["read"]}, bearer=token("administer"), HTTP_IDEMPOTENCY_KEY="k2")
    assert made.json()["token"].encode() not in bytes(IdempotencyKey.objects.get().body)


def test_a_session_needs_the_csrf_token_to_write():
    ana = person("Ana", "administrator")
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(ana)
    assert call("GET", "/teams", client=browser).status_code == 200
    assert call("POST", "/teams", {"name": "Payments"}, client=browser).status_code == 403
    plain = browser.generic("POST", "/api/v1/teams", b'{"name": "Payments"}', content_type="text/plain")
    assert plain.status_code == 403
    browser.get("/accounts/reauthenticate/")
    from django.middleware.csrf import _get_new_csrf_string

    secret = _get_new_csrf_string()
    browser.cookies["csrftoken"] = secret
    assert call("POST", "/teams", {"name": "Payments"}, client=browser, HTTP_X_CSRFTOKEN=secret).status_code == 201


def test_the_description_is_openapi_3_1_and_names_each_permission():
    schema = Client().get("/api/v1/openapi.json").json()
    assert schema["openapi"] == "3.1.0"
    assert schema["paths"]["/api/v1/teams"]["post"]["x-needs"] == "administer"
    assert schema["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    page = Client().get("/api/v1/docs")
    assert page.status_code == 200
    assert b"<script" not in page.content and b"style=" not in page.content and b"http://cdn" not in page.content


def test_times_are_rfc_3339_in_utc():
    secret = token("administer")
    assert call("POST", "/teams", {"name": "Payments"}, bearer=secret).json()["created_at"].endswith("Z")


def test_security_headers_are_on_every_answer():
    for path in ("/accounts/login/", "/api/v1/teams", "/api/v1/docs"):
        answer = Client().get(path)
        assert "script-src 'self'" in answer["Content-Security-Policy"] and "unsafe" not in answer["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
        assert answer["Cache-Control"].find("no-store") >= 0
        assert answer["Referrer-Policy"] == "same-origin"
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert "camera=()" in answer["Permissions-Policy"]


def test_while_the_database_is_away_it_says_so_and_when_to_come_again(monkeypatch):
    def away(*_, **__):
        raise OperationalError("connection refused")

    monkeypatch.setattr("tocsin.accounts.models.Team.objects.filter", away)
    bearer = token("read")
    answer = call("GET", "/teams", bearer=bearer)
    assert (answer.status_code, answer["Retry-After"], answer.json()["type"]) == (503, "5", "https://tocsin.dev/problems/unavailable")


def test_each_form_of_a_body_has_a_name_of_its_own_or_the_description_would_show_one_for_another():
    def below(form: type[Schema]) -> Iterator[type[Schema]]:
        for one in form.__subclasses__():
            yield from (one, *below(one))

    names = Counter(one.__name__ for one in below(Schema) if one.__module__.startswith("tocsin.api"))
    assert len(names) > 80 and not [name for name, times in names.items() if times > 1]
    described = api.get_openapi_schema()["components"]["schemas"]
    assert set(described["NewActionItem"]["properties"]) == {"by", "title", "incident", "owner", "due_on"}
    assert not [name for name, form in described.items() if not form.get("description")]
