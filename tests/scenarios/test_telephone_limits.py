"""Nobody spends the organisation's money on premium numbers, codes or tests; paging of verified numbers goes on; administrators hear of trouble."""

from __future__ import annotations

import pytest

from tests.integrations.standing_in import running
from tests.twilio import NUMBER, SID, TOKEN, Twilio
from tocsin.accounts.actor import Actor
from tocsin.accounts.models import Role, User
from tocsin.lib.refusal import Refused
from tocsin.paging import operations as paging
from tocsin.paging import operations_providers as providers
from tocsin.paging import operations_telephones as telephones
from tocsin.paging import queries_providers as queries
from tocsin.paging.models import ContactMethod, Notification, Provider

ANA = "+4915112345601"


@pytest.fixture
def twilio():
    standing_in = Twilio()
    with running(standing_in):
        yield standing_in


@pytest.fixture
def account(world, twilio):
    values = {"account_sid": SID, "auth_token": TOKEN, "sender": NUMBER, "base_url": twilio.url}
    return providers.create_provider(kind="twilio_sms", name="Twilio", values=values, by=world.by, now=world.now)


def add(world, number, *, person=None, kind="sms", verified=False):
    person = person or world.cy
    return paging.add_method(person, kind=kind, address=number, verified=verified, by=Actor.of(person, "web"), now=world.now)


def refused(act, *args, **kwargs) -> str:
    with pytest.raises(Refused) as error:
        act(*args, **kwargs)
    return error.value.detail


@pytest.mark.parametrize("number", ["+49 900 1234567", "+44 909 8790000", "+1 900 555 0100"])
def test_a_premium_number_cannot_be_added(world, number):
    assert "cost extra" in refused(add, world, number)


@pytest.mark.parametrize("number", ["+881 6 123 45678", "+870 773 111 632"])
def test_nor_one_of_no_country(world, number):
    assert "no country" in refused(add, world, number)


@pytest.mark.parametrize("number", ["12345", "0151 12345678", "+49", "+49 151 123456789012345", "call me", "+1 415 555 0100 ext 5", ""])
def test_what_is_no_number_is_refused_with_an_example_or_a_reason(world, number):
    assert refused(add, world, number).startswith("address: ")


def test_numbers_of_other_countries_than_those_allowed_are_refused_but_verified_ones_are_paged(world, twilio, account):
    add(world, "+33612345678", person=world.ana, verified=True)
    ContactMethod.objects.filter(user=world.ana, kind="phone").delete()
    telephones.change_limits(countries=["de", "AT"], by=world.by, now=world.now)
    assert "Numbers of FR are not allowed here, only of AT, DE" in refused(add, world, "+33612345679")
    assert add(world, ANA).pk
    world.policy([world.ana])
    world.alert()
    assert any(text["to"] == "+33612345678" for text in twilio.texts)


def test_countries_that_do_not_exist_are_refused(world):
    assert "not XX" in refused(telephones.change_limits, countries=["XX", "DE"], by=world.by, now=world.now)
    assert "1 to" in refused(telephones.change_limits, codes_a_day=0, by=world.by, now=world.now)


def test_three_codes_a_day_go_to_a_number_whoever_asks_and_however_often_it_is_added_anew(world, account):
    for _ in range(2):
        method = add(world, ANA)
        paging.remove_method(method, by=world.by, now=world.now)
    method = add(world, ANA, person=world.ben)
    assert "3 codes a day go to one number" in refused(paging.send_code, method, by=world.by, now=world.now)
    world.advance(hours=24, minutes=1)
    paging.send_code(method, by=world.by, now=world.now)


def test_six_codes_a_day_go_to_the_telephones_of_a_person(world, account):
    for number in range(6):
        add(world, f"+491511234560{number}")
    assert "6 codes a day" in refused(add, world, "+4915112345609")
    assert add(world, "+4915112345609", person=world.ben).pk


def test_the_codes_of_everybody_are_used_up_but_an_administrator_may_vouch_and_pages_go_on(world, twilio, account):
    telephones.change_limits(codes_a_day=2, by=world.by, now=world.now)
    add(world, ANA)
    add(world, "+4915112345602", person=world.ben)
    assert "used up for everybody" in refused(add, world, "+4915112345603", person=world.lea)
    add(world, "+4915112345603", person=world.lea, verified=True)
    ContactMethod.objects.filter(user=world.lea, kind="phone").delete()
    world.policy([world.lea])
    world.alert()
    assert twilio.texts[-1]["to"] == "+4915112345603"


def test_ten_test_pages_a_day_go_to_a_number(world, twilio, account):
    method = add(world, ANA, verified=True)
    for _ in range(10):
        paging.send_test(method, by=world.by, now=world.now)
        world.settle()
    assert "10 test pages a day" in refused(paging.send_test, method, by=world.by, now=world.now)


def test_beyond_its_budget_an_account_sends_pages_but_no_codes_and_administrators_hear_of_it_twice(world, twilio, account):
    User.objects.filter(pk=world.lea.pk).update(role=Role.ADMINISTRATOR)
    ContactMethod.objects.filter(user=world.ana, kind="phone").delete()
    add(world, ANA, person=world.ana, verified=True)
    providers.change_provider(account, budget=2, by=world.by, now=world.now)
    world.policy([world.ana])
    for title in ("one", "two", "three"):
        world.alert(title)
        world.advance(seconds=61)
    assert len(twilio.texts) == 3
    method = add(world, "+4915112345609")
    world.settle()
    code = Notification.objects.get(contact_method=method)
    assert code.state == "failed" and "its budget of 31 days is used" in code.outcome and len(twilio.texts) == 3
    assert [notice.title for _, notice, _ in world.phone.notices] == [
        "80 % of the budget of Twilio is used",
        "100 % of the budget of Twilio is used",
    ][:2]


def test_a_revoked_secret_is_told_to_administrators_by_another_way_once_a_day(world, twilio, account):
    User.objects.filter(pk=world.lea.pk).update(role=Role.ADMINISTRATOR)
    add(world, "+4915112345608", person=world.lea, verified=True)
    ContactMethod.objects.filter(user=world.ana, kind="phone").delete()
    add(world, ANA, person=world.ana, verified=True)
    twilio.token = "another one by now"
    world.policy([world.ana])
    for title in ("one", "two"):
        world.alert(title)
        world.advance(seconds=61)
    (notice,) = [notice for address, notice, _ in world.phone.notices if address == f"+{world.lea.pk}"]
    assert notice.title == "Account Twilio cannot send pages" and "does not accept the account's secret" in notice.text
    assert not Notification.objects.filter(kind="notice", method_kind="sms").exists()


def test_how_an_account_has_been_doing_is_counted_by_the_hour(world, twilio, account):
    world.advance(minutes=65 - world.now.minute)  # five past
    add(world, ANA, person=world.ana, verified=True)
    ContactMethod.objects.filter(user=world.ana, kind="phone").delete()
    world.policy([world.ana])
    world.alert()
    twilio.report(twilio.texts[0], "delivered")
    world.advance(hours=1)
    world.alert("Search is slow")
    twilio.report(twilio.texts[1], "undelivered", ErrorCode="30003")
    world.advance(seconds=61)
    twilio.token = "another one by now"
    world.alert("Mail is late")
    row = Provider.objects.get()
    hours = queries.hours(row, world.now)
    sent = [(hour.taken, hour.refused, hour.delivered, hour.undelivered) for hour in hours if hour.sent or hour.delivered]
    assert sent == [(1, 0, 1, 0), (1, 1, 0, 1)] and len(hours) == 48 and queries.share(hours) == 33
    assert providers.used(row, world.now) == 2
    assert row.troubles[0]["reason"].startswith("Twilio: Twilio does not accept")
    assert row.troubles[-1]["reason"].startswith("Twilio: undelivered: the phone cannot be reached") and len(row.troubles) == 2
    world.phone.unread.clear()


def test_a_test_of_one_account_goes_through_that_alone(world, twilio, account):
    second = Twilio()
    with running(second):
        values = {"account_sid": SID, "auth_token": TOKEN, "sender": NUMBER, "base_url": second.url}
        other = providers.create_provider(kind="twilio_sms", name="Second", position=1, values=values, by=world.by, now=world.now)
        method = add(world, ANA, person=world.ana, verified=True)
        paging.send_test(method, by=world.by, now=world.now, account=other)
        world.settle()
        assert len(second.texts) == 1 and not twilio.texts
        assert [row.state for row in queries.tests(other)] == ["accepted"]
