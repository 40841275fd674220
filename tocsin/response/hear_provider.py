"""What does a provider tell us? Its proof first; then reports to the pages they are about, and replies to the verbs."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from tocsin.domain.ports import Answer, Callback, ForgedError, Linked, Listening, Reply, Report, Said
from tocsin.integrations.registry import GATEWAYS
from tocsin.lib.refusal import Refused, missing
from tocsin.paging import operations_contacts as contacts
from tocsin.paging import operations_providers as providers
from tocsin.paging import operations_reports as reports
from tocsin.paging.models import Notification, Provider
from tocsin.response import bounced
from tocsin.response.answer_page import answer_once

log = logging.getLogger(__name__)


def hear(provider_id: int, call: Callback, *, notification_id: int | None = None, now: datetime) -> Answer:
    """Take one call of a provider about one page, or about whatever reaches its account.

    Refuses (404) accounts that are gone or whose provider does not call, and (403) calls that are not proved; those change nothing.
    """
    provider = Provider.objects.filter(pk=provider_id, removed_at=None).first()
    gateway = GATEWAYS.get(provider.kind) if provider else None
    if provider is None or not isinstance(gateway, Listening):
        raise missing("account that is called about")
    account = providers.account(provider)
    try:
        heard = gateway.read_callback(account, call)
    except ForgedError as error:
        log.warning("a call for the account %s was refused: %s", provider.pk, error)
        raise Refused(str(error), status=403, code="forged") from error
    said: list[Said] = []
    for one in heard:
        if isinstance(one, Report):
            _report(one, provider, notification_id, now)
        elif isinstance(one, Reply):
            said += _reply(one, provider, _page(notification_id or one.notification), now)
        elif isinstance(one, Linked):
            said.append(_link(one, provider, now))
    return gateway.answer(account, call, said)


def take_replies(replies: Sequence[Reply], provider: Provider, now: datetime) -> list[Said]:
    """Carry out what a proved connection of the account brought."""
    return [said for reply in replies for said in _reply(reply, provider, _page(reply.notification), now)]


def _reply(reply: Reply, provider: Provider, page: Notification | None, now: datetime) -> list[Said]:
    """An account answers for its own pages: who holds the secret of another one could else speak for everybody. Nothing is said to what was
    carried out before."""
    gone = reply.notification is not None if page is None else page.account_id not in (None, provider.pk)
    if gone:
        return [Said(False, "This page is gone.")]
    said = answer_once(reply, provider=provider, page=page, now=now)
    return [said] if said else []


def _link(linked: Linked, provider: Provider, now: datetime) -> Said:
    try:
        method = contacts.link(linked, kind=provider.channel, now=now)
    except Refused as refused:
        return Said(False, " ".join(refused.errors.values()) or refused.detail)
    return Said(True, f"Proved. Pages for {method.user} reach you here.")


def _page(id: int | None) -> Notification | None:
    return Notification.objects.select_related("user", "escalation", "contact_method").filter(pk=id).first() if id else None


def _report(report: Report, provider: Provider, notification_id: int | None, now: datetime) -> None:
    if report.about:
        bounced.take(report, now)
        return
    id = notification_id or report.notification or reports.notification_of(provider, report.provider_id)
    if id is None or not Notification.objects.filter(pk=id, method_kind=provider.channel).exists():
        log.info("the account %s reports about %.60r, which is not known: %s", provider.pk, report.provider_id, report.reason)
        return
    reports.take_report(id, provider, report, now)
