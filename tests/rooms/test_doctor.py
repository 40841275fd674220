"""What does `tocsin doctor` say of single sign-on?"""

from __future__ import annotations

import json

import pytest

from tocsin.cli import doctor
from tocsin.lib import http

ISSUER = "https://login.example/realms/ops"


def found(settings, monkeypatch, answer, issuer: str = ISSUER) -> list[doctor.Finding]:
    def request(method, url, **limits):
        assert (method, url) == ("GET", f"{ISSUER}/.well-known/openid-configuration")
        if isinstance(answer, Exception):
            raise answer
        return http.Answer(200, {}, answer)

    settings.OIDC_ISSUER, settings.TOCSIN_URL = issuer, "https://tocsin.example"
    monkeypatch.setattr(http, "request", request)
    return list(doctor._sign_in())


@pytest.mark.parametrize("issuer", [ISSUER, f"{ISSUER}/", f"{ISSUER}/.well-known/openid-configuration"])
def test_a_provider_that_answers_has_to_know_the_way_back(settings, monkeypatch, issuer):
    (one,) = found(settings, monkeypatch, json.dumps({"issuer": ISSUER}).encode(), issuer)
    assert one.grade == "good" and "https://tocsin.example/accounts/oidc/sso/login/callback/" in one.what


@pytest.mark.parametrize(
    ("answer", "what", "fix"),
    [
        (http.BlockedError("10.0.0.7 is a private address"), "may not be reached: 10.0.0.7", "TOCSIN_EGRESS_ALLOW"),
        (http.UnreachableError("no answer within 5 s", sent=False), "no answer within 5 s", "TOCSIN_OIDC_ISSUER"),
        (b"<html>", "does not answer as a provider does", "TOCSIN_OIDC_ISSUER"),
        (b'{"issuer": "https://other.example"}', "calls itself https://other.example", "TOCSIN_OIDC_ISSUER"),
    ],
)
def test_a_provider_that_cannot_be_used_is_named_with_what_mends_it(settings, monkeypatch, answer, what, fix):
    (one,) = found(settings, monkeypatch, answer)
    assert one.grade == "warning" and what in one.what and fix in one.fix


def test_without_a_provider_nothing_is_said(settings):
    settings.OIDC_ISSUER = ""
    assert list(doctor._sign_in()) == []
