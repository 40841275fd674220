"""Administrators add, test, watch and change accounts at providers by the pages; secrets are never shown."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.integrations.standing_in import running
from tests.twilio import NUMBER, SID, TOKEN, Twilio
from tocsin import clock
from tocsin.accounts.actor import SYSTEM
from tocsin.accounts.models import Role, User
from tocsin.domain.ports import Outcome, Receipt
from tocsin.integrations.registry import GATEWAYS
from tocsin.paging import operations as paging
from tocsin.paging import operations_providers as providers
from tocsin.paging.models import Provider, TelephoneLimits
from tocsin.response import deliver
from tocsin.web.views.providers import BY_THEMSELVES

pytestmark = pytest.mark.django_db


@pytest.fixture
def twilio():
    standing_in = Twilio()
    with running(standing_in):
        yield standing_in


@pytest.fixture
def ana() -> User:
    return User.objects.create_user("ana@example.com", name="Ana", role=Role.ADMINISTRATOR)


@pytest.fixture
def browser(ana) -> Client:
    client = Client()
    client.force_login(ana)
    return client


def form(twilio, **more):
    values = {"account_sid": SID, "auth_token": TOKEN, "sender": NUMBER, "base_url": twilio.url}
    return {
        "name": "Twilio",
        "prefixes": "+49, +43",
        "position": "1",
        "budget": "",
        **{f"values.{name}": value for name, value in values.items()},
        **more,
    }


def added(browser, twilio, **more) -> Provider:
    answer = browser.post("/settings/providers/new/twilio_sms/", form(twilio, **more))
    assert answer.status_code == 303, answer.content.decode()
    return Provider.objects.latest("id")


@pytest.mark.parametrize("kind", sorted(set(GATEWAYS) - set(BY_THEMSELVES)))
def test_every_kind_has_a_form_with_all_its_fields(browser, kind):
    page = browser.get(f"/settings/providers/new/{kind}/").content.decode()
    assert all(f'name="values.{field.name}"' in page for field in GATEWAYS[kind].fields)
    for nothing in ("nothing", *BY_THEMSELVES):
        assert browser.get(f"/settings/providers/new/{nothing}/").status_code == 404


def test_an_account_is_added_listed_and_its_secret_is_never_shown(browser, twilio):
    row = added(browser, twilio)
    assert (row.prefixes, row.position, row.budget) == (["+49", "+43"], 1, None)
    for address in ("/settings/providers/", f"/settings/providers/{row.pk}/"):
        page = browser.get(address).content.decode()
        assert "Twilio" in page and TOKEN not in page
    assert "It is set. Leave it empty to keep it." in page and "/callbacks/accounts/" in page


def test_what_is_wrong_is_said_beside_its_field_and_what_was_typed_stays(browser, twilio):
    answer = browser.post("/settings/providers/new/twilio_sms/", form(twilio, **{"values.sender": "12", "prefixes": "49", "budget": "0"}))
    page = answer.content.decode()
    assert answer.status_code == 422 and "Give 1 to 10,000,000 messages" in page
    answer = browser.post("/settings/providers/new/twilio_sms/", form(twilio, **{"values.sender": "12", "prefixes": "49"}))
    page = answer.content.decode()
    assert (
        "A sender is a number such as" in page
        and "beginnings of numbers such as +49" in page
        and 'value="12"' in page
        and TOKEN not in page
    )
    assert not Provider.objects.exists()


@pytest.mark.parametrize(("kind", "asked"), [("twilio_sms", True), ("twilio_voice", True), ("matrix", False), ("pushover", False)])
def test_only_an_account_that_reaches_numbers_is_asked_for_which_ones(browser, kind, asked):
    page = browser.get(f"/settings/providers/new/{kind}/").content.decode()
    assert ("Only for numbers that begin with" in page) is asked


def test_a_secret_left_empty_stays_but_another_address_needs_it_again(browser, twilio):
    row = added(browser, twilio)
    kept = form(twilio, **{"values.auth_token": "", "name": "Renamed", "deed": "save"})
    assert browser.post(f"/settings/providers/{row.pk}/", kept).status_code == 303
    row.refresh_from_db()
    assert row.name == "Renamed" and providers.secrets_of(row)["auth_token"] == TOKEN
    answer = browser.post(f"/settings/providers/{row.pk}/", {**kept, "values.base_url": "https://stranger.example"})
    assert answer.status_code == 422 and "Give it again, because the account changed." in answer.content.decode()


def test_a_test_goes_to_oneself_through_the_account_and_its_trace_is_shown(browser, twilio, ana):
    row = added(browser, twilio, prefixes="")
    assert "add and prove your own way" in browser.get(f"/settings/providers/{row.pk}/").content.decode()
    method = paging.add_method(ana, kind="sms", address="+4915112345601", verified=True, by=SYSTEM, now=clock.now())
    assert browser.post(f"/settings/providers/{row.pk}/", {"deed": "test", "method": str(method.pk)}).status_code == 303
    deliver.take_inline()
    twilio.report(twilio.texts[0], "delivered")
    page = browser.get(f"/settings/providers/{row.pk}/").content.decode()
    assert "Twilio took the text" in page and "it is on the phone" in page
    assert browser.post(f"/settings/providers/{row.pk}/", {"deed": "test", "method": "99999"}).status_code == 404


def test_health_says_that_it_rests_how_much_did_well_and_why_it_failed(browser, twilio):
    row = added(browser, twilio)
    providers.judge(row, Receipt(Outcome.ACCEPTED), clock.now())
    for _ in range(3):
        providers.judge(row, Receipt(Outcome.RETRY, "Twilio: answered 503"), clock.now())
    page = browser.get(f"/settings/providers/{row.pk}/").content.decode()
    assert "Resting" in page and "It failed 3 times in a row" in page and "25 %" in page and page.count("Twilio: answered 503") == 3
    assert '<rect class="beat-bad"' in page and '<td data-label="Refused">3</td>' in page


def test_it_is_switched_off_and_on_and_removed(browser, twilio):
    row = added(browser, twilio)
    for enabled in (False, True):
        browser.post(f"/settings/providers/{row.pk}/", {"deed": "switch"})
        assert Provider.objects.get().enabled is enabled
    browser.post(f"/settings/providers/{row.pk}/", {"deed": "remove"})
    assert browser.get(f"/settings/providers/{row.pk}/").status_code == 404 and Provider.objects.get().sealed == ""


def test_the_limits_against_fraud_are_set_and_refused_beside_the_field(browser):
    assert browser.post("/settings/providers/", {"countries": "de, at CH", "codes_a_day": "20"}).status_code == 303
    row = TelephoneLimits.objects.get()
    assert (row.countries, row.codes_a_day) == (["AT", "CH", "DE"], 20)
    answer = browser.post("/settings/providers/", {"countries": "Germany", "codes_a_day": "20"})
    assert answer.status_code == 422 and "Two letters for each country" in answer.content.decode()


def test_the_mail_service_of_the_settings_stands_among_the_accounts_and_shows_the_address_for_its_reports(browser, settings):
    settings.MAIL_SERVICE, settings.MAIL_SERVICE_KEY, settings.MAIL_SERVICE_OPTIONS = "postmark", "a-server-token", {}
    listed = browser.get("/settings/providers/").content.decode()
    row = Provider.objects.get(kind="mail_service")
    assert f"/settings/providers/{row.pk}/" in listed and "new/mail_service" not in listed
    shown = browser.get(f"/settings/providers/{row.pk}/").content.decode()
    assert "/callbacks/accounts/" in shown and "Remove this account" not in shown and "numbers that begin with" not in shown
    assert "a-server-token" not in listed + shown
    saved = browser.post(
        f"/settings/providers/{row.pk}/", {"deed": "save", "name": "Our mail", "values.service": "postmark", "budget": "500"}
    )
    row.refresh_from_db()
    assert saved.status_code == 303 and (row.name, row.budget) == ("Our mail", 500)
    answer = browser.post(f"/settings/providers/{row.pk}/", {"deed": "save", "name": "x", "values.service": "mailgun"})
    assert answer.status_code == 422 and "named by TOCSIN_MAIL_SERVICE" in answer.content.decode()


def test_programs_do_the_same(ana, twilio):
    from tests.api.test_frame import call, token

    admin = token("read", "respond", "administer")
    body = {"kind": "twilio_sms", "values": {"account_sid": SID, "auth_token": TOKEN, "sender": NUMBER}, "budget": 100}
    made = call("POST", "/providers", body, bearer=admin).json()
    assert made["budget"] == 100 and made["secrets"] == ["auth_token"] and TOKEN not in str(made)
    assert call("PATCH", f"/providers/{made['id']}", {"budget": None}, bearer=admin).json()["budget"] is None
    health = call("GET", f"/providers/{made['id']}/health", bearer=admin).json()
    assert (health["state"], health["success_percent"], len(health["hours"])) == ("at work", None, 48)
    assert call("POST", f"/providers/{made['id']}/test", {"contact_method": 1}, bearer=admin).status_code == 422
    assert call("PATCH", "/telephone-limits", {"countries": ["DE"]}, bearer=admin).json() == {"countries": ["DE"], "codes_a_day": 50}
    assert call("PATCH", "/telephone-limits", {"countries": ["XX"]}, bearer=admin).status_code == 422
    assert call("GET", "/telephone-limits", bearer=token("read")).status_code == 403
