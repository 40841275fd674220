"""What does a page look like in Matrix, what do its errors mean, and what do people answer there?"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

from tocsin.domain.ports import Message, Outcome
from tocsin.domain.ports_chat import Heard
from tocsin.domain.replies import Verb, Wish, by_text
from tocsin.integrations import chat

LONGEST_TEXT = 4000
LONGEST_ANSWER = 200
HOW = "React with 👍 or reply “ack” to acknowledge, “esc” to escalate."
SEALED = "This room is encrypted: what you answer here cannot be read. Acknowledge by the link."
# Reactions, without the signs for skin and colour.
REACTIONS = {
    **dict.fromkeys("👍👌✅✔☑🆗🙋", Verb.ACKNOWLEDGE),
    **dict.fromkeys("⏫⬆🔼", Verb.ESCALATE),
}
ANSWERS = (Verb.ACKNOWLEDGE, Verb.ESCALATE, Verb.RESOLVE)
_SIGNS = dict.fromkeys([0xFE0E, 0xFE0F, *range(0x1F3FB, 0x1F400)])
ERRORS: dict[str, tuple[Outcome, str]] = {
    "M_UNKNOWN_TOKEN": (Outcome.REFUSED, "the homeserver does not accept the access token"),
    "M_MISSING_TOKEN": (Outcome.REFUSED, "the homeserver does not accept the access token"),
    "M_USER_DEACTIVATED": (Outcome.REFUSED, "the account at the homeserver is deactivated"),
    "M_USER_SUSPENDED": (Outcome.REFUSED, "the account at the homeserver is suspended"),
    "M_CONSENT_NOT_GIVEN": (Outcome.REFUSED, "the homeserver wants its terms agreed to with this account"),
    "M_FORBIDDEN": (Outcome.FAILED, "the homeserver does not let us write there; invite the account into the room"),
    "M_NOT_FOUND": (Outcome.FAILED, "there is no such person or room"),
    "M_TOO_LARGE": (Outcome.FAILED, "the homeserver finds the message too long"),
}


def fault(status: int, said: dict[str, Any]) -> tuple[Outcome, str]:
    """What an error means, in plain words with the homeserver's own."""
    code, text = str(said.get("errcode") or f"status {status}")[:60], str(said.get("error") or "")[:150]
    outcome, sentence = ERRORS.get(code, (Outcome.FAILED if said else Outcome.RETRY, "the homeserver refuses it"))
    return outcome, f"{sentence} ({code}{f': {text}' if text else ''})"


def page(message: Message, *, mention: str = "", note: str = "", replaces: str = "", how: str = HOW) -> dict[str, Any]:
    """The content of an m.room.message. What must wake somebody is m.text: notices ring nowhere. `replaces` is the event that it takes the place of."""
    body, where = chat.body_of(message, LONGEST_TEXT).strip(), chat.where(message)
    taken = chat.can_be_taken(message) and not note
    lines, html = [message.title], [f"<strong>{escape(message.title)}</strong>"]
    for line in [note, *body.splitlines()]:
        if line.strip():
            lines.append(line)
            html.append(escape(line))
    links = [("Acknowledge", message.link if taken else ""), ("Open", where)]
    for label, url in links:
        if url:
            lines.append(f"{label}: {url}")
            html.append(f'<a href="{escape(url)}">{label}</a>')
    if taken:
        lines.append(how)
        html.append(f"<em>{how}</em>")
    content: dict[str, Any] = {
        "msgtype": "m.text" if message.urgent and not note else "m.notice", "body": "\n".join(lines), "format": "org.matrix.custom.html",
        "formatted_body": "<br>".join(html), "m.mentions": {"user_ids": [mention]} if mention and message.urgent else {},
    }  # fmt: skip
    if replaces:
        shown = {**content, "body": f"* {content['body']}", "formatted_body": f"* {content['formatted_body']}"}
        return {**shown, "m.new_content": content, "m.relates_to": {"rel_type": "m.replace", "event_id": replaces}}
    return content


def heard(said: dict[str, Any], us: str, *, only_answers: bool) -> list[Heard]:
    """What a /sync brings: reactions and replies to a message, and, unless `only_answers`, short words that are an answer by themselves."""
    found = []
    for room, event in _events(said):
        content, sender = event.get("content"), event.get("sender")
        if not isinstance(content, dict) or not isinstance(sender, str) or sender == us:
            continue
        relation = content.get("m.relates_to")
        wish, to = _answer(event.get("type"), content, relation if isinstance(relation, dict) else {})
        if wish.verb in ANSWERS and (to or not only_answers):
            found.append(Heard(wish, sender, room, f"{room} {to}" if to else "", str(event.get("event_id") or "")))
    return found


def _answer(kind: Any, content: dict[str, Any], relation: dict[str, Any]) -> tuple[Wish, str]:
    """What is wanted, and the event that it answers."""
    if kind == "m.reaction" and relation.get("rel_type") == "m.annotation":
        sign = str(relation.get("key") or "")[:20].translate(_SIGNS)
        return (Wish(REACTIONS[sign]) if sign in REACTIONS else by_text(sign)), str(relation.get("event_id") or "")
    body = content.get("body")
    if (
        kind != "m.room.message"
        or content.get("msgtype") != "m.text"
        or not isinstance(body, str)
        or relation.get("rel_type") == "m.replace"
    ):
        return Wish(Verb.UNCLEAR), ""
    answered = relation.get("m.in_reply_to")
    to = str(answered.get("event_id") or "") if isinstance(answered, dict) else ""
    if to:  # older clients repeat what they answer, quoted
        body = "\n".join(line for line in body.splitlines() if not line.startswith(">"))
    return by_text(body.strip().removeprefix("!")) if len(body.strip()) <= LONGEST_ANSWER else Wish(Verb.UNCLEAR), to


def _events(said: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    rooms = said.get("rooms")
    joined = rooms.get("join") if isinstance(rooms, dict) else None
    for room, there in (joined if isinstance(joined, dict) else {}).items():
        timeline = there.get("timeline") if isinstance(there, dict) else None
        events = timeline.get("events") if isinstance(timeline, dict) else None
        for event in events if isinstance(events, list) else []:
            if isinstance(event, dict):
                yield str(room), event
