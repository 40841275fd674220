"""What do people answer in chats that call nobody? One question at a time to each account, outside any transaction, for as long as a page is open."""

from __future__ import annotations

import logging
from datetime import datetime

from tocsin import clock
from tocsin.domain.ports import Outcome, Receipt, Reply
from tocsin.domain.ports_chat import Heard, Hearing
from tocsin.integrations.registry import GATEWAYS
from tocsin.lib.due import Loop
from tocsin.paging import answerable
from tocsin.paging import operations_listening as listening
from tocsin.paging import operations_providers as providers
from tocsin.paging import operations_reports as reports
from tocsin.paging.models import Provider
from tocsin.response.answer_page import answer_once

log = logging.getLogger(__name__)
WAIT_SECONDS = 10.0  # for something to be said; what was heard is carried out at once


def take() -> int:
    """Ask one account that is due, and carry out what was answered; how many answers."""
    now = clock.now()
    provider = listening.claim(now)
    if provider is None:
        return 0
    gateway = GATEWAYS.get(provider.kind)
    sent = listening.waiting(provider, now)
    if not isinstance(gateway, Hearing) or not sent:
        listening.rest(provider, now)
        return 0
    result = _ask(provider, gateway, list(dict.fromkeys(gateway.room_of(one) for one in sent)))
    if isinstance(result, Receipt):
        log.warning("the account %s could not be asked for answers: %s", provider.pk, result.reason)
        if result.outcome is Outcome.REFUSED:
            providers.judge(provider, result, clock.now())
        listening.fail(provider, clock.now())
        return 0
    mark, said = result
    for one in said:
        _carry_out(provider, gateway, one, clock.now())
    listening.heard(provider, mark, clock.now())
    return len(said)


def _ask(provider: Provider, gateway: Hearing, rooms: list[str]) -> tuple[str, list[Heard]] | Receipt:
    try:
        return gateway.hear(providers.account(provider), rooms, provider.listens_mark, WAIT_SECONDS)
    except Exception as error:
        log.exception("the gateway %s failed", provider.kind)
        return Receipt(Outcome.RETRY, f"the channel failed: {type(error).__name__}")


def _carry_out(provider: Provider, gateway: Hearing, one: Heard, now: datetime) -> None:
    """Do it; who is not understood, or may not, is told so. One answer that fails does not hold up the next."""
    try:
        page = reports.notification_of(provider, one.provider_id) if one.provider_id else None
        if page is None and (one.provider_id or not answerable.is_theirs(provider, one.room, one.address)):
            return  # an answer to somebody else, or talk in a room
        said = answer_once(Reply(one.wish, one.address, page, one.event), provider=provider, page=None, now=now)
        if said and not said.done:
            gateway.say(providers.account(provider), one.room, said.sentence)
    except Exception:
        log.exception("an answer at the account %s could not be carried out", provider.pk)


LOOP = Loop(listening.LOOP, take, listening.next_due)
