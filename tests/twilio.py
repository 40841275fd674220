"""A stand-in for Twilio: an HTTP server of its own that speaks its REST API, and signs its calls to us with Twilio's own library.

It keeps every text and call that it was asked for. Its calls to us happen when the story says so, and go through a client that stands for the
network in between.
"""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from xml.etree import ElementTree

from django.test import Client
from twilio.request_validator import RequestValidator

from tests.integrations.standing_in import Asked, StandIn

SID = "AC" + "0123456789abcdef" * 2
TOKEN = "the token of the account"
NUMBER = "+14155550100"
Answer = tuple[int, Any, dict[str, str]]


class Twilio(StandIn):
    """The account's records by SID, and the way back to us."""

    def __init__(self) -> None:
        super().__init__()
        self.records: dict[str, dict[str, Any]] = {}
        self.token = TOKEN
        self.validator = RequestValidator(TOKEN)
        self.sequence = 0

    # -- its REST API -----------------------------------------------------------------------------------------------------

    def answer(self, asked: Asked) -> Answer:
        if asked.headers.get("authorization") != "Basic " + base64.b64encode(f"{SID}:{self.token}".encode()).decode():
            return problem(401, 20003, "Authenticate")
        parts = asked.path.split("/")
        if parts[:4] != ["", "2010-04-01", "Accounts", SID]:
            return problem(404, 20404, "The requested resource was not found")
        if asked.method == "GET":
            record = self.records.get(parts[5].removesuffix(".json"))
            return (200, record, {}) if record else problem(404, 20404, "The requested resource was not found")
        form = parse_qs(asked.body.decode(), keep_blank_values=True)
        if len(parts) > 5:
            return self._change(self.records[parts[5].removesuffix(".json")], {name: values[-1] for name, values in form.items()})
        return self._make(parts[4].removesuffix(".json"), {name: values[-1] for name, values in form.items()})

    def _change(self, record: dict[str, Any], form: dict[str, str]) -> Answer:
        """A call: `canceled` ends one that is not answered yet, other TwiML takes the place of what one that is answered says."""
        assert set(form) in ({"Status"}, {"Twiml"})
        if form.get("Status") == "canceled" and record["status"] in ("queued", "ringing"):
            record["status"] = "canceled"
        elif "Twiml" in form and record["status"] == "in-progress":
            ElementTree.fromstring(form["Twiml"])
            record["form"]["Twiml"] = form["Twiml"]
        else:
            return problem(400, 21220, "Call is not in-progress. Cannot redirect.")
        return 200, record, {}

    def _make(self, what: str, form: dict[str, str]) -> Answer:
        if not form.get("To", "").startswith("+"):
            return problem(400, 21211, "Invalid 'To' Phone Number")
        if what == "Messages" and not 0 < len(form.get("Body", "")) <= 1600:
            return problem(400, 21617, "The concatenated message body exceeds the 1600 character limit")
        if what == "Calls":
            ElementTree.fromstring(form["Twiml"])
        sid = f"{ {'Messages': 'SM', 'Calls': 'CA'}[what] }{len(self.records) + 1:032x}"
        record = {"sid": sid, "status": "queued", "error_code": None, "answered_by": None, "to": form["To"], "form": form}
        self.records[sid] = record
        return 201, record, {}

    # -- what the stories look at and do ----------------------------------------------------------------------------------

    @property
    def texts(self) -> list[dict[str, Any]]:
        """Every text, oldest first."""
        return [record for sid, record in self.records.items() if sid.startswith("SM")]

    @property
    def calls(self) -> list[dict[str, Any]]:
        """Every phone call, oldest first."""
        return [record for sid, record in self.records.items() if sid.startswith("CA")]

    def report(self, record: dict[str, Any], status: str, **more: str) -> Any:
        """Tell us the status of a text or a call, as it was asked to; our answer. Calls are counted, as Twilio counts them."""
        record["status"] = status
        kind = "Message" if record["sid"].startswith("SM") else "Call"
        fields = {f"{kind}Sid": record["sid"], f"{kind}Status": status, "AccountSid": SID, "To": record["to"], "From": NUMBER}
        if kind == "Call":
            fields["SequenceNumber"] = str(self.sequence)
            self.sequence += 1
        return self.call(record["form"]["StatusCallback"], {**fields, **more})

    def answered_by(self, record: dict[str, Any], whom: str) -> Any:
        """Tell us who answered a call."""
        record["answered_by"] = whom
        fields = {"CallSid": record["sid"], "AccountSid": SID, "AnsweredBy": whom, "MachineDetectionDuration": "2100"}
        return self.call(record["form"]["AsyncAmdStatusCallback"], fields)

    def press(self, record: dict[str, Any], key: str) -> str:
        """The person presses a key; what the voice says then."""
        gather = ElementTree.fromstring(record["form"]["Twiml"]).find("Gather")
        fields = {"CallSid": record["sid"], "AccountSid": SID, "CallStatus": "in-progress", "To": record["to"], "Digits": key}
        answer = self.call(gather.get("action"), fields)
        assert answer.status_code == 200 and answer["Content-Type"].startswith("application/xml")
        return heard(answer.content)

    def text(self, number: str, words: str, to: str, **more: str) -> Any:
        """Somebody writes a text to our number; `to` is the address that the number's account was set up with."""
        self.sequence += 1
        fields = {"MessageSid": f"SM{self.sequence:032x}", "SmsStatus": "received", "From": number, "To": NUMBER, "Body": words, **more}
        return self.call(to, fields)

    def call(self, url: str, fields: dict[str, str]) -> Any:
        """Call that address of ours with a signed form."""
        signature = self.validator.compute_signature(url, fields)
        parts = urlsplit(url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        return Client().post(
            path, urlencode(fields), content_type="application/x-www-form-urlencoded", headers={"X-Twilio-Signature": signature}
        )


def heard(twiml: str | bytes) -> str:
    """What the voice says, in order."""
    return " ".join(one.text or "" for one in ElementTree.fromstring(twiml).iter("Say"))


def problem(status: int, code: int, message: str, **headers: str) -> Answer:
    """An error as Twilio answers it."""
    return status, {"code": code, "message": message, "more_info": f"https://www.twilio.com/docs/errors/{code}", "status": status}, headers
