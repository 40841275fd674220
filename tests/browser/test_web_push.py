"""Does a pushed page appear in a real browser while Tocsin is closed, and does its button acknowledge from the notification?"""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, Worker, expect

from tests.browser.conftest import Site

pytestmark = pytest.mark.browser

SHOWN = """async () => (await (await navigator.serviceWorker.ready).getNotifications())
  .map(one => ({title: one.title, body: one.body, tag: one.tag, actions: one.actions.map(each => each.action)}))"""
PRESS = """async (action) => {
  const [notification] = (await registration.getNotifications()).filter(one => !one.tag.startsWith("answer"));
  self.dispatchEvent(new NotificationEvent("notificationclick", {notification, action}));
}"""


class Installed:
    """A page of Tocsin with its service worker running, and the push service's end of the line."""

    def __init__(self, visit, site: Site, person: str) -> None:
        window = visit(person)
        window.context.grant_permissions(["notifications"], origin=site.base)
        self.registrations: list[dict] = []
        self.page: Page = window.context.new_page()
        self.complaints = window.complaints
        self.page.on("console", lambda message: self.complaints.append(message.text) if message.type == "error" else None)
        self.line = window.context.new_cdp_session(self.page)
        self.line.on("ServiceWorker.workerRegistrationUpdated", lambda event: self.registrations.extend(event["registrations"]))
        self.line.send("ServiceWorker.enable")
        self.page.goto(f"{site.base}/me/", wait_until="load")
        self.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        workers = window.context.service_workers
        self.worker: Worker = workers[0] if workers else window.context.wait_for_event("serviceworker")
        self.base = site.base

    def push(self, **page) -> None:
        self.last = page
        while not (keys := [one["registrationId"] for one in self.registrations if one["scopeURL"] == f"{self.base}/"]):
            self.page.wait_for_timeout(50)
        self.line.send("ServiceWorker.deliverPushMessage", {"origin": self.base, "registrationId": keys[0], "data": json.dumps(page)})

    def shown(self, words: str) -> dict:
        for turn in range(1, 1201):
            there = self.page.evaluate(SHOWN)
            for one in there:
                if words in f"{one['title']} {one['body']}":
                    return one
            self.page.wait_for_timeout(50)
            # What DevTools delivers while the worker is being started is lost; a push service keeps it.
            if turn % 60 == 0 and not any(one["tag"] == self.last["tag"] and one["body"] == self.last["body"] for one in there):
                self.push(**self.last)
        raise AssertionError(f"no notification says {words!r}; there are {self.page.evaluate(SHOWN)}")


def test_a_pushed_page_is_shown_and_its_button_acknowledges_from_the_notification(site: Site, visit) -> None:
    app = Installed(visit, site, "ana")
    seen: list[str] = []
    app.page.context.on("request", lambda request: seen.append(f"{request.method} {request.url.removeprefix(site.base)}"))
    link = f"{site.base}/ack/{site.told['pushed']}"
    app.push(tag="tocsin-1", title="SEV1 Checkout is down", body="Why you: on call", acknowledge=link, open=link, urgent=True, shown="")
    page = app.shown("SEV1 Checkout is down")
    assert page["actions"] == ["acknowledge", "open"] and page["tag"] == "tocsin-1" and page["body"] == "Why you: on call"
    app.worker.evaluate(PRESS, "acknowledge")
    assert app.shown("You have it. Paging has stopped.")["body"] == "SEV1 Checkout is down"
    app.page.goto(link)
    expect(app.page.get_by_text("It is yours. Paging has stopped.")).to_be_visible()


def test_a_link_that_no_longer_holds_is_said_so_and_a_push_without_text_still_rings(site: Site, visit) -> None:
    app = Installed(visit, site, "ben")
    app.push(tag="tocsin-2", title="SEV2 Search is slow", body="", acknowledge=f"{site.base}/ack/forged/", open="/", urgent=True, shown="")
    app.shown("SEV2 Search is slow")
    app.worker.evaluate(PRESS, "acknowledge")
    app.shown("This link is not valid.")
    app.push(
        tag="tocsin-3",
        title="A way to reach you was lost",
        body="",
        acknowledge="",
        open="/",
        urgent=False,
        shown=f"{site.base}/no-such-page/",
    )
    assert app.shown("A way to reach you was lost")["actions"] == []
    page = {"tag": "tocsin-4", "title": "SEV2 Mail is slow", "open": "/", "urgent": True, "shown": ""}
    app.push(**page, body="Why you: on call", acknowledge=f"{site.base}/ack/forged/")
    assert app.shown("SEV2 Mail is slow Why you")["actions"] == ["acknowledge", "open"]
    app.push(**page, body="Ana has it, since 03:12 UTC.", acknowledge="", over=True)
    assert app.shown("Ana has it")["actions"] == []
    assert [one["tag"] for one in app.page.evaluate(SHOWN)].count("tocsin-4") == 1


def test_the_button_says_what_stands_in_its_way(site: Site, visit) -> None:
    window = visit("ana")  # nobody allowed notifications here
    page = window.context.new_page()
    page.goto(f"{site.base}/me/")
    page.get_by_role("button", name="Push to this browser").click()
    page.get_by_text("notifications are blocked for this address").wait_for()
