"""Mail, webhook and screen say honestly what became of a message."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import threading
from email import message_from_bytes
from email.policy import default

import pytest
from aiosmtpd.controller import Controller

from tests.integrations.test_egress import Stranger, stranger  # noqa: F401 - a fixture
from tests.live import free_port
from tocsin.domain.ports import Message, Outcome
from tocsin.integrations.email.notifier import NOTIFIER as email
from tocsin.integrations.registry import CHANNELS, GATEWAYS, NOTIFIERS
from tocsin.integrations.screen.notifier import NOTIFIER as screen
from tocsin.integrations.webhook.notifier import NOTIFIER as webhook
from tocsin.integrations.webhook.notifier import secret

PAGE = Message(
    "SEV1 Checkout <is> down", "Service: checkout\nWhy you: alert → you", link="http://localhost:8000/ack/abc/",
    facts={"kind": "page", "notification": 7, "person": 3, "subject_url": "http://localhost:8000/alerts/5/"},
)  # fmt: skip


class Mailbox:
    """A mail server that keeps what it gets, or answers as it is told."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []
        self.says = ""

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.says:
            return self.says
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.mails.append(envelope.content)
        return "250 OK"


@pytest.fixture
def mailbox(settings):
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=free_port(), ready_timeout=60)
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", controller.port
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    yield box
    controller.stop()


def test_a_mail_has_text_html_and_the_same_id_on_each_attempt(mailbox):
    for _ in range(2):
        assert email.send("ana@example.com", PAGE, key="tocsin-7").outcome == Outcome.ACCEPTED
    first, second = (message_from_bytes(mail, policy=default) for mail in mailbox.mails)
    assert first["Message-ID"] == second["Message-ID"] == "<tocsin-7@localhost>"
    assert first["Subject"] == "SEV1 Checkout <is> down" and first["Auto-Submitted"] == "auto-generated"
    text, html = (first.get_body((kind,)).get_content() for kind in ("plain", "html"))
    assert "http://localhost:8000/ack/abc/" in text and 'href="http://localhost:8000/ack/abc/"' in html


@pytest.mark.parametrize(("says", "outcome"), [("451 try later", Outcome.RETRY), ("550 no such person", Outcome.FAILED)])
def test_what_the_mail_server_says_decides(mailbox, says, outcome):
    mailbox.says = says
    receipt = email.send("ana@example.com", PAGE, key="tocsin-7")
    assert receipt.outcome == outcome and says[:3] in receipt.reason


def test_no_mail_server_is_a_temporary_failure(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    assert email.send("ana@example.com", PAGE, key="tocsin-7").outcome == Outcome.RETRY


def test_a_mail_server_that_drips_is_given_up(settings, monkeypatch):
    monkeypatch.setattr("tocsin.integrations.email.notifier.TIME_LIMIT", 1.0)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.getsockname()
        over = threading.Event()

        def drip() -> None:
            line, _ = server.accept()
            with line:
                while not over.wait(0.3):
                    try:
                        line.sendall(b"2")
                    except OSError:
                        return

        threading.Thread(target=drip, daemon=True).start()
        assert email.send("ana@example.com", PAGE, key="tocsin-7").outcome == Outcome.RETRY
        over.set()


def test_a_cut_after_the_text_was_sent_is_unknown_and_one_before_it_is_not(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    for last, outcome in ((b".\r\n", Outcome.UNKNOWN), (b"RCPT", Outcome.RETRY)):
        with socket.create_server(("127.0.0.1", 0)) as server:
            settings.EMAIL_HOST, settings.EMAIL_PORT = server.getsockname()

            def serve(server=server, last=last) -> None:
                line, _ = server.accept()
                with line, line.makefile("rb") as said:
                    line.sendall(b"220 here\r\n")
                    text = False
                    for word in said:
                        if word.upper().startswith(last):
                            return  # the line is cut without an answer
                        if text:
                            continue
                        text = word.upper().startswith(b"DATA")
                        line.sendall(b"354 go\r\n" if text else b"250 ok\r\n")

            threading.Thread(target=serve, daemon=True).start()
            receipt = email.send("ana@example.com", PAGE, key="tocsin-7")
            assert receipt.outcome == outcome, receipt


@pytest.mark.django_db
def test_a_webhook_that_took_the_request_and_never_answered_is_unknown():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            line, _ = server.accept()
            line.recv(65536)
            line.close()

        threading.Thread(target=serve, daemon=True).start()
        port = server.getsockname()[1]
        assert webhook.send(f"http://127.0.0.1:{port}/", PAGE, key="tocsin-7").outcome == Outcome.UNKNOWN
    assert webhook.send(f"http://127.0.0.1:{port}/", PAGE, key="tocsin-7").outcome == Outcome.RETRY


@pytest.mark.django_db
def test_a_webhook_is_signed_as_standard_webhooks_say(stranger):  # noqa: F811
    receipt = webhook.send(f"{stranger}/ok", PAGE, key="tocsin-7")
    assert receipt.outcome == Outcome.DELIVERED
    _, headers, body = Stranger.seen[0]
    plain = json.loads(body)
    assert (plain["title"], plain["ack_url"], plain["link"]) == (PAGE.title, PAGE.link, "http://localhost:8000/alerts/5/")
    key = base64.b64decode(secret(f"{stranger}/ok").removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    assert headers["webhook-signature"] == "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


@pytest.mark.django_db
@pytest.mark.parametrize(("path", "outcome"), [("/busy", Outcome.RETRY), ("/gone", Outcome.FAILED), ("/redirect", Outcome.FAILED)])
def test_what_the_receiver_answers_decides(stranger, path, outcome):  # noqa: F811
    receipt = webhook.send(f"{stranger}{path}", PAGE, key="tocsin-7")
    assert receipt.outcome == outcome
    assert receipt.retry_after == (30.0 if path == "/busy" else None)


@pytest.mark.django_db
def test_a_webhook_to_a_private_address_fails_for_good(settings):
    settings.EGRESS_ALLOW = []
    assert webhook.send("http://169.254.169.254/latest/meta-data", PAGE, key="tocsin-7").outcome == Outcome.FAILED


@pytest.mark.django_db
def test_a_screen_is_not_delivered_before_it_says_so():
    assert screen.send("", PAGE, key="tocsin-7").outcome == Outcome.RETRY


@pytest.mark.parametrize(("kind", "address"), [("email", "ana"), ("webhook", "javascript:alert(1)"), ("webhook", "ftp://example.com")])
def test_an_address_that_cannot_work_is_refused(kind, address):
    with pytest.raises(ValueError, match=r"\w"):
        NOTIFIERS[kind].check_address(address)


def test_which_channels_accounts_serve_is_known_without_importing_what_serves_them():
    assert {gateway.channel for gateway in GATEWAYS.values()} == CHANNELS
