"""What did somebody say in Slack: a pressed button, or a short text in the app's direct messages?

Wire format: docs.slack.dev (interactivity payloads, Events API `message.im`, Socket Mode envelopes).
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.ports import ForgedError, Reply
from tocsin.domain.replies import Verb, Wish, by_text
from tocsin.integrations.slack import words

VERBS = {words.ACKNOWLEDGE: Verb.ACKNOWLEDGE, words.ESCALATE: Verb.ESCALATE}
BUTTONS, EVENT = "block_actions", "event_callback"


def replies(said: dict[str, Any]) -> list[Reply]:
    """What a proved payload says."""
    if said.get("type") == BUTTONS:
        person = str(child(said, "user").get("id") or "")
        return [reply for action in _objects(said.get("actions"))[:5] if (reply := _pressed(action, person))]
    event = child(said, "event")
    written = event.get("type") == "message" and event.get("channel_type") == "im" and not (event.get("subtype") or event.get("bot_id"))
    person, text = str(event.get("user") or ""), event.get("text")
    if said.get("type") != EVENT or not written or not person or not isinstance(text, str):
        return []
    return [Reply(by_text(text[:500]), person, event=str(said.get("event_id") or ""))]


def prove_workspace(said: dict[str, Any], ours: str) -> None:
    """An app may be installed in other people's workspaces, and a channel shared with them: both have valid signatures. Raises ForgedError."""
    if said.get("type") == BUTTONS:
        teams = [child(said, "team").get("id"), child(said, "user").get("team_id", ours)]
    else:
        teams = [said.get("team_id"), child(said, "event").get("user_team", ours)]
    if any(team != ours for team in teams):
        raise ForgedError("the answer comes from another workspace than the account's")


def child(said: dict[str, Any], name: str) -> dict[str, Any]:
    """The object of that name; empty where there is none."""
    value = said.get(name)
    return value if isinstance(value, dict) else {}


def _pressed(action: dict[str, Any], person: str) -> Reply | None:
    verb, value = VERBS.get(str(action.get("action_id"))), str(action.get("value") or "")
    if verb is None or not person or not (value.isascii() and value.isdigit() and len(value) < 18):
        return None
    return Reply(Wish(verb), person, int(value))


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
