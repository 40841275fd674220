"""Somebody answers whether they come or take over, or does not: what is done about it? With the loop that notices that nobody answered."""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import transaction

from tocsin import clock
from tocsin.accounts.actor import SYSTEM, Actor
from tocsin.alerts.models import Alert
from tocsin.domain import asks as rules
from tocsin.domain.asks import Answer, Effect, Kind
from tocsin.incidents import operations as incidents
from tocsin.incidents.models import Incident
from tocsin.lib.due import Loop
from tocsin.lib.refusal import Refused, missing
from tocsin.paging import operations as paging
from tocsin.paging import operations_asks as asks
from tocsin.paging.models import Ask
from tocsin.paging.people import usable_methods
from tocsin.procedures import operations as procedures
from tocsin.response import administrators, catch_up, frame
from tocsin.timeline.operations import announce

log = logging.getLogger(__name__)
ANSWERS = {"coming": Answer.COMING, "cannot": Answer.CANNOT}


def answer_ask(*, ask_id: int, answer: str, note: str = "", by: Actor, now: datetime) -> Ask:
    """Say "coming" or "cannot". Only who was asked answers; it looks as if there were no ask for anybody else. The answer may be changed from
    "coming" to "cannot" while it goes on."""
    if answer not in ANSWERS:
        raise Refused(f"An answer is one of {', '.join(ANSWERS)}.", errors={"answer": f"It is one of {', '.join(ANSWERS)}."})
    note = frame.limit("note", note, 500)
    with transaction.atomic():
        frame.hold_person(by)
        ask = _locked(ask_id)
        if ask is None or by.user is None or ask.user_id != by.user.pk:
            raise missing("ask")
        if ask.answer == ANSWERS[answer]:
            return ask
        if _is_over(ask):
            raise Refused("It is over; nobody needs to come any more.", status=409, code="over")
        changed = ask.kind == Kind.COME and ask.answer in (Answer.COMING, Answer.CANNOT, Answer.NONE)
        if not ask.waits and not changed:
            raise Refused("This is not asked any more.", status=409, code="answered")
        if ask.kind == Kind.TAKE and answer == "coming" and not asks.held(incident_id=ask.incident_id, alert_id=ask.alert_id):
            raise Refused(
                "Nobody has it any more, so it cannot be handed over. Acknowledge it instead.", status=409, code="not_acknowledged"
            )
        _settle(ask, ANSWERS[answer], note, by, now)
        return ask


def withdraw_ask(*, ask_id: int, by: Actor, now: datetime) -> Ask:
    """It is not needed any more: who was to come need not, and what was to be handed over stays with who has it."""
    with transaction.atomic():
        frame.require_responder(by)
        ask = _locked(ask_id)
        if ask is None:
            raise missing("ask")
        if ask.waits:
            asks.settle(ask, Answer.WITHDRAWN, note=f"taken back by {by.label}", by=by, now=now)
        return ask


def meet(by: Actor, *, incident_id: int | None = None, alert_id: int | None = None, now: datetime) -> bool:
    """This person has just acknowledged: what they were asked about it is answered by that. Whether it was handed over to them.

    Call it in the transaction of the verb, which has locked the incident or alert.
    """
    if by.user is None:
        return False
    took = False
    waiting = asks.of_subject(incident_id=incident_id, alert_id=alert_id).filter(user=by.user, answer=Answer.WAITING)
    for ask in waiting.select_for_update(of=("self",)):
        _settle(ask, Answer.COMING, "", by, now)
        took = took or ask.kind == Kind.TAKE
    return took


def take() -> int:
    """Settle what nobody has answered in time, each in a transaction of its own; how many."""
    if catch_up.PROMISES.closed():
        return 0
    now, done = clock.now(), 0
    for id in asks.due_ids(now):
        try:
            with transaction.atomic():
                done += _overdue(id, now)
        except Exception as error:
            log.exception("ask %s could not be settled; it is tried again in a minute", id)
            asks.postpone(id, now)
            administrators.tell_of_failure("ask", id, error, "Whoever waits for its answer is not told.", now)
    return done


LOOP = Loop(asks.LOOP, take, catch_up.PROMISES.next_due(asks.next_due))


def _overdue(id: int, now: datetime) -> bool:
    ask = _locked(id)
    if ask is None or not ask.waits or ask.due_at is None or ask.due_at > now:
        return False
    if _is_over(ask):
        asks.settle(ask, Answer.WITHDRAWN, note="it is over", now=now)
    else:
        why = "they have left" if ask.user.removed_at else "" if usable_methods(ask.user) else "there is no usable contact method"
        _settle(ask, Answer.NONE, why, SYSTEM, now)
    return True


def _settle(ask: Ask, answer: Answer, note: str, by: Actor, now: datetime) -> None:
    asks.settle(ask, answer, note=note, by=by, now=now)
    match rules.effect(Kind(ask.kind), answer):
        case Effect.JOIN:
            if ask.incident_id:
                incidents.join(Incident.objects.get(pk=ask.incident_id), ask.user, now=now)
        case Effect.HAND_OVER:
            ids = [run.pk for run in asks.held(incident_id=ask.incident_id, alert_id=ask.alert_id)]
            asks.hand_to(ids, ask.user, via=by.via, expires_minutes=_expiry(ask), now=now)
        case Effect.PAGE_AGAIN:
            held = asks.held(incident_id=ask.incident_id, alert_id=ask.alert_id)
            ids = [run.pk for run in held if run.acknowledged_at and run.acknowledged_at <= ask.asked_at]  # who took it since keeps it
            paging.give_back(ids, by=by, now=now)
            _tell(ask, answer, "Somebody else has it by now." if held and not ids else "Paging has started again.", now)
        case Effect.TELL:
            _tell(ask, answer, "Ask somebody else, or ask again.", now)
    announce("board")


def _tell(ask: Ask, answer: Answer, advice: str, now: datetime) -> None:
    """Whoever asked hears of it."""
    if ask.asked_by is None:
        return
    said = rules.sentence(Kind(ask.kind), answer, ask.user.name or ask.user.email, ask.note)
    paging.notice(
        ask.asked_by, title=said, text=f"{said}. {advice}" + (f"\nYou had asked: {ask.reason}" if ask.reason else ""),
        identity=f"asked:{ask.pk}:{answer}:{int(now.timestamp())}", now=now, incident_id=ask.incident_id, alert_id=ask.alert_id,
    )  # fmt: skip


def _locked(id: int) -> Ask | None:
    """The ask, locked after what it is about: locks go incident, alert, escalation, notification."""
    ask = Ask.objects.filter(pk=id).first()
    if ask is None:
        return None
    if ask.incident_id:
        Incident.objects.select_for_update(of=("self",)).filter(pk=ask.incident_id).first()
    elif ask.alert_id:
        Alert.objects.select_for_update(of=("self",)).filter(pk=ask.alert_id).first()
    return Ask.objects.select_for_update(of=("self",)).select_related("user", "asked_by").get(pk=id)


def _is_over(ask: Ask) -> bool:
    if ask.incident_id:
        return Incident.objects.filter(pk=ask.incident_id, status__in=(Incident.Status.RESOLVED, Incident.Status.CLOSED)).exists()
    return Alert.objects.filter(pk=ask.alert_id or 0, status=Alert.Status.RESOLVED).exists()


def _expiry(ask: Ask) -> int | None:
    """In how many minutes an acknowledgement of it runs out, by the procedure."""
    if incident := Incident.objects.select_related("procedure_version").filter(pk=ask.incident_id or 0).first():
        document, severity = procedures.document(incident.procedure_version), incident.severity
    else:
        alert = Alert.objects.get(pk=ask.alert_id or 0)
        document, severity = procedures.document(procedures.current()), alert.cause_severity or alert.severity
    return next((one.acknowledgement_expires_minutes for one in document.severities if one.id == severity), None)
