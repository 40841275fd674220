"""How is an event that came in earlier taken in once more, after what stood in its way was mended?"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from tocsin.accounts.actor import Actor
from tocsin.accounts.audit import audit
from tocsin.alerts import operations as alerts
from tocsin.alerts.models import RawEvent
from tocsin.lib.refusal import Refused
from tocsin.response import frame


def replay(raw_event: RawEvent, by: Actor, now: datetime) -> RawEvent:
    """Take its bytes in again, as a new event that names the old one; what it says counts from now on."""
    with transaction.atomic():
        frame.require_responder(by)
        if raw_event.state == RawEvent.State.NEW:
            raise Refused("This event is waiting to be read already.", status=409, code="waiting")
        again = alerts.accept(
            raw_event.integration, body=bytes(raw_event.body), protocol=raw_event.protocol, content_type=raw_event.content_type,
            dedup_key=raw_event.dedup_key, headers=raw_event.headers, replay_of=raw_event, now=now,
        )  # fmt: skip
        audit("replay", "event", raw_event.pk, f"Event {raw_event.pk} replayed as {again.pk}", by=by, now=now)
        return again
