"""Do mails reach an alert? A real mail client speaks to a real `tocsin up`."""

import asyncio
import datetime
import json
import smtplib
import socket
import ssl
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from types import SimpleNamespace

import pytest
from aiosmtpd.smtp import Envelope
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.live import TOKEN, free_port
from tests.running import Installation, until
from tocsin.cli import mail_in
from tocsin.intake import mail
from tocsin.intake.rate import Bucket
from tocsin.intake.turns import OverloadedError
from tocsin.intake.writer import RejectedError


def certificate(folder):
    """A self-signed certificate and its key, as files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "alerts.example")])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    made = made.not_valid_before(now - datetime.timedelta(1)).not_valid_after(now + datetime.timedelta(9)).sign(key, hashes.SHA256())
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(key.private_bytes(*form))
    return str(folder / "cert.pem"), str(folder / "key.pem")


class Mails:
    """A running installation that takes mail, and one integration in it."""

    def __init__(self, folder):
        cert, key = certificate(folder)
        self.port = free_port()
        self.house = Installation(
            TOCSIN_SMTP_LISTEN=f"127.0.0.1:{self.port}", TOCSIN_MAIL_DOMAIN="alerts.example", TOCSIN_SMTP_TLS_CERT=cert, TOCSIN_SMTP_TLS_KEY=key,
            TOCSIN_BOOTSTRAP_TOKEN=TOKEN,
        )  # fmt: skip
        self.house.up()
        until(self.listens)
        self.keys = {
            name: self.api("POST", "/integrations", {"name": name, "kind": kind})["key"]
            for name, kind in (("Nagios", "email"), ("Other", "generic"))
        }

    def listens(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def api(self, method, path, body=None):
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.house.address}/api/v1{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=20) as reply:
            return json.load(reply)

    def takes_one_more(self):
        try:
            with self.client() as client:
                return client.noop()[0] == 250
        except smtplib.SMTPException:
            return False

    def client(self):
        return smtplib.SMTP("127.0.0.1", self.port, timeout=20)

    def send(self, title, *recipients, text="It is so.\n"):
        one = EmailMessage()
        one["From"], one["To"], one["Subject"] = "nagios@monitor.example", ", ".join(recipients), title
        one.set_content(text)
        with self.client() as client:
            return client.send_message(one)

    def alerts(self, status):
        return [row["title"] for row in self.api("GET", f"/alerts?status={status}")["items"]]


@pytest.fixture(scope="module")
def mails(tmp_path_factory):
    made = Mails(tmp_path_factory.mktemp("mail"))
    yield made
    made.house.clean()


def test_a_mail_becomes_an_alert_and_the_mail_of_its_recovery_ends_it(mails):
    assert mails.send("** PROBLEM Service Alert: web1/HTTP is CRITICAL **", f"{mails.keys['Nagios']}@alerts.example") == {}
    until(lambda: mails.alerts("firing") == ["** PROBLEM Service Alert: web1/HTTP is CRITICAL **"])
    assert mails.send("** RECOVERY Service Alert: web1/HTTP is OK **", f"nagios+{mails.keys['Nagios'].upper()}@alerts.example") == {}
    until(lambda: mails.alerts("firing") == [])


def test_each_recipient_gets_an_event_of_its_own_whatever_its_kind(mails):
    mails.send("Two of us", *(f"x+{key}@alerts.example" for key in mails.keys.values()))
    until(lambda: mails.alerts("firing").count("Two of us") == 2)
    mails.send("RESOLVED: Two of us", *(f"{key}@elsewhere.example" for key in mails.keys.values()))
    until(lambda: mails.alerts("firing") == [])


def test_an_unknown_recipient_is_refused_and_nothing_is_passed_on(mails):
    with mails.client() as client:
        client.ehlo("monitor.example")
        client.mail("nagios@monitor.example")
        assert client.rcpt("0" * 32 + "@alerts.example")[0] == 550
        assert client.rcpt("somebody@gmail.example")[0] == 550
        assert client.rcpt(f"{mails.keys['Nagios']}@alerts.example")[0] == 250
        assert client.rset()[0] == 250
        client.mail("nagios@monitor.example")
        answers = [client.rcpt(f"guess-{n}@alerts.example")[0] for n in range(mail.MOST_UNKNOWN - 1)]
        assert answers[-1] == 421 and set(answers[:-1]) == {550}


def test_a_mail_that_is_too_large_is_refused_when_announced_and_when_sent(mails):
    with mails.client() as client:
        client.ehlo("monitor.example")
        assert int(client.esmtp_features["size"]) == mail.LARGEST_MAIL
        assert client.mail("a@b.example", ["SIZE=1000001"])[0] == 552
        client.mail("a@b.example")
        client.rcpt(f"{mails.keys['Nagios']}@alerts.example")
        assert client.data("Subject: x\r\n\r\n" + "y" * 70 * 15_000 + "\r\n")[0] in (500, 552)
        client.mail("a@b.example")
        client.rcpt(f"{mails.keys['Nagios']}@alerts.example")
        assert client.data("Subject: x\r\n\r\n" + ("y" * 70 + "\r\n") * 15_000)[0] == 552
    assert mails.alerts("firing") == []


def test_a_mail_without_a_sender_is_taken_and_the_key_is_in_neither_event_nor_log(mails):
    key = mails.keys["Nagios"]
    with mails.client() as client:
        client.starttls(context=ssl._create_unverified_context())
        client.ehlo("monitor.example")
        assert "auth" not in client.esmtp_features
        assert client.mail("")[0] == 250
        assert client.rcpt(f"{key}@alerts.example")[0] == 250
        assert client.data(f"To: {key}@alerts.example\r\nSubject: Cron failed\r\n\r\nx\r\n")[0] == 250
    until(lambda: mails.alerts("firing") == ["Cron failed"])
    assert key not in "".join(path.read_text(errors="replace") for path in (mails.house.folder / "logs").glob("mail.log*"))
    mails.send("Cron succeeded", f"{key}@alerts.example")
    until(lambda: mails.alerts("firing") == [])


def test_one_connection_too_many_is_told_to_come_later(mails):
    held = []

    def taken():
        """Whether one more is; not yet where the connections of earlier tests are still being taken down."""
        one = socket.create_connection(("127.0.0.1", mails.port), 60)
        if not (good := one.recv(100).startswith(b"220")):
            one.close()
        else:
            held.append(one)
        return good

    try:
        for _ in range(mail.MOST_OF_ONE_ADDRESS):
            until(taken)
        with socket.create_connection(("127.0.0.1", mails.port), 60) as late:
            assert late.recv(100).startswith(b"421")
    finally:
        for one in held:
            one.close()
    until(mails.takes_one_more)


def answer(asked):
    """The code that the server answers; in a thread of its own, for the browser's driver keeps a loop in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, asked).result()[:3]


class Asked:
    """What the hooks see of a connection, and a writer that fails as told."""

    def __init__(self, monkeypatch, fails=None, bucket=None):
        async def started(hearing):
            assert hearing is False  # pings do not come in here: an outage of the web process must not be hidden

        async def found(key):
            if isinstance(fails, OSError):
                raise fails
            return 7

        async def store(row):
            if fails:
                raise fails

        monkeypatch.setattr(mail, "start", started)
        monkeypatch.setattr(mail, "integration_of", found)
        monkeypatch.setattr(mail.state, "writer", SimpleNamespace(store=store))
        monkeypatch.setattr(mail.state.keys, "buckets", {7: bucket} if bucket else {})
        self.server, self.envelope, self.hooks = SimpleNamespace(taken={}, unknown=0), Envelope(), mail.Recipients()

    def recipient(self):
        return answer(self.hooks.handle_RCPT(self.server, None, self.envelope, "k@x.example", []))

    def data(self):
        self.server.taken = {7: ("k", "")}
        self.envelope.original_content = b"Subject: x"

        return answer(self.hooks.handle_DATA(self.server, None, self.envelope))


def test_a_database_that_is_away_or_overloaded_makes_the_sender_come_again(monkeypatch):
    away = Asked(monkeypatch, ConnectionRefusedError())
    assert (away.recipient(), away.data()) == ("451", "451")
    assert Asked(monkeypatch, OverloadedError()).data() == "451"
    assert Asked(monkeypatch, RejectedError("x")).data() == "554"
    assert Asked(monkeypatch).data() == "250"


def test_an_integration_above_its_rate_is_told_to_come_again(monkeypatch):
    asked = Asked(monkeypatch, bucket=Bucket(0.001, 1, time.monotonic()))
    assert asked.recipient() == "250"
    asked.server.taken = {}
    assert asked.recipient() == "450"


@pytest.mark.parametrize(
    ("said", "meant"), [("0.0.0.0:25", ("0.0.0.0", 25)), (":2525", ("0.0.0.0", 2525)), ("[::1]:25", ("::1", 25)), ("mail.example:25", ("mail.example", 25))]
)  # fmt: skip
def test_where_to_listen_is_understood(said, meant):
    assert mail_in.where(said) == meant


@pytest.mark.parametrize("said", ["25", "host", "host:", "host:0", "host:70000", "::1:25", ""])
def test_where_nobody_can_listen_is_told_so(said):
    with pytest.raises(ValueError, match="host:port"):
        mail_in.where(said)


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("KEY1@a.example", ("key1", "")), ("disk+key1@a.example", ("key1", "disk")), ("a+b+key1@x", ("key1", "a+b")), ("key1", ("", "")),
        ("a@b@c", ("", "")), ("+@x", ("", "")), ("@x", ("", "")),
    ],
)  # fmt: skip
def test_the_key_is_found_in_the_address(address, parts):
    assert mail.parts_of(address) == parts
