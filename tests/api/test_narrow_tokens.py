"""Does a token that may do less than its person really do less?"""

from __future__ import annotations

import json

import pytest

from tests.api.test_frame import call, token
from tests.scenarios.organisation import Organisation
from tocsin import clock
from tocsin.accounts.actor import Actor
from tocsin.alerts import operations, queries_evidence
from tocsin.alerts.models import Integration
from tocsin.incidents import queries
from tocsin.lib.refusal import Refused
from tocsin.response.assign_role import assign_role
from tocsin.response.declare_incident import declare
from tocsin.response.post_message import post_message

pytestmark = pytest.mark.django_db
READ, RESPOND, EVERYTHING = frozenset({"read"}), frozenset({"read", "respond"}), frozenset({"read", "respond", "administer"})


@pytest.fixture
def house():
    made = Organisation()
    made.ana.role = "administrator"
    made.ana.save()
    return made


def private(house, by):
    return declare(
        title="Somebody copied the customer table",
        severity="SEV1",
        private=True,
        service=house.service,
        by=Actor.of(by, "web"),
        now=clock.now(),
    )


def narrowed(user, scopes):
    return Actor(user, f"{user} (token)", "api", None, scopes)


def test_only_the_scope_administer_shows_an_administrator_the_private_incidents_of_others(house):
    ref = private(house, house.ben).ref
    for scopes, status in ((["read"], 404), (["read", "respond"], 404), (["read", "respond", "administer"], 200)):
        secret = token(*scopes, user=house.ana)
        assert call("GET", f"/incidents/{ref}", bearer=secret).status_code == status, scopes
        listed = [item["ref"] for item in call("GET", "/incidents", bearer=secret).json()["items"]]
        assert (ref in listed) is (status == 200), scopes
    for scopes, status in ((["read", "respond"], 404), (["administer"], 200)):
        assert call("GET", f"/incidents/{ref}", bearer=token(*scopes)).status_code == status, scopes


def test_what_a_person_is_part_of_their_narrow_token_may_read(house):
    incident = private(house, house.ana)
    assert queries.visible_to(narrowed(house.ana, READ)).filter(pk=incident.pk).exists()
    assert not queries.visible_to(narrowed(house.cy, READ)).filter(pk=incident.pk).exists()


def test_a_reading_token_of_an_administrator_works_no_incident(house):
    incident = private(house, house.ana)
    with pytest.raises(Refused, match="may only read"):
        post_message(incident=incident, text="Hello", by=narrowed(house.ana, READ), now=clock.now())


def test_a_held_role_is_not_taken_by_an_administrators_token_without_that_scope(house):
    incident = declare(title="Checkout is down", severity="SEV1", service=house.service, incident_commander=house.ben, by=Actor.of(house.ben, "web"), now=clock.now())  # fmt: skip
    taking = {"incident": incident, "role": "incident_commander", "user": house.lea, "now": clock.now()}
    with pytest.raises(Refused, match="can hand it over"):
        assign_role(**taking, by=narrowed(house.ana, RESPOND))
    assert assign_role(**taking, by=narrowed(house.ana, EVERYTHING)).user == house.lea


def test_the_key_in_the_body_of_an_event_is_shown_to_the_scope_administer_alone(house):
    now = clock.now()
    integration = Integration.objects.create(name="Events", kind="pagerduty_events_v2", key="k" * 32, created_at=now)
    raw = operations.accept(integration, body=b'{"routing_key": "' + b"k" * 32 + b'"}', protocol="pagerduty", now=now)
    for scopes, seen in ((["read", "respond"], False), (["read", "administer"], True)):
        for address in (f"/events/{raw.pk}", "/events.jsonl"):
            said = call("GET", address, bearer=token(*scopes, user=house.ana)).getvalue().decode()
            assert "routing_key" in said and (integration.key in said) is seen, address


@pytest.mark.parametrize("body", ["K" * 32, json.dumps({"routing_key": "k" * 32}).encode("utf-16-le"), ("k" * 32).encode("utf-16-be")])
def test_the_key_is_taken_out_of_a_body_in_every_form_that_is_taken(house, body):
    now = clock.now()
    integration = Integration.objects.create(name="Events", kind="pagerduty_events_v2", key="k" * 32, created_at=now)
    raw = operations.accept(integration, body=body if isinstance(body, bytes) else body.encode(), protocol="pagerduty", now=now)
    shown = queries_evidence.without_key(raw)
    assert b"KEY" in shown.replace(b"\0", b"") and b"kkkk" not in shown.replace(b"\0", b"").lower()
