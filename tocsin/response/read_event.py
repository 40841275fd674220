"""What does a raw event say, by its integration's kind and its owner's own rules? Never an exception: a reading, or the sentence why there is none."""

from __future__ import annotations

import logging

from tocsin.alerts.models import Integration, RawEvent
from tocsin.alerts.operations import Reading
from tocsin.domain.ports import Received, UnreadableError
from tocsin.integrations import mapping
from tocsin.integrations.registry import SOURCES

log = logging.getLogger(__name__)
# The address that an event came by decides how it is read; at /in/{key} the integration's kind does.
READ_BY = {
    "pagerduty": "pagerduty_events_v2", "pagerduty_v1": "pagerduty_events_v2", "pagerduty_change": "pagerduty_change_events",
    "alertmanager_api": "alertmanager_api_v2", "opsgenie": "opsgenie_alert_api", "victorops": "victorops", "heartbeat": "heartbeat", "mail": "email",
    "change": "change",
}  # fmt: skip


def kind_of(integration: Integration, raw: RawEvent) -> str:
    """In which kind's form a raw event is written."""
    return READ_BY.get(raw.protocol, integration.kind)


def rules_of(integration: Integration) -> mapping.Rules:
    """How its owner has its messages read."""
    return mapping.Rules(
        integration.mapping, integration.severity_words, tuple(integration.identity_labels), frozenset(integration.ignored_labels)
    )


def received_of(raw: RawEvent) -> Received:
    """A raw event as sources read it."""
    return Received(bytes(raw.body), raw.content_type, raw.received_at, raw.protocol, raw.dedup_key, raw.headers)


def read(integration: Integration, raw: RawEvent) -> Reading:
    """What a raw event says, or why nothing can be read in it. Never raises."""
    kind = kind_of(integration, raw)
    try:
        return Reading(raw, mapping.read(SOURCES[kind].parse, received_of(raw), rules_of(integration)))
    except UnreadableError as error:
        return Reading(raw, error=str(error)[:1000])
    except Exception as error:
        log.exception("the source %s failed on event %d", kind, raw.pk)
        return Reading(raw, error=f"The reader of {kind} failed on it: {type(error).__name__}"[:1000])
