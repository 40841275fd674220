"""Versions of the procedure: the room, the API, the pages and the file commands."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from tocsin import clock
from tocsin.accounts.actor import SYSTEM
from tocsin.accounts.models import AuditEntry, Role, User
from tocsin.domain.procedure import default, to_plain
from tocsin.domain.procedure.default import default_text
from tocsin.lib.refusal import Refused
from tocsin.procedures import operations

pytestmark = pytest.mark.django_db

STRICTER = default_text().replace("Within 15 minutes", "Within 10 minutes")


def changed() -> dict:
    plain = to_plain(default())
    plain["severities"][1]["response"] = {"text": "Within 10 minutes", "within_minutes": 10}
    return plain


@pytest.mark.clause("S2")
def test_the_default_is_in_force_without_any_set_up():
    assert operations.current().number == 1 and operations.document(operations.current()) == default()
    assert operations.current() == operations.current()


def test_a_draft_comes_into_force_and_the_old_version_stays_readable():
    first = operations.current()
    draft = operations.save_draft(changed(), by=SYSTEM, now=clock.now(), note="Faster")
    assert operations.current() == first
    second = operations.publish(draft.pk, note="Faster", by=SYSTEM, now=clock.now())
    assert second.number == 2 and operations.document(second).severity("SEV2").response.within_minutes == 10
    assert operations.document(operations.version(1)) == default()
    assert [entry.verb for entry in AuditEntry.objects.order_by("id")][-2:] == ["procedure.draft_saved", "procedure.published"]


def test_no_note_lint_errors_and_a_version_in_between_are_refused():
    now = clock.now()
    draft = operations.save_draft(changed(), by=SYSTEM, now=now)
    with pytest.raises(Refused) as refusal:
        operations.publish(draft.pk, note=" ", by=SYSTEM, now=now)
    assert "note" in refusal.value.errors
    bad = changed()
    bad["roles"] = []
    with pytest.raises(Refused, match="cannot work"):
        operations.replace(bad, note="x", by=SYSTEM, now=now)
    operations.replace(changed(), note="In between", by=SYSTEM, now=now)
    with pytest.raises(Refused) as refusal:
        operations.publish(draft.pk, note="Late", by=SYSTEM, now=now)
    assert refusal.value.status == 409


def test_a_discarded_draft_is_offered_no_more():
    draft = operations.save_draft(changed(), by=SYSTEM, now=clock.now())
    operations.discard(draft.pk, by=SYSTEM, now=clock.now())
    with pytest.raises(Refused):
        operations.draft(draft.pk)


@pytest.fixture
def program(settings):
    settings.BOOTSTRAP_TOKEN = "bootstrap-secret"

    def call(method: str, path: str, body=None, **headers):
        data = json.dumps(body) if body is not None else ""
        headers["HTTP_AUTHORIZATION"] = "Bearer bootstrap-secret"
        return Client().generic(method, f"/api/v1/procedure{path}", data, content_type="application/json", **headers)

    return call


@pytest.mark.clause("S3", "S34")
def test_programs_read_change_check_and_compare_it(program):
    shown = program("GET", "").json()
    assert [row["id"] for row in shown["severities"]] == ["SEV1", "SEV2", "SEV3", "SEV4"] and shown["version"] == 1
    assert shown["steps"][0]["title"] == "Acknowledge and Assess"
    assert program("GET", ".md").content.decode() == default_text()
    assert program("GET", ".yaml").content.decode().startswith("title: Incident Response Procedures")
    assert program("PUT", "", {"text": STRICTER, "note": "Faster"}, HTTP_IF_MATCH='"1"').json()["version"] == 2
    assert program("PUT", "", {"text": STRICTER, "note": "Again"}, HTTP_IF_MATCH='"1"').status_code == 409
    changes = program("GET", "/diff?old=1&new=2").json()["changes"]
    assert any("within 10 min" in change["sentence"] for change in changes)
    assert program("POST", "/lint", {"text": default_text()}).json() == {"valid": True, "findings": []}
    assert program("POST", "/lint", {"text": "title: ["}).status_code == 422
    assert [row["version"] for row in program("GET", "/versions").json()["items"]] == [2, 1]


def test_programs_keep_drafts(program):
    made = program("POST", "/drafts", {"document": changed(), "note": "Faster"})
    assert made.status_code == 201 and made.json()["valid"]
    at = f"/drafts/{made.json()['id']}"
    assert program("GET", at).json()["note"] == "Faster"
    assert program("POST", f"{at}/publish", {"note": ""}).status_code == 422
    assert program("POST", f"{at}/publish", {"note": "Faster"}).json()["version"] == 2


@pytest.mark.clause("S1")
def test_everybody_signed_in_reads_the_page_and_only_administrators_edit(client):
    ben = User.objects.create_user("ben@example.com", "a long enough password", name="Ben")
    client.force_login(ben)
    shown = client.get("/procedure/").content.decode()
    assert "Incident Response Procedures" in shown and "standard procedures for responding to production incidents" in shown
    assert client.get("/procedure/draft/").status_code == 403
    assert client.get("/procedure/v1.md").content.decode() == default_text()


def test_an_administrator_saves_sees_the_change_and_publishes(client):
    ana = User.objects.create_user("ana@example.com", "a long enough password", name="Ana", role=Role.ADMINISTRATOR)
    client.force_login(ana)
    assert client.get("/procedure/draft/?form=yaml").status_code == 200
    refused = client.post("/procedure/draft/", {"text": "nothing", "note": "", "form": "markdown"})
    assert refused.status_code == 422 and "cannot be read" in refused.content.decode()
    saved = client.post("/procedure/draft/", {"text": STRICTER.replace("\n", "\r\n"), "note": "", "form": "markdown"})
    assert saved.status_code == 303
    assert "SEV2 is to be answered within 10 min" in client.get(saved["Location"]).content.decode()
    assert client.post(saved["Location"], {"text": STRICTER, "note": "", "action": "publish"}).status_code == 422
    assert client.post(saved["Location"], {"text": STRICTER, "note": "Faster", "action": "publish"})["Location"] == "/procedure/"
    assert operations.current().number == 2
    assert "within 10 min" in client.get("/procedure/v1/compare/").content.decode()
    assert client.get("/procedure/?version=1").status_code == 200


def test_files_are_checked_from_the_shell(tmp_path):
    from typer.testing import CliRunner

    from tocsin.cli.procedure import procedure_app

    good, bad = tmp_path / "good.md", tmp_path / "bad.yaml"
    good.write_text(default_text())
    bad.write_text("title: [")
    assert CliRunner().invoke(procedure_app, ["lint", str(good)]).output.strip() == "Nothing to put right."
    assert CliRunner().invoke(procedure_app, ["lint", str(bad)]).exit_code == 1
    assert CliRunner().invoke(procedure_app, ["import"]).exit_code == 2
