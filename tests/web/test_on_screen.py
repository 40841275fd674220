"""Whoever is paged on screen sees it on whatever page is open, and answers there: pages, asks and tests; nothing counts as shown that was not."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from tests.scenarios.test_catch_up import hold
from tests.scenarios.world import World, world  # noqa: F401 - a fixture
from tocsin.accounts.models import User
from tocsin.oncall.models import Readiness
from tocsin.paging import operations as paging
from tocsin.paging.models import Ask, ContactMethod, Notification
from tocsin.response import ready
from tocsin.response.page_someone import Wanted, page_people
from tocsin.response.try_policy import try_policy

ANYWHERE = "/services/"


@pytest.fixture
def ana(world: World) -> Client:  # noqa: F811
    """Ana's open page; the screen is the only way to her."""
    ContactMethod.objects.filter(user=world.ana).delete()
    return on_screen(world, world.ana)


def on_screen(world: World, user: User) -> Client:  # noqa: F811
    paging.add_method(user, kind="screen", by=world.by, now=world.now)
    client = Client()
    client.force_login(user)
    return client


def banners(client: Client) -> str:
    return client.get(ANYWHERE).content.decode().partition('data-live="my-pages"')[2].partition('<main class="page')[0]


def show(client: Client) -> str:
    """What the page shows, which it confirms as its script does."""
    shown = banners(client)
    for address in re.findall(r'action="(/notifications/\d+/shown/)"', shown):
        assert client.post(address).status_code == 204
    return shown


def test_who_is_asked_to_come_is_asked_on_the_open_page_and_answers_there(world, ana):  # noqa: F811
    alert = world.alert()
    page_people(Wanted(users=[world.ana]), reason="You know the ledger", alert=alert, by=world.by, now=world.now)
    world.settle()
    shown = show(ana)
    assert "You are asked to come:" in shown and "You know the ledger" in shown and Notification.objects.get().state == "delivered"
    world.advance(minutes=3)
    assert "I&#x27;m coming" in banners(ana) or "I'm coming" in banners(ana), "it stays until it is answered"
    assert ana.post(f"/asks/{Ask.objects.get().pk}/answer/", {"answer": "coming", "next": ANYWHERE})["Location"] == ANYWHERE
    assert "You are asked" not in banners(ana)


def test_a_test_page_to_acknowledge_is_acknowledged_on_screen_and_makes_ready(world, ana):  # noqa: F811
    ready.rehearse(world.ana, by=world.by, now=world.now)
    world.settle()
    assert "Test page: acknowledge it" in show(ana)
    world.advance(minutes=5)
    (address,) = re.findall(r'action="(/notifications/\d+/acknowledge/)"', banners(ana))
    somebody = Client()
    somebody.force_login(world.ben)
    assert somebody.post(address).status_code == 404 and not Readiness.objects.exists()
    assert ana.post(address, {"next": ANYWHERE})["Location"] == ANYWHERE
    assert Readiness.objects.get().user == world.ana
    assert "Test page" not in banners(ana)


def test_a_policy_tried_on_oneself_ends_by_the_button_on_screen(world, ana):  # noqa: F811
    policy = world.policy([world.ana], [world.ben])
    try_policy(policy, by=world.by, now=world.now)
    world.settle()
    assert "step 1" in show(ana)
    world.advance(seconds=31)
    (address,) = re.findall(r'action="(/notifications/\d+/acknowledge/)"', show(ana))
    assert "step 2" in banners(ana) and "step 1" not in banners(ana), "one banner for the whole test"
    ana.post(address)
    world.advance(minutes=2)
    assert "TEST of policy" not in banners(ana)


def test_a_test_page_that_wants_no_answer_goes_after_a_minute(world, ana):  # noqa: F811
    paging.send_test(ContactMethod.objects.get(user=world.ana, kind="screen"), by=world.by, now=world.now)
    world.settle()
    assert "Test page from Tocsin" in show(ana) and "acknowledge/" not in banners(ana)
    world.advance(seconds=61)
    assert "Test page from Tocsin" not in banners(ana)


def test_who_has_acknowledged_is_left_alone_while_others_must_as_well(world):  # noqa: F811
    world.written([world.step(world.ana, world.ben, need=0)])
    alert = world.alert()
    world.phone.expect(world.ana)
    world.phone.expect(world.ben)
    ana, ben = Client(), Client()
    ana.force_login(world.ana)
    ben.force_login(world.ben)
    assert "You are paged:" in banners(ana) and "You are paged:" in banners(ben)
    ana.post(f"/alerts/{alert.pk}/do/acknowledge/")
    assert "You are paged:" not in banners(ana) and "You are paged:" in banners(ben)


def test_after_a_restore_nothing_is_shown_and_nothing_counts_as_shown_before_paging_is_released(world, ana):  # noqa: F811
    world.policy([world.ana])
    hold(world)
    world.page(world.alert("Checkout is down", page=False))
    shown = banners(ana)
    assert "You are paged" not in shown and "/shown/" not in shown
    assert set(Notification.objects.values_list("state", flat=True)) <= {"pending"}
