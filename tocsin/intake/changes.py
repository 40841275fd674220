"""What does `/in/{key}/change` demand of a request? A line, a form or JSON that says what was changed; kept as a change, whatever kind the integration has."""

from __future__ import annotations

import msgspec

from tocsin.domain.ports import Received, UnreadableError
from tocsin.intake.any_source import ACCEPTED, refuse
from tocsin.intake.headers import kept
from tocsin.intake.request import Answer, Checked, InvalidError, Request
from tocsin.intake.state import integration_of, store
from tocsin.integrations import reading
from tocsin.integrations.change.source import SOURCE


def check(body: bytes, content_type: str = "", headers: str = "{}") -> Checked:
    """It says what was changed, judged by what reads it later; else the sender is told so at once."""
    try:
        found = SOURCE.parse(Received(body, content_type, reading.EARLIEST, headers=msgspec.json.decode(headers)))
    except UnreadableError as error:
        said = str(error)
        raise InvalidError(refuse(f"{said[:1].upper()}{said[1:400]}.")) from None
    return Checked("", "", ACCEPTED, len(found))


async def take(request: Request) -> Answer:
    """Keep a change."""
    integration = await integration_of(request.key())
    if integration is None:
        return refuse("No integration has this key.", 404)
    return await store(
        request, integration, "change", check(request.body, request.header(b"content-type"), kept(request.headers, request.query))
    )
