"""Can people be set up, invited, changed and removed by the pages, and by nobody who may not?"""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.conf import settings
from django.core.cache import cache
from django.test import Client

from tocsin import clock
from tocsin.accounts import operations, operations_teams, operations_tokens
from tocsin.accounts.actor import SYSTEM
from tocsin.accounts.models import AuditEntry, OneTimeToken, Organisation, Team, User
from tocsin.alerts import operations as alerts
from tocsin.integrations.setting_up import curl_of
from tocsin.lib.refusal import Refused

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
FIRST = {"name": "Ana", "email": "ana@example.com", "password": PASSWORD, "organisation_name": "Larkfield", "time_zone": "Europe/London"}


@pytest.fixture(autouse=True)
def no_limits_left_over():
    cache.clear()


def person(name: str, role: str = "responder") -> User:
    return operations.add_user(name=name, email=f"{name.lower()}@example.com", role=role, password=PASSWORD, by=SYSTEM, now=clock.now())


def browser(user: User | None = None) -> Client:
    client = Client()
    if user:
        client.force_login(user)
    return client


def test_the_first_administrator_is_made_only_with_the_consoles_token():
    stranger = browser()
    assert stranger.get("/set-up/").status_code == 403
    assert stranger.post("/set-up/", {**FIRST, "token": "guess"}).status_code == 403
    assert not User.objects.exists()
    link = operations_tokens.make_setup_link(clock.now())
    token = link.partition("token=")[2]
    assert token not in str(OneTimeToken.objects.values())
    assert stranger.get(f"/set-up/?token={token}").status_code == 200
    assert stranger.post("/set-up/", {**FIRST, "token": token, "password": "short"}).status_code == 422
    answer = stranger.post("/set-up/", {**FIRST, "token": token})
    assert answer.status_code == 303
    ana = User.objects.get()
    assert ana.is_administrator and Organisation.objects.get().fallback_user == ana and Organisation.objects.get().name == "Larkfield"
    assert stranger.get("/set-up/").status_code == 200  # signed in, the list
    assert browser().post("/set-up/", {**FIRST, "email": "eve@example.com", "token": token}).status_code == 403
    assert operations_tokens.make_setup_link(clock.now()) is None


def test_a_newer_set_up_link_ends_the_earlier_one():
    old = operations_tokens.make_setup_link(clock.now()).partition("token=")[2]
    operations_tokens.make_setup_link(clock.now())
    assert browser().get(f"/set-up/?token={old}").status_code == 403


def test_the_settings_make_an_administrator_only_when_there_is_nobody(settings):
    settings.ADMIN_EMAIL, settings.ADMIN_PASSWORD = "dana.whitfield@example.com", PASSWORD
    assert operations.ensure_admin(clock.now()).name == "Dana Whitfield"
    assert operations.ensure_admin(clock.now()) is None


def test_an_invitation_lets_its_person_in_once():
    ana = person("Ana", "administrator")
    page = browser(ana).post("/people/new/", {"name": "Ben", "email": "ben@example.com", "role": "responder", "time_zone": "UTC"})
    link = re.search(r"/invitation/[\w-]+/", page.content.decode()).group()
    guest = browser()
    assert guest.get(link).status_code == 200
    assert guest.post(link, {"password": "short"}).status_code == 422
    assert guest.post(link, {"password": PASSWORD}).status_code == 303
    assert guest.get(link).status_code == 404
    assert guest.post("/accounts/login/", {"login": "ben@example.com", "password": PASSWORD}).status_code == 302
    assert guest.get("/people/").status_code == 200


def test_an_old_invitation_is_refused():
    ben = person("Ben")
    link = operations_tokens.invite(ben.pk, by=SYSTEM, now=clock.now() - timedelta(days=8))
    assert browser().get(link.replace("http://localhost:8000", "")).status_code == 404


def test_the_last_administrator_and_the_fallback_contact_stay():
    ana = person("Ana", "administrator")
    with pytest.raises(Refused, match="last administrator"):
        operations.remove_user(ana.pk, by=SYSTEM, now=clock.now())
    with pytest.raises(Refused, match="last administrator"):
        operations.change_user(ana.pk, {"role": "observer"}, by=SYSTEM, now=clock.now())
    ben = person("Ben", "administrator")
    operations_teams.change_organisation({"fallback_user": ben.pk}, by=SYSTEM, now=clock.now())
    with pytest.raises(Refused, match="fallback contact"):
        operations.remove_user(ben.pk, by=SYSTEM, now=clock.now())
    with pytest.raises(Refused, match="fallback contact"):
        operations_teams.change_organisation({"fallback_user": None}, by=SYSTEM, now=clock.now())


def test_a_removed_person_is_signed_out_at_once_and_may_come_back():
    ana, ben = person("Ana", "administrator"), person("Ben")
    bens = browser()
    bens.post("/accounts/login/", {"login": "ben@example.com", "password": PASSWORD})
    assert bens.get("/people/").status_code == 200
    assert browser(ana).post(f"/people/{ben.pk}/", {"deed": "remove"}).status_code == 303
    assert bens.get("/people/").status_code == 302
    assert browser(ana).get(f"/people/{ben.pk}/").status_code == 404
    assert browser(ana).post(f"/people/{ben.pk}/restore/").status_code == 303
    assert User.objects.get(pk=ben.pk).is_active


def test_a_responder_cannot_raise_their_own_role():
    person("Ana", "administrator")
    ben = person("Ben")
    assert (
        browser(ben)
        .post(f"/people/{ben.pk}/", {"deed": "save", "name": "Benno", "role": "administrator", "email": "root@example.com"})
        .status_code
        == 303
    )
    ben.refresh_from_db()
    assert (ben.name, ben.role, ben.email) == ("Benno", "responder", "ben@example.com")
    answer = browser(ben).patch(f"/api/v1/users/{ben.pk}", {"role": "administrator"}, content_type="application/json")
    assert answer.status_code == 403


def test_nobody_changes_somebody_elses_page():
    person("Ana", "administrator")
    ben, cy = person("Ben"), person("Cy")
    for deed in ("save", "remove", "invite", "add_method"):
        assert browser(cy).post(f"/people/{ben.pk}/", {"deed": deed, "name": "Mallory"}).status_code == 403
    assert browser(cy).patch(f"/api/v1/users/{ben.pk}", {"name": "Mallory"}, content_type="application/json").status_code == 404
    ben.refresh_from_db()
    assert ben.name == "Ben" and ben.is_active


def test_every_page_of_settings_opens_for_administrators():
    ana = person("Ana", "administrator")
    team = operations_teams.add_team(name="Payments", members=[ana.pk], by=SYSTEM, now=clock.now())
    client = browser(ana)
    for address in (
        "/people/",
        "/people/new/",
        f"/people/{ana.pk}/",
        "/teams/new/",
        f"/teams/{team.pk}/",
        "/settings/organisation/",
        "/settings/tokens/",
        "/settings/audit/",
        "/set-up/",
        "/accounts/2fa/",
        "/accounts/password/change/",
        "/accounts/sessions/",
        "/accounts/logout/",
        "/accounts/2fa/totp/activate/",
        "/accounts/2fa/webauthn/add/",
    ):
        answer = client.get(address, follow=True)
        assert answer.status_code == 200, address
        assert b" style=" not in answer.content and b"onclick" not in answer.content, address


def test_a_team_is_made_changed_and_removed():
    ana = person("Ana", "administrator")
    client = browser(ana)
    client.post("/teams/new/", {"name": "Payments", "members": [ana.pk]})
    team = Team.objects.get()
    client.post(
        f"/teams/{team.pk}/",
        {"deed": "save", "name": "Money", "time_zone": "Europe/Berlin", "country": "de", "fallback_user": ana.pk, "members": [ana.pk]},
    )
    team.refresh_from_db()
    assert (team.name, team.time_zone, team.country, team.fallback_user) == ("Money", "Europe/Berlin", "DE", ana)
    client.post(f"/teams/{team.pk}/", {"deed": "remove"})
    assert not Team.objects.filter(removed_at=None).exists()


def test_who_is_in_a_team_stays_however_many_others_there_are_and_whoever_changed_it_meanwhile(monkeypatch):
    monkeypatch.setattr("tocsin.web.views.teams.MOST_OFFERED", 1)
    ana, ben, zoe = person("Ana", "administrator"), person("Ben"), person("Zoe")
    team = operations_teams.add_team(name="Payments", members=[zoe.pk], by=SYSTEM, now=clock.now())
    client = browser(ana)
    shown = client.get(f"/teams/{team.pk}/").content.decode()
    assert f'name="members" value="{zoe.pk}" checked' in shown, "the last of the alphabet, and offered first"
    [was] = re.findall(r'name="was-members" value="([^"]*)"', shown)
    assert was == str(zoe.pk)
    operations_teams.change_team(team.pk, {"members": [zoe.pk, ben.pk], "leads": [ben.pk]}, by=SYSTEM, now=clock.now())  # in another tab
    client.post(
        f"/teams/{team.pk}/", {"deed": "save", "name": "Payments", "members": [zoe.pk, ana.pk], "was-members": was, "was-leads": ""}
    )
    assert set(team.members.all()) == {ana, ben, zoe} and team.memberships.get(lead=True).user == ben
    client.post(
        f"/teams/{team.pk}/",
        {"deed": "save", "name": "Payments", "members": [ana.pk, ben.pk], "was-members": f"{ana.pk},{ben.pk},{zoe.pk}"},
    )
    assert set(team.members.all()) == {ana, ben}


def test_a_team_of_many_is_saved_as_its_form_was_shown():
    ana = person("Ana", "administrator")
    many = User.objects.bulk_create(User(email=f"p{number}@larkfield.example", name=f"P{number:03}") for number in range(600))
    team = operations_teams.add_team(name="Everybody", members=[one.pk for one in many], by=SYSTEM, now=clock.now())
    client = browser(ana)
    shown = client.get(f"/teams/{team.pk}/").content.decode()
    [form] = [one for one in re.findall(r"<form.*?</form>", shown, re.DOTALL) if 'name="members"' in one]
    sent: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="(was-[a-z]+)"(?: value="([^"]*)")?', form):
        sent.setdefault(name, []).append(value)
    sent["members"] = re.findall(r'name="members" value="(\d+)" checked', form)[1:]  # the first is unticked
    answer = client.post(f"/teams/{team.pk}/", {"deed": "save", "name": "Everybody else", **sent})
    assert answer.status_code == 303 and team.members.count() == 599 and many[0] not in team.members.all()


def test_a_country_that_is_stored_already_does_not_keep_a_form_from_being_saved():
    ana = person("Ana", "administrator")
    team = operations_teams.add_team(name="Payments", members=[ana.pk], by=SYSTEM, now=clock.now())
    for model in (Organisation, Team, User):
        model.objects.update(country="UK", subdivision="EN_G")  # stored before countries were checked
    client, place = browser(ana), {"country": "UK", "subdivision": "EN_G"}
    assert client.post(f"/teams/{team.pk}/", {"deed": "save", "name": "Money", **place}).status_code == 303
    assert (
        client.post(f"/people/{ana.pk}/", {"deed": "save", "name": "Anna", "time_zone": "UTC", "email": ana.email, **place}).status_code
        == 303
    )
    sent = {
        "name": "Larkfield", "time_zone": "UTC", "day_starts": "07:30", "day_ends": "16:00", "group_minutes": "7", "event_days": "30",
        "refused_event_days": "180", "event_gigabytes": "10",
    }  # fmt: skip
    assert client.post("/settings/organisation/", sent | place).status_code == 303
    changed = client.post("/settings/organisation/", sent | place | {"country": "EL"})
    assert changed.status_code == 422 and "There is no country EL" in changed.content.decode()


def test_the_form_of_a_team_that_is_refused_keeps_what_was_entered():
    ana, ben = person("Ana", "administrator"), person("Ben")
    team = operations_teams.add_team(name="Payments", members=[ana.pk], by=SYSTEM, now=clock.now())
    sent = {
        "deed": "save",
        "name": "Money",
        "time_zone": "Asia/Tokyo",
        "country": "UK",
        "fallback_user": ben.pk,
        "members": [ben.pk],
        "was-members": ana.pk,
    }
    answer = browser(ana).post(f"/teams/{team.pk}/", sent)
    shown = answer.content.decode()
    assert answer.status_code == 422 and "There is no country UK" in shown and 'value="Money"' in shown
    assert "<option selected>Asia/Tokyo</option>" in shown and f'<option value="{ben.pk}" selected>' in shown
    assert f'name="members" value="{ben.pk}" checked' in shown and f'name="members" value="{ana.pk}" checked' not in shown


def test_a_refused_page_of_the_organisation_and_of_a_person_keep_what_was_entered():
    ana, ben = person("Ana", "administrator"), person("Ben")
    client = browser(ana)
    sent = {
        "name": "Larkfield", "time_zone": "Asia/Tokyo", "country": "UK", "day_starts": "07:30", "day_ends": "16:00", "fallback_user": ben.pk,
        "group_minutes": "7", "event_days": "30", "refused_event_days": "180", "event_gigabytes": "10",
    }  # fmt: skip
    shown = client.post("/settings/organisation/", sent).content.decode()
    for said in (
        'value="Larkfield"',
        "<option selected>Asia/Tokyo",
        'value="UK"',
        'value="07:30"',
        f'<option value="{ben.pk}" selected>',
        'value="7"',
    ):
        assert said in shown, said
    sent = {
        "deed": "save",
        "name": "Benjamin",
        "email": "ben@example.com",
        "role": "observer",
        "phone": "0123",
        "theme": "dark",
        "single_keys": "on",
    }
    shown = client.post(f"/people/{ben.pk}/", sent).content.decode()
    for said in (
        'value="Benjamin"',
        '<option value="observer" selected>',
        'value="0123"',
        '<option value="dark" selected>',
        'name="single_keys" checked',
    ):
        assert said in shown, said
    assert "<h1>Ben</h1>" in shown, "it is not saved"
    shown = client.post(
        f"/people/{ana.pk}/", {"deed": "add_method", "kind": "email", "address": "nonsense", "label": "my phone"}
    ).content.decode()
    assert 'value="nonsense" aria-invalid="true"' in shown and 'value="my phone"' in shown and '<option value="email" selected>' in shown


def test_a_person_stays_in_a_team_that_somebody_else_added_while_the_page_was_open():
    ana, ben = person("Ana", "administrator"), person("Ben")
    first, second = (operations_teams.add_team(name=name, by=SYSTEM, now=clock.now()) for name in ("First", "Second"))
    operations_teams.change_team(second.pk, {"members": [ben.pk]}, by=SYSTEM, now=clock.now())  # in another tab
    sent = {"deed": "save", "name": "Ben", "teams_shown": "1", "was-teams": "", "teams": [first.pk]}
    assert browser(ana).post(f"/people/{ben.pk}/", sent).status_code == 303
    assert set(ben.teams.all()) == {first, second}


def test_a_token_is_shown_once_on_the_page():
    client = browser(person("Ana", "administrator"))
    made = client.post("/settings/tokens/", {"name": "CI", "scopes": ["read"]})
    secret = re.search(r"tcs_[0-9a-f]{8}_[\w-]{43}", made.content.decode()).group()
    assert secret not in client.get("/settings/tokens/").content.decode()


def test_every_change_leaves_an_audit_entry_without_secrets():
    client = browser(person("Ana", "administrator"))
    made = client.post("/settings/tokens/", {"name": "CI", "scopes": ["read"]})
    secret = re.search(r"tcs_[0-9a-f]{8}_[\w-]{43}", made.content.decode()).group()
    assert AuditEntry.objects.filter(verb="token.added", actor_label="Ana", via="web").exists()
    assert secret not in str(list(AuditEntry.objects.values()))
    assert "made the token CI" in client.get("/settings/audit/").content.decode()


def test_the_sign_in_does_not_tell_who_exists():
    person("Ana", "administrator")

    def words(address: str) -> str:
        answer = browser().post("/accounts/login/", {"login": address, "password": "wrong-password"})
        return re.sub(r'value="[^"]*"', "", answer.content.decode())

    assert words("ana@example.com") == words("nobody@example.com")
    first = browser().post("/accounts/password/reset/", {"email": "ana@example.com"})
    second = browser().post("/accounts/password/reset/", {"email": "nobody@example.com"})
    assert (first.status_code, first["Location"]) == (second.status_code, second["Location"])


def test_guessing_passwords_is_slowed_down():
    person("Ana", "administrator")
    client = browser()
    for _ in range(6):
        client.post("/accounts/login/", {"login": "ana@example.com", "password": "wrong-password"})
    right = client.post("/accounts/login/", {"login": "ana@example.com", "password": PASSWORD})
    assert right.status_code != 302
    assert "Too many" in right.content.decode()


def test_nobody_signs_up_and_nobody_is_sent_elsewhere():
    assert b"People join by invitation" in browser().get("/accounts/signup/").content
    person("Ana", "administrator")
    answer = browser().post(
        "/accounts/login/?next=https://evil.example/", {"login": "ana@example.com", "password": PASSWORD, "next": "https://evil.example/"}
    )
    assert answer["Location"] == "/"


def test_where_a_second_factor_is_demanded_people_without_one_see_only_its_set_up():
    ana = person("Ana", "administrator")
    operations_teams.change_organisation({"require_mfa": True}, by=SYSTEM, now=clock.now())
    answer = browser(ana).get("/people/")
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/2fa/")


@pytest.mark.parametrize(
    ("remote", "given", "seen"),
    [
        ("10.0.0.2", "203.0.113.9", "203.0.113.9"),
        ("198.51.100.1", "203.0.113.9", "198.51.100.1"),
        ("10.0.0.2", "1.1.1.1, 203.0.113.9", "203.0.113.9"),
    ],
)
def test_the_address_is_believed_only_from_trusted_proxies(settings, remote, given, seen):
    import ipaddress

    settings.TRUSTED_PROXIES = [ipaddress.ip_network("10.0.0.0/8")]
    ana = person("Ana", "administrator")
    browser(ana).post("/settings/tokens/", {"name": "CI", "scopes": ["read"]}, REMOTE_ADDR=remote, HTTP_X_FORWARDED_FOR=given)
    assert AuditEntry.objects.get(verb="token.added").address == seen


def test_the_secret_of_one_time_codes_is_not_readable_in_the_database():
    person = User.objects.create_user("sealed@example.com", "a long enough password", name="Sealed")
    secret = totp.generate_totp_secret()
    factor = totp.TOTP.activate(person, secret)
    assert secret not in str(Authenticator.objects.get(user=person).data)
    assert factor.validate_code(totp.format_hotp_value(totp.hotp_value(secret, next(iter(totp.yield_hotp_counters_from_time())))))


@pytest.mark.parametrize("kind", ["alertmanager", "generic"])
def test_the_command_that_is_tried_first_speaks_as_its_source_does(kind):
    ana = person("Ana", "administrator")
    source = alerts.create_integration(name="Prometheus", kind=kind, by=SYSTEM, now=clock.now())
    page = html.unescape(browser(ana).get("/set-up/").content.decode())
    assert curl_of(kind, settings.TOCSIN_URL, source.key) in page
    assert source.key not in browser(person("Lea", "observer")).get("/set-up/").content.decode()


def test_the_list_of_what_is_to_be_set_up_leads_nobody_to_a_page_that_is_not_theirs():
    for role in ("administrator", "responder", "observer"):
        client = browser(person(role.capitalize(), role))
        shown = client.get("/set-up/").content.decode()
        links = re.findall(r'<a class="btn[^"]*" href="([^"#]+)', shown[shown.index('<ol class="panel setup"') : shown.index("</ol>")])
        assert links and {client.get(link).status_code for link in links} == {200}, role
