"""A rotation follows a calendar that is kept elsewhere: what is read, whom it means, and what counts while its server is away."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from zoneinfo import ZoneInfo

import pytest

from tocsin.domain.calendar_events import CalendarEvent, shifts_of
from tocsin.lib.refusal import Refused
from tocsin.oncall import calendars, operations_calendars, queries, queries_calendars
from tocsin.oncall.models import ExternalCalendar

BERLIN = ZoneInfo("Europe/Berlin")


class Elsewhere(BaseHTTPRequestHandler):
    """A server of calendars: answers what the story says, and remembers what it was asked."""

    status, body, etag, asked = 200, b"", "", []

    def do_GET(self):
        cls = type(self)
        cls.asked.append(self.headers.get("If-None-Match"))
        same = cls.etag and self.headers.get("If-None-Match") == cls.etag
        self.send_response(304 if same else cls.status)
        if cls.etag:
            self.send_header("ETag", cls.etag)
        if cls.status == 301:
            self.send_header("Location", "https://elsewhere.example/new.ics?secret=1")
        self.end_headers()
        if not same:
            self.wfile.write(cls.body)

    def log_message(self, *args):
        pass


@pytest.fixture
def elsewhere(settings):
    Elsewhere.status, Elsewhere.etag, Elsewhere.asked = 200, "", []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    settings.EGRESS_ALLOW = [*settings.EGRESS_ALLOW, f"127.0.0.1:{server.server_port}"]
    Elsewhere.url = f"http://127.0.0.1:{server.server_port}/oncall.ics?key=secret"
    yield Elsewhere
    server.shutdown()
    server.server_close()


def ics(*events: str) -> bytes:
    body = "".join(f"BEGIN:VEVENT\r\nUID:{n}\r\nDTSTAMP:20260101T000000Z\r\n{event}\r\nEND:VEVENT\r\n" for n, event in enumerate(events))
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\n{body}END:VCALENDAR\r\n".encode()


def event(begin: datetime, hours: float, who: str, more: str = "") -> str:
    stamp = "%Y%m%dT%H%M%SZ"
    return (
        f"DTSTART:{begin.astimezone(UTC):{stamp}}\r\nDTEND:{begin.astimezone(UTC) + timedelta(hours=hours):{stamp}}\r\nSUMMARY:{who}{more}"
    )


def read_all(world) -> None:
    while (row := operations_calendars.take_due(world.now)) is not None:
        operations_calendars.read(row, world.now)


def added(world, elsewhere, *events: str) -> ExternalCalendar:
    elsewhere.body = ics(*events)
    schedule = world.schedule(zone="UTC")
    row = operations_calendars.add(schedule, address=elsewhere.url, by=world.by, now=world.now)
    read_all(world)
    row.refresh_from_db()
    return row


def test_whom_the_calendar_names_now_is_paged(world, elsewhere):
    row = added(world, elsewhere, event(world.now - timedelta(hours=1), 4, "Ben on call: payments"))
    assert row.error == "" and row.read_at is not None and row.rotations.get().participants.count() == 0
    world.policy([row.schedule])
    world.alert("Checkout is down")
    world.phone.expect(world.ben, "Checkout is down")
    assert [shift.source for shift in queries.on_call_now(row.schedule, world.now)] == [row.rotations.get().name]


def test_its_address_is_a_secret_and_is_sealed(world, elsewhere):
    row = added(world, elsewhere)
    assert b"secret" not in bytes(row.sealed_address) and row.host == "127.0.0.1"


def test_the_last_good_copy_counts_while_its_server_is_away_and_the_reason_is_said(world, elsewhere):
    row = added(world, elsewhere, event(world.now, 400, "ana@example.com"))
    elsewhere.status = 503
    world.advance(minutes=16)
    read_all(world)
    row.refresh_from_db()
    assert row.error == "The calendar's server answered 503: it is in trouble." and row.failing_since is not None
    assert queries.who(row.schedule, world.now).user == world.ana.pk
    elsewhere.status, elsewhere.body = 200, b"<html>Sign in</html>"
    world.advance(minutes=16)
    read_all(world)
    row.refresh_from_db()
    assert "is not a calendar that can be read" in row.error and queries.who(row.schedule, world.now).user == world.ana.pk
    elsewhere.body = ics(event(world.now, 4, "Ben"))
    world.advance(minutes=16)
    read_all(world)
    row.refresh_from_db()
    assert (row.error, row.failing_since) == ("", None) and queries.who(row.schedule, world.now).user == world.ben.pk


def test_a_calendar_that_moved_is_not_followed_and_says_where_to(world, elsewhere):
    elsewhere.status = 301
    row = added(world, elsewhere)
    assert row.error == "The calendar has moved to https://elsewhere.example/new.ics. Give its new address."


def test_an_address_inside_is_refused_by_the_gate(world):
    schedule = world.schedule(zone="UTC")
    row = operations_calendars.add(schedule, address="webcal://169.254.169.254/x.ics", by=world.by, now=world.now)
    read_all(world)
    row.refresh_from_db()
    assert "not public" in row.error
    with pytest.raises(Refused, match="A web address starts with"):
        operations_calendars.add(schedule, address="file:///etc/passwd", by=world.by, now=world.now)


def test_it_is_read_every_15_minutes_and_asked_whether_it_changed(world, elsewhere):
    elsewhere.etag = '"v1"'
    row = added(world, elsewhere, event(world.now, 400, "Ana"))
    world.advance(minutes=14)
    read_all(world)
    assert elsewhere.asked == [None]
    world.advance(minutes=2)
    read_all(world)
    row.refresh_from_db()
    assert elsewhere.asked == [None, '"v1"'] and row.error == "" and queries.who(row.schedule, world.now).user == world.ana.pk
    world.advance(hours=24)
    read_all(world)
    assert elsewhere.asked[-1] is None, "once a day its repetitions are written out anew"


def test_two_readers_do_not_read_the_same_calendar_and_a_dead_one_delays_it_by_15_minutes(world, elsewhere):
    operations_calendars.add(world.schedule(zone="UTC"), address=elsewhere.url, by=world.by, now=world.now)
    assert operations_calendars.take_due(world.now) is not None
    assert operations_calendars.take_due(world.now) is None
    world.advance(minutes=16)
    assert operations_calendars.take_due(world.now) is not None


def test_a_name_that_leads_to_nobody_is_a_gap_until_somebody_says_who_is_meant(world, elsewhere):
    row = added(world, elsewhere, event(world.now, 4, "Annie (SRE)"), event(world.now + timedelta(hours=4), 4, "Ben"))
    assert queries_calendars.nobodys(row) == ["annie (sre"] or queries_calendars.nobodys(row) == ["annie (sre)"]
    assert queries.who(row.schedule, world.now) is None
    operations_calendars.give_names(row, {queries_calendars.nobodys(row)[0]: world.ana.pk}, by=world.by, now=world.now)
    assert queries.who(row.schedule, world.now).user == world.ana.pk
    with pytest.raises(Refused, match="Choose an active person"):
        operations_calendars.give_names(row, {"x": 999_999}, by=world.by, now=world.now)


def test_removing_it_takes_its_rotation_and_its_address(world, elsewhere):
    row = added(world, elsewhere, event(world.now, 4, "Ana"))
    operations_calendars.remove(row, by=world.by, now=world.now)
    row.refresh_from_db()
    assert not row.schedule.rotations.exists() and bytes(row.sealed_address) == b"" and operations_calendars.take_due(world.now) is None


START = datetime(2026, 3, 1, tzinfo=UTC)
END = datetime(2026, 5, 1, tzinfo=UTC)


def read(*events: str) -> list[CalendarEvent]:
    return calendars.read(ics(*events), BERLIN, START, END)[0]


def test_a_weekly_rule_with_an_exception_and_a_moved_week_keeps_nine_oclock_over_the_change_of_clocks():
    rule = "DTSTART;TZID=Europe/Berlin:20260316T090000\r\nDTEND;TZID=Europe/Berlin:20260323T090000\r\nRRULE:FREQ=WEEKLY;COUNT=4\r\nEXDATE;TZID=Europe/Berlin:20260330T090000\r\nSUMMARY:Ana"
    found = [(e.starts_at, e.ends_at - e.starts_at) for e in read(rule)]
    assert found == [
        (datetime(2026, 3, 16, 8, tzinfo=UTC), timedelta(days=7)),
        (datetime(2026, 3, 23, 8, tzinfo=UTC), timedelta(days=7, hours=-1)),
        (datetime(2026, 4, 6, 7, tzinfo=UTC), timedelta(days=7)),
    ]


def test_days_are_days_of_the_schedules_zone_and_windows_names_of_zones_are_known():
    day, windows = read(
        "DTSTART;VALUE=DATE:20260402\r\nDTEND;VALUE=DATE:20260403\r\nSUMMARY:Ana",
        "DTSTART;TZID=W. Europe Standard Time:20260410T090000\r\nDURATION:PT8H\r\nSUMMARY:Ben",
    )
    assert (day.starts_at, day.ends_at) == (datetime(2026, 4, 1, 22, tzinfo=UTC), datetime(2026, 4, 2, 22, tzinfo=UTC))
    assert (windows.starts_at, windows.ends_at) == (datetime(2026, 4, 10, 7, tzinfo=UTC), datetime(2026, 4, 10, 15, tzinfo=UTC))


def test_cancelled_events_and_comments_are_left_out():
    assert read("DTSTART:20260402T090000Z\r\nDURATION:PT1H\r\nSTATUS:CANCELLED\r\nSUMMARY:Ana",
                "DTSTART:20260402T090000Z\r\nDURATION:PT1H\r\nSUMMARY:# remember the cake") == []  # fmt: skip


def test_who_is_meant_is_read_from_title_and_invitation():
    (one,) = read(
        "DTSTART:20260402T090000Z\r\nDURATION:PT1H\r\nATTENDEE;CN=Ben Birch:mailto:ben@example.com\r\nSUMMARY:[L3] On Call - Payments"
    )
    assert one.priority == 3 and {"ben@example.com", "ben birch"} <= set(one.names)


def test_a_higher_priority_wins_and_else_what_began_later():
    at = START

    def one(name, begin, end, priority=0):
        return CalendarEvent((name,), at + timedelta(hours=begin), at + timedelta(hours=end), priority)

    people = {"ana": 1, "ben": 2, "cy": 3}
    found = shifts_of([one("ana", 0, 10), one("ben", 2, 4), one("cy", 1, 3, 5), one("who?", 5, 6, 9)], people, "c")
    assert [(s.user, (s.starts_at - at) / timedelta(hours=1), (s.ends_at - at) / timedelta(hours=1)) for s in found] == [
        (1, 0, 1), (3, 1, 3), (2, 3, 4), (1, 4, 10)]  # fmt: skip


@pytest.mark.parametrize("rule", ["FREQ=SECONDLY", "FREQ=MINUTELY;COUNT=9", "FREQ=DAILY;BYSECOND=1,2,3"])
def test_an_event_that_repeats_each_second_is_refused_at_once(rule):
    with pytest.raises(calendars.UnreadableError, match="repeats each second or minute"):
        read(f"DTSTART:19700101T000000Z\r\nDURATION:PT1S\r\nRRULE:{rule}\r\nSUMMARY:Ana")


def test_a_rule_that_names_the_minute_it_begins_at_is_an_ordinary_one():
    found = read("DTSTART:20260301T090000Z\r\nDURATION:PT8H\r\nRRULE:FREQ=DAILY;BYHOUR=9;BYMINUTE=0;BYSECOND=0;COUNT=3\r\nSUMMARY:Ana")
    assert len(found) == 3


def test_a_calendar_with_too_many_events_says_how_many_count():
    found, notes = calendars.read(
        ics("DTSTART:20260301T000000Z\r\nDURATION:PT5M\r\nRRULE:FREQ=HOURLY;BYHOUR=0,1,2,3\r\nSUMMARY:Ana"), BERLIN, START, END
    )
    assert len(found) > 200 and notes == ""
    many = [f"DTSTART:202603{n % 28 + 1:02d}T{n % 24:02d}0000Z\r\nDURATION:PT1H\r\nSUMMARY:Ana" for n in range(calendars.MOST_EVENTS + 5)]
    found, notes = calendars.read(ics(*many), BERLIN, START, END)
    assert len(found) == calendars.MOST_EVENTS and notes == "Only its first 5,000 events count."


@pytest.mark.parametrize(
    "body", [b"", b"\x00\xff", b"BEGIN:VCALENDAR", b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART:never\r\nEND:VEVENT\r\nEND:VCALENDAR"]
)
def test_what_is_no_calendar_is_refused_with_a_sentence(body):
    try:
        assert calendars.read(body, BERLIN, START, END)[0] == []
    except calendars.UnreadableError as refused:
        assert "not a calendar" in str(refused)


@pytest.mark.parametrize("part", [b"BEGIN:VEVENT\r\nEND:VEVENT\r\n" * 20_001, b"X-WASTE:x\r\n" * 200_001])
def test_a_calendar_that_would_take_long_to_read_is_refused_at_once_in_one_sentence(part):
    with pytest.raises(calendars.UnreadableError, match=r"too large to be read: .* Give the address of a calendar of shifts alone"):
        calendars.read(b"BEGIN:VCALENDAR\r\n" + part + b"END:VCALENDAR\r\n", BERLIN, START, END)
