"""A stand-in for Twilio: an HTTP server of its own that speaks its REST API, and signs its calls to us with Twilio's own library.

It keeps every text and call that it was asked for. `answers` says what the next requests get instead; calls back happen when the story says
so, and go through a client that stands for the network in between.
"""

from __future__ import annotations

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import twilio.request_validator
from django.test import Client

SID = "AC" + "0123456789abcdef" * 2
TOKEN = "the token of the account"
NUMBER = "+14155550100"


class Twilio:
    """The account's records by SID, and the way back to us."""

    def __init__(self) -> None:
        self.records: dict[str, dict[str, Any]] = {}
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.answers: list[tuple[int, dict[str, Any], dict[str, str]]] = []
        self.token = TOKEN
        self.validator = twilio.request_validator.RequestValidator(TOKEN)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.serve(self)

            do_GET = do_POST

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> Twilio:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    # -- its REST API -----------------------------------------------------------------------------------------------------

    def serve(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0)).decode()
        form = {name: values[-1] for name, values in parse_qs(body, keep_blank_values=True).items()}
        self.requests.append((request.command, request.path, form))
        status, answer, headers = self._answer(request, form)
        data = json.dumps(answer).encode()
        request.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(data)

    def _answer(self, request: BaseHTTPRequestHandler, form: dict[str, str]) -> tuple[int, dict[str, Any], dict[str, str]]:
        if self.answers:
            return self.answers.pop(0)
        if request.headers.get("Authorization") != "Basic " + base64.b64encode(f"{SID}:{self.token}".encode()).decode():
            return problem(401, 20003, "Authenticate")
        parts = urlsplit(request.path).path.split("/")
        if parts[:4] != ["", "2010-04-01", "Accounts", SID]:
            return problem(404, 20404, "The requested resource was not found")
        what = parts[4].removesuffix(".json")
        if request.command == "GET":
            record = self.records.get(parts[5].removesuffix(".json"))
            return (200, record, {}) if record else problem(404, 20404, "The requested resource was not found")
        if len(parts) > 5:
            record = self.records[parts[5].removesuffix(".json")]
            record |= {"status": form.get("Status", record["status"])}
            return 200, record, {}
        return self._make(what, form)

    def _make(self, what: str, form: dict[str, str]) -> tuple[int, dict[str, Any], dict[str, str]]:
        if not form.get("To", "").startswith("+"):
            return problem(400, 21211, "Invalid 'To' Phone Number")
        letters, status = {"Messages": ("SM", "queued"), "Calls": ("CA", "queued")}[what]
        sid = f"{letters}{len(self.records) + 1:032x}"
        self.records[sid] = {"sid": sid, "status": status, "error_code": None, "to": form["To"], "from": form.get("From"), "form": form}
        return 201, self.records[sid], {}

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
        """Tell us the status of a text or a call, as it was asked to; our answer."""
        record["status"] = status
        kind = "Message" if record["sid"].startswith("SM") else "Call"
        fields = {f"{kind}Sid": record["sid"], f"{kind}Status": status, "AccountSid": SID, "To": record["to"], "From": NUMBER, **more}
        return self.call(record["form"]["StatusCallback"], fields)

    def text(self, number: str, words: str, to: str, **more: str) -> Any:
        """Somebody writes a text to our number; `to` is the address that the number's account was set up with."""
        fields = {
            "MessageSid": f"SM{abs(hash(words)):032x}"[:34],
            "SmsStatus": "received",
            "From": number,
            "To": NUMBER,
            "Body": words,
            **more,
        }
        return self.call(to, fields)

    def call(self, url: str, fields: dict[str, str], **headers: str) -> Any:
        """Call that address of ours with a signed form."""
        signature = self.validator.compute_signature(url, fields)
        parts = urlsplit(url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        sent = {"HTTP_X_TWILIO_SIGNATURE": signature, **headers}
        return Client().post(path, urlencode(fields), content_type="application/x-www-form-urlencoded", **sent)


def problem(status: int, code: int, message: str, **headers: str) -> tuple[int, dict[str, Any], dict[str, str]]:
    """An error as Twilio answers it."""
    return status, {"code": code, "message": message, "more_info": f"https://www.twilio.com/docs/errors/{code}", "status": status}, headers
