"""Do people come in through the organisation's OpenID provider, and only those who should? A real server, a provider of its own."""

from __future__ import annotations

import html
import json
import re
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.live import free_port
from tests.openid_provider import RunningProvider
from tests.running import Installation

pytestmark = pytest.mark.acceptance


@dataclass
class House:
    """The installation and its provider."""

    tocsin: Installation
    provider: RunningProvider

    def api(self, method: str, path: str, body: dict | None = None) -> dict:
        headers = {"Authorization": "Bearer for-tests-only", "Content-Type": "application/json"}
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.tocsin.address}/api/v1{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=20) as reply:
            return json.loads(reply.read() or b"{}")

    def people(self) -> dict[str, dict]:
        return {item["email"]: item for item in self.api("GET", "/users?limit=100")["items"]}


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


@dataclass
class Browser:
    """What a browser keeps: cookies. Redirects are followed by hand, so that each step can be looked at."""

    house: House
    jar: CookieJar = field(default_factory=CookieJar)

    def __post_init__(self) -> None:
        self.opener = urllib.request.build_opener(_Stay, urllib.request.HTTPCookieProcessor(self.jar))

    def go(self, address: str, form: dict[str, str] | None = None) -> tuple[int, str, str]:
        """Status, text, and where it leads."""
        if address.startswith("/"):
            address = self.house.tocsin.address + address
        data = urlencode(form).encode() if form is not None else None
        try:
            with self.opener.open(urllib.request.Request(address, data), timeout=20) as reply:
                return reply.status, reply.read().decode(), reply.headers.get("Location", "")
        except HTTPError as error:
            return error.code, error.read().decode(), error.headers.get("Location", "")

    def set_out(self) -> str:
        """From the sign-in page to the address at the provider."""
        page = self.go("/accounts/login/")[1]
        assert "Sign in with Larkfield SSO" in page
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        action = re.search(r'action="(/accounts/oidc/sso/login/[^"]*)"', page)
        assert token and action
        status, page, _ = self.go(html.unescape(action[1]), {"csrfmiddlewaretoken": token[1]})
        assert status == 200, page
        found = re.search(r'<meta http-equiv="refresh" content="0;url=([^"]+)">', page)
        assert found
        return html.unescape(found[1])

    def sign_in(self) -> tuple[int, str, str]:
        """All the way; what Tocsin says on the way back."""
        status, said, back = self.go(self.set_out())
        assert status == 302, said
        return self.go(back)

    def who(self) -> str:
        """The address of whoever is signed in."""
        status, body, _ = self.go("/api/v1/users/me")
        return json.loads(body)["email"] if status == 200 else ""


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    provider = RunningProvider()
    port = free_port()
    tocsin = Installation(TOCSIN_URL=f"http://127.0.0.1:{port}", **provider.settings())
    try:
        tocsin.up(port=port)
        found = House(tocsin, provider)
        found.api("POST", "/users", {"name": "Ana Berg", "email": "ana@elsewhere.example", "role": "responder"})
        found.api("POST", "/users", {"name": "Root", "email": "root@elsewhere.example", "role": "administrator"})
        yield found
    finally:
        tocsin.clean()
        provider.stop()


def test_a_known_person_is_joined_by_their_verified_address_and_found_again_by_subject(house):
    house.provider.login_as("ana", "Ana@Elsewhere.example")
    browser = Browser(house)
    status, said, to = browser.sign_in()
    assert (status, to) == (302, "/"), said
    assert browser.who() == "ana@elsewhere.example" and house.people()["ana@elsewhere.example"]["role"] == "responder"
    house.provider.login_as("ana", "ana.new@nowhere.example", verified=False)  # the subject stays who she is
    again = Browser(house)
    again.sign_in()
    assert again.who() == "ana@elsewhere.example"
    assert {"/.well-known/openid-configuration", "/authorize", "/token", "/userinfo"} <= set(house.provider.seen())


def test_an_unknown_person_with_a_verified_address_of_an_allowed_domain_comes_in_as_an_observer(house):
    house.provider.login_as("dee", "dee@larkfield.example", name="Dee Dover")
    browser = Browser(house)
    assert browser.sign_in()[0] == 302
    assert browser.who() == "dee@larkfield.example"
    made = house.people()["dee@larkfield.example"]
    assert (made["name"], made["role"]) == ("Dee Dover", "observer")


@pytest.mark.parametrize(
    ("sub", "email", "verified"),
    [
        ("eve", "eve@larkfield.example", False),
        ("fay", "fay@other.example", True),
        ("gus", "gus@evil-larkfield.example", True),
        ("hal", "hal@sub.larkfield.example", True),
        ("mallory", "root@elsewhere.example", False),  # an administrator's address that the provider does not vouch for
    ],
)
def test_unverified_addresses_and_other_domains_are_refused(house, sub, email, verified):
    before = set(house.people())
    house.provider.login_as(sub, email, verified=verified)
    browser = Browser(house)
    status, said, _ = browser.sign_in()
    assert status == 403 and "we may not" in said
    assert browser.who() == "" and set(house.people()) == before


def test_a_removed_person_stays_out(house):
    house.provider.login_as("ivo", "ivo@larkfield.example")
    Browser(house).sign_in()
    house.api("DELETE", f"/users/{house.people()['ivo@larkfield.example']['id']}")
    browser = Browser(house)
    assert browser.sign_in()[2] == "/accounts/inactive/"
    assert browser.who() == ""
    house.provider.login_as("ivo-again", "ivo@larkfield.example")  # another account of the provider with the same address
    other = Browser(house)
    assert other.sign_in()[0] in (400, 403) and other.who() == ""


def test_the_way_back_works_once_and_only_in_the_browser_that_set_out(house):
    house.provider.login_as("ana", "ana@elsewhere.example")
    browser, thief = Browser(house), Browser(house)
    back = browser.go(browser.set_out())[2]
    assert thief.go(back)[0] == 401 and thief.who() == ""
    assert browser.go(back)[0] == 302
    status, said, _ = browser.go(back)
    assert status == 401 and "did not work" in said
    fresh = Browser(house)
    state = parse_qs(urlsplit(back).query)["state"][0]
    code = parse_qs(urlsplit(fresh.go(fresh.set_out())[2]).query)["code"][0]
    assert fresh.go(f"/accounts/oidc/sso/login/callback/?{urlencode({'code': code, 'state': state})}")[0] == 401
    assert fresh.who() == ""


@pytest.mark.parametrize(
    "twist",
    [{"nonce": "another"}, {"aud": "somebody-else"}, {"iss": "https://evil.example"}, {"exp": 1}, {"sub": "root"}],
    ids=lambda twist: next(iter(twist)),
)
def test_an_id_token_that_was_not_made_for_this_sign_in_is_refused(house, twist):
    house.provider.login_as("ana", "ana@elsewhere.example", id_token=twist)
    browser = Browser(house)
    status, said, _ = browser.sign_in()
    assert status == 401 and "did not work" in said and browser.who() == ""


def test_somebody_elses_code_is_stopped_by_pkce(house):
    house.provider.login_as("ana", "ana@elsewhere.example")
    attacker, victim = Browser(house), Browser(house)
    stolen = parse_qs(urlsplit(attacker.go(attacker.set_out())[2]).query)["code"][0]
    state = parse_qs(urlsplit(victim.set_out()).query)["state"][0]
    status, _, _ = victim.go(f"/accounts/oidc/sso/login/callback/?{urlencode({'code': stolen, 'state': state})}")
    assert status == 401 and victim.who() == ""


def test_turning_back_at_the_provider_and_a_provider_that_nobody_knows(house):
    browser = Browser(house)
    state = parse_qs(urlsplit(browser.set_out()).query)["state"][0]
    status, _, to = browser.go(f"/accounts/oidc/sso/login/callback/?{urlencode({'error': 'access_denied', 'state': state})}")
    assert status == 302 and "You turned back" in browser.go(to)[1]
    assert browser.go("/accounts/oidc/other/login/")[0] == 404
    assert browser.go("/accounts/oidc/sso/login/")[2] == "/accounts/login/"


def test_a_provider_at_an_address_that_is_not_public_is_reached_only_where_allowed(tmp_path):
    provider = RunningProvider()
    tocsin = Installation(tmp_path / "data", **provider.settings())
    tocsin.environment["TOCSIN_EGRESS_ALLOW"] = ""
    try:
        tocsin.up()
        browser = Browser(House(tocsin, provider))
        page = browser.go("/accounts/login/")[1]
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token
        status, said, _ = browser.go("/accounts/oidc/sso/login/", {"csrfmiddlewaretoken": token[1]})
        assert status == 503 and "does not answer" in said
        assert provider.seen() == ["/seen"]
    finally:
        tocsin.clean()
        provider.stop()
