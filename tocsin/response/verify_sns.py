"""Which events of Amazon SNS may be folded? Those that it signed; and what has to be fetched from it for that, or to confirm a subscription, is fetched here.

A certificate that is not known yet keeps its events waiting (they stay new) while a loop of its own fetches it, outside of any transaction;
the fold goes on with everything else meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings

from tocsin import clock
from tocsin.accounts.actor import SYSTEM
from tocsin.accounts.audit import audit
from tocsin.alerts import operations as alerts
from tocsin.alerts import operations_sns
from tocsin.alerts.models import Integration, RawEvent, SnsFetch
from tocsin.domain.ports import UnreadableError
from tocsin.integrations.aws_sns import signature
from tocsin.integrations.reading_aws import HANDSHAKES, envelopes
from tocsin.integrations.reading_body import body_of
from tocsin.integrations.setting_up import TEST
from tocsin.lib import http
from tocsin.lib.due import Loop
from tocsin.response.read_event import received_of

KINDS = ("aws_sns", "aws_cloudwatch")  # the second reads bare alarms too: of its messages only handshakes must be signed
WAIT = "wait"


def sift(integration: Integration, rows: list[RawEvent], now: datetime) -> list[RawEvent]:
    """The events that may be folded now. The others wait for a certificate, or are refused with the reason here; subscriptions are noted.

    Call it in the transaction that has claimed the integration.
    """
    if integration.kind not in KINDS:
        return rows
    known, ready, refused = operations_sns.certificates(integration), [], []
    for row in rows:
        found = [] if TEST in row.headers or row.protocol != "in" else _envelopes(row)
        why = next((why for one in found if (why := _why_not(integration, row, one, known, now))), "")
        if why == WAIT:
            continue
        if why:
            refused.append((row, f"It is not from Amazon SNS: {why}."))
            continue
        for one in found:
            _shake_hands(integration, one, now)
        ready.append(row)
    _refuse(integration, refused, now)
    return ready


def _envelopes(row: RawEvent) -> list[Any]:
    try:
        return envelopes(body_of(received_of(row)))
    except UnreadableError:
        return []  # who reads it says so


def _why_not(integration: Integration, row: RawEvent, one: Any, known: dict[str, SnsFetch], now: datetime) -> str:
    """Why one message may not be folded; WAIT while its certificate is not there."""
    handshake = isinstance(one, dict) and one.get("Type") in HANDSHAKES
    if handshake and not signature.is_endpoint(one.get("SubscribeURL"), settings.SNS_ENDPOINTS):
        return "its SubscribeURL does not lead to Amazon SNS"
    if integration.topics and _topic(one) not in integration.topics:
        return f"its topic {_topic(one)[:200] or '(none)'} is not one of those that this integration takes"
    if not integration.signed_only or not (handshake or integration.kind == "aws_sns"):
        return ""
    if not isinstance(one, dict):
        return "it bears no signature"
    at = row.replay_of.received_at if row.replay_of else row.received_at
    if why := signature.problem(one, at, settings.SNS_ENDPOINTS):
        return why
    certificate = operations_sns.ask_certificate(integration, signature.certificate_url(one), known, now)
    if certificate is None:
        return "too many different certificates were named within an hour"
    if certificate.state == SnsFetch.State.WAITING:
        return WAIT
    if certificate.state != SnsFetch.State.DONE:
        return f"its certificate could not be fetched: {certificate.error}"
    return "" if signature.is_genuine(one, certificate.pem, at) else "its signature is wrong"


def _topic(one: Any) -> str:
    return str(one.get("TopicArn") or "") if isinstance(one, dict) else ""


def _shake_hands(integration: Integration, one: Any, now: datetime) -> None:
    kind = one.get("Type") if isinstance(one, dict) else ""
    if kind == "SubscriptionConfirmation":
        operations_sns.ask_subscription(integration, str(one.get("TopicArn") or ""), str(one["SubscribeURL"]), now)
    elif kind == "UnsubscribeConfirmation":
        operations_sns.end_subscription(integration, str(one.get("TopicArn") or ""), now)


def _refuse(integration: Integration, refused: Sequence[tuple[RawEvent, str]], now: datetime) -> None:
    if not refused:
        return
    alerts.write_outcomes([alerts.Outcome(row, [{"alert": None, "change": "refused", "reason": why}]) for row, why in refused], now)
    row, why = refused[0]
    more = f", and {len(refused) - 1} more" if len(refused) > 1 else ""
    audit("refuse", "event", row.pk, f"Event {row.pk}{more} of {integration.name} refused: {why}", by=SYSTEM, now=now)


def take() -> int:
    """Fetch what is due, one at a time."""
    row = operations_sns.claim(clock.now())
    if row is None:
        return 0
    error, final, body = _fetch(row.url)
    pem = ""
    if not error and row.purpose == SnsFetch.Purpose.CERTIFICATE:
        pem = body.decode("latin-1").replace("\0", "")
        if not signature.is_certificate(pem):
            error, final, pem = "there is no certificate of an RSA key", True, ""
    row = operations_sns.settle(row, error=error, final=final, pem=pem, now=(now := clock.now()))
    if row.purpose == SnsFetch.Purpose.SUBSCRIPTION and row.state == SnsFetch.State.DONE:
        audit(
            "confirm",
            "integration",
            row.integration_id,
            f"Subscription of {row.integration.name} to {row.topic} confirmed",
            by=SYSTEM,
            now=now,
        )
    return 1


def _fetch(url: str) -> tuple[str, bool, bytes]:
    """What went wrong, whether for good, and what came."""
    try:
        answer = http.request("GET", url)
    except (http.BlockedError, http.UnreachableError) as refusal:
        return str(refusal), False, b""
    if answer.status == 200:
        return "", True, answer.body
    return f"the answer was {answer.status}", 400 <= answer.status < 500 and answer.status != 429, b""


LOOP = Loop(operations_sns.LOOP_NAME, take, operations_sns.next_due)
