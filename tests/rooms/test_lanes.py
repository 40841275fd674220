"""One hanging provider holds up nobody else, and a loop survives what goes wrong in it."""

from __future__ import annotations

import threading
import time
from threading import Event

import pytest
from django.db import InterfaceError, OperationalError, connection, transaction

from tests.live import until
from tests.scenarios.world import World
from tocsin import clock
from tocsin.domain.ports import Abilities, Message, Outcome, Receipt
from tocsin.integrations.registry import NOTIFIERS
from tocsin.lib import due
from tocsin.lib.due import Loop
from tocsin.paging import operations as paging
from tocsin.paging.models import Notification
from tocsin.response import catch_up, deliver


class Hanging:
    kind = "hanging"
    label = "Hangs"
    abilities = Abilities()

    def __init__(self) -> None:
        self.let_go = Event()

    def check_address(self, address: str) -> str:
        return address

    def send(self, address: str, message: Message, *, key: str) -> Receipt:
        self.let_go.wait(300)
        connection.close()
        return Receipt(Outcome.DELIVERED)


def test_a_provider_that_hangs_does_not_delay_another(real_rows):
    world, hanging = real_rows, Hanging()
    NOTIFIERS.add("hanging", hanging)
    stuck = world.person("Stuck", phone=False)
    for number in range(deliver.LANE_WIDTH + 4):
        paging.add_method(stuck, kind="hanging", address=f"#{number}", verified=True, by=world.by, now=world.now)
    for number in range(deliver.LANE_WIDTH + 4):
        subject = {"title": f"page {number}"}
        paging.page_person(stuck, subject=subject, reason="test", identity=f"t{number}", alert_id=None, now=world.now)
    paging.page_person(world.ana, subject={"title": "for Ana"}, reason="test", identity="ana", now=world.now)
    until(lambda: deliver.take() or world.phone.rang, lambda _: bool(world.phone.rang), pause=0.01)
    world.phone.expect(world.ana)
    assert Notification.objects.filter(method_kind="hanging", state="sending").count() == deliver.LANE_WIDTH
    hanging.let_go.set()
    while any(lane.sending for lane in deliver._lanes.values()):
        time.sleep(0.02)


@pytest.fixture
def sending(real_rows, monkeypatch):
    """A process that sends, whose loop has looked and found paging at work."""
    monkeypatch.setattr(deliver, "_open", True)
    assert deliver.take() == 0 and catch_up.PAGES.is_open()
    return real_rows


def paged_and_claimed(world: World) -> None:
    paging.page_person(world.ana, subject={"title": "for Ana"}, reason="test", identity="ana", now=world.now)
    deliver.claim_own(clock.now())


def rung(world: World) -> bool:
    """Whether the phone rings while no loop goes round."""
    return bool(until(lambda: world.phone.rang, bool, pause=0.005))


def test_a_page_leaves_with_the_transaction_that_makes_it_and_the_loop_need_not_wake(sending):
    with transaction.atomic():
        paged_and_claimed(sending)
        assert [row.state for row in sending.pages()] == ["sending"]
        assert not sending.phone.rang and not due.is_woken("notifications")
    assert rung(sending)
    sending.phone.expect(sending.ana)
    assert deliver.take() == 0


def test_a_page_of_a_transaction_that_fails_never_leaves(sending):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        paged_and_claimed(sending)
        raise ZeroDivisionError
    assert not sending.pages() and not deliver._lane("phone").sending


def test_a_second_page_within_the_minute_is_held_back_on_the_short_way_too(sending):
    with transaction.atomic():
        paged_and_claimed(sending)
    assert rung(sending)
    sending.phone.expect(sending.ana)
    with transaction.atomic():
        paging.page_person(sending.ana, subject={"title": "again"}, reason="test", identity="again", now=sending.now)
        deliver.claim_own(clock.now())
    held = sending.pages()[-1]
    assert held.state == "pending" and held.due_at > clock.now()


def test_while_paging_is_held_or_unknown_the_short_way_is_closed(sending):
    catch_up.PAGES.forget()
    with transaction.atomic():
        paged_and_claimed(sending)
        assert [row.state for row in sending.pages()] == ["pending"] and due.is_woken("notifications")
    assert not sending.phone.rang


@pytest.fixture
def real_rows(transactional_db):
    world = World()
    yield world
    NOTIFIERS.remove("phone")
    NOTIFIERS.remove("hanging")
    for lane in deliver._lanes.values():
        lane.pool.shutdown(wait=True)
    deliver._lanes.clear()


@pytest.mark.django_db
def test_a_loop_goes_on_after_an_error_and_looks_at_once_when_woken(caplog, monkeypatch):
    calls: list[float] = []
    stop, woken = Event(), Event()

    def take() -> int:
        calls.append(time.monotonic())
        if len(calls) == 1:
            raise RuntimeError("a bad moment")
        return 0

    def no_rows() -> None:
        return None

    monkeypatch.setattr(due, "LONGEST_SLEEP", 600.0)  # it does not look by itself
    thread = threading.Thread(target=due.run, args=(Loop("test", take, no_rows), stop, woken))
    thread.start()
    until(lambda: len(calls), lambda count: count == 2, pause=0.01)
    woken.set()
    until(lambda: len(calls), lambda count: count >= 3, pause=0.005)
    stop.set()
    woken.set()
    thread.join(60)
    assert not thread.is_alive() and "the loop test failed" in caplog.text


class Patience(Event):
    """Notes how long is waited, waits for nothing, and ends the loop after ten times."""

    def __init__(self) -> None:
        super().__init__()
        self.waited: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waited.append(timeout or 0.0)
        if len(self.waited) == 10:
            self.set()
        return self.is_set()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("error", "longest"), [(OperationalError("gone"), 2.0), (InterfaceError("closed"), 2.0), (ValueError("bad"), 30.0)]
)
def test_while_the_database_is_away_a_loop_looks_every_two_seconds_however_long_that_is(monkeypatch, error, longest):
    """After ten minutes without it nobody is paged half a minute later for that (R13); another fault is left alone for longer."""
    monkeypatch.setattr(due, "close_old_connections", lambda: None)
    monkeypatch.setattr(due, "_drop_connection", lambda: None)

    def take() -> int:
        raise error

    stop = Patience()
    due.run(Loop("test", take, lambda: None), stop, Event())
    assert stop.waited[:2] == [1.0, 2.0] and max(stop.waited) == longest and stop.waited == sorted(stop.waited)


@pytest.mark.django_db
def test_a_session_that_has_ended_is_seen_as_gone():
    assert not deliver.presence.is_gone(deliver.presence.owner())
    assert deliver.presence.is_gone("99999999@1.5/elsewhere")
    assert clock.now()
