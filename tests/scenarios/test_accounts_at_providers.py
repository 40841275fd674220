"""A page goes through the account that fits; another takes over where one fails; the failing one rests and comes back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tocsin.domain.ports import Account, Field, Message, Outcome, Receipt
from tocsin.integrations.registry import GATEWAYS
from tocsin.lib.refusal import Refused
from tocsin.paging import messages
from tocsin.paging import operations_providers as providers
from tocsin.paging.models import Provider


class Gateway:
    """A provider of phone calls that answers as the story says."""

    kind, label, channel = "fake_calls", "Fake calls", "phone"
    fields = (Field("place", "Place", required=False, default="here"), Field("token", "Token", secret=True))

    def __init__(self) -> None:
        self.answers: dict[str, Outcome] = {}
        self.seen: list[tuple[str, str]] = []
        self.accounts: list[Account] = []

    def check(self, values):
        return {"place": "Nobody lives there."} if values["place"] == "moon" else {}

    def send(self, account: Account, address: str, message: Message, *, key: str) -> Receipt:
        self.seen.append((account.name, address))
        self.accounts.append(account)
        return Receipt(self.answers.get(account.name, Outcome.DELIVERED), "as the story says")


@pytest.fixture
def calls(world):
    gateway = Gateway()
    GATEWAYS.add("fake_calls", gateway)
    yield gateway
    GATEWAYS.remove("fake_calls")


def account(world, name, **fields):
    return providers.create_provider(
        kind="fake_calls", name=name, values={"token": f"secret of {name}"}, by=world.by, now=world.now, **fields
    )


def test_the_longest_prefix_decides_and_then_the_place(world, calls):
    for name, fields in (("all", {}), ("Germany", {"prefixes": ["+49"]}), ("Berlin", {"prefixes": ["+4930", "+33"]})):
        account(world, name, **fields)
    chosen = {number: [row.name for row in providers.usable("phone", number, world.now)] for number in ("+4930123", "+4989123", "+1415123")}
    assert chosen == {"+4930123": ["Berlin", "Germany", "all"], "+4989123": ["Germany", "all"], "+1415123": ["all"]}


def test_another_account_takes_over_at_once_where_one_fails(world, calls):
    account(world, "first")
    account(world, "second", position=1)
    calls.answers["first"] = Outcome.RETRY
    world.policy([world.ana])
    world.alert()
    assert [name for name, _ in calls.seen] == ["first", "second"]
    page = world.pages(user=world.ana)[0]
    assert page.state == "delivered" and page.outcome == "second: as the story says"


def test_a_number_that_is_wrong_is_not_tried_elsewhere_and_says_nothing_against_the_account(world, calls):
    account(world, "first")
    account(world, "second", position=1)
    calls.answers["first"] = Outcome.FAILED
    world.policy([world.ana])
    world.alert()
    assert [name for name, _ in calls.seen] == ["first"]
    assert Provider.objects.get(name="first").failures == 0


def test_an_account_that_keeps_failing_rests_is_asked_last_and_comes_back(world, calls):
    first = account(world, "first")
    account(world, "second", position=1)
    for _ in range(3):
        providers.judge(first, Receipt(Outcome.RETRY, "answered 503"), world.now)
    assert [row.name for row in providers.usable("phone", "+1", world.now)] == ["second", "first"]
    world.advance(seconds=31)
    assert [row.name for row in providers.usable("phone", "+1", world.now)] == ["first", "second"]
    providers.judge(first, Receipt(Outcome.DELIVERED), world.now)
    assert Provider.objects.get(pk=first.pk).failures == 0


def test_the_only_account_is_tried_although_it_rests(world, calls):
    only = account(world, "only")
    Provider.objects.filter(pk=only.pk).update(rests_until=world.now + timedelta(hours=1))
    world.policy([world.ana])
    world.alert()
    assert calls.seen == [("only", f"+{world.ana.pk}")]


def test_without_an_account_the_next_step_is_paged_and_the_reason_says_why(world, calls):
    world.policy([world.ana], [world.ben])
    world.alert()
    assert "no account at a provider" in world.pages(user=world.ana)[0].outcome
    assert calls.seen == []


def test_secrets_are_encrypted_go_to_the_gateway_alone_and_must_be_given_again_for_another_place(world, calls):
    row = account(world, "first")
    stored = Provider.objects.get(pk=row.pk)
    assert "secret of first" not in f"{stored.sealed}{stored.settings}"
    assert providers.account(stored).values == {"place": "here", "token": "secret of first"}
    providers.change_provider(stored, name="renamed", by=world.by, now=world.now)
    with pytest.raises(Refused) as refused:
        providers.change_provider(stored, values={"place": "elsewhere"}, by=world.by, now=world.now)
    assert "again" in refused.value.errors["values.token"]
    assert providers.account(Provider.objects.get(pk=row.pk)).values["place"] == "here"


def test_values_are_checked_by_the_gateway_with_a_sentence_for_each_field(world, calls):
    for values, field in (({"token": "x", "place": "moon"}, "place"), ({}, "token"), ({"token": "x", "colour": "red"}, "colour")):
        with pytest.raises(Refused) as refused:
            providers.create_provider(kind="fake_calls", values=values, by=world.by, now=world.now)
        assert list(refused.value.errors) == [f"values.{field}"]


def test_a_page_carries_an_address_of_ours_that_its_provider_may_call(world, calls):
    account(world, "first")
    world.policy([world.ana])
    world.alert()
    path = calls.accounts[0].callback.removeprefix("http://localhost:8000/callbacks/pages/").rstrip("/")
    page = world.pages(user=world.ana)[0]
    assert messages.read_callback(path, world.now) == (page.pk, Provider.objects.get().pk)
