"""A set-up file that says something wrong is refused by the name of what is wrong in it; nothing is left out without a word."""

from __future__ import annotations

from typing import Any

import pytest

from tests.scenarios.world import World
from tocsin.accounts.models import Organisation
from tocsin.cli.configuration_applied import Applying
from tocsin.cli.configuration_written import current
from tocsin.cli.session import Failed
from tocsin.lib.refusal import Refused
from tocsin.oncall import queries
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


def follow_a_calendar(world: World) -> None:
    """The rotation of "Payments primary" follows an outside calendar instead of its people."""
    rotation = Rotation.objects.get(schedule__name="Payments primary")
    rotation.calendar = ExternalCalendar.objects.create(
        schedule=rotation.schedule, name="Rota", sealed_address=b"", host="calendar.example", created_at=world.now
    )
    rotation.save()
    rotation.places.all().delete()


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
    follow_a_calendar(world)
    file = current()
    of(file, "schedules", "Payments primary")["rotations"][0]["participants"] = []
    of(file, "schedules", "Payments primary")["description"] = "Changed"
    assert Applying(world.now).apply(file) == ["change schedules: Payments primary"]
    assert Rotation.objects.get(schedule__name="Payments primary").calendar is not None


def test_people_whom_a_file_names_for_a_rotation_take_the_place_of_its_outside_calendar(world, file):
    follow_a_calendar(world)
    file = current()
    of(file, "schedules", "Payments primary")["rotations"][0]["participants"] = [world.ben.email]
    assert Applying(world.now).apply(file) == ["change schedules: Payments primary"]
    rotation = Rotation.objects.get(schedule__name="Payments primary")
    assert rotation.calendar is None and [place.user for place in rotation.places.all()] == [world.ben]
    assert queries.who(rotation.schedule, world.now).user == world.ben.pk, "the calendar broke, and Ben is on call"
    assert Applying(world.now).apply(file) == []


def test_of_two_rotations_of_one_name_only_the_one_without_people_keeps_the_calendar(world, file):
    follow_a_calendar(world)
    file = current()
    [rotation] = of(file, "schedules", "Payments primary")["rotations"]
    of(file, "schedules", "Payments primary")["rotations"] = [{**rotation, "participants": [world.ben.email]}, rotation]
    Applying(world.now).apply(file)
    assert [row.calendar is not None for row in Rotation.objects.filter(schedule__name="Payments primary").order_by("position")] == [
        False,
        True,
    ]
    of(file, "schedules", "Payments primary")["rotations"] = [rotation, rotation]
    assert "rotations.1.participants: Name 1 to 100 people" in refused(world, file)


def test_a_country_that_is_stored_already_does_not_keep_the_rest_from_being_imported(world, file):
    Organisation.objects.filter(pk=1).update(country="UK")  # stored before countries were checked
    file = current()
    file["organisation"]["name"] = "Larkfield"
    assert Applying(world.now).apply(file) == ["change organisation"]
    file["organisation"]["country"] = "EL"
    with pytest.raises(Refused, match="There is no country EL"):
        Applying(world.now).apply(file)
