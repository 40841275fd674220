"""How is a schedule written down as a form, and read from one? Everything that a rotation can say; each button is a small step without scripts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.http import QueryDict

from tocsin.domain import rotation
from tocsin.oncall import versions
from tocsin.oncall.models import Schedule
from tocsin.oncall.operations import MOST_PARTICIPANTS, MOST_RESTRICTIONS, MOST_ROTATIONS
from tocsin.web import words

UNITS = (("hours", "hours"), ("days", "days"), ("weeks", "weeks"), ("months", "months"))
WEEKDAYS = (("0", "Mon"), ("1", "Tue"), ("2", "Wed"), ("3", "Thu"), ("4", "Fri"), ("5", "Sat"), ("6", "Sun"))
OFFICE = {"days": ["0", "1", "2", "3", "4"], "from": "09:00", "until": "17:00"}
Form = dict[str, Any]


def empty(zone: str, now: datetime) -> Form:
    """A new schedule: one weekly rotation that hands off on Mondays at nine."""
    return {
        "name": "",
        "team": None,
        "time_zone": zone,
        "description": "",
        "time_off": False,
        "holidays": False,
        "gaps": False,
        "rotations": [first(now, zone)],
    }


def first(now: datetime, zone: str, name: str = "primary") -> Form:
    """A rotation nobody is in yet. Its first handoff was the last Monday at nine, so that whoever comes first is on call at once."""
    since = now.astimezone(words.zone(zone)) - timedelta(hours=9)
    monday = since - timedelta(days=since.weekday())
    return {
        "name": name, "length": "1", "unit": "weeks", "by": "weekday", "starts_at": f"{monday:%Y-%m-%d}T09:00", "ends_at": "", "zone": "",
        "windows": [], "participants": [], "calendar": None,
    }  # fmt: skip


def stored(schedule: Schedule) -> Form:
    """What a schedule says now."""
    content = versions.document(schedule)
    return {
        "name": content["name"], "team": content["team"], "time_zone": content["time_zone"], "description": content["description"],
        "time_off": content["hand_over_time_off"], "holidays": content["hand_over_holidays"],
        "gaps": content["gaps_meant"],
        "rotations": [_turn(plain, content["time_zone"]) for plain in content["rotations"]],
    }  # fmt: skip


def _turn(plain: dict[str, Any], zone: str) -> Form:
    ((unit, length),) = plain["shift"].items()
    if unit == "days" and length % 7 == 0:
        unit, length = "weeks", length // 7
    ends = datetime.fromisoformat(plain["ends_at"]).astimezone(words.zone(plain["time_zone"] or zone)) if plain["ends_at"] else None
    return {
        "name": plain["name"], "length": str(length), "unit": unit, "by": "day" if plain["month_day"] else "weekday",
        "starts_at": plain["starts_at"][:16], "ends_at": f"{ends:%Y-%m-%dT%H:%M}" if ends else "", "zone": plain["time_zone"],
        "windows": [{"days": [str(day) for day in one["weekdays"]], "from": one["from"], "until": one["until"]} for one in plain["restrictions"]],
        "participants": list(plain["participants"]), "calendar": plain.get("calendar"),
    }  # fmt: skip


def posted(sent: QueryDict) -> Form:
    """What the form sent, trimmed to what it may hold."""
    rotations = []
    for n in range(MOST_ROTATIONS):
        if f"name-{n}" not in sent:
            break
        rotations.append({
            "name": sent[f"name-{n}"][:120], "length": sent.get(f"length-{n}", "")[:6].strip(), "unit": sent.get(f"unit-{n}", "weeks"),
            "by": sent.get(f"by-{n}", "weekday"), "starts_at": sent.get(f"starts-{n}", "")[:19], "ends_at": sent.get(f"ends-{n}", "")[:19],
            "zone": sent.get(f"zone-{n}", "").strip()[:64], "calendar": _id(sent.get(f"calendar-{n}", "")), "windows": _windows(sent, n),
            "participants": [pk for pk in map(_id, sent.getlist(f"person-{n}")[:MOST_PARTICIPANTS]) if pk],
        })  # fmt: skip
    return {
        "name": sent.get("name", "").strip(), "team": _id(sent.get("team", "")),
        "time_zone": sent.get("time_zone", "").strip(), "description": sent.get("description", "").strip()[:1000],
        "time_off": "time_off" in sent, "holidays": "holidays" in sent, "gaps": "gaps" in sent, "rotations": rotations,
    }  # fmt: skip


def _id(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else None


def _windows(sent: QueryDict, n: int) -> list[Form]:
    found = []
    for k in range(MOST_RESTRICTIONS):
        if f"from-{n}-{k}" not in sent:
            break
        days = [day for day, _ in WEEKDAYS if day in sent.getlist(f"on-{n}-{k}")]
        found.append({"days": days, "from": sent[f"from-{n}-{k}"][:5], "until": sent.get(f"until-{n}-{k}", "")[:5]})
    return found


def facts(form: Form) -> dict[str, Any]:
    """The form as `create_schedule` and `change_schedule` take it; what is wrong with it they say."""
    return {
        "name": form["name"], "team": form["team"], "time_zone": form["time_zone"], "description": form["description"],
        "hand_over_time_off": form["time_off"], "hand_over_holidays": form["holidays"],
        "gaps_meant": form["gaps"],
        "rotations": [_facts(turn, form["time_zone"]) for turn in form["rotations"]],
    }  # fmt: skip


def _facts(turn: Form, zone: str) -> dict[str, Any]:
    length = int(turn["length"]) if turn["length"].isascii() and turn["length"].isdigit() else 0
    return {
        "name": turn["name"], "participants": turn["participants"], "starts_at": turn["starts_at"], "shift": {turn["unit"]: length},
        "calendar": turn["calendar"], "month_day": turn["by"] == "day", "time_zone": turn["zone"], "ends_at": _instant(turn["ends_at"], words.zone(turn["zone"] or zone)),
        "restrictions": [{"weekdays": one["days"], "from": one["from"], "until": one["until"]} for one in turn["windows"]],
    }  # fmt: skip


def _instant(text: str, zone: ZoneInfo) -> Any:
    try:
        return rotation.instant(datetime.fromisoformat(text), zone) if text else None
    except ValueError:
        return text  # the rules say what would be right


def step(form: Form, sent: QueryDict, now: datetime) -> None:
    """Carry out one button of the form on what was sent; nothing is saved."""
    action, *parts = sent.get("action", "").split(":")
    places = [int(part) for part in parts if part.isascii() and part.isdigit() and len(part) < 4]
    rotations = form["rotations"]
    if action == "add" and len(rotations) < MOST_ROTATIONS:
        rotations.append(first(now, form["time_zone"], f"rotation {len(rotations) + 1}"))
    elif action in STEPS and places and places[0] < len(rotations):
        STEPS[action](rotations, places[0], places[1] if len(places) > 1 else -1, sent)


def take_chosen(form: Form, sent: QueryDict) -> None:
    """Whoever is chosen in a list of people when the form is saved is meant, although "Add" was not pressed."""
    for n in range(len(form["rotations"])):
        _person_add(form["rotations"], n, -1, sent)


def _drop(rotations: list[Form], n: int, k: int, sent: QueryDict) -> None:
    if len(rotations) > 1:
        rotations.pop(n)


def _up(rotations: list[Form], n: int, k: int, sent: QueryDict) -> None:
    _swap(rotations, n)


def _person_add(rotations: list[Form], n: int, k: int, sent: QueryDict) -> None:
    wanted, people = sent.get(f"add-{n}", ""), rotations[n]["participants"]
    if wanted.isascii() and wanted.isdigit() and len(people) < MOST_PARTICIPANTS:
        people.append(int(wanted))


def _window_add(rotations: list[Form], n: int, k: int, sent: QueryDict) -> None:
    if len(rotations[n]["windows"]) < MOST_RESTRICTIONS:
        rotations[n]["windows"].append(dict(OFFICE))


def _pop(field: str) -> Callable[[list[Form], int, int, QueryDict], None]:
    def pop(rotations: list[Form], n: int, k: int, sent: QueryDict) -> None:
        if 0 <= k < len(rotations[n][field]):
            rotations[n][field].pop(k)

    return pop


def _person_up(rotations: list[Form], n: int, k: int, sent: QueryDict) -> None:
    _swap(rotations[n]["participants"], k)


def _swap(rows: list[Any], place: int) -> None:
    if 0 < place < len(rows):
        rows[place - 1], rows[place] = rows[place], rows[place - 1]


STEPS: dict[str, Callable[[list[Form], int, int, QueryDict], None]] = {
    "drop": _drop, "up": _up, "person-add": _person_add, "person-drop": _pop("participants"), "person-up": _person_up,
    "window-add": _window_add, "window-drop": _pop("windows"),
}  # fmt: skip
