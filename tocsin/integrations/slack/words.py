"""What does a page look like in Slack, and what do Slack's errors mean?

Everything from outside is shown as plain text, in which Slack reads neither mentions nor links; the line of the notification, which Slack
reads as its own markup, has `&`, `<` and `>` escaped. Wire format: docs.slack.dev, Block Kit.
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.ports import Message, Outcome
from tocsin.integrations import chat

ACKNOWLEDGE, ESCALATE, OPEN = "tocsin_acknowledge", "tocsin_escalate", "tocsin_open"
LONGEST_HEADER = 150
LONGEST_SECTION = 3000
LONGEST_LINE = 1000  # of the notification on a phone; Slack takes 4,000

# Slack's word → whose fault it is, and a sentence. REFUSED: the account; FAILED: this address; RETRY: it may pass.
ERRORS: dict[str, tuple[Outcome, str]] = {
    "invalid_auth": (Outcome.REFUSED, "Slack does not accept the bot token"),
    "not_authed": (Outcome.REFUSED, "Slack does not accept the bot token"),
    "token_revoked": (Outcome.REFUSED, "the bot token was revoked in Slack"),
    "token_expired": (Outcome.REFUSED, "the bot token has expired"),
    "account_inactive": (Outcome.REFUSED, "the app was removed from the workspace, or the workspace is gone"),
    "missing_scope": (Outcome.REFUSED, "the app lacks a permission in Slack"),
    "not_allowed_token_type": (Outcome.REFUSED, "this is not a bot token (xoxb-…)"),
    "team_access_not_granted": (Outcome.REFUSED, "the app may not use this workspace"),
    "ekm_access_denied": (Outcome.REFUSED, "the workspace's key administrator blocks posting"),
    "channel_not_found": (Outcome.FAILED, "there is no such person or channel in the workspace, or the app cannot see it"),
    "user_not_found": (Outcome.FAILED, "there is no such person in the workspace"),
    "users_not_found": (Outcome.FAILED, "nobody in the workspace has this e-mail address"),
    "user_disabled": (Outcome.FAILED, "this person is deactivated in Slack"),
    "messages_tab_disabled": (Outcome.FAILED, "the app's Messages tab is switched off (App Home in the app's settings)"),
    "not_in_channel": (Outcome.FAILED, "the app is not in the channel; invite it there with /invite"),
    "is_archived": (Outcome.FAILED, "the channel is archived"),
    "restricted_action": (Outcome.FAILED, "the workspace does not let the app post there"),
    "cannot_dm_bot": (Outcome.FAILED, "this is a bot, which cannot be written to"),
    "msg_too_long": (Outcome.FAILED, "Slack finds the message too long"),
    "invalid_blocks": (Outcome.FAILED, "Slack does not accept the form of the message"),
    "ratelimited": (Outcome.RETRY, "too many messages at once"),
    "rate_limited": (Outcome.RETRY, "too many messages at once"),
    "internal_error": (Outcome.RETRY, "Slack has a fault"),
    "fatal_error": (Outcome.RETRY, "Slack has a fault"),
    "service_unavailable": (Outcome.RETRY, "Slack has a fault"),
    "request_timeout": (Outcome.RETRY, "Slack has a fault"),
    "team_added_to_org": (Outcome.RETRY, "the workspace is being moved"),
}


def fault(said: dict[str, Any]) -> tuple[Outcome, str]:
    """What `ok: false` means, in plain words with Slack's own; an unknown word is taken for a fault of this one message."""
    word = str(said.get("error") or "no reason")[:60]
    outcome, sentence = ERRORS.get(word, (Outcome.FAILED, "Slack refuses the message"))
    needed = f", needed: {str(said['needed'])[:100]}" if said.get("needed") else ""
    return outcome, f"{sentence} ({word}{needed})"


def escaped(text: str) -> str:
    """The text as it is meant, where Slack reads markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def page(message: Message, note: str = "") -> dict[str, Any]:
    """The message's text and blocks; `note` says what became of it and takes the place of the buttons."""
    line = f"{message.title}: {note}" if note else message.title
    blocks: list[dict[str, Any]] = [{"type": "header", "text": _plain(message.title, LONGEST_HEADER)}]
    if body := chat.body_of(message, LONGEST_SECTION).strip():
        blocks.append({"type": "section", "text": _plain(body, LONGEST_SECTION)})
    if note:
        blocks.append({"type": "context", "elements": [_plain(note, LONGEST_SECTION)]})
    elif message.link:  # where Slack cannot reach us, its buttons fail
        blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": f"<{message.link}|Acknowledge in the browser>"}]})
    if buttons := _buttons(message, taken=bool(note)):
        blocks.append({"type": "actions", "elements": buttons})
    return {"text": escaped(line)[:LONGEST_LINE], "blocks": blocks, "unfurl_links": False, "unfurl_media": False}


def _plain(text: str, longest: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": text[:longest] or "–", "emoji": False}


def _buttons(message: Message, *, taken: bool) -> list[dict[str, Any]]:
    buttons: list[dict[str, Any]] = []
    if chat.can_be_taken(message) and not taken:
        about = str(message.facts.get("notification") or "")
        buttons.append(_button(ACKNOWLEDGE, "Acknowledge", value=about, style="primary"))
        confirm = {
            "title": _plain("Escalate?", 100), "text": _plain("The next step of the policy is paged now.", 300),
            "confirm": _plain("Escalate", 30), "deny": _plain("Not yet", 30),
        }  # fmt: skip
        buttons.append(_button(ESCALATE, "Escalate", value=about, confirm=confirm))
    if url := chat.where(message):
        buttons.append(_button(OPEN, "Open", url=url[:3000]))
    return buttons


def _button(action: str, label: str, **more: Any) -> dict[str, Any]:
    return {"type": "button", "action_id": action, "text": _plain(label, 75), **more}
