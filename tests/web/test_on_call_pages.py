"""The pages of schedules, policies, services and integrations: what they show, what they refuse, and that nothing typed is lost."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tocsin import clock
from tocsin.accounts.actor import SYSTEM
from tocsin.accounts.models import Membership, Role, Team, User
from tocsin.alerts.models import Integration, RawEvent, Service
from tocsin.oncall import operations as oncall
from tocsin.oncall.models import Override, Schedule
from tocsin.paging.models import EscalationPolicy

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana():
    return User.objects.create_user(
        "ana@example.com", "a long enough password", name="Ana Alder", role=Role.ADMINISTRATOR, time_zone="Europe/Berlin"
    )


@pytest.fixture
def ben():
    return User.objects.create_user("ben@example.com", "a long enough password", name="Ben Birch")


@pytest.fixture
def page(client, ana):
    client.force_login(ana)
    return client


def rota(*people: User, name: str = "Payments primary") -> Schedule:
    rotations = [{"name": "primary", "participants": [p.pk for p in people], "starts_at": "2026-01-05T09:00:00", "shift": {"days": 7}}]
    return oncall.create_schedule(name=name, time_zone="Europe/Berlin", rotations=rotations, by=SYSTEM, now=clock.now())


def test_a_schedule_shows_its_rotation_and_who_takes_turns(page, ana, ben):
    schedule = rota(ana, ben)
    shown = page.get(f"/schedules/{schedule.pk}/").content.decode()
    assert "Ana Alder" in shown and "Ben Birch" in shown and "Final schedule" in shown
    assert "Nobody is on call for" not in shown


def test_a_gap_is_shown_and_taken_with_one_click(page, ana):
    schedule = oncall.create_schedule(
        name="Office", time_zone="UTC", by=SYSTEM, now=clock.now(),
        rotations=[{"name": "day", "participants": [ana.pk], "starts_at": "2026-01-05T00:00:00", "shift": {"days": 7},
                    "restrictions": [{"weekdays": [0, 1, 2, 3, 4, 5, 6], "from": "09:00", "until": "17:00"}]}],
    )  # fmt: skip
    shown = page.get(f"/schedules/{schedule.pk}/").content.decode()
    assert "Nobody is on call for" in shown
    now = clock.now()
    form = {
        "action": "override-exact",
        "user": ana.pk,
        "starts_at": now.isoformat(),
        "ends_at": (now + timedelta(hours=30)).isoformat(),
        "reason": "Fills a gap",
    }
    assert page.post(f"/schedules/{schedule.pk}/", form).status_code == 303
    assert Override.objects.get(schedule=schedule).user == ana


def test_an_override_that_ends_before_it_starts_is_refused_beside_the_field(page, ana):
    schedule = rota(ana)
    form = {
        "action": "override",
        "user": ana.pk,
        "starts_at": "2031-01-02T10:00",
        "ends_at": "2031-01-02T09:00",
        "reason": "dentist",
        "zone": "utc",
    }
    answer = page.post(f"/schedules/{schedule.pk}/", form)
    assert answer.status_code == 422
    assert "The end must lie after the start." in answer.content.decode() and "dentist" in answer.content.decode()
    assert not Override.objects.exists()


def test_a_schedule_is_made_in_steps_without_scripts(page, ana, ben):
    form = {
        "name": "Night",
        "time_zone": "Europe/Berlin",
        "name-0": "primary",
        "length-0": "7",
        "unit-0": "days",
        "starts-0": "2026-01-05T09:00",
    }
    added = page.post("/schedules/new/", {**form, "action": "person-add:0", "add-0": ben.pk})
    assert added.status_code == 200 and "Ben Birch" in added.content.decode() and not Schedule.objects.exists()
    refused = page.post("/schedules/new/", {**form, "action": "save"})
    assert refused.status_code == 422 and "in the order of their turns" in refused.content.decode()
    made = page.post("/schedules/new/", {**form, "person-0": [ben.pk, ana.pk], "action": "save"})
    schedule = Schedule.objects.get(name="Night")
    assert made.status_code == 303 and made["Location"] == f"/schedules/{schedule.pk}/"
    assert [place.user for place in schedule.rotations.get().places.all()] == [ben, ana]


def test_a_policy_is_made_changed_and_dry_run(page, ana, ben):
    schedule = rota(ana)
    form = {"name": "Payments", "repeats": "1", "wait-0": "5", "target-0": f"schedule:{schedule.pk}"}
    made = page.post("/escalation-policies/new/", {**form, "action": "save"})
    policy = EscalationPolicy.objects.get(name="Payments")
    assert made.status_code == 303 and policy.steps == [{"wait_seconds": 300, "targets": [{"kind": "schedule", "id": schedule.pk}]}]
    shown = page.get(f"/escalation-policies/{policy.pk}/").content.decode()
    assert "If this fired now" in shown and "Ana Alder" in shown
    tried = page.post(f"/escalation-policies/{policy.pk}/", {**form, "wait-1": "10", "action": "add-target:1", "add-1": f"user:{ben.pk}"})
    assert tried.status_code == 200 and "Ben Birch" in tried.content.decode()
    policy.refresh_from_db()
    assert len(policy.steps) == 1, "a small step saves nothing"
    wrong = page.post(f"/escalation-policies/{policy.pk}/", {**form, "wait-0": "soon", "action": "save"})
    assert wrong.status_code == 422 and "Step 1 waits a number of minutes" in wrong.content.decode() and "soon" in wrong.content.decode()


def test_a_policy_of_which_no_version_was_kept_is_not_written_over_unseen_either(page, ana, ben):
    form = {"name": "Payments", "repeats": "1", "wait-0": "5", "target-0": f"user:{ana.pk}"}
    page.post("/escalation-policies/new/", {**form, "action": "save"})
    policy = EscalationPolicy.objects.get()
    policy.versions.all().delete()  # made before versions were kept
    here = f"/escalation-policies/{policy.pk}/"
    opened = re.search(r'name="version" value="(\d*)"', page.get(here).content.decode()).group(1)
    assert page.post(here, {**form, "target-0": f"user:{ben.pk}", "version": opened, "action": "save"}).status_code == 303
    late = page.post(here, {**form, "wait-0": "7", "version": opened, "action": "save"})
    assert late.status_code == 409 and "saved version 2 while you had this open" in late.content.decode()
    policy.refresh_from_db()
    assert policy.steps[0]["targets"] == [{"kind": "user", "id": ben.pk}]


def test_a_policy_that_somebody_saved_meanwhile_is_not_written_over_unseen(page, ana, ben):
    form = {"name": "Payments", "repeats": "1", "wait-0": "5", "target-0": f"user:{ana.pk}"}
    page.post("/escalation-policies/new/", {**form, "action": "save"})
    policy = EscalationPolicy.objects.get()
    here = f"/escalation-policies/{policy.pk}/"
    opened = page.get(here).context["seen"]
    assert page.post(here, {**form, "target-0": f"user:{ben.pk}", "version": opened, "action": "save"}).status_code == 303
    late = page.post(here, {**form, "wait-0": "7", "version": opened, "action": "save"})
    told = " ".join(late.content.decode().split())
    assert (
        late.status_code == 409
        and "Ana Alder saved version 2 while you had this open (step 1: Ana Alder; 5 min, became: Ben Birch; 5 min)" in told
    )
    policy.refresh_from_db()
    assert policy.steps[0]["targets"] == [{"kind": "user", "id": ben.pk}] and 'name="wait-0" inputmode="decimal" value="7"' in told
    assert page.post(here, {**form, "wait-0": "7", "version": late.context["seen"], "action": "save"}).status_code == 303


def test_whoever_is_chosen_for_a_step_is_meant_although_nobody_pressed_add(page, ana, ben):
    form = {"name": "Payments", "repeats": "1", "wait-0": "5", "target-0": f"user:{ana.pk}", "add-0": f"user:{ben.pk}"}
    assert page.post("/escalation-policies/new/", {**form, "action": "save"}).status_code == 303
    assert [target["id"] for target in EscalationPolicy.objects.get().steps[0]["targets"]] == [ana.pk, ben.pk]
    refused = page.post("/escalation-policies/new/", {**form, "name": "Other", "add-0": "webhook:", "action": "save"})
    assert refused.status_code == 422 and "needs its address as well" in refused.content.decode()


def test_a_policy_that_reaches_nobody_says_so(page, ana):
    shown = page.post(
        "/escalation-policies/new/", {"name": "P", "wait-0": "5", "need-0": "2", "target-0": f"user:{ana.pk}", "action": "show"}
    )
    assert "No step reaches anybody" in shown.content.decode() and "2 of 0" not in shown.content.decode()


def test_conditions_needs_and_a_webhook_are_written_without_scripts(page, ana, ben):
    team = Team.objects.create(name="Payments", slug="payments")
    Membership.objects.create(team=team, user=ben)
    form = {
        "name": "Payments",
        "repeats": "1",
        "wait-0": "5",
        "target-0": [f"user:{ana.pk}"],
        "need-0": "0",
        "severity-0": ["SEV1", "SEV2"],
        "hours-0": "outside",
        "tier-0": "",
    }
    refused = page.post("/escalation-policies/new/", {**form, "action": "add-target:0", "add-0": "webhook:"})
    assert refused.status_code == 422 and "needs its address as well" in refused.content.decode()
    added = page.post(
        "/escalation-policies/new/", {**form, "action": "add-target:0", "add-0": "webhook:", "address-0": "https://example.com/a:b"}
    )
    assert 'value="webhook::https://example.com/a:b"' in added.content.decode()
    form["target-0"] += ["webhook::https://example.com/a:b", f"team:{team.pk}"]
    shown = page.post("/escalation-policies/new/", {**form, "action": "show", "as-severity": "SEV3"}).content.decode()
    assert (
        "it is only for SEV1 or SEV2, and this is SEV3" in shown
        and "If a SEV3 fired now" in shown
        and not EscalationPolicy.objects.exists()
    )
    alone = page.post("/escalation-policies/new/?fragment=dry-run", {**form, "as-severity": "SEV3"}).content.decode()
    assert alone.startswith('<div class="stack" id="dry-run"') and "If a SEV3 fired now" in alone
    assert page.post("/escalation-policies/new/", {**form, "action": "save"}).status_code == 303
    policy = EscalationPolicy.objects.get()
    assert policy.steps == [{
        "wait_seconds": 300, "need": 0, "when": {"severities": ["SEV1", "SEV2"], "hours": "outside"},
        "targets": [{"kind": "user", "id": ana.pk}, {"kind": "webhook", "address": "https://example.com/a:b"}, {"kind": "team", "id": team.pk}],
    }]  # fmt: skip
    again = page.get(f"/escalation-policies/{policy.pk}/?as-severity=SEV1").content.decode()
    assert "whsec_" in again and 'value="SEV1" checked' in again


def test_a_track_is_added_filled_moved_saved_and_taken_away_without_scripts(page, ana, ben, client):
    form = {"name": "Payments", "repeats": "1", "wait-0": "5", "target-0": f"user:{ana.pk}"}
    added = page.post("/escalation-policies/new/", {**form, "action": "add-track"}).content.decode()
    assert 'name="track-1"' in added and 'value="Leadership"' in added and 'name="track-of-1" value="1"' in added
    form |= {
        "track-1": "Leadership",
        "repeats-1": "0",
        "wait-1": "15",
        "track-of-1": "1",
        "target-1": f"user:{ben.pk}",
        "tiers-1": ["1", "2"],
    }
    more = page.post("/escalation-policies/new/", {**form, "action": "add-step:1"}).content.decode()
    assert "Remove step 2 of Leadership" in more
    nameless = page.post("/escalation-policies/new/", {**form, "track-1": "", "action": "save"})
    assert nameless.status_code == 422 and "Give each track a name of its own" in nameless.content.decode()
    wrong = page.post("/escalation-policies/new/", {**form, "wait-1": "soon", "action": "save"})
    assert "Step 1 of Leadership waits a number of minutes" in wrong.content.decode()
    assert page.post("/escalation-policies/new/", {**form, "action": "save"}).status_code == 303
    policy = EscalationPolicy.objects.get()
    assert policy.tracks == [{"name": "Leadership", "repeats": 0, "steps": [
        {"wait_seconds": 900, "targets": [{"kind": "user", "id": ben.pk}], "when": {"tiers": [1, 2]}}]}]  # fmt: skip
    where = f"/escalation-policies/{policy.pk}/"
    shown = page.get(f"{where}?as-tier=3").content.decode()
    assert "Beside it: Leadership" in shown and "services of tier 1 or 2, and this one is of tier 3" in shown
    gone = page.post(where, {**form, "action": "drop-track:1"}).content.decode()
    assert 'name="track-1"' not in gone and "Beside it" not in gone
    page.post(where, {**{name: value for name, value in form.items() if not name.endswith("-1")}, "low-severity": "SEV4", "action": "save"})
    history = page.get(f"{where}history/").content.decode()
    assert "track Leadership removed" in history and "what can wait: nothing became SEV4 waits for working hours" in history
    client.force_login(ben)
    assert client.post(f"{where}history/", {"version": 1}).status_code == 403
    assert client.post(where, {"action": "test"}).status_code == 303, "whoever may read a policy may try it on themselves"
    client.force_login(ana)
    assert client.post(f"{where}history/", {"version": 1}).status_code == 303
    policy.refresh_from_db()
    assert policy.tracks[0]["name"] == "Leadership"


def test_only_administrators_change_policies(client, ben):
    policy = EscalationPolicy.objects.create(name="Payments", steps=[{"wait_seconds": 300, "targets": []}])
    client.force_login(ben)
    assert client.get(f"/escalation-policies/{policy.pk}/").status_code == 200
    assert client.post(f"/escalation-policies/{policy.pk}/", {"action": "remove"}).status_code == 403
    assert client.get("/escalation-policies/new/").status_code == 403
    assert EscalationPolicy.objects.filter(removed_at=None).exists()


def test_an_integration_shows_its_address_and_takes_a_test_event(page):
    service = Service.objects.create(name="checkout")
    made = page.post("/integrations/new/", {"name": "Prometheus", "kind": "alertmanager", "service": service.pk})
    integration = Integration.objects.get(name="Prometheus")
    assert made["Location"] == f"/integrations/{integration.pk}/"
    shown = page.get(made["Location"]).content.decode()
    assert f"http://localhost:8000/in/{integration.key}" in shown and "Waiting for the first event" in shown
    assert page.post(made["Location"], {"action": "test"}).status_code == 303
    raw = RawEvent.objects.get(integration=integration)
    assert raw.protocol == "in" and raw.headers == {"x-tocsin-test": "1"}
    assert ">Test</span>" in page.get(made["Location"]).content.decode()
    found = page.get("/integrations/new/?q=datadog").content.decode()
    assert "datadog" in found and "Honeybadger" not in found


def test_an_integration_shows_its_mail_address_where_mail_is_taken(page, settings):
    page.post("/integrations/new/", {"name": "Nagios", "kind": "email"})
    found = Integration.objects.get(name="Nagios")
    assert "mail-address" not in page.get(f"/integrations/{found.pk}/").content.decode()
    settings.MAIL_IN_DOMAIN = "alerts.example"
    assert f'value="{found.key}@alerts.example"' in page.get(f"/integrations/{found.pk}/").content.decode()


def test_a_service_says_what_it_depends_on_how_bad_its_alerts_are_and_within_how_many_minutes_they_are_one_cause(page):
    database = Service.objects.create(name="database")
    form = {"name": "checkout", "action": "save", "depends_on": [database.pk, "x"], "group_minutes": "0", "severity-critical": "SEV1"}
    assert page.post("/services/new/", form).status_code == 303
    made = Service.objects.get(name="checkout")
    assert list(made.depends_on.all()) == [database] and made.group_minutes == 0 and made.severity_map == {"critical": "SEV1"}
    shown = page.get(f"/services/{made.pk}/").content.decode()
    assert f'name="depends_on" value="{database.pk}" checked' in shown and f'name="depends_on" value="{made.pk}"' not in shown
    refused = page.post(f"/services/{made.pk}/", {**form, "severity-critical": "SEV9"})
    assert refused.status_code == 422 and "a severity of the procedure" in refused.content.decode()
    assert page.post(f"/services/{made.pk}/", {**form, "depends_on": [], "group_minutes": ""}).status_code == 303
    made.refresh_from_db()
    assert not made.depends_on.exists() and made.group_minutes is None


def test_a_service_that_is_chosen_is_offered_however_many_others_stand_before_it(page, monkeypatch):
    monkeypatch.setattr("tocsin.web.views.services.MOST_CHOICES", 1)
    made, last = (Service.objects.create(name=name) for name in ("checkout", "zebra"))
    Service.objects.create(name="alpha")
    made.depends_on.add(last)
    shown = page.get(f"/services/{made.pk}/").content.decode()
    assert f'name="depends_on" value="{last.pk}" checked' in shown and "alpha" in shown


def test_integrations_are_found_by_the_words_of_their_kind(page):
    Integration.objects.create(name="Queue", kind="aws_sns", key="k" * 32)
    Integration.objects.create(name="Other", kind="generic", key="o" * 32)
    shown = page.get("/integrations/?q=amazon").content.decode()
    assert "Queue" in shown and ">Other<" not in shown


def test_a_service_without_a_name_is_refused_and_keeps_what_was_typed(page):
    answer = page.post("/services/new/", {"name": "", "description": "Takes money", "action": "save"})
    assert answer.status_code == 422 and "needs a name" in answer.content.decode() and "Takes money" in answer.content.decode()
    assert not Service.objects.exists()


def test_what_does_not_exist_is_not_found(page):
    for address in ("/schedules/999/", "/escalation-policies/999/", "/services/999/", "/integrations/999/"):
        assert page.get(address).status_code == 404, address
