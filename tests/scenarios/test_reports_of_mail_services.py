"""What each mail service says of a mail that came back, in the form that it documents and signed as it signs: the page fails, the next way starts
at once, a follower is told by mail no more, an invitation shows it. A mail that may arrive later takes nothing away."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from django.core import mail
from django.test import Client

from tests.scenarios.test_mail_services import by_mail, method, page  # noqa: F401 - a fixture
from tocsin import clock
from tocsin.accounts import operations_tokens as tokens
from tocsin.accounts.actor import Actor
from tocsin.accounts.models import User
from tocsin.incidents.models import Subscriber
from tocsin.integrations.email import services
from tocsin.integrations.email.service import NotTakenError, about, bounce
from tocsin.paging import messages, operations_mail
from tocsin.paging.models import ContactMethod, Provider
from tocsin.response import followers

pytestmark = pytest.mark.django_db
KEY = "key-for-webhooks"
LOGIN = "reports:long-password"
EC_KEY = ec.generate_private_key(ec.SECP256R1())
RSA_KEY = rsa.generate_private_key(65537, 2048)
WORDS = "550 5.1.1 The email account that you tried to reach does not exist."
Call = tuple[bytes, str, dict[str, str]]  # body, its type, headers


def plain(said: Any, **headers: str) -> Call:
    return json.dumps(said).encode(), "application/json", headers


def login(said: Any) -> Call:
    return plain(said, Authorization="Basic " + base64.b64encode(LOGIN.encode()).decode())


def hmac_of(body: bytes, key: str = KEY) -> str:
    return hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


def spki(key: Any) -> str:
    bytes_ = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(bytes_).decode()


# Each gives the call about a mail with that name at the service and that metadata; `soft`: it may arrive later.


def brevo(name: str, carried: dict[str, str], soft: bool) -> Call:  # developers.brevo.com/docs/transactional-webhooks
    return login({
        "event": "soft_bounce" if soft else "hard_bounce", "email": "ben@example.com", "id": 26224, "date": "2026-01-01 01:00:01", "ts": 1598034008,
        "message-id": name, "ts_event": 1598034008, "subject": "SEV2", "X-Mailin-custom": json.dumps(carried), "sending_ip": "198.51.100.1",
        "template_id": 22, "tag": "", "ts_epoch": 1598034008000, "reason": "452 4.2.2 mailbox full" if soft else WORDS,
    })  # fmt: skip


def mailersend(name: str, carried: dict[str, str], soft: bool) -> Call:  # developers.mailersend.com/api/v1/webhooks
    kind = "soft_bounced" if soft else "hard_bounced"
    body = json.dumps({
        "type": f"activity.{kind}", "domain_id": "yv69oxl5kl785kw2", "created_at": "2026-01-01T00:00:01.000000Z", "webhook_id": "2351ndgwr4zqx8ko",
        "url": "https://tocsin.example/", "data": {
            "object": "activity", "id": "62f114f8165fe0d8db0288e3", "type": kind, "created_at": "2026-01-01T00:00:01.000000Z",
            "email": {
                "object": "email", "id": "62f114f8165fe0d8db0288e2", "from": "pager@tocsin.example", "subject": "SEV2", "status": "rejected", "tags": None,
                "message": {"object": "message", "id": name}, "recipient": {"object": "recipient", "id": "62c69beb5", "email": "ben@example.com"},
            },
            "morph": {"object": "recipient_bounce", "reason": "mailbox full" if soft else WORDS},
        },
    }).replace("/", "\\/").encode()  # fmt: skip
    return body, "application/json", {"Signature": hmac_of(body)}


def mailgun(name: str, carried: dict[str, str], soft: bool) -> Call:  # documentation.mailgun.com, "Webhooks" and "Events"
    at, token = str(int(clock.now().timestamp())), "c" * 50
    return plain({
        "signature": {"timestamp": at, "token": token, "signature": hmac_of(f"{at}{token}".encode())},
        "event-data": {
            "id": "G9Bn5sl1TC6nu79C8C0bwg", "timestamp": 1521233195.375624, "log-level": "error", "event": "failed", "reason": "generic",
            "severity": "temporary" if soft else "permanent", "recipient": "ben@example.com", "recipient-domain": "example.com", "tags": [],
            "delivery-status": {"attempt-no": 1, "message": WORDS, "code": 550, "enhanced-code": "5.1.1", "description": "", "session-seconds": 0.1},
            "flags": {"is-routed": False, "is-authenticated": True, "is-system-test": False, "is-test-mode": False}, "user-variables": carried,
            "envelope": {"sender": "pager@tocsin.example", "transport": "smtp", "targets": "ben@example.com"}, "campaigns": [],
            "message": {"headers": {"to": "ben@example.com", "message-id": name.strip("<>"), "from": "pager@tocsin.example", "subject": "SEV2"}, "attachments": [], "size": 111},
        },
    })  # fmt: skip


def mailjet(name: str, carried: dict[str, str], soft: bool) -> Call:  # dev.mailjet.com/email/guides/webhooks
    return login([{
        "event": "bounce", "time": 1430812195, "MessageID": int(name), "Message_GUID": "1ab23cd4-e567-8901-2345-6789f0gh1i2j", "email": "ben@example.com",
        "mj_campaign_id": 0, "mj_contact_id": 0, "customcampaign": "", "CustomID": "", "Payload": json.dumps(carried), "blocked": False, "hard_bounce": not soft,
        "error_related_to": "recipient", "error": "quota exceeded" if soft else "user unknown", "comment": WORDS,
    }])  # fmt: skip


def mailtrap(name: str, carried: dict[str, str], soft: bool) -> Call:  # docs.mailtrap.io, "Webhooks"
    body = json.dumps({"events": [{
        "event": "soft bounce" if soft else "bounce", "email": "ben@example.com", "category": "", "custom_variables": carried, "message_id": name,
        "event_id": "8e3dd0cf-6c5e-4a4e-9b9c-6ad6b3c6ec44", "timestamp": 1598034008, "sending_stream": "transactional", "sending_domain_name": "tocsin.example",
        "response": f"bounced ({WORDS})", "response_code": 452 if soft else 550, "bounce_category": "mailbox full" if soft else "bad mailbox",
    }]}).encode()  # fmt: skip
    return body, "application/json", {"Mailtrap-Signature": hmac_of(body)}


def mandrill(name: str, carried: dict[str, str], soft: bool) -> Call:  # mailchimp.com/developer/transactional/docs/webhooks
    events = json.dumps([{
        "event": "soft_bounce" if soft else "hard_bounce", "_id": name, "ts": 1384954004, "msg": {
            "ts": 1365109999, "subject": "SEV2", "email": "ben@example.com", "sender": "pager@tocsin.example", "tags": [], "state": "bounced", "metadata": carried,
            "_id": name, "_version": "exampleaaaaaaaaaaaaaaa", "bounce_description": "mailbox_full" if soft else "bad_mailbox", "bgtools_code": 10,
            "diag": "smtp;452 4.2.2 full" if soft else f"smtp;{WORDS}",
        },
    }])  # fmt: skip
    proof = hmac.new(KEY.encode(), f"{address()}mandrill_events{events}".encode(), hashlib.sha1)
    head = {"X-Mandrill-Signature": base64.b64encode(proof.digest()).decode()}
    return urlencode({"mandrill_events": events}).encode(), "application/x-www-form-urlencoded", head


def postal(name: str, carried: dict[str, str], soft: bool) -> Call:  # docs.postalserver.io/developer/webhooks
    message = {
        "id": int(name), "token": "rtmuzogUauKN", "direction": "outgoing", "message_id": "5817a64332f44_4ec93ff59e79d154565eb@app34.mail", "to": "ben@example.com",
        "from": "pager@tocsin.example", "subject": "SEV2", "timestamp": 1477945177.12994, "spam_status": "NotSpam", "tag": None,
    }  # fmt: skip
    failed = {
        "status": "SoftFail" if soft else "HardFail", "details": "Permanent SMTP delivery error", "output": WORDS, "sent_with_ssl": True,
        "timestamp": 1477945179.12994, "time": 0.22, "message": message,
    }  # fmt: skip
    said = {
        "event": "MessageDelayed" if soft else "MessageDeliveryFailed",
        "timestamp": 1477945179.12994,
        "payload": failed,
        "uuid": "b8c1f6d9",
    }
    body = json.dumps(said).encode()
    return (
        body,
        "application/json",
        {"X-Postal-Signature": base64.b64encode(RSA_KEY.sign(body, padding.PKCS1v15(), hashes.SHA1())).decode()},
    )


def postmark(name: str, carried: dict[str, str], soft: bool) -> Call:  # postmarkapp.com/developer/webhooks/bounce-webhook
    return login({
        "RecordType": "Bounce", "MessageStream": "outbound", "ID": 4323372036854775807, "Type": "SoftBounce" if soft else "HardBounce",
        "TypeCode": 4096 if soft else 1, "Name": "Soft bounce" if soft else "Hard bounce", "Tag": "", "MessageID": name, "Metadata": carried, "ServerID": 23,
        "Description": "The server was unable to deliver your message (ex: unknown user, mailbox not found).", "Details": f"smtp;{WORDS}",
        "Email": "ben@example.com", "From": "pager@tocsin.example", "BouncedAt": "2026-01-01T00:00:01Z", "DumpAvailable": True, "Inactive": not soft,
        "CanActivate": True, "Subject": "SEV2", "Content": "",
    })  # fmt: skip


def resend(name: str, carried: dict[str, str], soft: bool) -> Call:  # resend.com/docs/webhooks/emails/bounced
    body = json.dumps({"type": "email.bounced", "created_at": "2026-11-22T23:41:12.126Z", "data": {
        "created_at": "2026-11-22T23:41:11.894719+00:00", "email_id": name, "from": "Tocsin <pager@tocsin.example>", "to": ["ben@example.com"], "subject": "SEV2",
        "headers": [{"name": "X-Metadata", "value": json.dumps(carried)}],
        "bounce": {"message": WORDS, "subType": "MailboxFull" if soft else "General", "type": "Transient" if soft else "Permanent"},
    }}).encode()  # fmt: skip
    at = str(int(clock.now().timestamp()))
    proof = base64.b64encode(hmac.new(b"k" * 24, f"msg_p5jXN8AQM9LWM0D4loKWxJek.{at}.".encode() + body, hashlib.sha256).digest()).decode()
    return body, "application/json", {"svix-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "svix-timestamp": at, "svix-signature": f"v1,{proof}"}


def sendgrid(name: str, carried: dict[str, str], soft: bool) -> Call:  # twilio.com/docs/sendgrid/for-developers/tracking-events/event
    body = json.dumps([{
        "email": "ben@example.com", "timestamp": 1513299569, "smtp-id": "<14c5d75ce93.dfd.64b469@ismtpd-555>", "event": "bounce", "ip": "198.51.100.1",
        "type": "blocked" if soft else "bounce", "bounce_classification": "Invalid Address", "category": [], "sg_event_id": "6g4ZI7SA-xmRDv57GoPIPw==",
        "sg_message_id": "14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0", "reason": "452 4.2.2 full" if soft else WORDS, "status": "5.0.0", "tls": 1,
        "anymail_id": name, **carried,
    }]).encode()  # fmt: skip
    at = str(int(clock.now().timestamp()))
    proof = base64.b64encode(EC_KEY.sign(at.encode() + body, ec.ECDSA(hashes.SHA256()))).decode()
    return body, "application/json", {"X-Twilio-Email-Event-Webhook-Signature": proof, "X-Twilio-Email-Event-Webhook-Timestamp": at}


def sparkpost(name: str, carried: dict[str, str], soft: bool) -> Call:  # developers.sparkpost.com/api/webhooks
    return login([{"msys": {"message_event": {
        "type": "bounce", "bounce_class": "22" if soft else "10", "customer_id": "1", "delv_method": "esmtp", "error_code": "452" if soft else "550",
        "event_id": "92356927693813856", "friendly_from": "pager@tocsin.example", "message_id": "000443ee14578172be22", "msg_from": "pager@tocsin.example",
        "num_retries": "2", "raw_rcpt_to": "ben@example.com", "raw_reason": "452 4.2.2 full" if soft else WORDS, "rcpt_meta": carried, "rcpt_tags": [],
        "rcpt_to": "ben@example.com", "reason": "452 full" if soft else WORDS, "sending_ip": "198.51.100.1", "subject": "SEV2", "timestamp": "1454442600",
        "transmission_id": name,
    }}}])  # fmt: skip


def unisender_go(name: str, carried: dict[str, str], soft: bool) -> Call:  # godocs.unisender.ru/web-api-ref#callback-format
    said = {"auth": "PLACE", "events_by_user": [{"user_id": 456, "project_id": "6123462132634", "project_name": "x", "events": [{
        "event_name": "transactional_email_status", "event_data": {
            "job_id": name, "metadata": carried, "email": "ben@example.com", "status": "soft_bounced" if soft else "hard_bounced", "event_time": "2026-11-30 15:09:42",
            "delivery_info": {
                "delivery_status": "err_mailbox_full" if soft else "err_user_unknown", "destination_response": "452 4.2.2 full" if soft else WORDS,
            },
        },
    }]}]}  # fmt: skip
    body = json.dumps(said, separators=(",", ":"))
    proof = hashlib.md5(body.replace("PLACE", "api-key").encode()).hexdigest()
    return body.replace("PLACE", proof).encode(), "application/json", {}


NUMBER, UUID = "12345678901234567", "883953f4-6105-42a2-a16a-77a8eac79483"
# the function, the name of a mail there, the API key, what its webhooks are proved by; and whether it carries our metadata back
SERVICES: dict[str, tuple[Callable[..., Call], str, str, str, bool]] = {
    "brevo": (brevo, "<202601010000.9876543210@smtp-relay.mailin.fr>", "k", LOGIN, True), "mailersend": (mailersend, "62f114f8165fe0d8db0288e5", "k", KEY, False),
    "mailgun": (mailgun, "<20130503182626.18666.16540@mg.example.com>", "k", KEY, True), "mailjet": (mailjet, NUMBER, "k:s", LOGIN, True),
    "mailtrap": (mailtrap, UUID, "k", KEY, True), "mandrill": (mandrill, "a" * 32, "k", KEY, True), "postal": (postal, "1234", "k", spki(RSA_KEY), False),
    "postmark": (postmark, UUID, "k", LOGIN, True), "resend": (resend, UUID, "k", "whsec_" + base64.b64encode(b"k" * 24).decode(), True),
    "sendgrid": (sendgrid, UUID, "k", spki(EC_KEY), True), "sparkpost": (sparkpost, "65832150921904138", "k", LOGIN, True),
    "unisender_go": (unisender_go, "1ZymBc-00041N-9X", "api-key", "", True),
}  # fmt: skip


def address() -> str:
    return messages.inbound(Provider.objects.get(kind="mail_service", removed_at=None))


def post(call: Call) -> int:
    body, kind, headers = call
    parts = urlsplit(address())
    return (
        Client(SERVER_NAME=parts.hostname, SERVER_PORT=str(parts.port or 80))
        .post(parts.path, body, content_type=kind, headers=headers)
        .status_code
    )


def forged(call: Call) -> Call:
    """The same call by somebody who does not have the key: another password, or something else in what is signed (Mailgun signs the token)."""
    body, kind, headers = call
    if "Authorization" in headers:
        return body, kind, {"Authorization": "Basic " + base64.b64encode(b"reports:guessed").decode()}
    return body.replace(b"ben", b"cyy").replace(b"c" * 50, b"d" * 50), kind, headers


@pytest.fixture
def through(by_mail, settings, request):  # noqa: F811
    """Ben was paged by mail through that service."""
    name = request.param
    says, provider_id, key, proof, carries = SERVICES[name]
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    by_mail.policy([by_mail.ben], [by_mail.ana])
    by_mail.alert()
    settings.MAIL_SERVICE, settings.MAIL_SERVICE_KEY, settings.MAIL_SERVICE_WEBHOOK_KEY = name, key, proof
    settings.MAIL_SERVICE_OPTIONS = {"api_url": "https://example.com/"} if name in ("postal", "unisender_go") else {}
    assert services.wrong() == ""
    operations_mail.keep(by_mail.now)
    row = page(by_mail)
    row.provider_id, row.account = provider_id, Provider.objects.get(kind="mail_service", removed_at=None)
    row.save()
    by_mail.carried = {"tocsin": f"tocsin-{row.pk}@localhost"} if carries else {}
    by_mail.says = lambda soft=False, carried=None: says(provider_id, by_mail.carried if carried is None else carried, soft)
    return by_mail


each = pytest.mark.parametrize("through", sorted(SERVICES), indirect=True)


def test_every_service_that_reports_is_tried_here():
    assert set(SERVICES) == {name for name, one in services.SERVICES.items() if one.webhook}


@each
def test_a_mail_that_came_back_fails_its_page_in_its_servers_words_and_the_next_one_is_asked_at_once(through):
    assert post(forged(through.says())) == 403
    assert page(through).state == "accepted"
    assert post(through.says()) == 200
    through.settle()
    through.phone.expect(through.ana)
    failed = page(through)
    assert failed.state == "failed" and "550 5.1.1" in failed.outcome, failed.outcome
    lost = method(through)
    assert lost.verified_at is None and lost.lost_reason


@each
def test_a_mail_that_may_arrive_later_takes_no_proof_away(through):
    assert post(through.says(soft=True)) == 200
    through.settle()
    assert method(through).verified_at is not None
    if page(through).state == "failed":  # sent back for now: the next one is asked all the same
        through.phone.expect(through.ana)
    else:
        assert page(through).state == "accepted"


@pytest.mark.parametrize("through", [name for name, one in SERVICES.items() if one[4]], indirect=True)  # the others name pages alone
def test_a_follower_whose_mail_came_back_is_told_no_more_and_the_list_says_why(through):
    follower = followers.add(email="boss@example.com", name="The boss", by=Actor.of(through.ana, "web"), now=through.now)
    carried = {"tocsin": f"follower-{follower.pk}@localhost"}
    assert post(through.says(soft=True, carried=carried)) == 200
    assert post(through.says(carried={"tocsin": f"follower-{follower.pk}@another.example"})) == 200
    follower.refresh_from_db()
    assert follower.undeliverable_at is None, "soft, or of another installation"
    assert post(through.says(carried=carried)) == 200
    follower.refresh_from_db()
    assert follower.undeliverable_at and "not delivered" in follower.undeliverable_reason
    assert page(through).state == "accepted" and method(through).verified_at, "it is about no page"
    client = Client()
    client.force_login(through.ana)
    assert "Not told any more: mail to this address came back" in client.get("/people/followers/").content.decode()
    again = followers.add(email="boss@example.com", name="The boss", by=Actor.of(through.ana, "web"), now=through.now)
    assert post(through.says(carried=carried)) == 200  # the old report once more
    assert again.pk != follower.pk and Subscriber.objects.get(removed_at=None).undeliverable_at is None


@pytest.mark.parametrize("through", ["postmark"], indirect=True)
def test_an_invitation_that_came_back_says_so_on_the_persons_page(through, django_capture_on_commit_callbacks):
    User.objects.filter(pk=through.ana.pk).update(role="administrator")
    ana = User.objects.get(pk=through.ana.pk)
    with django_capture_on_commit_callbacks(execute=True):
        tokens.invite(through.cy.pk, by=Actor.of(ana, "web"), now=through.now)
    assert mail.outbox[-1].tocsin_about.startswith("invitation-")
    row = tokens.open_invitation(through.cy, through.now)
    assert row and post(through.says(carried={"tocsin": f"{mail.outbox[-1].tocsin_about}@localhost"})) == 200
    client = Client()
    client.force_login(ana)
    shown = client.get(f"/people/{through.cy.pk}/").content.decode()
    assert "Invitation came back" in shown and "550 5.1.1" in shown
    tokens.invite(through.cy.pk, by=Actor.of(ana, "web"), now=through.now)
    assert "Invitation came back" not in client.get(f"/people/{through.cy.pk}/").content.decode()


def test_what_a_server_refuses_at_once_is_told_from_what_may_go_later():
    import smtplib

    assert "550 no such user" in bounce(smtplib.SMTPRecipientsRefused({"x@example.com": (550, b"no such user")}))
    assert bounce(smtplib.SMTPRecipientsRefused({"x@example.com": (451, b"later")})) == ""
    assert bounce(NotTakenError("Postmark sends nothing to this address", gone=True)) and bounce(NotTakenError("busy")) == ""
    assert about(mail.EmailMessage(), "follower", 5).tocsin_about == "follower-5"


def test_addresses_of_people_stay_as_they_are(by_mail):  # noqa: F811
    assert ContactMethod.objects.filter(user=by_mail.ben, kind="email").get().verified_at
