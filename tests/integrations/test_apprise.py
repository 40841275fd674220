"""apprise's plugins go out by the egress gate alone, read no files, and say honestly what their services answered."""

from __future__ import annotations

import ast
import json
import re
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.integrations.standing_in import Asked, StandIn, running
from tocsin.domain.ports import Message, Outcome
from tocsin.integrations.apprise.egress import REQUESTS, Requests, plugin_module
from tocsin.integrations.apprise.notifier import NOTIFIER, SHORTEST_ROOM, _class_of, _schemes
from tocsin.integrations.apprise.services import MODULES, OWN, SERVICES, TOO_SHORT
from tocsin.integrations.registry import NOTIFIERS

PLUGINS = Path(str(find_spec("apprise").submodule_search_locations[0])) / "plugins"
HARMLESS = {
    "re", "json", "typing", "itertools", "datetime", "math", "hashlib", "hmac", "base64", "urllib", "uuid", "time", "__future__", "html",
    "contextlib", "copy", "collections", "enum", "dataclasses", "email", "logging", "random", "string", "functools", "requests", "types",
    "html5lib", "binascii", "secrets", "textwrap", "abc",
}  # fmt: skip
PACKAGE = {"common", "locale", "url", "utils", "base", "logger", "apprise_attachment", "conversion", "exception", "asset", "attachment"}
# They name the class of attachments, of which they are given none; Discord's `template` is refused (NOT_TAKEN).
ATTACHED = {"discord", "fluxer", "pushbullet"}
PAGE = Message(
    "SEV1 Checkout <is> down", "SEV1 Checkout <is> down\nService: checkout @everyone\nWhy you: alert → you",
    link="http://localhost:8000/ack/eyJ_a-b_c:1x/", facts={"subject_url": "http://localhost:8000/alerts/5/"},
)  # fmt: skip


def suspicious(module: str) -> list[str]:
    """What in a plugin's source might reach the outside or this machine other than by `requests`."""
    found = []
    for node in ast.walk(ast.parse((PLUGINS / f"{module}.py").read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                found += [
                    one.name for one in names if one.name.split(".")[0] not in HARMLESS or one.name.startswith("requests.") or one.asname
                ]
            case ast.ImportFrom(module=name, level=0):
                found += [str(name)] if str(name).split(".")[0] not in HARMLESS - {"requests"} else []
            case ast.ImportFrom(module=name, names=names):
                parts = {str(name).split(".")[0]} if name else {one.name for one in names}
                attached = {one.name for one in names if "ttach" in one.name} if module not in ATTACHED else set()
                found += sorted(parts - PACKAGE) + sorted(attached)
            case ast.Attribute(value=ast.Name(id="requests"), attr=name) if not hasattr(Requests, name):
                found.append(f"requests.{name}")
            case ast.Call(func=ast.Name(id=name)) if name in ("open", "exec", "eval", "__import__"):
                said = ast.unparse(node)
                allowed = (
                    "open(attachment.path",
                    "open(payload.path",
                    "open(template.path" if module == "discord" else "open(attachment.path",
                )
                found += [] if said.startswith(allowed) else [said]
            case ast.FunctionDef(name="__del__"):
                found.append("__del__")
    return found


def test_every_plugin_that_is_used_sends_by_requests_alone_and_reads_no_files():
    assert {module: found for module in MODULES if (found := suspicious(module))} == {}
    seen = (
        suspicious("custom_json"),
        suspicious("rsyslog"),
        suspicious("vapid/subscription"),
        suspicious("email/base"),
        suspicious("workflows"),
    )
    assert seen[0] == [] and all(seen[1:])  # the reading of sources finds what it is for


def test_every_scheme_of_the_list_is_one_of_its_plugin_and_no_other_is_left_out():
    for module, schemes in MODULES.items():
        plugin = plugin_module(module)
        assert plugin.requests is REQUESTS
        made = _class_of(plugin, schemes.split()[0])
        assert sorted(dict.fromkeys(_schemes(made))) == sorted(schemes.split()), module
        assert made.body_maxlen >= SHORTEST_ROOM
    assert not set(SERVICES) & (set(OWN) | TOO_SHORT)


def test_the_reference_lists_every_service():
    text = (Path(__file__).parents[2] / "docs" / "reference" / "apprise.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"`([a-z0-9]+)://`", text)) == sorted(SERVICES)


@pytest.mark.parametrize(("address", "words"), [
    ("file:///etc/passwd", "not among the services"), ("syslog://", "not among"), ("dbus://", "not among"), ("mqtt://localhost/x", "not among"),
    ("irc://localhost/x", "not among"), ("fcm://project/device?keyfile=/etc/passwd", "not among"), ("xmpp://a:b@localhost", "not among"),
    ("mailto://a:b@example.com", "kind E-mail"), ("pover://user@token", "kind Pushover"), ("slack://a/b/c", "kind Slack"),
    ("clicksend://a:b@12025550123", "too short"), ("discord://1234/abcd?template=/etc/passwd", "templates are files"),
    ("discord://1234/abcd?TEMPLATE=http://169.254.169.254/", "templates are files"), ("jsons://hooks.example.com/?verify=no", "always checked"),
    ("json://a.example/,json://b.example/", "one URL"), ("json://a.example/ file:///etc/passwd", "one URL"), ("json://" + "a" * 1000, "one URL"),
    ("discord://", "not how a URL"), ("/etc/apprise.yml", "apprise URL"), ("config://localhost", "not among"), ("", "apprise URL"),
    ("pbul://token/device1/device2", "several receivers"),
])  # fmt: skip
def test_what_is_no_single_service_over_http_is_refused_with_a_sentence(address, words):
    with pytest.raises(ValueError, match=words):
        NOTIFIER.check_address(address)


class Hook(StandIn):
    """Takes whatever comes; answers as `trouble` says first."""

    def answer(self, asked: Asked):
        return 200, {"id": 1}, {}


@pytest.fixture
def hook():
    server = Hook()
    with running(server):
        yield server


def address_at(server: StandIn, scheme: str, path: str) -> str:
    return NOTIFIER.check_address(f"{scheme}://{server.url.removeprefix('http://')}{path}")


def test_a_message_goes_out_whole_with_the_link_and_without_calling_a_room(hook):
    receipt = NOTIFIER.send(address_at(hook, "json", "/in/secret-token-1"), PAGE, key="tocsin-7")
    assert (receipt.outcome, receipt.reason, receipt.reports) == (Outcome.ACCEPTED, "JSON took it (it answered 200)", False)
    [asked] = hook.asked
    said = asked.json
    assert said["title"] == "SEV1 Checkout <is> down" and said["type"] == "failure" and said["attachments"] == []
    assert said["message"].endswith("\nAcknowledge: http://localhost:8000/ack/eyJ_a-b_c:1x/\nDetails: http://localhost:8000/alerts/5/")
    assert said["message"].startswith("Service: checkout @\u200beveryone") and asked.headers["user-agent"] == "Tocsin"


def test_however_long_a_text_is_the_link_is_not_cut_and_it_stays_one_message(hook):
    long = Message("SEV1 Checkout is down", "é" * 9000, link="http://localhost:8000/ack/" + "a_b-" * 60)
    for scheme, path in (("json", "/?overflow=split"), ("gotify", "/token"), ("rocket", "/%23ops?avatar=no")):
        hook.asked.clear()
        host = hook.url.removeprefix("http://")
        NOTIFIER.send(f"{scheme}://{'aaa/bbb@' if scheme == 'rocket' else ''}{host}{path}", long, key="k")
        [asked] = hook.asked
        said = json.dumps(asked.json)
        assert long.link in said and len(asked.body) < (1000 if scheme == "rocket" else 4000) * 6, scheme


def test_markdown_and_html_keep_the_link_and_lose_what_people_wrote_into_it(hook, monkeypatch):
    monkeypatch.setattr(plugin_module("google_chat").NotifyGoogleChat, "notify_url", hook.url + "/{workspace}")
    lookup = plugin_module("mailgun").MAILGUN_API_LOOKUP
    monkeypatch.setitem(lookup, next(iter(lookup)), hook.url + "/v3/")
    bold = Message("Down", "see *[here](http://evil.example)* <b>now</b>", link=PAGE.link)
    NOTIFIER.send("gchat://workspace/workspace-key/webhook-token", bold, key="k")
    said = hook.asked[-1].json["text"]
    assert said.endswith(f"\nAcknowledge: {PAGE.link}") and "[here]\u200b(http" in said and "<\u200bb>now" in said
    NOTIFIER.send("mailgun://pager@example.com/key-1234/ana@example.com", bold, key="k")
    assert hook.asked[-1].path.startswith("/v3/") and f'href="{PAGE.link}"' in hook.asked[-1].form["html"]
    assert "&lt;b&gt;" in hook.asked[-1].form["html"]


def test_a_redirect_is_not_followed_wherever_it_leads(hook):
    for place in ("http://127.0.0.1:1/", "http://169.254.169.254/latest/meta-data/", "/elsewhere"):
        hook.trouble.append((307, {}, {"Location": place}))
        receipt = NOTIFIER.send(address_at(hook, "json", "/?redirect=yes"), PAGE, key="k")
        assert receipt.outcome is Outcome.FAILED and "do not follow" in receipt.reason
    assert [asked.path for asked in hook.asked] == ["/", "/", "/"]


@pytest.mark.parametrize("host", ["169.254.169.254", "10.1.2.3", "0.0.0.0", "[::1]", "2130706434", "[::ffff:10.0.0.1]"])
def test_an_address_inside_is_not_reached(host):
    receipt = NOTIFIER.send(f"json://{host}/", PAGE, key="k")
    assert receipt.outcome in (Outcome.FAILED, Outcome.RETRY) and (
        "not public" in receipt.reason or "cannot be resolved" in receipt.reason
    ), receipt


def test_a_name_that_leads_inside_is_not_reached(monkeypatch, hook):
    port = int(hook.url.rpartition(":")[2])
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", ("10.0.0.7", port)), (2, 1, 6, "", ("127.0.0.1", port))])
    receipt = NOTIFIER.send(f"json://rebound.example:{port}/?config=http://169.254.169.254/", PAGE, key="k")
    assert receipt.outcome is Outcome.FAILED and "not public" in receipt.reason and hook.asked == []


def test_what_a_service_answers_decides_and_its_words_come_without_the_secret(hook):
    address = address_at(hook, "gotify", "/secret-token-1")
    for answer, outcome, words in (
        ((401, {"error": "Unauthorized", "errorDescription": "x"}, {}), Outcome.FAILED, "Gotify answered 401: Unauthorized"),
        ((503, b"<h1>Busy</h1> secret-token-1", {"Retry-After": "9"}), Outcome.RETRY, "Gotify answered 503: Busy …"),
        ((429, {}, {"Retry-After": "40"}), Outcome.RETRY, "answered 429"),
        ((410, {"message": "gone"}, {}), Outcome.FAILED, "answered 410: gone"),
    ):
        hook.trouble.append(answer)
        receipt = NOTIFIER.send(address, PAGE, key="k")
        assert receipt.outcome is outcome and words in receipt.reason and receipt.gone is (answer[0] == 410), receipt
        assert receipt.retry_after == ({"9": 9.0, "40": 40.0}.get(answer[2].get("Retry-After", "")))
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    receipt = NOTIFIER.send(f"gotify://127.0.0.1:{port}/token", PAGE, key="k")
    assert receipt.outcome is Outcome.RETRY and receipt.reason.startswith("no answer of Gotify")


def test_a_service_that_took_the_message_and_never_answered_is_unknown(monkeypatch):
    monkeypatch.setattr("tocsin.integrations.apprise.egress.TIME_LIMIT", 2.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        receipt = NOTIFIER.send(f"json://127.0.0.1:{silent.getsockname()[1]}/?rto=600&cto=600", PAGE, key="k")
    assert receipt.outcome is Outcome.UNKNOWN and "within" in receipt.reason


def test_one_message_asks_no_more_than_a_few_times(hook, monkeypatch):
    plugin = plugin_module("custom_json")

    def send(self, **_):
        return all(plugin.requests.post(hook.url).ok for _ in range(50))

    monkeypatch.setattr(plugin.NotifyJSON, "send", send)
    NOTIFIER.send(address_at(hook, "json", "/"), PAGE, key="k")
    assert len(hook.asked) == 6
    with pytest.raises(REQUESTS.RequestException):
        plugin.requests.post(hook.url)  # outside of a message nothing goes out
    assert len(hook.asked) == 6


def test_it_states_honestly_what_it_can_do():
    can = NOTIFIERS["apprise"].abilities
    assert (can.wakes, can.two_way, can.receipts) == (False, False, False) and "nobody can promise it" in can.words


def test_apprise_is_not_imported_before_its_first_address():
    code = (
        "import sys, django; django.setup()\n"
        "from tocsin.integrations.registry import NOTIFIERS; [NOTIFIERS[kind] for kind in NOTIFIERS]\n"
        "import tocsin.response.deliver; assert 'apprise' not in sys.modules\n"
        "NOTIFIERS['apprise'].check_address('gotify://push.example.com/token')\n"
        "print(sorted(one for one in sys.modules if one.startswith('apprise.plugins.')))"
    )
    ran = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "['apprise.plugins.base', 'apprise.plugins.gotify']"
