"""The war board, incidents, alerts, declaring and updates: what the pages show and do, without any script."""

from __future__ import annotations

import pytest

from tests.web import larkfield
from tocsin.accounts.models import User
from tocsin.alerts.models import Alert
from tocsin.incidents.models import ActionItem, ChecklistTick, Incident, RoleAssignment
from tocsin.paging.models import Escalation, Notification
from tocsin.procedures import operations as procedures

pytestmark = pytest.mark.django_db
MOST_QUERIES = 26


@pytest.fixture
def page(client, story):
    client.force_login(story.ana)
    return client


def text(response) -> str:
    assert response.status_code == 200, response.content.decode()[:800]
    return response.content.decode()


def do(page, story, deed: str, **fields):
    answer = page.post(f"/incidents/{story.incident.ref}/do/{deed}/", fields, follow=True)
    return text(answer)


def test_the_war_board_says_what_is_due_what_burns_and_who_is_on_call(page, story):
    shown = text(page.get("/"))
    assert "Due next" in shown and "Checkout payments failing" in shown and "Login check failing from Frankfurt" in shown
    assert "Payments primary" in shown and "Ana Alder commands" in shown


@pytest.mark.parametrize("path", ["/", "/incidents/", "/alerts/", "/alerts/{alert}/", "/incidents/{ref}/", "/incidents/{ref}/conformance/",
                                  "/incidents/{ref}/update/", "/declare/?alert={loose}", "/events/{raw}/", "/page/", "/search/?q=checkout"])  # fmt: skip
def test_each_page_opens_with_few_queries(page, story, path, django_assert_max_num_queries):
    path = path.format(alert=story.alert.pk, ref=story.incident.ref, loose=story.loose.pk, raw=story.raw.pk)
    page.get(path)
    with django_assert_max_num_queries(MOST_QUERIES):
        shown = text(page.get(path))
    assert " style=" not in shown and "<style" not in shown and " onclick=" not in shown
    assert "<script>" not in shown


@pytest.mark.clause("S34")
def test_an_incident_shows_the_six_steps_and_where_it_stands(page, story):
    shown = text(page.get(f"/incidents/{story.incident.ref}/"))
    titles = ["Acknowledge and Assess", "Communicate", "Diagnose", "Mitigate", "Resolve and Verify", "Post-Incident"]
    places = [shown.index(f"<span>{title}</span>") for title in titles]
    assert places == sorted(places) and 'aria-current="step"' in shown and "of 6" in shown


@pytest.mark.clause("S58", "S59", "S60", "S61")
def test_the_priority_order_of_mitigation_is_shown_in_order(page, story):
    shown = text(page.get(f"/incidents/{story.incident.ref}/"))
    words = ["Restore service (even partially)", "Contain the blast radius", "Prevent further damage", "Then investigate root cause"]
    places = [shown.index(word) for word in words]
    assert places == sorted(places) and "waits until service is restored" in shown


@pytest.mark.clause("S91", "S92", "S93", "S94")
def test_the_commanders_duties_stand_on_the_incident_and_the_declare_page(page, story):
    for path in (f"/incidents/{story.incident.ref}/", "/declare/"):
        shown = text(page.get(path))
        for duty in ("Leads incident response", "Makes decisions on actions", "Coordinates communication", "Delegates tasks"):
            assert duty in shown


@pytest.mark.clause("S4", "S13", "S22", "S30", "S37")
def test_declaring_shows_every_severitys_definition_and_examples(page, story):
    shown = text(page.get("/declare/")).replace("&#x27;", "'")
    for severity in procedures.document(procedures.current()).severities:
        assert severity.definition in shown
        assert all(example.text in shown for example in severity.examples)


@pytest.mark.clause("S1")
def test_an_incident_shows_the_procedures_title_and_scope(page, story):
    shown = text(page.get(f"/incidents/{story.incident.ref}/"))
    assert "Incident Response Procedures" in shown and "standard procedures for responding to production incidents" in shown


def test_the_preview_says_who_would_be_paged_and_what_is_promised(page, story):
    form = {"title": "Login is down", "severity": "SEV1", "service": story.service.pk, "incident_commander": story.ana.pk}
    before = Incident.objects.count()
    shown = text(page.post("/declare/?fragment=preview", form))
    assert (
        "paged now" in shown
        and "-login-is-down" in shown
        and "INCIDENT DECLARED" in shown
        and "Status page update within 15 minutes" in shown
    )
    assert "<html" not in shown and Incident.objects.count() == before


def test_declaring_opens_the_incident(page, story):
    answer = page.post(
        "/declare/", {"title": "Login is down", "severity": "SEV2", "alert": story.loose.pk, "incident_commander": story.ana.pk}
    )
    incident = Incident.objects.order_by("-id")[0]
    assert answer.status_code == 303 and answer["Location"] == f"/incidents/{incident.ref}/"
    assert incident.severity == "SEV2" and incident.alert_links.get().alert == story.loose


def test_a_declaration_without_a_title_is_refused_at_its_field(page, story):
    answer = page.post("/declare/", {"title": "", "severity": "SEV2"})
    assert answer.status_code == 422 and 'aria-invalid="true"' in answer.content.decode()


def test_messages_decisions_ticks_roles_tasks_and_actions_work_as_plain_forms(page, story):
    assert "Rollback is running" in do(page, story, "message", text="Rollback is running")
    assert "Decision" in do(page, story, "message", text="Roll back now", kind="decision")
    do(page, story, "role", role="communications_lead", take="yes")
    assert RoleAssignment.objects.filter(incident=story.incident, role="communications_lead", user=story.ana, ended_at=None).exists()
    do(page, story, "task", user=story.ben.pk, task="Watch the breaker")
    do(page, story, "action", title="Alert on pools above 80%", user=story.ben.pk, due_on="2027-01-04")
    assert ActionItem.objects.get(incident=story.incident).owner == story.ben
    do(page, story, "tick", step="mitigate", item="contain-the-blast-radius", done="yes")
    assert ChecklistTick.objects.filter(incident=story.incident, item="contain-the-blast-radius").exists()
    do(page, story, "severity", severity="SEV2", reason="Half of it recovered")
    story.incident.refresh_from_db()
    assert story.incident.severity == "SEV2"


def test_the_commander_confirms_a_mitigation_and_records_what_came_of_it(page, story):
    rollback = story.incident.mitigations.order_by("position")[0]
    do(page, story, "decide", mitigation=rollback.pk, answer="confirm")
    do(page, story, "record", mitigation=rollback.pk, note="4.17.3 runs everywhere", outcome="service_restored")
    rollback.refresh_from_db()
    story.incident.refresh_from_db()
    assert rollback.state == "done" and story.incident.restored_at


def test_resolving_verifying_and_closing(page, story):
    do(page, story, "resolve", resolution="Rolled back to 4.17.3")
    assert "Before it can be closed" not in do(page, story, "verify", evidence="")
    shown = do(page, story, "verify", evidence="Ten test payments succeeded", watch_minutes="0")
    assert "Before it can be closed" in shown and "status page does not say Resolved" in shown
    answer = page.post(f"/incidents/{story.incident.ref}/update/", {
        "audience": "public", "status": "Resolved", "verb": "experiencing", "description": "no further failures", "impact": "None"})  # fmt: skip
    assert answer.status_code == 303
    do(page, story, "close")
    story.incident.refresh_from_db()
    assert story.incident.status == "closed"


def test_an_update_is_previewed_and_refused_field_by_field(page, story):
    path = f"/incidents/{story.incident.ref}/update/"
    form = {
        "audience": "public",
        "status": "Identified",
        "verb": "experiencing",
        "description": "failing payments",
        "impact": "",
        "next_update_minutes": "",
    }
    answer = page.post(path, form)
    assert answer.status_code == 422
    assert "Say which users are affected" in answer.content.decode() and "failing payments" in answer.content.decode()
    form |= {"impact": "Card payments fail", "next_update_minutes": "20"}
    assert "We are currently experiencing failing payments." in text(page.post(f"{path}?fragment=preview", form))
    assert page.post(path, form).status_code == 303


def test_a_waiver_stands_on_the_conformance_page(page, story):
    shown = text(page.get(f"/incidents/{story.incident.ref}/conformance/"))
    assert "Status page update within 15 minutes" in shown
    do(page, story, "waive", clause="step-6.4", reason="Drilled last week")
    assert "Drilled last week" in text(page.get(f"/incidents/{story.incident.ref}/conformance/"))


def test_the_timeline_comes_in_pages(page, story):
    for number in range(60):
        larkfield.post_message(
            incident=story.incident, text=f"message {number}", by=larkfield.Actor.of(story.ana, "web"), now=larkfield.clock.now()
        )
    shown = text(page.get(f"/incidents/{story.incident.ref}/"))
    assert "message 59" in shown and "message 3<" not in shown
    earlier = shown.split('href="?before=')[1].split("#")[0]
    assert "message 3<" in text(page.get(f"/incidents/{story.incident.ref}/?before={earlier}"))


def test_an_alert_is_acknowledged_judged_and_linked(page, story):
    shown = text(page.get(f"/alerts/{story.loose.pk}/"))
    assert "Integration Prometheus: service payments-api" in shown and f"/events/{story.raw.pk}/" in shown
    page.post(f"/alerts/{story.loose.pk}/do/acknowledge/")
    assert Escalation.objects.get(alert=story.loose).status == "acknowledged"
    page.post(f"/alerts/{story.loose.pk}/do/verify/", {"verdict": "real", "note": "seen by hand"})
    assert Alert.objects.get(pk=story.loose.pk).verdict == "real"
    page.post(f"/alerts/{story.loose.pk}/do/link/", {"incident": story.incident.ref})
    assert story.loose.incident_links.get().incident == story.incident


def test_somebody_is_paged_by_hand(page, story):
    answer = page.post("/page/", {"user": story.ben.pk, "incident": story.incident.ref, "reason": "We need the payments database"})
    assert answer.status_code == 303
    assert Notification.objects.filter(user=story.ben, reason__contains="We need the payments database").exists()
    assert page.post("/page/", {"user": story.ben.pk, "incident": story.incident.ref, "reason": ""}).status_code == 422


def test_an_observer_reads_and_has_no_buttons(client, story):
    client.force_login(story.cy)
    shown = text(client.get(f"/incidents/{story.incident.ref}/"))
    assert "Write status update" not in shown and "/do/" not in shown
    assert client.post(f"/incidents/{story.incident.ref}/do/message/", {"text": "hello"}).status_code == 403


def test_a_private_incident_is_not_there_for_others(client, story):
    secret = larkfield.declare(
        title="Break-in", severity="SEV1", private=True, by=larkfield.Actor.of(story.ana, "web"), now=larkfield.clock.now()
    )
    client.force_login(User.objects.create_user("dee@larkfield.example", "a long enough password", name="Dee Dorn"))
    assert client.get(f"/incidents/{secret.ref}/").status_code == 404
    assert "Break-in" not in text(client.get("/")) and "Break-in" not in text(client.get("/incidents/"))
    assert "Break-in" not in text(client.get("/search/?q=Break"))


def test_a_page_that_is_not_there_says_so_with_a_number(page):
    answer = page.get("/incidents/INC-99999/")
    assert answer.status_code == 404 and answer["X-Request-Id"] and "There is no such page" in answer.content.decode()
