"""Saved views of the alerts list: kept for oneself, a team or everybody, pinned, opened with; changed by their owner alone."""

from __future__ import annotations

import re

import pytest

from tests.api.test_frame import call, token
from tocsin import clock
from tocsin.accounts.actor import Actor
from tocsin.accounts.models import AuditEntry, Role, User
from tocsin.alerts import operations_views
from tocsin.alerts.models import SavedView
from tocsin.domain.alert_filters import AlertFilter

pytestmark = pytest.mark.django_db


@pytest.fixture
def dee() -> User:
    """A responder in no team."""
    return User.objects.create_user("dee@larkfield.example", "a long enough password", name="Dee Dorn", role=Role.RESPONDER)


def test_filters_are_saved_under_a_name_and_stand_at_the_head_of_the_list(client, story):
    client.force_login(story.ana)
    form = {"name": "Worst first", "filter": "?severity=SEV1&sort=severity", "pinned": "on"}
    assert client.post("/alerts/views/", form)["Location"] == "/alerts/?severity=SEV1&sort=severity"
    shown = client.get("/alerts/?severity=SEV1&sort=severity").content.decode()
    assert "Worst first" in shown and 'aria-current="true">' in shown
    counted = client.get("/alerts/views/?fragment=chips&at=").content.decode()
    assert '<span class="num">' in counted and "hx-trigger" not in counted
    assert "Firing alerts of SEV1; worst severity first" in client.get("/alerts/views/").content.decode()


def test_a_teams_members_see_its_view_and_others_do_not(client, story, dee):
    bearer = token("respond", user=story.ana)
    body = {"name": "Ours", "filters": {"severity": "SEV1,SEV2"}, "team": story.service.team_id, "pinned": True}
    made = call("POST", "/saved-views", body, bearer=bearer)
    assert made.status_code == 201 and made.json()["filters"] == {"severity": ["SEV1", "SEV2"]} and made.json()["shared"]
    assert AuditEntry.objects.filter(object_kind="saved_view", verb="save").count() == 1
    names = lambda who: [row["name"] for row in call("GET", "/saved-views", bearer=token("read", user=who)).json()["items"]]  # noqa: E731
    assert names(story.ana) == ["Ours"] and names(dee) == []
    found = call("GET", f"/saved-views/{made.json()['id']}", bearer=bearer).json()
    assert isinstance(found["count"], int) and found["exact"]
    assert call("GET", f"/saved-views/{made.json()['id']}", bearer=token("read", user=dee)).status_code == 404
    refused = call("POST", "/saved-views", {**body, "name": "Theirs"}, bearer=token("respond", user=dee))
    assert refused.status_code in (400, 422) and "own teams" in refused.content.decode()


def test_only_its_owner_or_an_administrator_changes_a_view(client, story, dee):
    view = call("POST", "/saved-views", {"name": "All of ours", "shared": True}, bearer=token("respond", user=dee)).json()
    other = User.objects.create_user("eli@larkfield.example", "a long enough password", name="Eli Eck", role=Role.RESPONDER)
    bearer = token("respond", user=other)
    assert call("PATCH", f"/saved-views/{view['id']}", {"name": "Mine now"}, bearer=bearer).status_code == 403
    assert call("DELETE", f"/saved-views/{view['id']}", bearer=bearer).status_code == 403
    client.force_login(other)
    assert client.get(f"/alerts/views/{view['id']}/").status_code == 403
    boss = User.objects.create_user("fay@larkfield.example", "a long enough password", name="Fay Fox", role=Role.ADMINISTRATOR)
    changed = call("PATCH", f"/saved-views/{view['id']}", {"name": "Ours", "filters": {"q": "disk"}}, bearer=token("administer", user=boss))
    assert changed.json()["name"] == "Ours" and changed.json()["filters"] == {"q": "disk"}
    client.force_login(boss)
    assert client.post(f"/alerts/views/{view['id']}/", {"deed": "delete"}).status_code == 303 and not SavedView.objects.exists()
    assert list(AuditEntry.objects.filter(object_kind="saved_view").order_by("id").values_list("verb", flat=True)) == [
        "save",
        "change",
        "delete",
    ]


def test_the_list_opens_with_what_the_team_chose_and_one_link_shows_everything(client, story, dee):
    client.force_login(story.ana)
    client.post(
        "/alerts/views/", {"name": "Day", "filter": "?newer=1d", "scope": str(story.service.team_id), "default": "on", "pinned": "on"}
    )
    client.post("/alerts/views/", {"name": "Week", "filter": "?newer=7d", "scope": str(story.service.team_id), "default": "on"})
    assert [row.name for row in SavedView.objects.filter(default=True)] == ["Week"]
    assert client.get("/alerts/")["Location"] == "/alerts/?newer=7d"
    assert client.get("/alerts/?status=firing").status_code == 200
    client.force_login(dee)
    assert client.get("/alerts/").status_code == 200


def test_what_cannot_be_saved_says_why_and_keeps_what_was_typed(client, story, dee, monkeypatch):
    client.force_login(dee)
    saved = {"name": "Once", "filter": "?q=disk"}
    assert client.post("/alerts/views/", saved).status_code == 303
    again = client.post("/alerts/views/", saved)
    assert again.status_code == 400 and "a view of that name already" in again.content.decode() and 'value="Once"' in again.content.decode()
    for wrong, said in (
        ({"name": ""}, "A name of 1 to 80"), ({"name": "x", "filter": "?older=soon"}, "An age is a number"), ({"name": "x", "scope": "999"}, "no such team"),
        ({"name": "x", "scope": "all", "default": "on"}, "Only an administrator"), ({"name": "x", "default": "on"}, "Only a shared view"), ({"name": "x", "scope": "zz"}, "For yourself"),
    ):  # fmt: skip
        answer = client.post("/alerts/views/", {"filter": "?q=disk", **wrong})
        assert answer.status_code == 400 and said in answer.content.decode(), wrong
    monkeypatch.setattr(operations_views, "MOST_OWN", 1)
    assert "already; delete one" in client.post("/alerts/views/", {"name": "Twice", "filter": ""}).content.decode()
    client.force_login(story.cy)  # an observer keeps views for herself and shares none
    assert client.post("/alerts/views/", {"name": "Mine", "filter": ""}).status_code == 303
    assert "Only responders share" in client.post("/alerts/views/", {"name": "x", "scope": "all"}).content.decode()
    assert client.get("/alerts/?status=all").status_code == 200


def test_pinned_views_stand_in_the_navigation_of_every_page_for_whom_they_are(client, story):
    mine = {"filters": AlertFilter(severity=("SEV1",)), "by": Actor.of(story.ana, "web"), "now": clock.now()}
    operations_views.save_view(name="Worst of all", pinned=True, **mine)
    operations_views.save_view(name="Not pinned", **mine)
    client.force_login(story.ana)
    shown = client.get("/services/").content.decode()
    assert re.search(r'<a class="nav-pin" href="/alerts/\?[^"]*SEV1[^"]*">.*Worst of all', shown) and "Not pinned" not in shown
    assert "Worst of all" in client.get("/more/").content.decode()
    client.force_login(story.ben)
    assert "Worst of all" not in client.get("/services/").content.decode()
