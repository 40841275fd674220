"""What happens when a person answers a page by a text, a key or a button? Each verb says in one sentence what came of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.db import transaction

from tocsin.accounts.actor import Actor
from tocsin.accounts.models import User
from tocsin.alerts.models import Alert
from tocsin.domain.ports import Reply, Said
from tocsin.domain.replies import Verb, Wish
from tocsin.incidents import queries as incidents
from tocsin.integrations.phone.texts import spoken
from tocsin.lib.conflicts import again_on_conflict
from tocsin.lib.refusal import Refused, missing
from tocsin.paging import answerable, messages
from tocsin.paging import operations as paging
from tocsin.paging import operations_listening as listening
from tocsin.paging import operations_reports as reports
from tocsin.paging import operations_settling as settling
from tocsin.paging import operations_shown as shown
from tocsin.paging.models import ContactMethod, Notification, Provider
from tocsin.response import frame
from tocsin.response.acknowledge import acknowledge_page
from tocsin.response.resolve_alert import resolve_alert

HOW = 'Reply with the page\'s number to acknowledge, with an r to resolve, with an e to escalate: 7, 7r, 7e. "all" acknowledges all.'


@again_on_conflict
@transaction.atomic
def answer_once(reply: Reply, *, provider: Provider, page: Notification | None, now: datetime) -> Said | None:
    """The same for an answer that the provider may bring again: None where it was carried out before (see Answered)."""
    if not listening.is_new(provider, reply.event, now):
        return None
    return answer(reply, channel=provider.channel, page=page, now=now)


def answer(reply: Reply, *, channel: str, page: Notification | None, now: datetime) -> Said:
    """Carry out a reply that came by that channel; `page` is the one that the provider's call is about, where it is about one.

    A reply without an address is that of the page's own person; a button may also be pressed by another who sees it.
    """
    if page is None and reply.notification is not None:
        page = Notification.objects.select_related("user", "escalation", "contact_method").filter(pk=reply.notification).first()
        if page is None:
            return Said(False, "This page is gone.")
    if page is not None and not reply.address:
        return _about([page], reply.wish, channel, now)
    methods = answerable.methods_of(channel, reply.address)
    if not methods:
        return Said(False, "This address belongs to nobody here; nothing was done.")
    if reply.wish.verb in (Verb.STOP, Verb.START):
        return _switch(methods, reply.wish.verb, now)
    if page is not None:
        people = [method.user for method in methods]
        return _about([page], reply.wish, channel, now, next((one for one in people if one.pk == page.user_id), people[0]))
    return _about(answerable.pages_meant(methods, reply.wish, now), reply.wish, channel, now)


def _about(pages: list[Notification], wish: Wish, channel: str, now: datetime, by: User | None = None) -> Said:
    if wish.verb is Verb.REPEAT and pages:
        if over := shown.note(pages[0]):
            return Said(True, over)
        return Said(False, spoken(messages.message(pages[0], now)))
    if wish.verb not in _DEEDS:
        return Said(False, "" if channel == "voice" else HOW)  # a call says its menu again by itself
    if not pages:
        return Said(False, f"No page of the last day has the number {wish.code}." if wish.code else "There is no page to answer.")
    if len(pages) > 1 and not (wish.all and wish.verb is Verb.ACKNOWLEDGE):
        return Said(False, f"{len(pages)} pages wait for an answer: {answerable.listed(pages)}. Reply with the number of one.")
    said = [_carry_out(page, wish.verb, by or page.user, channel, now) for page in pages]
    return Said(all(one.done for one in said), " ".join(one.sentence for one in said))


def _carry_out(page: Notification, verb: Verb, user: User | None, channel: str, now: datetime) -> Said:
    if user is None or not user.is_active or user.removed_at:
        return Said(False, "This person is no longer active.")
    by = Actor.of(user, channel)
    if user.pk == page.user_id and page.state in (Notification.State.SENDING, Notification.State.ACCEPTED, Notification.State.UNCONFIRMED):
        reports.reached(page.pk, f"{by.label} answered: {verb}", now)
    if verb is Verb.ACKNOWLEDGE and user.pk == page.user_id and messages.asks(page):
        acknowledge_page(incident_id=None, alert_id=None, page=page, by=by, now=now)
        return Said(True, "You have acknowledged the test page.")
    if page.kind not in ("page", "fallback", "post") or (page.kind == "post" and not (page.alert_id or page.incident_id)):
        return Said(True, "This was no page; there is nothing to do, and your answer has arrived.")
    try:
        return _DEEDS[verb](page, by, now)
    except Refused as refused:
        return Said(False, refused.detail)


def _acknowledge(page: Notification, by: Actor, now: datetime) -> Said:
    taken = acknowledge_page(incident_id=page.incident_id, alert_id=page.alert_id, page=page, by=by, now=now, theirs=_is_theirs(page, by))
    if more := taken.waits_for:
        return Said(True, f"You have acknowledged, and {more} must as well: {page.title[:100]}.")
    if taken.taken:
        return Said(True, f"You have it: {page.title[:100]}.")
    when = f" since {taken.at:%H:%M} UTC" if taken.at else ""
    return Said(True, f"{taken.by} has it{when}: {page.title[:100]}.")


def _resolve(page: Notification, by: Actor, now: datetime) -> Said:
    if page.incident_id:  # what ended the harm must be said, and is asked on its page
        return Said(False, "An incident is resolved on its page, where it is said what fixed it. Acknowledge it here.")
    alert = Alert.objects.filter(pk=page.alert_id).first() if page.alert_id else None
    if alert is None:
        return Said(False, "The alert of this page is gone.")
    resolve_alert(alert=alert, by=by, now=now)
    return Said(True, f"Resolved: {page.title[:100]}.")


def _is_theirs(page: Notification, by: Actor) -> bool:
    return by.user is not None and by.user.pk == page.user_id


def _escalate(page: Notification, by: Actor, now: datetime) -> Said:
    if not _is_theirs(page, by):
        frame.require_responder(by)
        if page.incident_id and not incidents.visible_to(by).filter(pk=page.incident_id).exists():
            raise missing("incident")
    if page.escalation_id:
        with transaction.atomic():
            if paging.hurry(page.escalation_id, by=by, now=now):
                return Said(True, f"Passed on to the next step: {page.title[:100]}.")
    return Said(False, "Nobody else is to be paged for this any more, or somebody has it already.")


def _switch(methods: list[ContactMethod], verb: Verb, now: datetime) -> Said:
    """STOP and START, which the provider obeys by itself: our own record of it, so that other methods are used and their person knows."""
    with transaction.atomic():
        for method in methods:
            if verb is Verb.START:
                paging.change_method(method, enabled=True, by=Actor.of(method.user, method.kind), now=now)
            else:
                settling.lose(method, "you answered STOP", now, stopped=True)
    if verb is Verb.START:
        return Said(True, "You are paged here again.")
    return Said(True, "You are not paged here any more, only by your other ways. Reply START to undo.")


_DEEDS: dict[Verb, Callable[[Notification, Actor, datetime], Said]] = {
    Verb.ACKNOWLEDGE: _acknowledge,
    Verb.RESOLVE: _resolve,
    Verb.ESCALATE: _escalate,
}
