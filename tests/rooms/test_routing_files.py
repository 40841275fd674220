"""Routing rules as a file, and the simulator on the command line."""

import json

import pytest
import yaml

from tests.rooms.test_receiving_events import House
from tocsin import clock
from tocsin.accounts.actor import SYSTEM
from tocsin.alerts import operations_routing as routing
from tocsin.alerts import queries_routing
from tocsin.cli import configuration, route
from tocsin.cli.session import Failed

pytestmark = pytest.mark.django_db


@pytest.fixture
def house():
    return House()


@pytest.fixture
def here(monkeypatch):
    from contextlib import nullcontext

    monkeypatch.setattr(route, "django", lambda data: nullcontext())


def test_rules_are_exported_by_name_and_applied_whole_and_in_order(house):
    then = {"service": house.service.pk, "policy": house.policy.pk, "severity": "SEV1"}
    rules = [{"name": "Disks", "integrations": [house.integration.pk], "then": then}, {"name": "Rest"}]
    routing.save(rules, severities=("SEV1",), by=SYSTEM, now=clock.now())
    document = yaml.safe_load(yaml.safe_dump(configuration.current()))
    written = document["routing_rules"]
    assert (written[0]["then"]["service"], written[0]["then"]["policy"], written[0]["integrations"]) == (
        "checkout",
        "Payments",
        ["Prometheus"],
    )
    assert configuration.Applying(clock.now()).apply({"version": 1, "routing_rules": written}) == []
    done = configuration.Applying(clock.now()).apply({"version": 1, "routing_rules": [*reversed(written), {"name": "New"}]})
    assert done == ["change routing rules: version 2"]
    assert [(rule["id"], rule["name"]) for rule in queries_routing.current().rules] == [(2, "Rest"), (1, "Disks"), (3, "New")]


def test_what_services_depend_on_is_written_and_read_by_name_in_any_order(house):
    wanted = [{"name": "Alpha", "depends_on": ["omega", "checkout"], "group_minutes": 0}, {"name": "Omega"}]
    done = configuration.Applying(clock.now()).apply({"version": 1, "services": wanted})
    assert done == ["add services: Alpha", "add services: Omega"]
    written = {row["name"]: row for row in configuration.current()["services"]}
    assert (written["Alpha"]["depends_on"], written["Alpha"]["group_minutes"]) == (["Omega", "checkout"], 0)
    assert configuration.Applying(clock.now()).apply({"version": 1, "services": list(written.values())}) == []
    with pytest.raises(Failed, match="no service nobody"):
        configuration.Applying(clock.now()).apply({"version": 1, "services": [{"name": "Omega", "depends_on": ["nobody"]}]})


def test_the_command_tells_what_would_become_of_a_message(house, here, tmp_path, capsys):
    rule = {"name": "Disks", "conditions": [{"field": "labels.alertname", "value": "Disk"}], "then": {"severity": "SEV1"}}
    routing.save([rule], severities=("SEV1",), by=SYSTEM, now=clock.now())
    file = tmp_path / "payload.json"
    file.write_text(json.dumps({"alerts": [{"status": "firing", "labels": {"alertname": "Disk"}}]}))
    route.simulate(file, "prometheus")
    said = capsys.readouterr().out
    assert "1. Disks: matches: decides severity SEV1" in said and "on_call by Payments:" in said and "Ana" in said
    with pytest.raises(Failed):
        route.simulate(file, "nobody")
