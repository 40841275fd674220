"""The attack checklist, injection: what is written stays text, whether it comes to SQL, a template, YAML or a spreadsheet."""

from __future__ import annotations

import json
import time
from urllib.parse import urlencode

import pytest

from tests.api.test_frame import call, token
from tests.rooms.test_receiving_events import House
from tests.rooms.test_routing_rules import save
from tocsin.accounts.models import User
from tocsin.alerts.models import Alert
from tocsin.lib.refusal import Refused
from tocsin.procedures import forms

pytestmark = pytest.mark.django_db
SQL = [
    "'; DROP TABLE alerts_alert; --", "x' OR '1'='1", 'x" OR "1"="1', "title) UNION SELECT key FROM alerts_integration --",
    "%s%s%(x)s", "\\'; SELECT pg_sleep(99) --", "labels->>'a' = 'b'", "$$;SELECT 1$$", "{{7*7}}", "%00", "\x00",
]  # fmt: skip


@pytest.fixture
def house() -> House:
    house = House(kind="generic")
    house.send({"title": "Disk full", "severity": "critical", "key": "disk", "labels": {"host'; --": "db1", "host": "db1"}})
    house.fold()
    return house


@pytest.mark.parametrize("said", SQL)
def test_filters_orders_and_label_names_reach_the_database_as_values_alone(house, client, said):
    reader = token("read")
    client.force_login(User.objects.get(email="ana@example.com"))
    begun = time.monotonic()
    for name in ("q", "sort", "status", "severity", "label", "dedup_key", "service", "cursor", "limit", f"label.{said}"):
        query = urlencode({name: said})
        for answer in (
            call("GET", f"/alerts?{query}", bearer=reader),
            client.get(f"/alerts/?{query}"),
            call("GET", f"/incidents?{query}", bearer=reader),
        ):
            assert answer.status_code < 500, (name, answer.content[:300])
            shown = answer.content.decode()
            assert "syntax error" not in shown and house.integration.key not in shown, name
    wanted = json.dumps({"labels": {said: said}, "q": said})
    assert call("POST", "/alerts/actions/preview", json.loads(wanted), bearer=reader).status_code < 500
    assert time.monotonic() - begun < 90  # pg_sleep(99) did not run
    assert Alert.objects.count() == 1


@pytest.mark.parametrize(
    "template",
    ["{labels.__class__}", "{title.__init__.__globals__}", "{0}", "{title!r}", "{title:>999999999}", "{" * 5000, "{labels.x.y[0]}"],
)
def test_the_templates_of_rules_know_fields_and_nothing_else(template, house):
    try:
        save({"name": "Adds", "then": {"labels": {"added": template}}})
    except Refused as refused:
        assert refused.errors
        return
    house.send({"title": "CPU", "key": "cpu", "severity": "critical"})
    house.fold()
    added = Alert.objects.get(dedup_key="cpu").labels.get("added", "")
    assert "class" not in added and "globals" not in added and len(added) <= len(template)


def test_a_title_in_braces_is_not_read_as_a_template_again(house):
    save({"name": "Adds", "then": {"labels": {"added": "{title}"}}})
    house.send({"title": "{dedup_key} {labels.host}", "key": "cpu", "severity": "critical"})
    house.fold()
    assert Alert.objects.get(dedup_key="cpu").labels["added"] == "{dedup_key} {labels.host}"


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    "text",
    ["!!python/object/apply:os.system ['true']", "!!python/name:os.system", "a: !!python/module:os", BOMB, "[" * 20_000, "a: " * 20_000, "&a [*a]"],
)  # fmt: skip
def test_yaml_makes_no_objects_and_no_bombs(text):
    begun = time.thread_time()
    with pytest.raises((Refused, ValueError)) as refused:
        forms.from_yaml(text)
    assert 0 < len(str(refused.value)) < 1000 and time.thread_time() - begun < 2


def test_a_cell_that_begins_a_formula_is_disarmed_in_the_export(house):
    house.send({"title": '=HYPERLINK("http://evil.example","x")', "key": "+1", "severity": "critical"})
    house.fold()
    answer = call("GET", "/alerts.csv", bearer=token("read"))
    text = (b"".join(answer.streaming_content) if answer.streaming else answer.content).decode()
    assert "'=HYPERLINK" in text and ',"=HYPERLINK' not in text
