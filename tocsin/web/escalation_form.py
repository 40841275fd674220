"""What stands in the form of an escalation policy, and what does each of its buttons change? Nothing is saved here."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from tocsin.domain.escalation_policy import ALL, ALL_TIERS, HOURS, TIERS, tracks
from tocsin.lib.refusal import invalid
from tocsin.paging.models import EscalationPolicy
from tocsin.paging.operations_policies import LONGEST_ADDRESS, LONGEST_TRACK_NAME, MOST_SEVERITIES, MOST_STEPS, MOST_TARGETS, MOST_TRACKS

KINDS = ("schedule", "schedule_people", "user", "team", "chat", "webhook")
ADDRESSED = ("chat", "webhook")
NEEDS = {"1": "one person", "2": "2 people", "3": "3 people", "4": "4 people", "5": "5 people", str(ALL): "everybody"}


def stored(found: EscalationPolicy | None) -> dict[str, Any]:
    """The form of a policy as it is saved; of a new one where there is none. `steps` of all tracks stand in one list, by their `track`; the
    first track has no name."""
    if found is None:
        first = {"name": "", "repeats": "1"}
        return {"name": "", "team": None, "tracks": [first], "steps": [_empty()], "low_severities": [], "low_urgency": "hours"}
    written = tracks(found.plain)
    return {
        "name": found.name, "team": found.team_id,
        "tracks": [{"name": name, "repeats": str(track.get("repeats", 0))} for name, track in written.items()],
        "steps": [_step(step, place) for place, track in enumerate(written.values()) for step in track["steps"]],
        "low_severities": found.low_severities, "low_urgency": found.low_urgency,
    }  # fmt: skip


def _empty(track: int = 0) -> dict[str, Any]:
    return {"track": track, "wait": "5", "targets": [], "need": "1", "severities": [], "hours": "", "tier": "", "tiers": []}


def _step(step: dict[str, Any], track: int) -> dict[str, Any]:
    targets = [dict(target) for target in step["targets"]]
    return {
        **_empty(track),
        "wait": f"{step['wait_seconds'] / 60:g}",
        "targets": targets,
        "need": str(step.get("need", 1)),
        **step.get("when", {}),
    }


def posted(request: HttpRequest) -> dict[str, Any]:
    """The form as it was sent."""
    written = [{"name": "", "repeats": request.POST.get("repeats", "").strip()[:4]}]
    for t in range(1, MOST_TRACKS + 2):
        if f"track-{t}" not in request.POST:
            break
        name = request.POST[f"track-{t}"].strip()[: LONGEST_TRACK_NAME + 1]
        written.append({"name": name, "repeats": request.POST.get(f"repeats-{t}", "").strip()[:4]})
    steps = []
    for n in range(MOST_STEPS * (MOST_TRACKS + 1)):
        if f"wait-{n}" not in request.POST:
            break
        steps.append(_posted_step(request, n, len(written)))
    steps += [_empty(place) for place in range(len(written)) if not any(step["track"] == place for step in steps)]
    team = request.POST.get("team", "")
    return {
        "name": request.POST.get("name", "").strip(), "team": int(team) if team.isdecimal() else None,
        "tracks": written, "steps": sorted(steps, key=lambda step: step["track"]),
        "low_severities": [one[:20] for one in request.POST.getlist("low-severity")[:MOST_SEVERITIES]],
        "low_urgency": "record" if request.POST.get("low-urgency") == "record" else "hours",
    }  # fmt: skip


def _posted_step(request: HttpRequest, n: int, count: int) -> dict[str, Any]:
    targets = [target_of(value) for value in request.POST.getlist(f"target-{n}")[: 2 * MOST_TARGETS]]
    track = request.POST.get(f"track-of-{n}", "0")
    return {
        "track": next((place for place in range(count) if str(place) == track), 0),
        "wait": request.POST[f"wait-{n}"].strip()[:10],
        "targets": [target for target in targets if target],
        "need": request.POST.get(f"need-{n}", "1")[:4],
        "severities": [one[:20] for one in request.POST.getlist(f"severity-{n}")[:MOST_SEVERITIES]],
        "hours": _one_of(HOURS, request.POST.get(f"hours-{n}", "")),
        "tier": _one_of(TIERS, request.POST.get(f"tier-{n}", "")),
        "tiers": [tier for tier in ALL_TIERS if str(tier) in request.POST.getlist(f"tiers-{n}")],
    }


def grouped(form: dict[str, Any]) -> list[dict[str, Any]]:
    """The tracks with their steps, each with its place `n` in the form and its `number` in the track: what a page draws."""
    found = [{**track, "place": place, "steps": list[dict[str, Any]]()} for place, track in enumerate(form["tracks"])]
    for n, step in enumerate(form["steps"]):
        track = found[step["track"]]
        name = name_of(form, n)
        track["steps"].append({**step, "n": n, "number": len(track["steps"]) + 1, "which": name[:1].lower() + name[1:]})
    return found


def name_of(form: dict[str, Any], n: int) -> str:
    """What a step is called: "Step 2", "Step 1 of Leadership"."""
    track = form["steps"][n]["track"]
    number = sum(step["track"] == track for step in form["steps"][: n + 1])
    return f"Step {number}" + (f" of {form['tracks'][track]['name'] or f'track {track + 1}'}" if track else "")


def _one_of(known: dict[str, str], value: str) -> str:
    return value if value in known else ""


def target_of(value: str, address: str = "") -> dict[str, Any] | None:
    """A target as the form writes it: "user:3", "chat:5:#ops", "webhook::https://…"; None for what is none."""
    kind, _, rest = value.partition(":")
    number, _, written = rest.partition(":")
    address = (written or address).strip()[:LONGEST_ADDRESS]
    if kind == "webhook":
        return {"kind": kind, "address": address} if address else None
    if kind not in KINDS or not (number.isascii() and number.isdigit() and len(number) < 19):
        return None
    if kind == "chat":
        return {"kind": kind, "id": int(number), "address": address} if address else None
    return {"kind": kind, "id": int(number)}


def written(target: dict[str, Any]) -> str:
    """The same target as the form writes it."""
    number = f"{target['kind']}:{target.get('id', '')}"
    return f"{number}:{target['address']}" if target["kind"] in ADDRESSED else number


def press(request: HttpRequest, form: dict[str, Any], action: str, places: list[int]) -> None:
    """Carry out one button of the form on what was posted."""
    steps, n = form["steps"], places[0] if places else 0
    if action in _OF_TRACKS:
        _OF_TRACKS[action](form, n)
        return
    if not places or n >= len(steps):
        return
    track = steps[n]["track"]
    if action == "drop-step" and sum(step["track"] == track for step in steps) > 1:
        steps.pop(n)
    elif action == "up" and n and steps[n - 1]["track"] == track:
        steps[n - 1], steps[n] = steps[n], steps[n - 1]
    elif action == "down" and n + 1 < len(steps) and steps[n + 1]["track"] == track:
        steps[n + 1], steps[n] = steps[n], steps[n + 1]
    elif action == "add-target":
        _add_target(request, form, n)
    elif action == "drop-target" and len(places) == 2 and places[1] < len(steps[n]["targets"]):
        steps[n]["targets"].pop(places[1])


def take_chosen(request: HttpRequest, form: dict[str, Any]) -> None:
    """Whoever is chosen in a list when the form is saved is meant, although "Add" was not pressed."""
    for n in range(len(form["steps"])):
        if request.POST.get(f"add-{n}"):
            _add_target(request, form, n)


def _add_target(request: HttpRequest, form: dict[str, Any], n: int) -> None:
    target = target_of(request.POST.get(f"add-{n}", ""), request.POST.get(f"address-{n}", ""))
    if target is None:
        raise invalid(steps=f"{name_of(form, n)}: choose whom to add; a chat room or webhook needs its address as well.")
    if target not in form["steps"][n]["targets"]:
        form["steps"][n]["targets"].append(target)


def _add_step(form: dict[str, Any], track: int) -> None:
    if track >= len(form["tracks"]):
        return
    if sum(step["track"] == track for step in form["steps"]) >= MOST_STEPS:
        raise invalid(steps=f"A track of a policy has at most {MOST_STEPS} steps.")
    form["steps"] = sorted([*form["steps"], _empty(track)], key=lambda step: step["track"])


def _add_track(form: dict[str, Any], _: int) -> None:
    if len(form["tracks"]) > MOST_TRACKS:
        raise invalid(tracks=f"At most {MOST_TRACKS} tracks run beside the first.")
    taken = {track["name"].lower() for track in form["tracks"]}
    name = next(name for name in ("Leadership", *(f"Track {n}" for n in range(2, MOST_TRACKS + 9))) if name.lower() not in taken)
    form["tracks"].append({"name": name, "repeats": "0"})
    form["steps"].append(_empty(len(form["tracks"]) - 1))


def _drop_track(form: dict[str, Any], track: int) -> None:
    if 0 < track < len(form["tracks"]):
        form["tracks"].pop(track)
        kept = [step for step in form["steps"] if step["track"] != track]
        form["steps"] = [{**step, "track": step["track"] - (step["track"] > track)} for step in kept]


_OF_TRACKS = {"add-step": _add_step, "add-track": _add_track, "drop-track": _drop_track}


def plain(form: dict[str, Any]) -> dict[str, Any]:
    """The form as the rules read a policy. Refuses waits and repeats that are no numbers."""
    found: list[dict[str, Any]] = []
    for track in form["tracks"]:
        if not (track["repeats"].isascii() and track["repeats"].isdigit()):
            raise invalid(repeats="Give how often the steps start again, 0 or more.")
        found.append({"name": track["name"], "steps": [], "repeats": int(track["repeats"])})
    for n, step in enumerate(form["steps"]):
        found[step["track"]]["steps"].append(_plain_step(step, name_of(form, n)))
    return {"steps": found[0]["steps"], "repeats": found[0]["repeats"], "tracks": found[1:]}


def _plain_step(step: dict[str, Any], name: str) -> dict[str, Any]:
    try:
        minutes = float(step["wait"].replace(",", "."))
    except ValueError:
        minutes = -1.0
    if not 0 < minutes <= 1440:
        raise invalid(steps=f"{name} waits a number of minutes, more than 0 and at most 1440.")
    if not (step["need"].isascii() and step["need"].isdigit()):
        raise invalid(steps=f"{name}: choose how many must acknowledge.")
    targets = [{key: value for key, value in target.items() if key in ("kind", "id", "address")} for target in step["targets"]]
    when = {name: step[name] for name in ("severities", "hours", "tier", "tiers") if step[name]}
    return {"wait_seconds": max(1, round(minutes * 60)), "targets": targets, "need": int(step["need"]), "when": when}
