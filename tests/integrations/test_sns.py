"""Amazon SNS: its subscriptions are confirmed, its signatures are checked before anything is folded, and boto3's client is served unchanged."""

import base64
import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.live import Phone, until
from tests.rooms.test_receiving_events import House
from tocsin import clock
from tocsin.accounts.actor import SYSTEM, Actor
from tocsin.accounts.models import AuditEntry
from tocsin.alerts import operations
from tocsin.alerts.models import Alert, SnsFetch
from tocsin.integrations.aws_sns import signature
from tocsin.integrations.setting_up import TEST
from tocsin.lib.refusal import Refused
from tocsin.response import verify_sns
from tocsin.response.replay import replay

TOPIC = "arn:aws:sns:eu-west-1:123456789012:ops"
ALARM = {"AlarmName": "checkout 5xx", "AWSAccountId": "123456789012", "Region": "EU (Ireland)", "NewStateValue": "ALARM"}
KEY = rsa.generate_private_key(65537, 2048)


def certificate(days=1):
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.amazonaws.com")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(
        name, name, KEY.public_key(), x509.random_serial_number(), now - timedelta(days=3), now + timedelta(days=days)
    )
    return made.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


class Amazon:
    """A stand-in for SNS: serves its certificate, and keeps what was asked of it."""

    def __init__(self):
        self.asked, self.pem, self.status = [], certificate(), 200
        amazon = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self):
                amazon.asked.append(self.path)
                body = amazon.pem if self.path.endswith(".pem") else b"<ConfirmSubscriptionResponse/>"
                self.send_response(amazon.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.host = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def message(self, kind="Notification", version="2", sent=None, **more):
        sent = sent or clock.now()
        said = {
            "Type": kind, "MessageId": f"id-{len(self.asked)}-{sent.timestamp()}-{version}", "TopicArn": TOPIC,
            "Message": json.dumps(ALARM) if kind == "Notification" else "You have chosen to subscribe", "Timestamp": sent.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
            "SignatureVersion": version, "SigningCertURL": f"http://{self.host}/SimpleNotificationService-1.pem",
        }  # fmt: skip
        if kind != "Notification":
            said |= {"Token": "t" * 64, "SubscribeURL": f"http://{self.host}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token={'t' * 64}"}
        said |= more
        digest = hashes.SHA1() if version == "1" else hashes.SHA256()
        said["Signature"] = base64.b64encode(KEY.sign(signature.signed(said), padding.PKCS1v15(), digest)).decode()
        return said


@pytest.fixture
def amazon(settings):
    stand_in = Amazon()
    settings.SNS_ENDPOINTS = frozenset({stand_in.host})
    yield stand_in
    stand_in.server.shutdown()
    stand_in.server.server_close()


def fold(house):
    house.fold()
    while verify_sns.take():
        pass
    house.fold()


def received(house, *messages):
    rows = [house.send(message, content_type="text/plain; charset=UTF-8") for message in messages]
    fold(house)
    for row in rows:
        row.refresh_from_db()
    return rows


def test_the_signed_text_is_what_amazon_documents():
    said = {"Type": "Notification", "MessageId": "m", "TopicArn": "t", "Subject": "s", "Message": "x\ny", "Timestamp": "now", "Token": "no"}
    assert signature.signed(said) == b"Message\nx\ny\nMessageId\nm\nSubject\ns\nTimestamp\nnow\nTopicArn\nt\nType\nNotification\n"
    said = {
        "Type": "SubscriptionConfirmation",
        "MessageId": "m",
        "TopicArn": "t",
        "Message": "x",
        "Timestamp": "now",
        "Token": "k",
        "SubscribeURL": "u",
    }
    assert signature.signed(said) == (
        b"Message\nx\nMessageId\nm\nSubscribeURL\nu\nTimestamp\nnow\nToken\nk\nTopicArn\nt\nType\nSubscriptionConfirmation\n"
    )


@pytest.mark.parametrize(("url", "good"), [
    ("https://sns.eu-west-1.amazonaws.com/a.pem", True), ("https://sns.cn-north-1.amazonaws.com.cn/a.pem", True),
    ("http://sns.eu-west-1.amazonaws.com/a.pem", False), ("https://sns.eu-west-1.amazonaws.com.evil.example/a.pem", False),
    ("https://evil.example/sns.eu-west-1.amazonaws.com/a.pem", False), ("https://sns.eu-west-1.amazonaws.com@evil.example/a.pem", False),
    ("https://u:p@sns.eu-west-1.amazonaws.com/a.pem", False), ("https://sns.eu-west-1.amazonaws.com:8443/a.pem", False),
    ("https://s3.eu-west-1.amazonaws.com/sns.pem", False), ("https://sns.evil.example.amazonaws.com/a.pem", False),
    ("https://127.0.0.1/a.pem", False), ("https://[/a.pem", False), (None, False), ("", False),
])  # fmt: skip
def test_only_amazons_own_hosts_are_asked(url, good):
    assert signature.is_endpoint(url) is good


@pytest.mark.django_db
@pytest.mark.parametrize("version", ["1", "2"])
def test_what_amazon_signed_is_folded_and_its_certificate_is_fetched_once(amazon, version):
    house = House("aws_sns")
    first, second = received(house, amazon.message(version=version), amazon.message(version=version, Subject="ALARM", sent=clock.now()))
    assert (first.state, second.state) == ("done", "done") and amazon.asked == ["/SimpleNotificationService-1.pem"]
    received(house, amazon.message(version=version))
    assert len(amazon.asked) == 1 and Alert.objects.get().title == "checkout 5xx"


@pytest.mark.django_db
def test_what_waits_for_a_certificate_stays_new_and_holds_nothing_else_up(amazon):
    house = House("aws_sns")
    waits = house.send(amazon.message())
    other = operations.create_integration(name="Other", kind="generic", by=SYSTEM, now=clock.now())
    quick = operations.accept(other, body=b'{"title": "Disk full"}', protocol="in", now=clock.now())
    house.fold()
    waits.refresh_from_db()
    quick.refresh_from_db()
    assert (waits.state, quick.state, amazon.asked) == ("new", "done", [])
    fold(house)
    waits.refresh_from_db()
    assert waits.state == "done"


@pytest.mark.django_db
@pytest.mark.parametrize(("change", "why"), [
    ({"Message": "{}"}, "signature is wrong"), ({"TopicArn": "arn:other"}, "signature is wrong"), ({"Subject": "added"}, "signature is wrong"),
    ({"Signature": "AAAA"}, "signature is wrong"), ({"Signature": "§"}, "signature is wrong"), ({"Signature": None}, "no signature"),
    ({"SignatureVersion": "3"}, "neither 1 nor 2"), ({"SignatureVersion": "1"}, "signature is wrong"),
    ({"SigningCertURL": "https://evil.example/a.pem"}, "does not lie at Amazon"), ({"SigningCertURL": 7}, "does not lie at Amazon"),
    ({"SigningCertURL": None}, "does not lie at Amazon"), ({"Timestamp": "yesterday"}, "when it was sent"),
])  # fmt: skip
def test_what_was_forged_or_altered_is_refused_told_and_not_folded(amazon, change, why):
    house = House("aws_sns")
    [row] = received(house, amazon.message() | change)
    assert row.state == "refused" and why in row.error and row.outcomes[0]["change"] == "refused"
    assert not Alert.objects.exists() and why in AuditEntry.objects.get(verb="refuse").text


@pytest.mark.django_db
def test_where_topics_are_listed_a_signed_message_of_another_one_is_refused_and_its_subscription_not_confirmed(amazon):
    house = House("aws_sns")
    with pytest.raises(Refused) as refused:
        operations.change_integration(house.integration, topics=["ops"], by=SYSTEM, now=clock.now())
    assert "is no topic" in refused.value.errors["topics"]
    operations.change_integration(house.integration, topics=[TOPIC], by=SYSTEM, now=clock.now())
    strange = TOPIC.replace("123456789012", "666666666666")
    rows = received(
        house, amazon.message(TopicArn=strange), amazon.message("SubscriptionConfirmation", TopicArn=strange), {"bare": "alarm"}
    )
    assert [row.state for row in rows] == ["refused"] * 3 and f"its topic {strange} is not one of those" in rows[0].error
    assert amazon.asked == [] and not Alert.objects.exists()
    [row] = received(house, amazon.message())
    assert row.state == "done" and Alert.objects.count() == 1


@pytest.mark.django_db
def test_what_is_older_than_an_hour_is_refused_and_a_replay_is_as_old_as_its_first_coming(amazon):
    house = House("aws_sns")
    [late, good] = received(
        house, amazon.message(sent=clock.now() - timedelta(minutes=61)), amazon.message(sent=clock.now() - timedelta(minutes=59))
    )
    assert "older than an hour" in late.error and good.state == "done"
    clock.shift(timedelta(hours=2))
    again = replay(good, Actor.of(house.ana, "web"), clock.now())
    fold(house)
    again.refresh_from_db()
    assert again.state == "done"
    clock.shift(timedelta(0))


@pytest.mark.django_db
def test_a_certificate_that_is_expired_or_none_proves_nothing(amazon, real_time):
    house = House("aws_sns")
    amazon.pem = certificate(days=-1)
    [expired] = received(house, amazon.message())
    assert "signature is wrong" in expired.error
    amazon.pem = b"<html>"
    [none] = received(house, amazon.message(SigningCertURL=f"http://{amazon.host}/other.pem"))
    assert "no certificate" in none.error


@pytest.mark.django_db
def test_too_many_certificates_are_not_fetched(amazon):
    house = House("aws_sns")
    amazon.status = 404
    rows = received(house, *(amazon.message(SigningCertURL=f"http://{amazon.host}/{n}.pem") for n in range(12)))
    assert len(amazon.asked) == 10 and "too many" in rows[-1].error and "404" in rows[0].error


@pytest.mark.django_db
def test_a_certificate_that_cannot_be_reached_for_a_while_is_tried_again(amazon):
    house = House("aws_sns")
    amazon.status = 503
    row = house.send(amazon.message())
    fold(house)
    assert SnsFetch.objects.get().state == "waiting"
    amazon.status = 200
    clock.shift(timedelta(seconds=2))
    fold(house)
    row.refresh_from_db()
    assert row.state == "done"
    clock.shift(timedelta(0))


@pytest.mark.django_db
def test_a_subscription_is_confirmed_by_itself_and_its_end_is_noted(amazon):
    house = House("aws_sns")
    [row] = received(house, amazon.message("SubscriptionConfirmation"))
    while verify_sns.take():
        pass
    found = SnsFetch.objects.get(purpose="subscription")
    assert row.state == "done" and (found.state, found.topic) == ("done", TOPIC) and not Alert.objects.exists()
    assert [path for path in amazon.asked if "ConfirmSubscription" in path] and "confirmed" in AuditEntry.objects.get(verb="confirm").text
    received(house, amazon.message("UnsubscribeConfirmation"))
    found.refresh_from_db()
    assert found.state == "ended"


@pytest.mark.django_db
@pytest.mark.parametrize("signed_only", [True, False])
def test_no_other_address_is_ever_asked_to_confirm(amazon, signed_only):
    house = House("aws_sns")
    operations.change_integration(house.integration, signed_only=signed_only, by=SYSTEM, now=clock.now())
    [row] = received(house, amazon.message("SubscriptionConfirmation", SubscribeURL="http://127.0.0.1:1/?Action=ConfirmSubscription"))
    assert row.state == "refused" and "SubscribeURL" in row.error and not SnsFetch.objects.exists()


@pytest.mark.django_db
def test_raw_delivery_is_taken_only_where_signatures_are_not_demanded(amazon):
    house = House("aws_sns")
    [refused] = received(house, ALARM)
    assert "no signature" in refused.error
    operations.change_integration(house.integration, signed_only=False, by=SYSTEM, now=clock.now())
    [taken] = received(house, ALARM)
    assert taken.state == "done" and Alert.objects.exists()


@pytest.mark.django_db
def test_the_sample_of_the_page_needs_no_signature_and_a_message_that_comes_twice_counts_once(amazon):
    house = House("aws_sns")
    house.send({"Type": "Notification", "MessageId": "m", "Message": json.dumps(ALARM)}, headers={TEST: "1"})
    said = amazon.message()
    received(house, said, said)
    assert Alert.objects.get().event_count == 2


def moto_server():
    server = pytest.importorskip("moto.server").ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    return server, f"http://{host}:{port}"


def client_of(address):
    boto3 = pytest.importorskip("boto3")
    return boto3.client("sns", endpoint_url=address, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")


def test_boto3_publishes_an_alarm_to_a_topic_that_we_are_subscribed_to(live_server_process):
    tocsin = live_server_process
    integration = tocsin.api("POST", "/integrations", {"name": "Alarms", "kind": "aws_sns", "signed_only": False})
    server, address = moto_server()
    try:
        sns = client_of(address)
        topic = sns.create_topic(Name="ops")["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=integration["address"])
        for state in ("ALARM", "OK"):
            sns.publish(TopicArn=topic, Subject=state, Message=json.dumps({**ALARM, "NewStateValue": state}))
            wanted = "firing" if state == "ALARM" else "resolved"
            found = until(
                lambda: tocsin.api("GET", f"/alerts?integration={integration['id']}")["items"],
                lambda items, wanted=wanted: [one["status"] for one in items] == [wanted],
            )
            assert found[0]["title"] == "checkout 5xx"
    finally:
        server.stop()


@pytest.mark.django_db
def test_what_another_implementation_signs_is_genuine(real_time):
    server, address = moto_server()
    taker = Phone()
    try:
        sns = client_of(address)
        topic = sns.create_topic(Name="signed")["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=taker.url)
        sns.publish(TopicArn=topic, Message=json.dumps(ALARM))
        [(_, _, body)] = until(lambda: taker.received, bool)
        from moto.sns.models import sns_backends

        said = json.loads(body)
        name = said["SigningCertURL"].rpartition("/")[2]
        pem = sns_backends["123456789012"]["us-east-1"]._message_public_keys[name].decode()
    finally:
        server.stop()
        taker.close()
    house, now = House("aws_sns"), clock.now()
    SnsFetch.objects.create(
        integration=house.integration,
        purpose="certificate",
        url=said["SigningCertURL"],
        state="done",
        pem=pem,
        next_try_at=now,
        asked_at=now,
    )
    good, altered = received(house, said, {**said, "Message": body[:10]})
    assert (good.state, altered.state) == ("done", "refused") and Alert.objects.get().title == "checkout 5xx"
