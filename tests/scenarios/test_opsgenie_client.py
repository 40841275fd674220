"""What a client of Opsgenie asks for reaches people as if they had asked themselves."""

import json
from datetime import timedelta

from tocsin.alerts import operations as alerts
from tocsin.alerts.models import Alert, Integration, RawEvent
from tocsin.response import receive_events
from tocsin.timeline.models import Entry


class Client:
    """Sends as the intake stores it."""

    def __init__(self, world):
        self.world = world
        self.source = Integration.objects.create(name="Opsgenie", kind="opsgenie_alert_api", key="og", service=world.service)

    def create(self, alias="disk", priority="P1"):
        body = {"message": f"{alias} full", "alias": alias, "priority": priority}
        alerts.accept(self.source, body=json.dumps(body).encode(), protocol="opsgenie", now=self.world.now, dedup_key="made")
        receive_events.take()
        self.world.advance(seconds=1)
        return Alert.objects.get(dedup_key=alias, status="firing")

    def act(self, action, identifier="disk", kind="alias", **body):
        beside = {":action": action, ":identifier": identifier, ":identifier-type": kind}
        raw = alerts.accept(
            self.source, body=json.dumps(body).encode(), protocol="opsgenie_action", now=self.world.now, dedup_key="x", headers=beside
        )
        receive_events.take()
        raw.refresh_from_db()
        return raw.outcomes[0]["change"], raw.outcomes[0]["reason"]


def test_a_snooze_is_quiet_until_its_end_and_pages_again_then(world):
    world.policy([world.ana], [world.ben])
    client = Client(world)
    client.create()
    world.phone.expect(world.ana, "disk full")
    assert client.act("snooze", endTime=(world.now + timedelta(minutes=30)).isoformat())[0] == "acknowledged"
    world.advance(minutes=29)
    world.phone.silent()
    world.advance(minutes=2)
    world.phone.expect(world.ana, "disk full")


def test_an_acknowledgement_that_is_taken_back_pages_again(world):
    world.policy([world.ana])
    client = Client(world)
    client.create()
    world.phone.expect(world.ana, "disk full")
    assert client.act("acknowledge", user="ann")[0] == "acknowledged"
    assert client.act("unacknowledge") == ("folded", "")
    world.advance(minutes=2)  # one person is rung once a minute
    world.phone.expect(world.ana, "disk full")
    assert client.act("unacknowledge")[0] == "ignored"


def test_a_priority_that_gets_worse_pages_and_a_better_one_does_not(world):
    world.policy([world.ana])
    client = Client(world)
    alert = client.create(priority="P5")
    world.phone.silent()
    assert client.act("priority", priority="P1") == ("folded", "")
    alert.refresh_from_db()
    assert alert.source_severity == "critical"
    world.advance(seconds=1)
    world.phone.expect(world.ana, "disk full")


def test_close_by_the_id_of_an_earlier_alert_leaves_the_new_one_alone(world):
    world.policy([world.ana])
    client = Client(world)
    first = client.create(priority="P5")
    tiny = str(first.pk)
    assert client.act("close", tiny, "tiny")[0] == "resolved"
    second = client.create(priority="P5")
    assert client.act("close", tiny, "tiny") == ("ignored", "The alert is closed already.")
    second.refresh_from_db()
    assert second.status == "firing"


def test_whoever_is_asked_for_is_paged_and_an_unknown_name_is_said_so(world):
    client = Client(world)
    alert = client.create(priority="P5")
    assert client.act("responders", responder={"type": "user", "username": world.cy.email}) == ("folded", "")
    world.advance(seconds=1)
    world.phone.expect(world.cy, "disk full")
    change, why = client.act("escalate", escalation={"name": "Nowhere"})
    assert change == "ignored" and "Nowhere" in why
    assert Entry.objects.filter(alert_id=alert.pk, kind="gap", text__contains="Nowhere").exists()


def test_what_is_asked_for_no_alert_is_kept_with_its_outcome(world):
    assert Client(world).act("notes", "nothing", note="hello") == ("ignored", "Alert with alias [nothing] does not exist.")
    assert RawEvent.objects.get().state == "done"
