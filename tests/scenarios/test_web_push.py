"""A browser that its owner subscribed rings, acknowledges from the notification, and is replaced at once when it has gone away."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from tests.integrations.push_service import PushService
from tests.integrations.standing_in import running
from tocsin.accounts.actor import Actor
from tocsin.lib.refusal import Refused
from tocsin.paging import operations as paging
from tocsin.paging import operations_push as push
from tocsin.paging.models import ContactMethod, Notification, Provider

BASE = "http://localhost:8000"


@pytest.fixture
def service():
    standing_in = PushService()
    with running(standing_in):
        yield standing_in


@pytest.fixture
def browser(world, service):
    """Ben's phone is off; his browser is subscribed by the button of his own page."""
    ContactMethod.objects.filter(user=world.ben).update(enabled=False)
    made = service.browser(push.public_key(world.now))
    client = Client()
    client.force_login(world.ben)
    answer = client.post("/push/subscribe/", {"subscription": made.subscription, "label": "Chrome on Android"})
    assert answer.status_code == 201
    return made


def test_a_page_reaches_the_browser_encrypted_and_its_button_acknowledges(world, service, browser):
    world.policy([world.ben], [world.ana])
    alert = world.alert("Checkout is down")
    asked = service.asked[-1]
    assert (asked.headers["urgency"], asked.headers["ttl"], asked.headers["topic"]) == (
        "high",
        "1800",
        f"tocsin-{world.pages(user=world.ben)[0].pk}",
    )
    assert b"Checkout" not in asked.body
    page = browser.read(asked.body)
    assert "Checkout is down" in page["title"] and "Why you:" in page["body"] and page["urgent"]
    assert Client().post(page["shown"].removeprefix(BASE)).status_code == 204
    sent = Notification.objects.get(user=world.ben, kind="page")
    assert (sent.state, sent.outcome) == ("delivered", "Web Push: the browser has shown it")
    answer = Client().post(page["acknowledge"].removeprefix(BASE), headers={"accept": "application/json"})
    assert (answer.status_code, answer.json()) == (200, {"sentence": "You have it. Paging has stopped."})
    assert world.escalation(alert).acknowledged_by == world.ben
    world.advance(hours=1)  # nobody else is paged


def test_a_browser_that_never_says_it_was_shown_is_followed_by_the_next_way(world, service, browser):
    ContactMethod.objects.filter(user=world.ben, kind="phone").update(enabled=True)
    paging.add_rule(world.ben, contact_method=ContactMethod.objects.get(user=world.ben, kind="webpush").pk, by=world.by, now=world.now)
    world.policy([world.ben])
    alert = world.alert()
    world.advance(minutes=3)
    world.phone.expect(world.ben)
    assert "no report of delivery" in Notification.objects.get(user=world.ben, method_kind="webpush", kind="page").outcome
    world.acknowledge(alert, world.ben)


def test_who_comes_second_reads_who_has_it(world, service, browser):
    world.policy([world.ben, world.ana])
    alert = world.alert()
    world.phone.expect(world.ana)
    world.acknowledge(alert, world.ana)
    link = browser.read(service.asked[-1].body)["acknowledge"].removeprefix(BASE)
    answer = Client().post(link, headers={"accept": "application/json"}).json()
    assert answer["sentence"].startswith("Ana has it since")
    gone = Client().post("/ack/forged/", headers={"accept": "application/json"})
    assert gone.status_code == 410 and gone.json()["sentence"] == "This link is not valid."


@pytest.mark.parametrize("status", [404, 410])
def test_a_browser_that_ended_its_subscription_is_replaced_at_once_and_its_owner_is_told(world, service, browser, status):
    ContactMethod.objects.filter(user=world.ben, kind="phone").update(enabled=True)
    paging.add_rule(world.ben, contact_method=ContactMethod.objects.get(user=world.ben, kind="webpush").pk, by=world.by, now=world.now)
    world.policy([world.ben])
    service.trouble.append((status, {"message": "gone"}, {}))
    world.alert()
    world.phone.expect(world.ben)
    method = ContactMethod.objects.get(user=world.ben, kind="webpush")
    assert method.verified_at is None and method.lost_reason == "Web Push: the browser has ended its subscription"
    notice = Notification.objects.get(kind="notice", user=world.ben)
    assert notice.method_kind == "phone" and "Chrome on Android no longer takes pages" in notice.text
    world.alert("Search is down")  # nothing is sent there any more
    world.advance(minutes=2)
    world.phone.expect(world.ben, "Search is down")
    assert len(service.asked) == 1


def test_a_push_service_that_is_busy_is_asked_again_and_one_that_refuses_our_keys_ends_it(world, service, browser):
    world.policy([world.ben], [world.ana])
    service.trouble.append((429, {"message": "slow down"}, {"Retry-After": "7"}))
    world.alert()
    world.advance(seconds=8)
    assert [asked.path for asked in service.asked] == [browser.endpoint.removeprefix(service.url)] * 2
    Provider.objects.filter(kind="webpush").update(removed_at=world.now)
    assert push.public_key(world.now) != service.keys[service.asked[0].path]
    world.advance(minutes=1)
    world.alert("Search is down")
    world.phone.expect(world.ana, "Search is down")
    assert "other keys" in ContactMethod.objects.get(user=world.ben, kind="webpush").lost_reason


def test_the_keys_are_made_once_and_a_dump_tells_neither_them_nor_where_browsers_are(world, service, browser):
    account, method = Provider.objects.get(kind="webpush"), ContactMethod.objects.get(kind="webpush")
    assert push.public_key(world.now) == account.settings["public_key"] and "private_key" not in account.settings
    kept = f"{method.address}{method.sealed}{account.sealed}"
    assert browser.endpoint not in kept and method.address.startswith("127.0.0.1 ") and method.label == "Chrome on Android"


def test_the_same_browser_is_not_taken_twice_and_what_is_no_subscription_is_refused(world, service, browser):
    by = Actor.of(world.ben, "web")
    with pytest.raises(Refused, match="already"):
        paging.add_method(world.ben, kind="webpush", address=browser.subscription, by=by, now=world.now)
    broken = json.loads(browser.subscription)
    broken["keys"]["auth"] = "c2hvcnQ"
    for address in ("", "{}", json.dumps(broken), json.dumps({"endpoint": "javascript:1", "keys": broken["keys"]})):
        with pytest.raises(Refused) as refused:
            paging.add_method(world.ben, kind="webpush", address=address, by=by, now=world.now)
        assert "push subscription" in refused.value.errors["address"]


def test_an_administrator_who_adds_a_browser_for_somebody_has_not_proved_it(world, service):
    made = service.browser(push.public_key(world.now))
    method = paging.add_method(world.cy, kind="webpush", address=made.subscription, by=world.by, now=world.now)
    world.settle()
    assert method.verified_at is None and "The code is" in made.read(service.asked[-1].body)["body"]


def test_a_browser_that_replaces_its_subscription_is_followed(world, service, browser):
    fresh = service.browser(push.public_key(world.now))
    client = Client()
    client.force_login(world.ben)
    body = {"endpoint": browser.endpoint, "subscription": json.loads(fresh.subscription)}
    strange = client.post("/push/changed/", body, content_type="application/json", headers={"sec-fetch-site": "cross-site"})
    assert strange.status_code == 403
    own = client.post("/push/changed/", body, content_type="application/json", headers={"sec-fetch-site": "same-origin"})
    assert own.status_code == 204
    client.force_login(world.cy)  # the subscription of somebody else is not there
    again = client.post("/push/changed/", body, content_type="application/json", headers={"sec-fetch-site": "same-origin"})
    assert again.status_code == 404
    world.policy([world.ben])
    world.alert()
    assert service.asked[-1].path == fresh.endpoint.removeprefix(service.url)


def test_the_app_can_be_installed_and_its_worker_comes_from_the_root():
    client = Client()
    manifest = client.get("/manifest.webmanifest")
    assert manifest["Content-Type"] == "application/manifest+json"
    plain = manifest.json()
    assert (plain["display"], plain["scope"], plain["start_url"]) == ("standalone", "/", "/")
    for icon in plain["icons"]:
        assert client.get(icon["src"]).status_code == 200
    worker = client.get("/sw.js")
    assert worker["Content-Type"].startswith("text/javascript") and "no-store" in worker["Cache-Control"]
    assert "script-src 'self'" in worker["Content-Security-Policy"]


def test_who_has_it_takes_the_place_of_the_page_where_that_is_shown_or_still_waits(world, service, browser):
    world.policy([world.ben, world.ana])
    alert = world.alert("Checkout is down")
    world.phone.expect(world.ana)
    page, topic = browser.read(service.asked[-1].body), service.asked[-1].headers["topic"]
    world.acknowledge(alert, world.ana)
    world.settle()
    told = browser.read(service.asked[-1].body)
    assert (told["tag"], service.asked[-1].headers["topic"]) == (page["tag"], topic) and told["over"] is True
    assert told["body"].startswith("Ana has it, since ") and not told["acknowledge"] and not told["shown"]


def test_nothing_is_said_where_nothing_was_shown(world, service, browser):
    world.policy([world.ana], [world.ben])
    alert = world.alert()
    world.phone.expect(world.ana)
    world.acknowledge(alert, world.ana)
    world.advance(minutes=10)
    assert service.asked == []
