"""The public page says what was published, whole or not at all, and stands without the rest of the house."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from pathlib import Path
from xml.dom import minidom

import pytest
from django.db import connection
from django.utils.html import escape

from tests import loops
from tocsin import clock
from tocsin.accounts.actor import Actor
from tocsin.accounts.models import Organisation, User
from tocsin.incidents.models import Incident, Update
from tocsin.lib.refusal import Refused
from tocsin.procedures.models import ProcedureVersion
from tocsin.statuspage import jobs, operations, publishing
from tocsin.statuspage.models import Component, ComponentChange
from tocsin.web.public import make_app

pytestmark = pytest.mark.django_db
TEXT = (
    "2026-11-23 03:14 UTC\nStatus: {}\n\nWe are currently experiencing failing card payments.\n\nImpact: Card payments <fail> & retry\n\n"
    "Next update in 20 minutes."
)


@pytest.fixture
def ana() -> User:
    return User.objects.create_user("ana@example.org", name="Ana")


@pytest.fixture
def checkout(ana: User) -> Component:
    return operations.add_component(name="Checkout", by=Actor.of(ana, "web"), now=clock.now())


def incident(number: int = 1, **fields) -> Incident:
    severities = [{"id": name} for name in ("SEV1", "SEV2", "SEV3", "SEV4")]
    now = clock.now()
    version, _ = ProcedureVersion.objects.get_or_create(
        number=1, defaults={"document": {"severities": severities}, "created_at": now, "updated_at": now, "published_at": now}
    )
    given = {"title": "Checkout payments failing", "severity": "SEV1", "declared_at": now} | fields
    return Incident.objects.create(number=number, procedure_version=version, **given)


def say(about: Incident, status: str, by: User, components: dict[str, str] | None = None, later: int = 0) -> Update:
    now = clock.now() + timedelta(minutes=later)
    operations.set_statuses(components or {}, incident=about, by=Actor.of(by, "web"), now=now)
    return Update.objects.create(
        incident=about, audience="public", status=status, text=TEXT.format(status.capitalize()), components=components or {}, published_at=now,
        next_update_at=now + timedelta(minutes=20), by=by,
    )  # fmt: skip


def read(folder: Path, name: str) -> dict:
    return json.loads((folder / "api/v2" / f"{name}.json").read_text())


@pytest.mark.clause("S71", "S77", "S78", "S79", "S80", "S81")
def test_an_update_is_on_the_page_in_its_own_words_and_resolved_ends_it(tmp_path: Path, ana: User, checkout: Component):
    about = incident()
    first = say(about, "identified", ana, {str(checkout.pk): "major_outage"})
    folder = publishing.publish_now(tmp_path)
    unresolved = read(folder, "incidents/unresolved")["incidents"]
    assert [u["body"] for u in unresolved[0]["incident_updates"]] == [first.text]
    assert unresolved[0]["incident_updates"][0]["affected_components"] == [
        {"code": checkout.code, "name": "Checkout", "old_status": "operational", "new_status": "major_outage"}
    ]
    assert read(folder, "summary")["status"] == {"indicator": "critical", "description": "Major Service Outage"}
    index = (folder / "index.html").read_text()
    assert "Major outage: Checkout" in index
    assert escape("Card payments <fail> & retry") in index and "<fail>" not in index
    say(about, "resolved", ana, {str(checkout.pk): "operational"}, later=5)
    publishing.publish_now(tmp_path)
    summary = read(folder, "summary")
    assert summary["incidents"] == []
    assert [(c["name"], c["status"]) for c in summary["components"]] == [("Checkout", "operational")]
    newest = read(folder, "incidents")["incidents"][0]
    assert [u["status"] for u in newest["incident_updates"]] == ["resolved", "identified"]
    assert newest["resolved_at"] and "All systems operational" in (folder / "index.html").read_text()


def test_private_incidents_drills_and_unpublished_ones_never_appear(tmp_path: Path, ana: User):
    for number, fields in enumerate(({"private": True, "title": "A secret breach"}, {"drill": True, "title": "A rehearsal"}), 1):
        say(incident(number, **fields), "investigating", ana)
    incident(3, title="Not said yet")
    folder = publishing.publish_now(tmp_path)
    everything = "".join(path.read_text() for path in folder.resolve().rglob("*") if path.is_file())
    assert not any(words in everything for words in ("secret breach", "rehearsal", "Not said yet"))
    assert read(folder, "incidents")["incidents"] == []


KEYS = {
    "page": {"id", "name", "url", "time_zone", "updated_at"},
    "components": {"id", "name", "status", "created_at", "updated_at", "position", "description", "showcase", "start_date", "group_id", "page_id", "group",
                   "only_show_if_degraded"},
    "incidents": {"id", "name", "status", "created_at", "updated_at", "monitoring_at", "resolved_at", "impact", "shortlink", "started_at", "page_id",
                  "incident_updates", "components"},
    "incident_updates": {"id", "status", "body", "incident_id", "created_at", "updated_at", "display_at", "affected_components", "deliver_notifications",
                         "custom_tweet", "tweet_id"},
}  # fmt: skip
FILES = {
    "summary": {"page", "components", "incidents", "scheduled_maintenances", "status"}, "status": {"page", "status"}, "components": {"page", "components"},
    "incidents": {"page", "incidents"}, "incidents/unresolved": {"page", "incidents"}, "scheduled-maintenances": {"page", "scheduled_maintenances"},
    "scheduled-maintenances/active": {"page", "scheduled_maintenances"}, "scheduled-maintenances/upcoming": {"page", "scheduled_maintenances"},
}  # fmt: skip


def test_the_json_has_the_keys_of_a_statuspage(tmp_path: Path, ana: User, checkout: Component):
    say(incident(), "identified", ana, {str(checkout.pk): "partial_outage"})
    folder = publishing.publish_now(tmp_path)
    for name, keys in FILES.items():
        assert set(read(folder, name)) == keys, name
    found = read(folder, "summary")
    assert set(found["page"]) == KEYS["page"]
    row = found["incidents"][0]
    assert set(row) == KEYS["incidents"]
    assert set(row["incident_updates"][0]) == KEYS["incident_updates"]
    assert set(row["components"][0]) == set(found["components"][0]) == KEYS["components"]
    for code in (found["page"]["id"], row["id"], row["incident_updates"][0]["id"], checkout.code):
        assert len(code) == 12 and code.isalnum() and code == code.lower()
    assert row["impact"] == "critical"


def test_the_feeds_are_xml_even_with_characters_that_xml_cannot_hold(tmp_path: Path, ana: User):
    about = incident(title="Bell \x07 & <b>bold</b>")
    say(about, "investigating", ana)
    folder = publishing.publish_now(tmp_path)
    atom = minidom.parse(str(folder / "history.atom"))
    rss = minidom.parse(str(folder / "history.rss"))
    assert atom.getElementsByTagName("entry")[0].getElementsByTagName("title")[0].firstChild.data == "Bell  & <b>bold</b>"
    assert rss.getElementsByTagName("guid")[0].firstChild.data.endswith(".html")


@pytest.mark.clause("S71")
def test_a_publication_that_fails_half_way_leaves_the_old_page_whole(tmp_path: Path, ana: User, checkout: Component, monkeypatch):
    folder = publishing.publish_now(tmp_path)
    before = {path.name: path.read_bytes() for path in folder.resolve().rglob("*") if path.is_file()}
    say(incident(), "identified", ana, {str(checkout.pk): "major_outage"})
    written = []
    write = publishing._write

    def breaks(path: Path, body: bytes, old: Path | None) -> None:
        if len(written) == 4:
            raise OSError("No space left on device")
        written.append(path)
        write(path, body, old)

    monkeypatch.setattr(publishing, "_write", breaks)
    with pytest.raises(OSError, match="No space"):
        publishing.publish_now(tmp_path)
    assert {path.name: path.read_bytes() for path in folder.resolve().rglob("*") if path.is_file()} == before
    assert len(list((tmp_path / publishing.VERSIONS).iterdir())) == 1
    monkeypatch.undo()
    publishing.publish_now(tmp_path)
    assert "Major outage" in (folder / "index.html").read_text()


def test_publications_at_the_same_moment_come_one_after_the_other_and_the_page_is_whole_throughout(transactional_db, tmp_path: Path):
    ana = User.objects.create_user("ana@example.org", name="Ana")
    component = operations.add_component(name="Checkout", by=Actor.of(ana, "web"), now=clock.now())
    folder = publishing.publish_now(tmp_path)
    gate, failures, done = threading.Barrier(3), [], threading.Event()

    def publish(status: str) -> None:
        gate.wait()
        try:
            for _ in range(4):
                operations.change_component(component, status=status, by=Actor.of(ana, "web"), now=clock.now())
                publishing.publish_now(tmp_path)
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    def look() -> None:
        gate.wait()
        while not done.is_set():
            try:
                assert read(folder, "summary")["components"] and (folder / "index.html").read_text().endswith("</html>\n")
            except Exception as error:
                failures.append(error)

    writers = [threading.Thread(target=publish, args=(status,)) for status in ("major_outage", "operational")]
    reader = threading.Thread(target=look)
    for thread in (*writers, reader):
        thread.start()
    for thread in writers:
        thread.join(90)
    done.set()
    reader.join(90)
    assert not failures, repr(failures[0])
    component.refresh_from_db()
    publishing.publish_now(tmp_path)
    assert read(folder, "components")["components"][0]["status"] == component.status
    assert len(list((tmp_path / publishing.VERSIONS).iterdir())) <= publishing.KEPT
    assert not list(tmp_path.glob(".status.*"))


@pytest.mark.clause("S71")
def test_the_history_names_each_of_the_last_days_also_the_quiet_ones(tmp_path: Path, ana: User, checkout: Component):
    now = clock.now()
    today = incident(1, title="Cards are refused", declared_at=now)
    say(today, "investigating", ana)
    old = incident(2, title="Long ago", declared_at=now - timedelta(days=40))
    say(old, "resolved", ana, later=-40 * 24 * 60)
    page = (publishing.publish_now(tmp_path) / "history.html").read_text()
    assert page.count("No incidents reported.") == 13
    recent, older = page.split("Before that")
    assert "Cards are refused" in recent and "Long ago" in older and "Long ago" not in recent
    assert 'href="history.atom"' in page


def test_old_folders_are_cleared_away(tmp_path: Path):
    for _ in range(6):
        publishing.publish_now(tmp_path)
    assert len(list((tmp_path / publishing.VERSIONS).iterdir())) == publishing.KEPT


def test_setting_a_status_keeps_what_changed_and_refuses_what_cannot_be(ana: User, checkout: Component):
    by = Actor.of(ana, "web")
    assert len(operations.set_statuses({str(checkout.pk): "major_outage"}, incident=None, by=by, now=clock.now())) == 1
    assert operations.set_statuses({checkout.code: "major_outage"}, incident=None, by=by, now=clock.now()) == []
    assert ComponentChange.objects.get().after == "major_outage"
    for wrong in ({"999": "operational"}, {str(checkout.pk): "sleepy"}):
        with pytest.raises(Refused):
            operations.set_statuses(wrong, incident=None, by=by, now=clock.now())


# -- served without database ----------------------------------------------------------------------------------------------


def ask(app, path: str, method: str = "GET", headers: list[tuple[bytes, bytes]] | None = None) -> tuple[int, dict[bytes, bytes], bytes]:
    sent: list[dict] = []

    async def send(message: dict) -> None:
        sent.append(message)

    async def receive() -> dict:
        return {"type": "http.request", "body": b""}

    scope = {"type": "http", "method": method, "path": path, "headers": headers or []}
    loops.run(app(scope, receive, send))
    return sent[0]["status"], dict(sent[0]["headers"]), b"".join(message.get("body", b"") for message in sent[1:])


def test_the_page_is_read_without_a_database(tmp_path: Path, checkout: Component, django_db_blocker):
    publishing.publish_now(tmp_path)
    app = make_app(tmp_path / "status")
    with django_db_blocker.block():
        status, headers, body = ask(app, "/status/")
        assert (status, headers[b"content-type"]) == (200, b"text/html; charset=utf-8") and b"Checkout" in body
        assert headers[b"access-control-allow-origin"] == b"*" and b"script" not in headers[b"content-security-policy"]
        assert ask(app, "/status/", "HEAD")[2] == b""
        assert ask(app, "/status/", headers=[(b"if-none-match", headers[b"etag"])])[0] == 304
        assert ask(app, "/status/api/v2/summary.json")[1][b"content-type"] == b"application/json; charset=utf-8"
        assert ask(app, "/status", "GET")[1][b"location"] == b"/status/"


def test_a_new_publication_is_seen_at_once(tmp_path: Path, ana: User):
    publishing.publish_now(tmp_path)
    app = make_app(tmp_path / "status")
    assert b"Search" not in ask(app, "/status/")[2]
    operations.add_component(name="Search", by=Actor.of(ana, "web"), now=clock.now())
    publishing.publish_now(tmp_path)
    assert b"Search" in ask(app, "/status/")[2]


@pytest.mark.parametrize(
    "path", ["/status/../secret_key", "/status/%2e%2e/x", "/status/.hidden.html", "/status//etc/passwd", "/status/a\\b.html", "/status/x\0.html",
             "/status/nothing.html", "/status/secret.key", "/status/" + "x" * 4000],
)  # fmt: skip
def test_nothing_else_of_the_data_folder_is_served(tmp_path: Path, path: str):
    publishing.publish_now(tmp_path)
    (tmp_path / "secret_key").write_text("secret")
    (tmp_path / "status" / "secret.key").write_text("secret")
    status, _, body = ask(make_app(tmp_path / "status"), path)
    assert status == 404 and b"secret" not in body


def test_writing_methods_are_refused(tmp_path: Path):
    assert ask(make_app(tmp_path), "/status/", "POST")[0] == 405


def test_a_page_published_before_the_organisation_had_a_name_takes_it():
    assert operations.default_page().name == "My organisation status"
    publishing.publish_now()
    Organisation.objects.filter(pk=1).update(name="Larkfield", time_zone="Europe/Stockholm")
    jobs.refresh(0)
    assert (
        "Larkfield status" in (publishing.folder() / "index.html").read_text() and operations.default_page().time_zone == "Europe/Stockholm"
    )
    operations.change_page(name="All about Larkfield", support_url="")
    Organisation.objects.filter(pk=1).update(name="Larkfield Ltd")
    assert operations.default_page().name == "All about Larkfield", "a name that somebody gave stays"
