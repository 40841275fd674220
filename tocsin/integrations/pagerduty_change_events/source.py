"""What does a change event say: what was changed, by what, when? It never pages.

Wire format: PagerDuty/developer-docs docs/events-API-v2/03-Change-Events.md.
"""

from __future__ import annotations

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received, UnreadableError
from tocsin.integrations import reading
from tocsin.integrations.reading_pagerduty import change_of


class PagerDutyChanges:
    """The change endpoint of the Events API v2."""

    kind = "pagerduty_change_events"
    label = "PagerDuty change events"
    category = "Changes"
    about = "At the end of a pipeline, or wherever something is changed, post a change event:\nAddress:      {address}\nRouting key:  {key}"
    docs = "https://developer.pagerduty.com/docs/send-change-event"
    sample = {"routing_key": "{key}", "payload": {"summary": "checkout 1.4.2 deployed", "source": "ci"}}

    def parse(self, received: Received) -> list[Event]:
        """The one change. Raises UnreadableError where nothing says what was changed."""
        body = reading.checked(reading.json_body(received), "the change event")
        payload = body.get("payload")
        if not isinstance(payload, dict) or not reading.text(payload.get("summary")):
            raise UnreadableError("payload.summary is missing: nothing says what was changed")
        return [change_of(body, received.received_at)]


SOURCE = PagerDutyChanges()
