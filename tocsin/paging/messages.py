"""What exactly is sent for a notification, and what do its links prove?"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q

from tocsin.domain import catch_up
from tocsin.domain.ports import Message
from tocsin.lib import signing
from tocsin.paging.models import ContactMethod, Notification, Provider

LINK_LIFETIME = timedelta(hours=24)
PURPOSE = "acknowledge"
REHEARSAL = "ready:"  # how the identity of a test page begins that is to be acknowledged
POLICY_TEST = "policy-test:"  # the same of a page of a policy that its reader tries on themselves
ASKING = Q(kind="test") & (Q(identity__startswith=REHEARSAL) | Q(identity__startswith=POLICY_TEST))  # the rows that `asks` is true of
CALLBACK = "callback"
CALLBACK_LIFETIME = timedelta(hours=24)
INBOUND = "inbound"
FOREVER = datetime(2100, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class AckLink:
    """What the link in a page proves: this page, sent to this person by this method about this subject (D19)."""

    notification_id: int
    escalation_id: int | None
    episode: int
    incident_id: int | None
    alert_id: int | None
    user_id: int
    method_id: int | None


def asks(row: Notification) -> bool:
    """Whether it is a test page that is to be acknowledged."""
    return row.kind == "test" and row.identity.startswith((REHEARSAL, POLICY_TEST))


def ack_link(row: Notification, now: datetime) -> str:
    """The address of the page that acknowledges; opening it changes nothing, pressing its button does. Empty for what cannot be acknowledged."""
    if not asks(row) and (row.kind not in ("page", "fallback") or not (row.alert_id or row.incident_id)):
        return ""
    values = {
        "n": row.id, "e": row.escalation_id, "p": row.escalation.episode if row.escalation else 0, "i": row.incident_id,
        "a": row.alert_id, "u": row.user_id, "m": row.contact_method_id,
    }  # fmt: skip
    return f"{settings.TOCSIN_URL}/ack/{signing.sign(values, purpose=PURPOSE, expires_at=now + LINK_LIFETIME)}/"


def read_ack_link(token: str, now: datetime) -> AckLink:
    """What a token of such a link proves. Raises BadLinkError."""
    values = signing.read(token, purpose=PURPOSE, now=now)
    return AckLink(values["n"], values["e"], values["p"], values["i"], values["a"], values["u"], values["m"])


def message(row: Notification, now: datetime) -> Message:
    """The message of one attempt."""
    if row.kind == "code" and row.contact_method:
        title = "Your verification code for Tocsin"
        return Message(title, f"The code is {verification_code(row.contact_method)}. It is valid for 10 minutes.", urgent=False)
    link = ack_link(row, now)
    subject = row.escalation.subject if row.escalation else (row.target or {}).get("subject", {})
    where = str(subject.get("link") or "")
    if where.startswith("/"):
        where = settings.TOCSIN_URL + where
    joined = getattr(row, "joined", None) or 0  # alerts of the same cause, by now: a claim reads it
    facts: dict[str, Any] = {
        "notification": row.id, "kind": "test" if row.identity.startswith(POLICY_TEST) else row.kind, "escalation": row.escalation_id, "incident": subject.get("incident_ref") or None,
        "alert": row.alert_id, "severity": subject.get("severity"), "service": subject.get("service"), "reason": row.reason,
        "subject_url": where or None, "merged_count": row.merged_count,
        "alerts_joined": joined, "attempt": row.attempt, "possible_duplicate": row.possible_duplicate,
        "late_seconds": row.late_seconds, "person": row.user_id, "reply_code": row.reply_code,
    }  # fmt: skip
    title = row.title
    if more := row.merged_count + joined:
        title = f"{title[:280]} (and {more:,} more)"
    if row.late_seconds:
        title = f"{title[:280]} ({catch_up.words(row.late_seconds)} late)"
    text = row.text + (f"\n{joined:,} more alert{'s' if joined > 1 else ''} of the same cause." if joined else "")
    if row.late_seconds:
        text += f"\nThis page is {catch_up.words(row.late_seconds)} late: Tocsin itself was away."
    text = text + ("\nPossible duplicate of a page before." if row.possible_duplicate else "")
    return Message(title, text, link=link, urgent=row.kind != "notice", facts=facts)


def callback(row: Notification, provider: Provider) -> str:
    """Our path that the provider calls about this page (receipts, key presses), signed for it alone; the provider signs its calls as well."""
    signed = signing.sign({"n": row.id, "p": provider.pk}, purpose=CALLBACK, expires_at=row.created_at + CALLBACK_LIFETIME)
    return f"/callbacks/pages/{signed}/"


def read_callback(token: str, now: datetime) -> tuple[int, int]:
    """The notification's and the provider's id. Raises BadLinkError."""
    values = signing.read(token, purpose=CALLBACK, now=now)
    return values["n"], values["p"]


def inbound(provider: Provider) -> str:
    """Our address that this account's provider calls about what people send (texts, buttons); it is set up there by hand."""
    return f"{settings.TOCSIN_URL}/callbacks/accounts/{signing.sign({'p': provider.pk}, purpose=INBOUND, expires_at=FOREVER)}/"


def read_inbound(token: str, now: datetime) -> int:
    """The provider's id. Raises BadLinkError."""
    return signing.read(token, purpose=INBOUND, now=now)["p"]


def key(row: Notification) -> str:
    """The idempotency key: the same for each attempt of one notification."""
    return f"tocsin-{row.id}"


def verification_code(method: ContactMethod) -> str:
    """The six digits that prove an address, derived from the method's nonce, so that no code is stored."""
    proof = hmac.new(settings.SECRET_KEY.encode(), f"verify:{method.id}:{method.verification_nonce}".encode(), hashlib.sha256)
    return f"{int.from_bytes(proof.digest()[:8]) % 1_000_000:06d}"


def link_code(method: ContactMethod) -> str:
    """The code that its person sends from the address that is to be proved; the number before the dash says which method it is for."""
    proof = hmac.new(settings.SECRET_KEY.encode(), f"link:{method.id}:{method.verification_nonce}".encode(), hashlib.sha256)
    return f"{method.id}-{proof.hexdigest()[:24]}"
