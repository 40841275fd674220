"""Mails are read as a person reads them: what they are about, whether it is over, how bad it is; and no mail does harm."""

import json
import time
from datetime import UTC, datetime
from email.message import EmailMessage
from urllib.parse import urlencode

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tocsin.domain.ports import Message, Received, UnreadableError
from tocsin.intake import any_source
from tocsin.integrations import mapping
from tocsin.integrations.email import message, subject
from tocsin.integrations.email.notifier import compose
from tocsin.integrations.email.source import SOURCE

RECEIVED = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOSTILE_SECONDS = 5.0  # of work for one mail; a usual one takes a thousandth


def raw(content, kind="message/rfc822"):
    return Received(content if isinstance(content, bytes) else content.encode(), kind, RECEIVED)


def read(content, kind="message/rfc822"):
    [event] = SOURCE.parse(raw(content, kind))
    return event


def mail(title="x", text="y\n", **headers):
    one = EmailMessage()
    one["From"], one["To"], one["Subject"] = "Nagios <nagios@monitor.example>", "k@alerts.example", title
    for name, value in headers.items():
        one[name.replace("_", "-")] = value
    one.set_content(text)
    return one


PAIRS = [
    ("** PROBLEM Service Alert: web1/HTTP is CRITICAL **", "** RECOVERY Service Alert: web1/HTTP is OK **"),
    ("Problem: High CPU on db1", "Resolved in 5m 3s: High CPU on db1"),
    ("[FIRING:1] HighCPU (prod)", "[RESOLVED] HighCPU (prod)"),
    ("Monitor is DOWN: example.com", "Monitor is UP: example.com"),
    ('ALARM: "5xx" in EU (Ireland)', 'OK: "5xx" in EU (Ireland)'),
    ("DOWN alert: site (x.example) is DOWN", "UP alert: site (x.example) is UP"),
    ("[api] [🔴 Down] timeout of 48000ms exceeded", "[api] [✅ Up] 200 - OK"),
    ("[PROBLEM] Ping on db1 is CRITICAL!", "[RECOVERY] Ping on db1 is OK!"),
    ("Fired:Sev3 Azure Monitor Alert X on vm", "Resolved:Sev3 Azure Monitor Alert X on vm"),
    ("[Triggered] CPU high on host1", "[Recovered] CPU high on host1"),
    ("Disk 95% full on db1", "RESOLVED: Disk 12% full on db1"),
    ("Re: Fwd: [EXTERNAL] Disk full on db-01", "Disk full on db-01 resolved"),
    ("Server down", "Server is up again"),
    ("Backup failed: nightly", "Backup OK: nightly"),
    ("Load 12.5 on web1 at 2026-11-24 10:00:00", "OK: Load 0.3 on web1 at 2026-11-24 10:10:11"),
    ("Incident #12 opened", "Incident #12 closed"),
]


@pytest.mark.parametrize(("problem", "recovery"), PAIRS)
def test_a_problem_and_its_recovery_share_a_key(problem, recovery):
    first, second = read(bytes(mail(problem))), read(bytes(mail(recovery)))
    assert (first.status, second.status) == ("firing", "resolved")
    assert first.dedup_key == second.dedup_key


@pytest.mark.parametrize(
    "title",
    [
        "MQTT connection closed", "DNS name could not be resolved", "Backup not OK", "Unresolved: disk", "Queue backing up", "Host db1 is not up",
        "connection is closed by peer", "Restored from backup failed", "OK button broken in checkout", "Incident unresolved", "Alert: pool closed",
        "Recovery time objective missed", "Problem with cleared cache", "Ticket cannot be closed", "UP link saturated", "Host resolved to a wrong name",
    ],
)  # fmt: skip
def test_a_word_that_only_looks_like_a_recovery_ends_nothing(title):
    assert read(bytes(mail(title))).status == "firing"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Disk full on db1", "Disk full on db2"),
        ("Port 8080 down", "Port 9090 down"),
        ("10.0.0.1 down", "10.0.0.2 down"),
        ("web-01 down", "web-02 down"),
    ],
)
def test_different_problems_keep_different_keys(one, other):
    assert read(bytes(mail(one))).dedup_key != read(bytes(mail(other))).dedup_key


def test_the_text_says_how_it_stands_where_the_subject_does_not():
    assert read(bytes(mail("Service web1/HTTP", "Notification Type: RECOVERY\nHost: web1\n"))).status == "resolved"
    assert read(bytes(mail("Service web1/HTTP", "Status: CRITICAL\n"))).status == "firing"
    assert read(bytes(mail("ACKNOWLEDGEMENT Service Alert: web1/HTTP is CRITICAL"))).status == "acknowledged"


@pytest.mark.parametrize(
    ("title", "headers", "level"),
    [
        ("WARNING: disk", {}, "warning"), ("P1: checkout", {}, "critical"), ("disk", {"X_Priority": "1 (Highest)"}, "critical"),
        ("disk", {"X_Priority": "2"}, "error"), ("disk", {"Importance": "high"}, "error"), ("disk", {"Importance": "low"}, "info"), ("disk", {}, None),
        ("CRITICAL: disk", {"X_Priority": "5"}, "critical"),
    ],
)  # fmt: skip
def test_how_bad_it_is_comes_from_words_and_then_from_the_headers(title, headers, level):
    assert read(bytes(mail(title, **headers))).severity == level


@pytest.mark.parametrize(
    ("written", "title"),
    [
        ("Re: RE: Fwd: AW: Disk full", "Disk full"), ("[EXT] [ops-alerts] Disk full", "Disk full"), ("[prod] Disk full", "[prod] Disk full"),
        ("=?utf-8?B?" + "UGxhdHRlIHZvbGw6IMOEcGZlbA==" + "?=", "Platte voll: Äpfel"), ("=?iso-8859-1?Q?Gr=FC=DFe?=", "Grüße"), ("Re:", "Re:"),
        ("=?no-such-set?B?4pyT?=", "✓"),
    ],
)  # fmt: skip
def test_a_title_is_the_subject_without_what_mail_programs_put_before_it(written, title):
    content = f"From: a@b.example\r\nList-Id: <ops-alerts.example.org>\r\nSubject: {written}\r\n\r\nx\r\n"
    assert read(content).title == title


def test_of_alternatives_the_plain_text_counts_and_attachments_are_only_named():
    one = mail("Disk full", "the plain words https://monitor.example/alert/7.\n")
    one.add_alternative("<p>the <b>HTML</b> words</p>", subtype="html")
    one.add_attachment(b"%PDF-1.4 secret-content", maintype="application", subtype="pdf", filename="graph ä.pdf")
    event = read(bytes(one))
    assert event.details["text"] == "the plain words https://monitor.example/alert/7."
    assert event.details["attachments"] == ["graph ä.pdf"] and "secret-content" not in json.dumps(event.details)
    assert event.link == "https://monitor.example/alert/7" and event.labels == {"from": "nagios@monitor.example"}


def test_html_alone_becomes_text_without_scripts_and_styles():
    one = EmailMessage()
    one["Subject"] = "x"
    one.set_content(
        "<html><head><title>t</title><style>p {color: red}</style></head><body><script>alert(1)</script><p>Disk&nbsp;full &amp; slow<br>on db1</p>"
        "<table><tr><td>host</td><td>db1</td></tr></table><!-- hidden --></body></html>",
        subtype="html",
    )
    assert read(bytes(one)).details["text"] == "Disk full & slow\non db1\n\nhost db1"


@pytest.mark.parametrize(
    ("charset", "body"),
    [("iso-8859-1", "Grüße".encode("latin-1")), ("utf-8", "Grüße".encode()), ("windows-1252", b"Gr\xfc\xdfe"), ("no-such", "Grüße".encode()), ("utf-8", b"Gr\xfc\xdfe")],
)  # fmt: skip
def test_a_text_is_read_in_its_character_set_and_in_a_likely_one_where_it_lies(charset, body):
    head = f"Subject: x\r\nContent-Type: text/plain; charset={charset}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n".encode()
    assert read(head + body).details["text"] == "Grüße"


def test_a_mail_without_a_subject_belongs_to_the_thread_it_answers():
    first = read("From: a@b.example\r\nMessage-ID: <1@b.example>\r\n\r\nDisk full\r\n")
    reply = read("From: a@b.example\r\nMessage-ID: <2@b.example>\r\nReferences: <1@b.example> <7@b.example>\r\n\r\nStatus: OK\r\n")
    assert first.dedup_key == reply.dedup_key == "thread:<1@b.example>" and first.title == "Disk full"
    assert (first.status, reply.status) == ("firing", "resolved")


def test_the_key_in_the_address_is_not_among_what_is_shown():
    assert "k@alerts.example" not in json.dumps(read(bytes(mail())).details)


# -- what mail services post ----------------------------------------------------------------------------------------------


def form(fields):
    return urlencode(fields).encode(), "application/x-www-form-urlencoded"


def multipart(fields):
    parts = []
    for name, value in fields.items():
        value = value if isinstance(value, bytes) else value.encode()
        parts.append(b'--b0\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(), value))
    parts.append(
        b'--b0\r\nContent-Disposition: form-data; name="attachment1"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n\x89PNG\xff\r\n'
    )
    return b"".join([*parts, b"--b0--\r\n"]), "multipart/form-data; boundary=b0"


WHOLE = bytes(mail("CRITICAL: Grüße from db1", "It is full\n"))
MAILGUN = {
    "recipient": "k@mg.example", "sender": "nagios@monitor.example", "from": "Nagios <nagios@monitor.example>", "subject": "CRITICAL: Grüße from db1",
    "body-plain": "It is full\r\n", "stripped-text": "It is full", "timestamp": "1700000000", "token": "t", "signature": "s",
    "message-headers": json.dumps([["X-Priority", "1"], ["Message-Id", "<1@x>"]]),
}  # fmt: skip
SENDGRID = {
    "headers": "X-Priority: 1\nSubject: CRITICAL: x\n", "to": "k@sg.example", "from": "Nagios <nagios@monitor.example>", "text": b"It is full",
    "subject": "CRITICAL: Grüße from db1".encode("latin-1"), "charsets": json.dumps({"to": "UTF-8", "subject": "iso-8859-1", "text": "utf-8"}),
    "envelope": json.dumps({"to": ["k@sg.example"], "from": "nagios@monitor.example"}), "attachments": "1", "attachment-info": json.dumps({"attachment1": {"filename": "a.png"}}),
}  # fmt: skip
POSTMARK = {
    "FromName": "Nagios", "From": "nagios@monitor.example", "FromFull": {"Email": "nagios@monitor.example", "Name": "Nagios"}, "To": "k@pm.example",
    "Subject": "CRITICAL: Grüße from db1", "TextBody": "It is full\n", "HtmlBody": "", "StrippedTextReply": "", "Date": "Mon, 23 Nov 2026 10:00:00 +0000",
    "Headers": [{"Name": "X-Priority", "Value": "1"}], "Attachments": [{"Name": "a.png", "Content": "aGk=", "ContentType": "image/png"}],
}  # fmt: skip
MAILJET = {
    "Sender": "nagios@monitor.example", "Recipient": "k@mj.example", "Date": "20261123T100000", "From": "Nagios <nagios@monitor.example>",
    "Subject": "CRITICAL: Grüße from db1", "Headers": {"X-Priority": ["1"], "Subject": ["x"]}, "Parts": [{"Headers": {}, "ContentRef": "Text-part"}],
    "Text-part": "It is full\n", "Html-part": "<p>other</p>", "SpamAssassinScore": "0",
}  # fmt: skip


@pytest.mark.parametrize(
    "sent",
    [
        (WHOLE, "message/rfc822"), (WHOLE, "text/plain"), form(MAILGUN), multipart(MAILGUN), form({"body-mime": WHOLE, "recipient": "k@mg.example"}),
        multipart(SENDGRID), multipart({"to": "k@sg.example", "email": WHOLE}), (json.dumps(POSTMARK).encode(), "application/json"),
        (json.dumps(MAILJET).encode(), "application/json; charset=utf-8"),
    ],
    ids=["raw", "raw text", "mailgun", "mailgun multipart", "mailgun mime", "sendgrid", "sendgrid raw", "postmark", "mailjet"],
)  # fmt: skip
def test_each_mail_service_hands_over_the_same_mail(sent):
    assert any_source.check(*sent).events == 1
    event = read(*sent)
    assert (event.status, event.title, event.severity) == ("firing", "CRITICAL: Grüße from db1", "critical")
    assert event.details["text"] == "It is full" and event.labels == {"from": "nagios@monitor.example"}


@pytest.mark.parametrize(
    "sent", [(b'{"a": 1}', "application/json"), (b"", "message/rfc822"), form({"a": "b"}), (b"[1]", ""), (b"hello\n", "text/plain")]
)
def test_what_is_no_mail_is_told_so(sent):
    with pytest.raises(UnreadableError):
        read(*sent)


def test_the_owners_rules_see_subject_text_sender_and_headers():
    rules = mapping.Rules(
        {"dedup_key": 'body.subject.extract("(#[0-9]+)")', "service": 'body.headers["list-id"]', "title": 'body.text + "/" + item.from'}
    )
    one = mapping.read(SOURCE.parse, raw(bytes(mail("Ticket #7 came in", "hot\n", List_Id="<ops>"))), rules)[0]
    assert (one.dedup_key, one.service, one.title, one.note) == ("#7", "<ops>", "hot/nagios@monitor.example", "")


@pytest.mark.parametrize(
    ("title", "headers"),
    [
        ("Automatic reply: Disk full", {"Auto-Submitted": "auto-replied"}),
        ("Re: Disk full", {"Auto-Submitted": "auto-replied (vacation)"}),
        ("Automatische Antwort: Disk full", {"Auto-Submitted": "auto-generated"}),
        ("Disk full", {"X-Autoreply": "yes"}),
        ("Disk full", {"Precedence": "auto_reply"}),
        ("Undelivered Mail Returned to Sender", {"Content-Type": "multipart/report; report-type=delivery-status; boundary=b"}),
    ],
)
def test_what_a_machine_answers_or_a_mail_server_reports_pages_nobody(title, headers):
    one = mail(title)
    for name, value in headers.items():
        del one[name]
        one[name] = value
    event = read(bytes(one))
    assert event.status == "none" and "no alert" in event.note


def test_a_page_that_is_forwarded_to_an_integration_does_not_page_again():
    sent = compose("ana@example.com", Message("SEV2 Disk full", "Disk full on db1"), "1-2").message()
    event = read(sent.as_bytes())
    assert event.status == "none" and "for ever" in event.note


def test_what_a_monitor_sends_by_itself_is_an_alert():
    for title in ("Cron <root@db1> backup failed", "Out of memory", "Office router is out of office hours schedule"):
        assert read(bytes(mail(title, Auto_Submitted="auto-generated"))).status == "firing"


def test_the_first_link_of_an_html_mail_leads_there():
    one = EmailMessage()
    one["From"], one["Subject"] = "a@b.example", "Disk full"
    one.set_content(
        '<p>See the <a class="x" href="https://g.example/d/1?a=1&amp;b=2">graph</a>, <a href="https://other.example">other</a></p>', "html"
    )
    assert read(bytes(one)).link == "https://g.example/d/1?a=1&b=2"


# -- hostile mails --------------------------------------------------------------------------------------------------------


def nested(levels):
    heads = "".join(f'Content-Type: multipart/mixed; boundary="b{n}"\n\n--b{n}\n' for n in range(levels))
    return f"Subject: Disk full\n{heads}Content-Type: text/plain\n\nx\n" + "\n" * (900_000 - 60 * levels)


HOSTILE = {
    "levels": nested(31), "too many levels": nested(2_000), "mails in mails": "Subject: Disk full\nContent-Type: message/rfc822\n\n" * 3_000,
    "parts": "Subject: Disk full\nContent-Type: multipart/mixed; boundary=b\n\n" + "--b\n\nx\n" * 140_000,
    "headers": "Subject: Disk full\n" + "".join(f"X-{n}: y\n" for n in range(90_000)) + "\nx", "long header": "Subject: Disk full\nX-A: " + "(" * 990_000 + "\n\nx",
    "long type": "Subject: Disk full\nContent-Type: text/plain; " + "a=\"b\\\"; " * 110_000 + "\n\nx", "long subject": "Subject: Disk full " + "=?utf-8?Q?a?= " * 70_000 + "\n\nx",
    "folded": "Subject: Disk full" + "\n " * 300_000 + "\n\nx", "references": "Subject: Disk full\nReferences: " + "<a@b> " * 150_000 + "\n\nx",
    "html comments": "Subject: Disk full\nContent-Type: text/html\n\n" + "<!-- " * 180_000, "html tags": "Subject: Disk full\nContent-Type: text/html\n\n" + "<a b='" * 150_000,
    "html ends": "Subject: Disk full\nContent-Type: text/html\n\n" + "</a" * 300_000, "html marks": "Subject: Disk full\nContent-Type: text/html\n\n" + "<![CDATA[" * 100_000,
    "html instructions": "Subject: Disk full\nContent-Type: text/html\n\n" + "<?a" * 300_000, "html scripts": "Subject: Disk full\nContent-Type: text/html\n\n" + "<script>" * 100_000,
    "base64": "Subject: Disk full\nContent-Type: text/plain\nContent-Transfer-Encoding: base64\n\n" + "=" * 900_000, "nul": "Subject: Disk full\n\n" + "\0" * 900_000,
    "uu": "Subject: Disk full\nContent-Type: text/plain\nContent-Transfer-Encoding: x-uuencode\n\nbegin 666 a\n" + "M\n" * 300_000,
    "links": "Subject: Disk full\n\n" + "https://" * 100_000,
}  # fmt: skip


@pytest.mark.parametrize("name", list(HOSTILE))
def test_a_hostile_mail_is_still_an_alert_and_takes_no_time(name):
    began = time.thread_time()
    event = read(HOSTILE[name])
    assert time.thread_time() - began < HOSTILE_SECONDS
    assert event.title.startswith("Disk full") and event.status == "firing"
    assert len(event.details.get("text", "")) <= 65_536 and len(event.dedup_key) <= 512
    assert bool(event.note) == (name in ("too many levels", "mails in mails", "parts"))


PIECES = [
    b"Subject: =?utf-8?B?", b"\r\n", b"\n\n", b"--b\n", b"Content-Type: multipart/alternative; boundary=b\n", b"From: <", b"\xff\xfe", b"\0", b": ",
    b"Content-Type: text/html; charset=\xff\n", b"Content-Transfer-Encoding: base64\n", b"Content-Disposition: attachment; filename*=utf-8''%ff\n",
    b"<p>", b"Date: Mon, 99 Nov 0000\n", b"Content-Type: message/rfc822\n",
]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=30))
def test_any_bytes_become_a_mail(parts):
    found = message.read(b"".join(parts))
    assert len(found.text) <= 65_536 and isinstance(found.subject, str)


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=200))
def test_every_subject_has_a_key_that_a_reply_shares(written):
    title = subject.title_of(written)
    assume(title)
    assert subject.identity_of(subject.title_of("Re: " + title)) == subject.identity_of(subject.title_of(title))
