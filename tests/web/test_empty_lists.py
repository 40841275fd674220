"""A list with nothing in it offers what makes its first one, to those who may."""

from __future__ import annotations

import re

import pytest

from tests.scenarios.world import world  # noqa: F401 - a fixture
from tocsin.accounts.models import Role, User
from tocsin.alerts.models import Integration, Service
from tocsin.oncall.models import Schedule

pytestmark = pytest.mark.django_db
ADMINISTRATORS = {
    "/schedules/": "/schedules/new/", "/services/": "/services/new/", "/integrations/": "/integrations/new/", "/heartbeats/": "/heartbeats/new/",
    "/escalation-policies/": "/escalation-policies/new/", "/routing/": "/routing/new/",
}  # fmt: skip
RESPONDERS = {"/alerts/silences/": "/alerts/silences/new/", "/maintenance/": "/maintenance/new/", "/incidents/": "/declare/"}


def empty(client, address: str) -> str:
    """The empty state of that page."""
    found = re.findall(r'<div class="empty">.*?</div>', client.get(address).content.decode(), re.DOTALL)
    assert found, f"{address} is not empty"
    return found[-1]


@pytest.fixture
def reader(world, client):  # noqa: F811
    """Cy, of an installation with nothing in it; `as_` gives a role."""
    Integration.objects.all().delete()
    Service.objects.all().delete()
    assert not Schedule.objects.exists()

    def as_(role: str):
        User.objects.filter(pk=world.cy.pk).update(role=role)
        client.force_login(User.objects.get(pk=world.cy.pk), backend="django.contrib.auth.backends.ModelBackend")
        return client

    return as_


@pytest.mark.parametrize(("address", "makes"), [*ADMINISTRATORS.items(), *RESPONDERS.items()])
def test_whoever_may_make_the_first_one_is_led_there(reader, address, makes):
    shown = empty(reader(Role.ADMINISTRATOR), address)
    assert f'href="{makes}"' in shown
    assert reader(Role.ADMINISTRATOR).get(makes).status_code == 200


@pytest.mark.parametrize("address", [*ADMINISTRATORS, *RESPONDERS])
def test_an_observer_is_led_nowhere_they_may_not_go(reader, address):
    assert "<a " not in empty(reader(Role.OBSERVER), address)
