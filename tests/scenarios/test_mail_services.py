"""A page by a mail service: sent over its API, followed by its reports to the end, replaced at once when it comes back."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.core import mail
from django.core.mail import EmailMessage
from django.test import Client

from tests.integrations.standing_in import Asked, StandIn, running
from tests.integrations.test_notifiers import mailbox  # noqa: F401 - a fixture
from tocsin.alerts.models import Alert
from tocsin.domain.ports import Message, Outcome
from tocsin.integrations.email import services
from tocsin.integrations.registry import NOTIFIERS
from tocsin.paging import messages, operations_mail, operations_reports, queries_providers
from tocsin.paging import operations as paging
from tocsin.paging.models import ContactMethod, Notification, Provider

TOKEN = "b2f1c9a0-server-token"
SIGNING = "key-for-webhooks"


@dataclass
class Postmark(StandIn):
    """Postmark's e-mail API: its token, its error codes, addresses that it has deactivated."""

    inactive: set[str] = field(default_factory=set)
    numbers: itertools.count = field(default_factory=itertools.count)

    def answer(self, asked: Asked):
        if asked.headers.get("x-postmark-server-token") != TOKEN:
            return 401, {"ErrorCode": 10, "Message": "Request does not contain a valid Server token."}, {}
        said = asked.json
        if asked.path != "/email" or not (said["From"] and said["To"] and said["TextBody"]):
            return 422, {"ErrorCode": 300, "Message": "Invalid 'To' address."}, {}
        if said["To"] in self.inactive:
            sentence = (
                f"You tried to send to recipient(s) that have been marked as inactive. Found inactive addresses: {said['To']}. Inactive"
                " recipients are ones that have generated a hard bounce, a spam complaint, or a manual suppression."
            )
            return 422, {"ErrorCode": 406, "Message": sentence}, {}
        name = f"883953f4-6105-42a2-a16a-{next(self.numbers):012d}"
        return 200, {"To": said["To"], "SubmittedAt": "2026-01-01T00:00:00Z", "MessageID": name, "ErrorCode": 0, "Message": "OK"}, {}


@dataclass
class Mailgun(StandIn):
    """Mailgun's messages API: basic authentication, one form."""

    def answer(self, asked: Asked):
        if asked.headers.get("authorization") != "Basic " + base64.b64encode(f"api:{TOKEN}".encode()).decode():
            return 401, b"Forbidden", {"Content-Type": "text/plain"}
            assert asked.path == "/v3/mg.example.com/messages"
        return 200, {"id": asked.form["h:Message-Id"], "message": "Queued. Thank you."}, {}


@dataclass
class SendGrid(StandIn):
    """SendGrid's mail/send: 202 and nothing to read."""

    def answer(self, asked: Asked):
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return 401, {"errors": [{"message": "The provided authorization grant is invalid", "field": None, "help": None}]}, {}
        assert asked.path == "/v3/mail/send" and asked.json["personalizations"][0]["to"]
        return 202, b"", {"X-Message-Id": "14c5d75ce93"}


@pytest.fixture
def by_mail(world, settings):
    """Ben is reached by mail alone, Ana by her phone."""
    ContactMethod.objects.filter(user=world.ben).update(enabled=False)
    paging.add_method(world.ben, kind="email", address="ben@example.com", verified=True, by=world.by, now=world.now)
    settings.EMAIL_HOST, settings.DEFAULT_FROM_EMAIL = "", "Tocsin <pager@tocsin.example>"
    settings.EMAIL_BACKEND = "tocsin.integrations.email.service.Backend"
    return world


def use(settings, name: str, server: StandIn, path: str = "", **options: str) -> None:
    settings.MAIL_SERVICE, settings.MAIL_SERVICE_KEY = name, TOKEN
    settings.MAIL_SERVICE_OPTIONS = {"api_url": server.url + path, **options}
    settings.MAIL_SERVICE_WEBHOOK_KEY = ""


@pytest.fixture
def postmark(by_mail, settings):
    server = Postmark()
    with running(server):
        use(settings, "postmark", server, message_stream="pages")
        yield server


def page(world) -> Notification:
    return Notification.objects.filter(user=world.ben, kind="page", method_kind="email").latest("id")


def method(world) -> ContactMethod:
    return ContactMethod.objects.get(user=world.ben, kind="email", removed_at=None)


def call(body: object, *, raw: bytes = b"", account: Provider | None = None, **headers: str):
    """The service calls the address of its account."""
    place = urlsplit(messages.inbound(account or Provider.objects.get(kind="mail_service", removed_at=None))).path
    return Client().post(place, raw or json.dumps(body).encode(), content_type="application/json", headers=headers)


def postmark_says(kind: str, row: Notification, **more: object) -> dict[str, object]:
    """The body of a webhook of Postmark about that page."""
    carried = {"tocsin": f"tocsin-{row.pk}@localhost"}
    known = {"MessageID": row.provider_id, "Metadata": carried, "ServerID": 23, "MessageStream": "pages", "Tag": "", "RecordType": kind}
    match kind:
        case "Delivery":
            return {**known, "Recipient": "ben@example.com", "DeliveredAt": "2026-01-01T00:00:01Z", "Details": "250 2.0.0 Ok", **more}
        case "Bounce" | "SpamComplaint":
            return {
                **known, "ID": 4323372036854775807, "Type": "HardBounce", "TypeCode": 1, "Name": "Hard bounce", "Email": "ben@example.com",
                "Description": "The server was unable to deliver your message (ex: unknown user, mailbox not found).",
                "Details": "smtp;550 5.1.1 The email account that you tried to reach does not exist.", "From": "pager@tocsin.example",
                "BouncedAt": "2026-01-01T00:00:01Z", "DumpAvailable": True, "Inactive": True, "CanActivate": True, "Subject": "x", **more,
            }  # fmt: skip
    return {**known, **more}


def test_a_page_goes_out_over_the_api_and_its_report_says_that_it_arrived(by_mail, postmark):
    by_mail.policy([by_mail.ben])
    by_mail.alert("Checkout is down")
    [asked] = postmark.asked
    said = asked.json
    assert (said["From"], said["To"], said["MessageStream"]) == ("Tocsin <pager@tocsin.example>", "ben@example.com", "pages")
    assert (
        "Checkout is down" in said["Subject"]
        and "Acknowledge: http://localhost:8000/ack/" in said["TextBody"]
        and "<a href=" in said["HtmlBody"]
    )
    assert said["Metadata"] == {"tocsin": f"tocsin-{page(by_mail).pk}@localhost"} and asked.headers["user-agent"] == "Tocsin"
    assert (page(by_mail).state, page(by_mail).outcome) == ("accepted", "Postmark: Postmark took it")
    assert call(postmark_says("Delivery", page(by_mail))).status_code == 200
    assert (page(by_mail).state, page(by_mail).outcome) == ("delivered", "Postmark: the receiving mail server has it")
    account = Provider.objects.get(kind="mail_service")
    [hour] = [one for one in queries_providers.hours(account, by_mail.now) if one.taken]
    assert (hour.taken, hour.refused, hour.delivered, hour.undelivered) == (1, 0, 1, 0)
    assert call(postmark_says("Open", page(by_mail))).status_code == 200 and page(by_mail).state == "delivered"


def test_a_bounce_starts_the_next_way_at_once_and_the_address_has_to_be_proved_again(by_mail, postmark):
    phone = by_mail.method(by_mail.ben, "+491")
    paging.add_rule(by_mail.ben, contact_method=method(by_mail).pk, by=by_mail.by, now=by_mail.now)
    paging.add_rule(by_mail.ben, contact_method=phone.pk, after_seconds=900, by=by_mail.by, now=by_mail.now)
    by_mail.policy([by_mail.ben])
    by_mail.alert()
    sent = page(by_mail)
    body = postmark_says("Bounce", sent)
    assert call(body).status_code == 200
    by_mail.settle()
    by_mail.phone.expect(by_mail.ben, number="+491")  # not after the 15 minutes of the rule
    sent.refresh_from_db()
    assert sent.state == "failed" and sent.outcome.startswith(
        "Postmark: not delivered: the address does not take mail (smtp;550 5.1.1 The email"
    )
    lost = method(by_mail)
    assert lost.verified_at is None and "550 5.1.1" in lost.lost_reason
    assert next(text for number, text, _ in by_mail.phone.notices if number == "+491").title == "A way to reach you was lost"
    assert "550 5.1.1" in Provider.objects.get(kind="mail_service").troubles[0]["reason"]
    # proved again, it stays so, however often the old report comes
    by_mail.advance(minutes=1)
    ContactMethod.objects.filter(pk=lost.pk).update(verified_at=by_mail.now, lost_reason="")
    assert call(body).status_code == 200
    assert method(by_mail).verified_at is not None


def test_a_soft_bounce_fails_the_page_and_keeps_the_address_and_a_delay_changes_nothing(by_mail, postmark):
    by_mail.policy([by_mail.ben], [by_mail.ana])
    by_mail.alert()
    call(postmark_says("Bounce", page(by_mail), Type="Transient", Name="Message delayed"))
    assert page(by_mail).state == "accepted" and "does not take it yet" in str(page(by_mail).history)
    call(postmark_says("Bounce", page(by_mail), Type="SoftBounce", Details="smtp;452 4.2.2 mailbox full"))
    by_mail.settle()
    by_mail.phone.expect(by_mail.ana)
    assert page(by_mail).state == "failed" and "it was sent back (smtp;452 4.2.2 mailbox full)" in page(by_mail).outcome
    assert method(by_mail).verified_at is not None


def test_a_mail_of_which_nobody_ever_speaks_ends_as_unconfirmed_and_holds_back_no_step(by_mail, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    phone = by_mail.method(by_mail.ben, "+491")
    paging.add_rule(by_mail.ben, contact_method=method(by_mail).pk, by=by_mail.by, now=by_mail.now)
    paging.add_rule(by_mail.ben, contact_method=phone.pk, after_seconds=1800, by=by_mail.by, now=by_mail.now)
    by_mail.policy([by_mail.ben], [by_mail.ana])
    by_mail.alert()
    by_mail.advance(seconds=300)
    by_mail.phone.expect(by_mail.ana)  # the next step came when it was due
    by_mail.advance(seconds=299)
    assert page(by_mail).state == "accepted"
    by_mail.advance(seconds=2)
    end = page(by_mail)
    assert (end.state, end.outcome) == ("unconfirmed", "the mail server took it; nobody has said within 10 min whether it arrived")
    assert [line["state"] for line in end.history] == ["pending", "sending", "accepted", "unconfirmed"] and end.final_at
    assert len(mail.outbox) == 1 and not Notification.objects.filter(report_due_at__isnull=False).exists()
    by_mail.phone.silent()  # it may have arrived: the other way keeps its own delay


def test_a_bounce_after_that_end_still_starts_the_next_way_at_once_and_a_delivery_ends_it_better(by_mail, postmark):
    phone = by_mail.method(by_mail.ben, "+491")
    paging.add_rule(by_mail.ben, contact_method=method(by_mail).pk, by=by_mail.by, now=by_mail.now)
    paging.add_rule(by_mail.ben, contact_method=phone.pk, after_seconds=1800, by=by_mail.by, now=by_mail.now)
    by_mail.policy([by_mail.ben])
    by_mail.alert("First")
    by_mail.advance(seconds=601)
    assert page(by_mail).state == "unconfirmed"
    call(postmark_says("Delivery", page(by_mail)))
    assert page(by_mail).state == "delivered"
    by_mail.acknowledge(Alert.objects.get(), by_mail.ben)
    by_mail.alert("Second")
    by_mail.advance(seconds=601)
    call(postmark_says("Bounce", page(by_mail)))
    by_mail.settle()
    by_mail.phone.expect(by_mail.ben, "Second", number="+491")
    assert page(by_mail).state == "failed"


def test_whoever_answers_a_mail_that_nobody_spoke_of_had_it(by_mail, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    by_mail.policy([by_mail.ben])
    by_mail.alert()
    by_mail.advance(seconds=601)
    operations_reports.reached(page(by_mail).pk, "Ben answered", by_mail.now)
    assert page(by_mail).state == "delivered"


def test_what_is_marked_as_spam_had_arrived_and_reaches_nobody_any_more(by_mail, postmark):
    by_mail.policy([by_mail.ben])
    by_mail.alert()
    call(postmark_says("Delivery", page(by_mail)))
    call(postmark_says("SpamComplaint", page(by_mail), Type="SpamComplaint"))
    assert page(by_mail).state == "delivered" and method(by_mail).verified_at is None
    assert "marked as spam" in method(by_mail).lost_reason


def test_a_service_that_refuses_says_why_and_whose_fault_it_is(by_mail, postmark, settings):
    by_mail.policy([by_mail.ben], [by_mail.ana])
    postmark.inactive.add("ben@example.com")
    by_mail.alert("First")
    by_mail.phone.expect(by_mail.ana, "First")
    assert page(by_mail).state == "failed" and "Postmark sends nothing to this address: You tried to send" in page(by_mail).outcome
    assert method(by_mail).verified_at is None
    ContactMethod.objects.filter(pk=method(by_mail).pk).update(verified_at=by_mail.now, lost_reason="")
    settings.MAIL_SERVICE_KEY = "revoked"
    by_mail.advance(minutes=2)
    by_mail.alert("Second")
    by_mail.phone.expect(by_mail.ana, "Second")
    account = Provider.objects.get(kind="mail_service")
    assert page(by_mail).outcome == account.last_reason == "Postmark: Postmark answered 401: Request does not contain a valid Server token."
    assert account.failures == 1 and method(by_mail).verified_at is not None
    settings.MAIL_SERVICE_KEY = TOKEN
    postmark.inactive.clear()
    postmark.trouble.append((503, {"Message": "busy"}, {"Retry-After": "7"}))
    by_mail.advance(minutes=1, seconds=5)
    by_mail.alert("Third")
    assert page(by_mail).state == "pending" and "answered 503: busy" in page(by_mail).outcome
    by_mail.advance(seconds=8)
    assert page(by_mail).state == "accepted" and Provider.objects.get(kind="mail_service").failures == 0


def test_the_mail_server_takes_over_where_the_service_fails(by_mail, postmark, mailbox, settings):  # noqa: F811
    settings.EMAIL_BACKEND = "tocsin.integrations.email.service.Backend"
    settings.MAIL_SERVICE_KEY = "revoked"
    by_mail.policy([by_mail.ben])
    by_mail.alert()
    assert len(mailbox.mails) == 1 and (page(by_mail).state, page(by_mail).outcome) == ("accepted", "the mail server took it")
    assert Provider.objects.get(kind="mail_service").failures == 1
    EmailMessage("Your invitation", "link", None, ["ana@example.com"]).send()
    assert NOTIFIERS["email"].send("ana@example.com", Message("Ill", "x"), key="alarm-1").outcome is Outcome.ACCEPTED
    assert len(mailbox.mails) == 3


def test_mail_that_is_no_page_goes_the_same_way_and_says_when_it_cannot(by_mail, postmark, settings):
    assert EmailMessage("Your invitation", "link", None, ["ana@example.com"]).send() == 1
    assert postmark.asked[0].json["Subject"] == "Your invitation" and not postmark.asked[0].json.get("Metadata")
    postmark.trouble.append((500, b"<p>Oops</p>", {"Content-Type": "text/html"}))
    with pytest.raises(OSError, match="Postmark answered 500: Oops"):
        EmailMessage("Your invitation", "link", None, ["ana@example.com"]).send()
    settings.EGRESS_ALLOW = []
    receipt = NOTIFIERS["email"].send("ana@example.com", Message("Ill", "x"), key="alarm-1")
    assert receipt.outcome is Outcome.REFUSED and "not public" in receipt.reason  # the same gate as everything else


def test_a_redirect_of_the_service_is_not_followed(by_mail, postmark):
    postmark.trouble.append((307, {}, {"Location": "http://169.254.169.254/latest/meta-data/"}))
    receipt = NOTIFIERS["email"].send("ana@example.com", Message("Ill", "x"), key="alarm-1")
    assert receipt.outcome is not Outcome.ACCEPTED and len(postmark.asked) == 1


def signed(data: dict[str, object], *, at: float, key: str = SIGNING) -> dict[str, object]:
    """A webhook of Mailgun."""
    token, moment = "a" * 50, str(int(at))
    proof = hmac.new(key.encode(), f"{moment}{token}".encode(), hashlib.sha256).hexdigest()
    return {"signature": {"token": token, "timestamp": moment, "signature": proof}, "event-data": data}


def test_mailgun_reports_what_it_signed_within_five_minutes_and_nothing_else(by_mail, settings):
    server = Mailgun()
    with running(server):
        use(settings, "mailgun", server, "/v3", sender_domain="mg.example.com")
        by_mail.policy([by_mail.ben], [by_mail.ana])
        by_mail.alert()
        form, row = server.asked[0].form, page(by_mail)
        assert form["to"] == "ben@example.com" and form["h:Message-Id"] == row.provider_id == f"<tocsin-{row.pk}@tocsin.example>"
        assert form["v:tocsin"] == f"tocsin-{row.pk}@localhost" and (row.state, row.outcome) == ("accepted", "Mailgun: Mailgun took it")
        bounced = {
            "event": "failed", "severity": "permanent", "reason": "bounce", "id": "W3X4JOhFT-OZidZGKKr9iA", "timestamp": 1.5, "log-level": "error",
            "recipient": "ben@example.com", "recipient-domain": "example.com", "tags": [], "user-variables": {"tocsin": form["v:tocsin"]},
            "delivery-status": {"code": 550, "message": "5.1.1 Unknown user", "description": "", "attempt-no": 1, "session-seconds": 0.02},
            "message": {"headers": {"message-id": row.provider_id.strip("<>"), "to": "ben@example.com", "from": "x", "subject": "x"}, "size": 1},
        }  # fmt: skip
        now = by_mail.now.timestamp()
        refused = call(signed(bounced, at=now))
        assert refused.status_code == 403 and "TOCSIN_MAIL_SERVICE_WEBHOOK_KEY" in refused.content.decode()
        settings.MAIL_SERVICE_WEBHOOK_KEY = SIGNING
        for body in (
            signed(bounced, at=now, key="guessed"),
            signed(bounced, at=now - 301),
            signed(bounced, at=now + 301),
            bounced,
            [],
            {"signature": 1},
        ):
            assert call(body).status_code == 403, body
        assert call({}, raw=b"\xff{").status_code == 403 and page(by_mail).state == "accepted"
        assert call(signed({**bounced, "severity": "temporary"}, at=now)).status_code == 200 and page(by_mail).state == "accepted"
        assert call(signed(bounced, at=now)).status_code == 200
        by_mail.settle()
        by_mail.phone.expect(by_mail.ana)
        assert page(by_mail).outcome == "Mailgun: not delivered: the address does not take mail (5.1.1 Unknown user)"
        assert method(by_mail).verified_at is None


def test_sendgrid_signs_with_its_own_key_and_sends_many_events_at_once(by_mail, settings):
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    server = SendGrid()
    with running(server):
        use(settings, "sendgrid", server, "/v3/")
        settings.MAIL_SERVICE_WEBHOOK_KEY = base64.b64encode(public).decode()
        by_mail.policy([by_mail.ben])
        by_mail.alert()
        row = page(by_mail)
        said = server.asked[0].json
        carried = {**said["custom_args"], **said["personalizations"][0]["custom_args"]}
        assert carried["tocsin"] == f"tocsin-{row.pk}@localhost" and carried["anymail_id"] == row.provider_id
        base = {
            "email": "ben@example.com",
            "timestamp": 1513299569,
            "smtp-id": "<x>",
            "sg_event_id": "e",
            "sg_message_id": "14c5d75ce93.filter",
            **carried,
        }
        events = [
            {**base, "event": "processed"},
            {**base, "event": "delivered", "tocsin": "tocsin-1@other.example", "anymail_id": "another"},  # another installation's
            {**base, "event": "bounce", "type": "bounce", "reason": "550 5.1.1 The email account does not exist", "status": "5.1.1"},
        ]
        raw, at = json.dumps(events).encode(), str(int(by_mail.now.timestamp()))
        proof = base64.b64encode(key.sign(at.encode() + raw, ec.ECDSA(hashes.SHA256()))).decode()
        names = {"X-Twilio-Email-Event-Webhook-Signature": proof, "X-Twilio-Email-Event-Webhook-Timestamp": at}
        assert call(None, raw=raw).status_code == 403 and call(None, raw=raw + b" ", **names).status_code == 403
        assert call(None, raw=raw, **names).status_code == 200
        assert page(by_mail).state == "failed" and "550 5.1.1 The email account does not exist" in page(by_mail).outcome
        assert method(by_mail).verified_at is None


def test_resend_signs_as_standard_webhooks_do_and_postmark_may_have_a_password(by_mail, postmark, settings):
    by_mail.policy([by_mail.ben])
    by_mail.alert()
    settings.MAIL_SERVICE_WEBHOOK_KEY = "postmark:long-password"
    login = base64.b64encode(b"postmark:long-password").decode()
    body = postmark_says("Delivery", page(by_mail))
    assert (
        call(body).status_code == 403 and call(body, Authorization="Basic " + base64.b64encode(b"postmark:x").decode()).status_code == 403
    )
    assert call(body, Authorization=f"Basic {login}").status_code == 200 and page(by_mail).state == "delivered"
    settings.MAIL_SERVICE_OPTIONS = {}
    settings.MAIL_SERVICE, settings.MAIL_SERVICE_WEBHOOK_KEY = "resend", "whsec_" + base64.b64encode(b"k" * 24).decode()
    operations_mail.keep(by_mail.now)
    raw = json.dumps(
        {"type": "email.delivered", "created_at": "2026-01-01T00:00:00Z", "data": {"email_id": "unknown", "to": ["x@example.com"]}}
    ).encode()
    at = str(int(by_mail.now.timestamp()))
    proof = "v1," + base64.b64encode(hmac.new(b"k" * 24, f"msg_1.{at}.".encode() + raw, hashlib.sha256).digest()).decode()
    assert call(None, raw=raw).status_code == 403
    assert call(None, raw=raw, **{"svix-id": "msg_1", "svix-timestamp": at, "svix-signature": proof}).status_code == 200
    assert call(None, raw=raw + b" ", **{"svix-id": "msg_1", "svix-timestamp": at, "svix-signature": proof}).status_code == 403


def test_the_account_stands_for_the_service_of_the_settings_and_goes_with_it(by_mail, postmark, settings):
    operations_mail.keep(by_mail.now)
    operations_mail.keep(by_mail.now)
    first = Provider.objects.get(kind="mail_service", removed_at=None)
    assert (first.name, first.settings, first.sealed) == ("Postmark", {"service": "postmark"}, "")
    settings.MAIL_SERVICE = "mailjet"
    operations_mail.keep(by_mail.now)
    assert Provider.objects.get(kind="mail_service", removed_at=None).name == "Mailjet"
    assert call({}, account=first).status_code == 404
    settings.MAIL_SERVICE = ""
    operations_mail.keep(by_mail.now)
    assert not Provider.objects.filter(kind="mail_service", removed_at=None).exists()


def test_without_a_service_mail_goes_as_before(by_mail, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    by_mail.policy([by_mail.ben])
    by_mail.alert()
    assert len(mail.outbox) == 1 and page(by_mail).state == "accepted"


@pytest.mark.parametrize(("name", "key", "options", "words"), [
    ("pigeon", "k", {}, "choose one of brevo"), ("postmark", "", {}, "the key of its API"), ("mailjet", "only-one", {}, "KEY:SECRET"),
    ("postal", "k", {}, "needs api_url"), ("mailgun", "k", {"colour": "red"}, "Mailgun takes api_url, sender_domain"), ("mailjet", "a:b", {}, ""),
    ("", "", {}, ""),
])  # fmt: skip
def test_settings_that_cannot_be_are_told_by_name(settings, name, key, options, words):
    settings.MAIL_SERVICE, settings.MAIL_SERVICE_KEY, settings.MAIL_SERVICE_OPTIONS = name, key, options
    assert words in services.wrong() if words else services.wrong() == ""


@pytest.mark.parametrize("name", sorted(services.SERVICES))
def test_each_service_can_be_made_and_sends_by_the_gate_alone(by_mail, settings, name):
    """Whatever it is asked, the answer of the stand-in is what its backend makes of it: nothing goes past lib.http."""

    @dataclass
    class Anything(StandIn):
        def answer(self, asked: Asked):
            return 400, {"message": "not today"}, {}

    server = Anything()
    with running(server):
        use(settings, name, server, "/")
        settings.MAIL_SERVICE_KEY = "a:b" if name == "mailjet" else "k"
        settings.MAIL_SERVICE_OPTIONS |= {"project_id": "p"} if name == "scaleway" else {}
        assert services.wrong() == ""
        receipt = NOTIFIERS["email"].send("ana@example.com", Message("Ill", "x"), key="alarm-1")
        assert len(server.asked) == 1 and server.asked[0].headers["user-agent"] == "Tocsin"
        assert receipt.outcome is Outcome.REFUSED and "answered 400: not today" in receipt.reason, receipt
