"""What does a message in the form of Slack's incoming webhooks say? What Slack itself sends here changes nothing.

Wire format: api.slack.com/messaging/webhooks; attachments with a colour. Many products can speak to nothing else.
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event, SourceSeverity
from tocsin.domain.ports import Received, UnreadableError
from tocsin.integrations import reading
from tocsin.integrations.reading_item import JsonSource, at, event, first, obj, rows

COLOURS: dict[str, SourceSeverity] = {"danger": "error", "warning": "warning"}
OVER = ("good", "#36a64f", "#2eb886", "#00ff00", "green")
INTERACTIVE = (
    "block_actions",
    "view_submission",
    "view_closed",
    "message_action",
    "shortcut",
    "block_suggestion",
    "interactive_message",
    "event_callback",
)


class SlackForm(JsonSource):
    """Any product that can only post to a Slack webhook."""

    kind = "slack"
    label = "Slack-formatted messages"
    category = "Drop-in"
    about = "In a product that can only post to a Slack webhook, enter this address as the webhook's URL:\n{address}"
    docs = "https://api.slack.com/messaging/webhooks"
    sample = {
        "text": "checkout: 5xx",
        "attachments": [{"color": "danger", "title": "checkout: 5xx", "title_link": "https://monitor.example.com/1"}],
    }

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One message."""
        kind, shown = first(item, "type"), obj(item, "attachments.0")
        if kind in INTERACTIVE or first(item, "command", "callback_id"):
            return event("none", kind or "none", item, received, title=[f"Slack: {kind or 'command'}"])
        if kind == "url_verification":
            return event("handshake", "handshake", item, received, title=["Slack: url_verification"])
        title = [
            shown.get("title"),
            item.get("text"),
            shown.get("fallback"),
            shown.get("text"),
            at(item, "blocks.0.text.text"),
            shown.get("pretext"),
        ]
        if not any(reading.text(said) for said in title):
            raise UnreadableError("text, attachments or blocks were expected, as Slack's webhooks take them")
        colour = first(shown, "color").lower()
        return event(
            "resolved" if colour in OVER else "firing", "", item, received, title=title, severity=COLOURS.get(colour), word=colour,
            service=first(item, "username"), started=[shown.get("ts")], link=[shown.get("title_link"), shown.get("author_link")],
            labels={first(row, "title"): row.get("value") for row in rows(shown, "fields")[:50] if isinstance(row, dict)},
        )  # fmt: skip


SOURCE = SlackForm()
