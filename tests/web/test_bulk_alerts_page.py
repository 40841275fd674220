"""Acts on many alerts from the page: what will happen in words, typed numbers, silences, progress, and taking it back; without any script."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tests.api.test_frame import call, token
from tocsin import clock
from tocsin.alerts.models import Alert, BulkAction, Silence
from tocsin.obligations.models import Obligation
from tocsin.response import bulk_alerts
from tocsin.timeline.models import Entry

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(client, story):
    client.force_login(story.ana)
    return client


def many(story, number: int, **fields) -> list[Alert]:
    now = clock.now()
    return Alert.objects.bulk_create(
        Alert(integration=story.integration, service=story.service, dedup_key=f"many{n}", title=f"Many {n}", source_severity="info", severity="SEV4", started_at=now,
              first_seen=now, last_seen=now, last_event_at=now, **{"labels": {"env": "prod", "host": f"web{n}"}, **fields}) for n in range(number)
    )  # fmt: skip


def hidden(html: str) -> dict[str, list[str]]:
    """The hidden fields of the confirmation."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="([a-z]+)" value="([^"]*)"', html):
        found.setdefault(name, []).append(value.replace("&amp;", "&").replace("&#x27;", "'"))
    found.pop("csrfmiddlewaretoken", None)
    return found


def test_selected_alerts_are_acknowledged_after_confirming_and_taken_back_with_their_promise(page, story):
    assert f'name="alert" value="{story.loose.pk}"' in page.get("/alerts/").content.decode()
    promise = Obligation.objects.filter(kind="acknowledge", alert_id=story.loose.pk).latest("id")
    assert promise.state == "open"
    told = page.post("/alerts/bulk/", {"action": "acknowledge", "alert": [story.loose.pk], "filter": "?severity=SEV2"})
    assert told.status_code == 200 and "1 alert will be yours" in told.content.decode() and not BulkAction.objects.exists()
    form = {**hidden(told.content.decode()), "confirm": "yes"}
    assert page.post("/alerts/bulk/", form)["Location"] == "/alerts/?severity=SEV2"
    page.post("/alerts/bulk/", form)
    act = BulkAction.objects.get()  # a second click is the same act
    promise.refresh_from_db()
    assert promise.state in ("met", "late")
    shown = page.get("/alerts/").content.decode()
    assert "1 alert acknowledged." in shown and f"/alerts/bulk/{act.pk}/undo/" in shown
    assert page.post(f"/alerts/bulk/{act.pk}/undo/", {"next": "/alerts/?q=x"})["Location"] == "/alerts/?q=x"
    promise.refresh_from_db()
    assert promise.state == "open" and promise.stopped_at is None and promise.next_at
    assert Entry.objects.filter(alert_id=story.loose.pk, kind="undone", text__contains="promise to acknowledge is open again").exists()
    assert "acknowledged." not in page.get("/alerts/?status=all").content.decode()


def test_all_that_match_need_their_number_and_the_worker_shows_how_far_it_is(page, story):
    many(story, 230)
    told = page.post("/alerts/bulk/", {"action": "resolve", "all": "on", "filter": "?q=many"}).content.decode()
    assert "230 alerts will be resolved" in told and "Type 230 to confirm" in told and "in the background" in told
    form = {**hidden(told), "confirm": "yes"}
    refused = page.post("/alerts/bulk/", {**form, "typed": "23"})
    assert refused.status_code == 400 and "Type 230 to confirm that" in refused.content.decode()
    assert page.post("/alerts/bulk/", {**form, "typed": "230"}).status_code == 303
    act = BulkAction.objects.get()
    assert 'max="230" value="0"' in page.get("/alerts/").content.decode()
    bulk_alerts.take()
    polled = page.get(f"/alerts/bulk/{act.pk}/", headers={"HX-Request": "true"}).content.decode()
    assert "50 of 230" in polled and "every 2s" in polled
    while bulk_alerts.take():
        pass
    polled = page.get(f"/alerts/bulk/{act.pk}/", headers={"HX-Request": "true"}).content.decode()
    assert "230 alerts resolved." in polled and "every 2s" not in polled


def test_an_alert_that_comes_while_somebody_reads_what_will_happen_is_left_alone(page, story):
    many(story, 3)
    told = page.post("/alerts/bulk/", {"action": "resolve", "all": "on", "filter": "?q=many"}).content.decode()
    late = Alert.objects.create(
        integration=story.integration, dedup_key="late", title="Many more", source_severity="info", severity="SEV4", started_at=clock.now(), first_seen=clock.now(),
        last_seen=clock.now(), last_event_at=clock.now(),
    )  # fmt: skip
    page.post("/alerts/bulk/", {**hidden(told), "confirm": "yes"})
    late.refresh_from_db()
    assert late.status == "firing" and BulkAction.objects.get().changed_ids and len(BulkAction.objects.get().changed_ids) == 3


def test_a_silence_goes_by_what_the_selected_alerts_share_with_a_reason_and_an_end(page, story):
    rows = many(story, 3)
    told = page.post("/alerts/bulk/", {"action": "silence", "alert": [row.pk for row in rows]}).content.decode()
    assert "3 firing alerts match it now" in told and "env=prod" in told and "host=web" not in told
    assert 'name="stop_paging" value="on" checked' in told and "Nobody is being paged for them now." in told
    form = {**hidden(told), "label": "env=prod", "confirm": "yes", "reason": "Disks are swapped"}
    refused = page.post("/alerts/bulk/", form)
    assert (
        refused.status_code == 400 and "Choose when it ends" in refused.content.decode() and "Disks are swapped" in refused.content.decode()
    )
    assert "Say why" in page.post("/alerts/bulk/", {**form, "hold": "60", "reason": " "}).content.decode()
    assert page.post("/alerts/bulk/", {**form, "hold": "60"}).status_code == 303
    silence = Silence.objects.get()
    assert not silence.stop_paging  # its box was not sent
    assert silence.matchers == [{"name": "env", "value": "prod", "is_regex": False, "is_equal": True}]
    assert silence.service_id == story.service.pk
    assert timedelta(minutes=59) < silence.ends_at - clock.now() <= timedelta(minutes=60)


def test_a_silence_of_a_filter_says_what_it_does_not_go_by(page, story):
    many(story, 2)
    told = page.post("/alerts/bulk/", {"action": "silence", "all": "on", "filter": "?label=env%3Dprod&q=many"}).content.decode()
    assert "wider than the filter, which also narrows by words" in told
    nothing = page.post("/alerts/bulk/", {"action": "silence", "all": "on", "filter": "?q=many"})
    assert nothing.status_code == 400 and "no label or single service" in nothing.content.decode()


def test_nothing_selected_and_observers_are_refused(page, story, client):
    answer = page.post("/alerts/bulk/", {"action": "resolve", "alert": []})
    assert answer.status_code == 400 and "Select at least one alert" in answer.content.decode()
    assert page.post("/alerts/bulk/", {"action": "resolve", "alert": ["x"]}).status_code == 400
    assert page.get("/alerts/bulk/").status_code == 405
    client.force_login(story.cy)
    assert client.post("/alerts/bulk/", {"action": "resolve", "alert": [story.loose.pk]}).status_code == 403
    assert "bulkbar" not in client.get("/alerts/").content.decode()


def test_the_same_act_over_the_api_within_a_minute_is_one_act(story):
    bearer = token("respond", user=story.ana)
    body = {"action": "noise", "alerts": [story.loose.pk]}
    first = call("POST", "/alerts/bulk", body, bearer=bearer).json()["act"]["id"]
    assert call("POST", "/alerts/bulk", body, bearer=bearer).json()["act"]["id"] == first
    assert call("POST", "/alerts/bulk", {**body, "action": "useful"}, bearer=bearer).json()["act"]["id"] != first
    BulkAction.objects.update(created_at=clock.now() - timedelta(seconds=61))
    assert call("POST", "/alerts/bulk", body, bearer=bearer).json()["act"]["id"] != first


def test_an_act_taken_back_can_be_done_again_at_once(story):
    bearer = token("respond", user=story.ana)
    body = {"action": "resolve", "alerts": [story.loose.pk]}
    first = call("POST", "/alerts/bulk", body, bearer=bearer).json()["act"]["id"]
    assert call("POST", f"/alerts/bulk/{first}/undo", bearer=bearer).json()["again"] == 1
    again = call("POST", "/alerts/bulk", body, bearer=bearer).json()["act"]
    assert again["id"] != first and again["changed"] == 1


def test_what_nobody_is_paged_for_is_taken_and_given_back_as_it_was_said(page, story):
    rows = many(story, 2)
    form = {"action": "acknowledge", "alert": [row.pk for row in rows]}
    told = page.post("/alerts/bulk/", form).content.decode()
    assert "2 alerts will be yours; nobody is being paged for them." in told
    page.post("/alerts/bulk/", {**hidden(told), "confirm": "yes"})
    act = BulkAction.objects.get()
    assert len(act.changed_ids) == 2
    assert "Somebody has them all already; nothing changes." in page.post("/alerts/bulk/", form).content.decode()
    page.post(f"/alerts/bulk/{act.pk}/undo/")
    assert "2 alerts will be yours" in page.post("/alerts/bulk/", form).content.decode()
