"""How is a page sent as a text through Twilio, and what does it say about it?"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from tocsin.domain import replies
from tocsin.domain.ports import Account, Answer, Callback, Field, Message, Outcome, Receipt, Reply, Report, Said
from tocsin.integrations.phone.numbers import e164
from tocsin.integrations.phone.texts import sms
from tocsin.integrations.twilio import rest, signature

VALID_SECONDS = 600  # a page that could not be handed over by then is of no use any more
_SERVICE = re.compile(r"MG[0-9a-f]{32}")
_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}")
_STATUS = {
    "accepted": Outcome.ACCEPTED, "scheduled": Outcome.ACCEPTED, "queued": Outcome.ACCEPTED, "sending": Outcome.ACCEPTED,
    "sent": Outcome.ACCEPTED, "delivered": Outcome.DELIVERED, "read": Outcome.DELIVERED, "undelivered": Outcome.FAILED,
    "failed": Outcome.FAILED, "canceled": Outcome.FAILED,
}  # fmt: skip
_WORDS = {"sent": "handed to the carrier", "delivered": "it is on the phone", "read": "it was read"}


class TwilioSms:
    """Texts: sent, reported on to the end, and answered by text."""

    kind = "twilio_sms"
    label = "Twilio: text messages"
    channel = "sms"
    fields = (
        *rest.FIELDS,
        Field("sender", "Sender", help="A number of yours (+1…), a messaging service (MG…), or a name of at most 11 letters, which cannot be answered."),
        rest.PLACE,
    )  # fmt: skip

    def check(self, values: Mapping[str, str]) -> dict[str, str]:
        """A sentence for each field that cannot be."""
        errors = rest.check(values)
        sender = values["sender"]
        if not _SERVICE.fullmatch(sender) and not _NAME.fullmatch(sender) and not _number(sender):
            errors["sender"] = (
                "A sender is a number such as +14155550100, a messaging service (MG and 32 digits or letters), or a name of 11 letters."
            )
        return errors

    def send(self, account: Account, address: str, message: Message, *, key: str) -> Receipt:
        """One text. Twilio knows no idempotency keys: what was cut after sending is unknown."""
        sender = account.values["sender"]
        service = bool(_SERVICE.fullmatch(sender))
        form: dict[str, str | list[str]] = {
            "To": address,
            "MessagingServiceSid" if service else "From": sender,
            "Body": sms(message, replies=service or sender.startswith("+")),
            "ValidityPeriod": str(VALID_SECONDS),
        }
        said = rest.post(account, "Messages.json", {**form, "StatusCallback": account.callback}, unheard=form)
        if said.refusal:
            return said.refusal
        return Receipt(Outcome.ACCEPTED, "Twilio took the text", provider_id=str(said.record["sid"]), reports=True)

    def read_callback(self, account: Account, call: Callback) -> list[Report | Reply]:
        """A status of a text, or a text that came in. Raises ForgedError."""
        fields = signature.proven(call, account.values["auth_token"], account.values.get("shared_key", ""))
        sid = fields.get("MessageSid") or fields.get("SmsSid") or ""
        status = fields.get("MessageStatus") or fields.get("SmsStatus") or ""
        if "Body" in fields and status in ("", "received", "receiving"):
            return [Reply(_wish(fields), address=fields.get("From", ""), event=sid)]
        report = _report(sid, status, fields.get("ErrorCode"))
        return [report] if report else []

    def answer(self, account: Account, call: Callback, said: Sequence[Said]) -> Answer:
        """The sentence goes back to the sender as a text; not to STOP, START and HELP, which Twilio answers itself."""
        said = () if b"OptOutType=" in call.body else said
        return rest.twiml("".join(rest.element("Message", one.sentence[:300]) for one in said))

    def ask(self, account: Account, provider_id: str) -> Report | None:
        """What became of a text."""
        record = rest.get(account, f"Messages/{provider_id}.json")
        return _report(provider_id, str(record.get("status") or ""), record.get("error_code")) if record else None


def _wish(fields: Mapping[str, str]) -> replies.Wish:
    # Twilio has obeyed these words already, in whatever language the sender set up
    if fields.get("OptOutType") in ("STOP", "START"):
        return replies.Wish(replies.Verb(fields["OptOutType"].lower()))
    return replies.by_text(fields["Body"])


def _report(sid: str, status: str, code: str | int | None) -> Report | None:
    outcome = _STATUS.get(status)
    if outcome is None:
        return None
    words = f"{status}: {rest.failure(code)}" if outcome is Outcome.FAILED else _WORDS.get(status, status)
    return Report(outcome, words, sid, stopped=str(code) == str(rest.OPTED_OUT))


def _number(text: str) -> bool:
    try:
        return e164(text) == text
    except ValueError:
        return False


GATEWAY = TwilioSms()
