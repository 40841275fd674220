"""The page of an integration of Amazon SNS says which topics are subscribed, and turns the demand for signatures off."""

import pytest

from tests.rooms.test_receiving_events import House
from tocsin import clock
from tocsin.accounts.models import Role
from tocsin.alerts.models import SnsFetch


@pytest.mark.django_db
def test_subscriptions_are_told_and_the_demand_for_signatures_is_turned_off(client):
    house, now = House("aws_sns"), clock.now()
    house.ana.role = Role.ADMINISTRATOR
    house.ana.save()
    client.force_login(house.ana)
    for state in ("done", "failed"):
        SnsFetch.objects.create(
            integration=house.integration, purpose="subscription", url=state, topic=f"arn:{state}", state=state, next_try_at=now, asked_at=now,
            settled_at=now, error="the answer was 404" if state == "failed" else "",
        )  # fmt: skip
    address = f"/integrations/{house.integration.pk}/"
    text = client.get(address).content.decode()
    assert "arn:done</span> confirmed at" in text and "could not be confirmed: the answer was 404" in text
    assert 'name="signed_only" value="1" checked' in text
    sent = {
        "action": "save",
        "name": "Alarms",
        "service": "",
        "default_severity": "warning",
        "enabled": "1",
        "event_rate": "5",
        "event_burst": "5",
    }
    assert client.post(address, sent).status_code == 303
    house.integration.refresh_from_db()
    assert house.integration.signed_only is False
