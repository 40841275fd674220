"""What does `/in/{key}` demand of a request? Any source in its own form: JSON, a form, or a text that is not called JSON."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from tocsin.intake import cloudevents
from tocsin.intake.request import Answer, Checked, InvalidError, Protocol, Request, decoded, json_answer
from tocsin.intake.state import integration_of, store
from tocsin.integrations import reading

WHOLE = ("multipart/form-data", "message/rfc822")  # read part by part later, whatever character sets their parts are in
BATCHES = ("alerts", "events", "Records")
ACCEPTED = json_answer(202, status="accepted")


def refuse(sentence: str, status: int = 400, retry_after: int = 0) -> Answer:
    """A refusal as a problem in JSON."""
    return json_answer(status, retry_after, status="refused", error=sentence)


PROTOCOL = Protocol(refuse)


def check(body: bytes, content_type: str = "") -> Checked:
    """The body is JSON, a form, or a text in words that is not called JSON; anything else is told so at once."""
    content = body.removeprefix(b"\xef\xbb\xbf").strip()
    from_form: bytes | None = None
    if content.startswith(b"payload="):
        content = from_form = parse_qs(content.decode("utf-8", "replace"), max_num_fields=20).get("payload", [""])[0].encode()
    if not content:
        raise InvalidError(refuse("The body is empty; JSON was expected."))
    if content_type.lower().startswith(WHOLE):
        return Checked("", "", ACCEPTED, 1)
    if content is not from_form and "json" not in content_type.lower() and _is_text(content):
        return Checked("", "", ACCEPTED, 1)
    said = decoded(content, refuse)
    cloudevents.check_object(said, content_type, refuse)
    return Checked("", "", ACCEPTED, _events(said))


def _is_text(content: bytes) -> bool:
    """A form or a text in words: what reads it later says so where it expected something else."""
    if not reading.may_be_text(content) or not any(letter > 64 for letter in content[:2000]):
        return False
    return reading.in_words(content) is not None and content not in (b"true", b"false", b"null")


def _events(said: Any) -> int:
    """How many events a body holds: the length of the list that it is, or of the one that it holds under a usual name."""
    if isinstance(said, dict):
        said = next((said[name] for name in BATCHES if name in said), None)
    return max(1, len(said)) if isinstance(said, list) else 1


async def take(request: Request) -> Answer:
    """Keep one event of whatever kind the integration has; also at the addresses that other products give to their integrations."""
    integration = await integration_of(request.key())
    if integration is None:
        return refuse("No integration has this key.", 404)
    if cloudevents.in_headers(request):
        cloudevents.check_headers(request, refuse)
        return await store(request, integration, "in", Checked("", "", ACCEPTED, 1))
    return await store(request, integration, "in", check(request.body, request.header(b"content-type")))


async def may_send(request: Request) -> Answer:
    """A sender of CloudEvents asks whether it may send."""
    return await cloudevents.may_send(request, refuse)


async def take_query(request: Request) -> Answer:
    """Keep an event whose fields are the query, as UptimeRobot and Uptime Kuma can send it. HEAD, and a GET without fields, store nothing."""
    fields = parse_qs(request.query.decode("latin-1"), keep_blank_values=True, max_num_fields=100)
    if request.method == "HEAD" or not fields:
        said = "An event is sent by POST, or by GET with its fields in the query: ?title=Disk+full&status=firing."
        return refuse(said, 405)._replace(headers=((b"allow", b"GET, OPTIONS, POST"),))
    request.body = request.query
    request.headers = [
        *(one for one in request.headers if one[0] != b"content-type"),
        (b"content-type", b"application/x-www-form-urlencoded"),
    ]
    return await take(request)
