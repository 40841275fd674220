"""What does a page look like in Microsoft Teams? An Adaptive Card, whose texts are runs of rich text: they read neither Markdown nor mentions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tocsin.domain.ports import Message
from tocsin.integrations import chat

LONGEST_BODY = 1500  # characters; a card has 28 KB, in which one character may take twelve bytes
LONGEST_TITLE = 300


def card(message: Message, *, note: str = "", buttons: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """The Adaptive Card. `buttons` come first; `note` says what became of the page, and then nothing acknowledges any more."""
    lines = chat.body_of(message, LONGEST_BODY).splitlines()[:40]
    body = [_line(message.title[:LONGEST_TITLE], size="Large", weight="Bolder")]
    body += [_line(note[:LONGEST_TITLE], weight="Bolder")] if note else []
    body += [_line(line) for line in lines if line.strip()]
    actions = [] if note else list(buttons)
    if message.link and not note:
        words = "Acknowledge in the browser" if buttons else "Acknowledge"
        actions.append({"type": "Action.OpenUrl", "title": words, "url": message.link, **({} if buttons else {"style": "positive"})})
    if url := chat.where(message):
        actions.append({"type": "Action.OpenUrl", "title": "Open", "url": url})
    return {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4",
        "msteams": {"width": "Full"}, "body": body, "actions": actions,
    }  # fmt: skip


def attached(card: dict[str, Any]) -> dict[str, Any]:
    """The card as an attachment of a message."""
    return {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}


def _line(text: str, **look: str) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **look}]}
