"""How is a page spoken in a call through Twilio, and what do its reports and pressed keys mean?

What is said goes with the request, so that the call speaks also where Twilio cannot reach us. An answering machine is found while the voice
speaks already: nobody who is woken hears silence first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tocsin.domain import replies
from tocsin.domain.ports import Account, Answer, Callback, Field, Message, Outcome, Receipt, Reply, Report, Said, Sent
from tocsin.integrations.phone.numbers import e164
from tocsin.integrations.phone.texts import MENU, spoken
from tocsin.integrations.twilio import rest, signature

RING_SECONDS = 30
KEY_SECONDS = 8  # that the voice waits for a key
LANGUAGES = ("en-US", "en-GB", "en-AU", "en-IN")
_ENDS = {
    "busy": "the line is busy", "no-answer": f"nobody answered within {RING_SECONDS} s", "failed": "the call could not be connected",
    "canceled": "the call was cancelled",
}  # fmt: skip
_ON_THE_WAY = {"queued": "the call waits its turn", "initiated": "the call begins", "ringing": "it rings", "in-progress": "it was answered"}
_SIP = {
    "404": "the number does not exist",
    "480": "the phone cannot be reached",
    "484": "the number is not complete",
    "603": "the call was declined",
}
_MACHINES = {"fax": "a fax machine answered"}


class TwilioVoice:
    """Calls: spoken, answered by keys, reported on to the end."""

    kind = "twilio_voice"
    label = "Twilio: phone calls"
    channel = "voice"
    fields = (
        *rest.FIELDS,
        Field("sender", "Caller number", help="A number of yours at Twilio, or one that is verified there: +14155550100."),
        Field("language", "Accent", required=False, default="en-US", help=f"Of the English voice: {', '.join(LANGUAGES)}."),
        Field("machines", "Detect answering machines", required=False, default="yes", help="yes or no; Twilio charges for it."),
        rest.PLACE,
    )  # fmt: skip

    def check(self, values: Mapping[str, str]) -> dict[str, str]:
        """A sentence for each field that cannot be."""
        errors = rest.check(values)
        try:
            if e164(values["sender"]) != values["sender"]:
                raise ValueError
        except ValueError:
            errors["sender"] = "The caller's number is written as +14155550100."
        if values["language"] not in LANGUAGES:
            errors["language"] = f"Choose one of {', '.join(LANGUAGES)}."
        if values["machines"] not in ("yes", "no"):
            errors["machines"] = "Say yes or no."
        return errors

    def send(self, account: Account, address: str, message: Message, *, key: str) -> Receipt:
        """One call. Twilio knows no idempotency keys: what was cut after sending is unknown."""
        text = spoken(message)
        form: dict[str, str | list[str]] = {"To": address, "From": account.values["sender"], "Timeout": str(RING_SECONDS)}
        heard = {
            **form,
            "Twiml": _script(account, text, account.callback if message.facts.get("kind") else ""),
            "StatusCallback": account.callback,
            "StatusCallbackEvent": ["initiated", "ringing", "answered", "completed"],
        }
        if account.values["machines"] == "yes" and message.facts.get("kind"):
            heard |= {"MachineDetection": "Enable", "AsyncAmd": "true", "AsyncAmdStatusCallback": account.callback}
        said = rest.post(account, "Calls.json", heard, unheard={**form, "Twiml": _script(account, text, "")})
        if said.refusal:
            return said.refusal
        return Receipt(Outcome.ACCEPTED, "Twilio calls", provider_id=str(said.record["sid"]), reports=True)

    def change(self, account: Account, sent: Sent, message: Message, note: str) -> Receipt:
        """A telephone that rings is let be; whoever has picked it up already hears who has it. https://www.twilio.com/docs/voice/api/call-resource"""
        path = f"Calls/{sent.provider_id}.json"
        status = (rest.get(account, path) or {}).get("status")
        if status is None:
            return Receipt(Outcome.RETRY, "Twilio does not say whether the call goes on")
        if status not in _ON_THE_WAY:
            return Receipt(Outcome.DELIVERED, "the call is over")
        told = f"<Response>{_say(account, f'{note} Good bye.')}<Hangup/></Response>"
        form: dict[str, str | list[str]] = {"Twiml": told} if status == "in-progress" else {"Status": "canceled"}
        said = rest.post(account, path, form, unheard=form)
        return said.refusal or Receipt(Outcome.DELIVERED, "the call was ended")

    def read_callback(self, account: Account, call: Callback) -> list[Report | Reply]:
        """A status of a call, who answered it, or a key that was pressed. Raises ForgedError."""
        fields = signature.proven(call, account.values["auth_token"], account.values.get("shared_key", ""))
        if "Digits" in fields:
            return [Reply(replies.by_key(fields["Digits"][:1]))]
        report = _report(fields.get("CallSid", ""), fields.get("CallStatus", ""), fields.get("AnsweredBy"), fields.get("SipResponseCode"))
        number = fields.get("SequenceNumber", "")
        if report and number.isdigit() and len(number) < 6:
            report = Report(report.outcome, report.reason, report.provider_id, int(number))
        return [report] if report else []

    def answer(self, account: Account, call: Callback, said: Sequence[Said]) -> Answer:
        """After a key: what came of it; the menu again where nothing did."""
        if not said:
            return Answer(status=204)
        sentence = " ".join(one.sentence for one in said)
        if all(one.done for one in said):
            return rest.twiml(_say(account, f"{sentence} Good bye.") + "<Hangup/>")
        return rest.twiml(_menu(account, sentence, call.url) + _say(account, "Good bye."))

    def ask(self, account: Account, provider_id: str) -> Report | None:
        """What became of a call."""
        record = rest.get(account, f"Calls/{provider_id}.json")
        return _report(provider_id, str(record.get("status") or ""), record.get("answered_by"), None) if record else None


def _script(account: Account, text: str, callback: str) -> str:
    """The TwiML of a call: said twice, with the menu where keys can be heard."""
    if not callback:
        return f'<Response>{_say(account, text)}<Pause length="2"/>{_say(account, text)}</Response>'
    again = _menu(account, text, callback)
    return f"<Response>{again}{again}{_say(account, 'No key was pressed. Good bye.')}</Response>"


def _menu(account: Account, text: str, callback: str) -> str:
    said = _say(account, f"{text} {MENU}".strip())
    address = rest.element("Gather", "", input="dtmf", numDigits="1", timeout=str(KEY_SECONDS), method="POST", action=callback)
    return address.removesuffix("</Gather>") + said + "</Gather>"


def _say(account: Account, text: str) -> str:
    return rest.element("Say", text, language=account.values.get("language") or "en-US")


def _report(sid: str, status: str, answered_by: str | None, sip: str | None) -> Report | None:
    by = answered_by or ""
    if by.startswith("machine") or by in _MACHINES:  # it was not the person: as good as nobody
        return Report(Outcome.FAILED, _MACHINES.get(by, "an answering machine answered"), sid)
    if status == "completed":
        return Report(Outcome.DELIVERED, "it was answered, and ended without a key", sid)
    if status in _ENDS:
        return Report(Outcome.FAILED, _SIP.get(sip or "", _ENDS[status]), sid)
    if status in _ON_THE_WAY:
        return Report(Outcome.ACCEPTED, _ON_THE_WAY[status], sid)
    if by:
        return Report(Outcome.ACCEPTED, "a person answered" if by == "human" else "it is not known who answered", sid)
    return None


GATEWAY = TwilioVoice()
