"""On their own page people set quiet hours and repetitions, read what became of each attempt, and take the contact card."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.scenarios.world import World, world  # noqa: F401 - a fixture
from tocsin.domain.ports import Outcome
from tocsin.paging import operations as paging
from tocsin.paging.models import ContactMethod, NotificationRule, Provider, Quiet


@pytest.fixture
def ana(world: World) -> Client:  # noqa: F811
    client = Client()
    client.force_login(world.ana)
    return client


def page(world: World) -> str:  # noqa: F811
    return f"/people/{world.ana.pk}/"


def test_quiet_hours_are_set_changed_and_ended(world, ana):  # noqa: F811
    ana.post(page(world), {"deed": "quiet", "quiet_starts": "22:00", "quiet_ends": "07:00"})
    assert 'value="22:00"' in ana.get(page(world)).content.decode()
    wrong = ana.post(page(world), {"deed": "quiet", "quiet_starts": "late", "quiet_ends": "07:00"})
    assert wrong.status_code == 422 and "a time of day such as 22:00" in wrong.content.decode()
    ana.post(page(world), {"deed": "quiet", "quiet_starts": "", "quiet_ends": ""})
    assert not Quiet.objects.exists()


def test_nobody_sets_somebody_elses_quiet_hours(world, ana):  # noqa: F811
    answer = ana.post(f"/people/{world.ben.pk}/", {"deed": "quiet", "quiet_starts": "22:00", "quiet_ends": "07:00"})
    assert answer.status_code == 403 and not Quiet.objects.exists()


def test_a_way_is_repeated_as_its_person_wishes(world, ana):  # noqa: F811
    method = ContactMethod.objects.get(user=world.ana)
    ana.post(page(world), {"deed": "add_rule", "method": method.pk, "minutes": "1", "repeats": "3", "every": "2"})
    rule = NotificationRule.objects.get(user=world.ana)
    assert (rule.after_seconds, rule.repeats, rule.repeat_seconds) == (60, 3, 120)
    assert "3 more times, every 2 min" in ana.get(page(world)).content.decode()


def test_each_attempt_of_a_test_page_is_told_with_the_providers_words(world, ana):  # noqa: F811
    world.phone.answer(f"+{world.ana.pk}", Outcome.RETRY)
    paging.send_test(ContactMethod.objects.get(user=world.ana), by=world.by, now=world.now)
    world.advance(seconds=10)
    world.phone.expect(world.ana, "Test page")
    shown = ana.get(page(world)).content.decode()
    for words in ("attempt 1", "as the test says", "attempt 2", "it rang"):
        assert words in shown
    other = Client()
    other.force_login(world.ben)
    assert "as the test says" not in other.get(page(world)).content.decode()


def test_the_contact_card_has_every_number_that_pages_come_from(world, ana):  # noqa: F811
    for name, settings in (
        ("a", {"sender": "+14155550100", "account": "AC1"}),
        ("b", {"sender": "+4930123456"}),
        ("c", {"sender": "Tocsin"}),
    ):
        Provider.objects.create(name=name, kind="twilio_sms", channel="sms", settings=settings, created_at=world.now)
    answer = ana.get("/me/contact-card.vcf")
    lines = answer.content.decode().split("\r\n")
    assert answer["Content-Type"].startswith("text/vcard") and (lines[0], lines[-2]) == ("BEGIN:VCARD", "END:VCARD")
    assert [line for line in lines if line.startswith("TEL")] == ["TEL;TYPE=WORK,VOICE:+14155550100", "TEL;TYPE=WORK,VOICE:+4930123456"]
    assert Client().get("/me/contact-card.vcf").status_code == 302
