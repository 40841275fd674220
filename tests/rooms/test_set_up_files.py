"""A set-up file that says something wrong is refused by the name of what is wrong in it; nothing is left out without a word."""

from __future__ import annotations

from typing import Any

import pytest

from tests.scenarios.world import World
from tocsin.cli.configuration_applied import Applying
from tocsin.cli.configuration_written import current
from tocsin.cli.session import Failed
from tocsin.oncall.models import ExternalCalendar, Rotation

pytestmark = pytest.mark.django_db


@pytest.fixture
def file(world: World) -> dict[str, Any]:
    """The set-up of a team with a schedule, a policy and a service, as it is exported."""
    world.policy([world.schedule(world.ana, name="Payments primary")], [world.ben], name="Payments")
    return current()


def refused(world: World, document: dict[str, Any]) -> str:
    with pytest.raises(Failed) as caught:
        Applying(world.now).apply(document)
    return str(caught.value)


def of(document: dict[str, Any], section: str, name: str) -> dict[str, Any]:
    return next(item for item in document[section] if item["name"] == name)


def test_what_is_exported_is_known_and_changes_nothing(world, file):
    assert Applying(world.now).apply(file) == []


def test_a_misspelt_field_is_refused_by_its_place_and_told_what_there_is(world, file):
    of(file, "schedules", "Payments primary")["rotations"][0]["restriction"] = []
    assert refused(world, file).startswith(
        "schedules, Payments primary: rotations.0.restriction is no field here; there are name, participants,"
    )
    file = current()
    of(file, "escalation_policies", "Payments")["steps"][1]["when"] = {"severity": ["SEV1"]}
    assert "escalation policies, Payments: steps.1.when.severity is no field here; there are severities," in refused(world, file)
    file = current() | {"teams": [{"name": "New", "time_zone": "Asia/Tokyo"}]}
    assert refused(world, file) == "teams, New: time_zone is no field here; there are name"
    file = current() | {"users": [{"email": "new@example.com", "contact_methods": [{"kind": "email", "adress": "x"}]}]}
    assert "users, new@example.com: contact_methods.0.adress is no field here" in refused(world, file)


def test_a_wrong_value_is_refused_by_the_name_of_what_it_stands_in(world, file):
    of(file, "schedules", "Payments primary")["rotations"][0]["shift"] = {"dayz": 7}
    assert refused(world, file).startswith("schedules, Payments primary: rotations.0.shift: Give one length")
    file = current()
    of(file, "escalation_policies", "Payments")["steps"][0]["targets"][0]["name"] = "Paymnts"
    assert refused(world, file) == "escalation policies, Payments: there is no schedule Paymnts"
    file = current()
    of(file, "escalation_policies", "Payments")["steps"][1]["when"] = {"severities": ["Sev-1"]}
    assert refused(world, file).endswith("steps.1.when.severities: The procedure has no severity Sev-1; it has SEV1, SEV2, SEV3, SEV4.")
    file = current()
    file["services"][0]["depends_on"] = ["nothing"]
    assert refused(world, file) == f"services, {file['services'][0]['name']}: there is no service nothing"


def test_a_file_does_not_take_the_outside_calendar_of_a_rotation_away(world, file):
    rotation = Rotation.objects.get(schedule__name="Payments primary")
    rotation.calendar = ExternalCalendar.objects.create(
        schedule=rotation.schedule, name="Rota", sealed_address=b"", host="calendar.example", created_at=world.now
    )
    rotation.save()
    of(file, "schedules", "Payments primary")["description"] = "Changed"
    assert Applying(world.now).apply(file) == ["change schedules: Payments primary"]
    assert Rotation.objects.get(schedule__name="Payments primary").calendar is not None
