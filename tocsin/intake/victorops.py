"""What does VictorOps's REST integration demand of a request, and in which words does it answer?"""

from __future__ import annotations

import secrets

from tocsin.intake.request import Answer, Checked, InvalidError, Protocol, Request, decoded, json_answer, word
from tocsin.intake.state import integration_of, store


def refuse(sentence: str, status: int = 400, retry_after: int = 0) -> Answer:
    """A failure with a sentence."""
    return json_answer(status, retry_after, result="failure", message=sentence)


PROTOCOL = Protocol(refuse)


async def take(request: Request) -> Answer:
    """Keep an alert; the routing key in the path is kept with it."""
    integration = await integration_of(request.key())
    if integration is None:
        return refuse("No integration has this key.", 404)
    body = decoded(request.body, refuse)
    if not isinstance(body, dict) or not word(body.get("message_type")):
        raise InvalidError(refuse("message_type is missing: CRITICAL, WARNING, INFO, ACKNOWLEDGEMENT or RECOVERY."))
    given = word(body.get("entity_id"))
    made = given or secrets.token_hex(16)
    said = json_answer(200, result="success", entity_id=made)
    beside = {":routing-key": request.parts.get("routing_key", "")[:200]}
    return await store(request, integration, "victorops", Checked("", "" if given else made, said), beside)
