"""What stands in the form of an escalation policy, and what does each of its buttons change? Nothing is saved here."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from tocsin.domain.escalation_policy import ALL, HOURS, TIERS
from tocsin.lib.refusal import invalid
from tocsin.paging.models import EscalationPolicy
from tocsin.paging.operations_policies import LONGEST_ADDRESS, MOST_SEVERITIES, MOST_STEPS, MOST_TARGETS

KINDS = ("schedule", "schedule_people", "user", "team", "chat", "webhook")
ADDRESSED = ("chat", "webhook")
NEEDS = {"1": "one person", "2": "2 people", "3": "3 people", "4": "4 people", "5": "5 people", str(ALL): "everybody"}


def stored(found: EscalationPolicy | None) -> dict[str, Any]:
    """The form of a policy as it is saved; of a new one where there is none."""
    if found is None:
        return {"name": "", "team": None, "repeats": "1", "steps": [_empty()], "low_severities": [], "low_urgency": "hours"}
    return {
        "name": found.name, "team": found.team_id, "repeats": str(found.repeats), "steps": [_step(step) for step in found.steps],
        "low_severities": found.low_severities, "low_urgency": found.low_urgency,
    }  # fmt: skip


def _empty() -> dict[str, Any]:
    return {"wait": "5", "targets": [], "need": "1", "severities": [], "hours": "", "tier": ""}


def _step(step: dict[str, Any]) -> dict[str, Any]:
    targets = [dict(target) for target in step["targets"]]
    return {
        **_empty(),
        "wait": f"{step['wait_seconds'] / 60:g}",
        "targets": targets,
        "need": str(step.get("need", 1)),
        **step.get("when", {}),
    }


def posted(request: HttpRequest) -> dict[str, Any]:
    """The form as it was sent."""
    steps = []
    for n in range(MOST_STEPS):
        if f"wait-{n}" not in request.POST:
            break
        targets = [target_of(value) for value in request.POST.getlist(f"target-{n}")[: 2 * MOST_TARGETS]]
        steps.append(
            {
                "wait": request.POST[f"wait-{n}"].strip()[:10],
                "targets": [target for target in targets if target],
                "need": request.POST.get(f"need-{n}", "1")[:4],
                "severities": [one[:20] for one in request.POST.getlist(f"severity-{n}")[:MOST_SEVERITIES]],
                "hours": _one_of(HOURS, request.POST.get(f"hours-{n}", "")),
                "tier": _one_of(TIERS, request.POST.get(f"tier-{n}", "")),
            }
        )
    team = request.POST.get("team", "")
    return {
        "name": request.POST.get("name", "").strip(), "team": int(team) if team.isdigit() else None,
        "repeats": request.POST.get("repeats", "").strip()[:4], "steps": steps or [_empty()],
        "low_severities": [one[:20] for one in request.POST.getlist("low-severity")[:MOST_SEVERITIES]],
        "low_urgency": "record" if request.POST.get("low-urgency") == "record" else "hours",
    }  # fmt: skip


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
    steps = form["steps"]
    if action == "add-step":
        if len(steps) >= MOST_STEPS:
            raise invalid(steps=f"A policy has at most {MOST_STEPS} steps.")
        steps.append(_empty())
        return
    if not places or places[0] >= len(steps):
        return
    n = places[0]
    if action == "drop-step" and len(steps) > 1:
        steps.pop(n)
    elif action == "up" and n:
        steps[n - 1], steps[n] = steps[n], steps[n - 1]
    elif action == "down" and n + 1 < len(steps):
        steps[n + 1], steps[n] = steps[n], steps[n + 1]
    elif action == "add-target":
        target = target_of(request.POST.get(f"add-{n}", ""), request.POST.get(f"address-{n}", ""))
        if target is None:
            raise invalid(steps=f"Step {n + 1}: choose whom to add; a chat room or webhook needs its address as well.")
        if target not in steps[n]["targets"]:
            steps[n]["targets"].append(target)
    elif action == "drop-target" and len(places) == 2 and places[1] < len(steps[n]["targets"]):
        steps[n]["targets"].pop(places[1])


def plain(form: dict[str, Any]) -> dict[str, Any]:
    """The form as the rules read a policy. Refuses waits and repeats that are no numbers."""
    steps = []
    for n, step in enumerate(form["steps"], start=1):
        try:
            minutes = float(step["wait"].replace(",", "."))
        except ValueError:
            minutes = -1.0
        if not 0 < minutes <= 1440:
            raise invalid(steps=f"Step {n} waits a number of minutes, more than 0 and at most 1440.")
        if not (step["need"].isascii() and step["need"].isdigit()):
            raise invalid(steps=f"Step {n}: choose how many must acknowledge.")
        targets = [{key: value for key, value in target.items() if key in ("kind", "id", "address")} for target in step["targets"]]
        when = {name: step[name] for name in ("severities", "hours", "tier") if step[name]}
        steps.append({"wait_seconds": max(1, round(minutes * 60)), "targets": targets, "need": int(step["need"]), "when": when})
    if not (form["repeats"].isascii() and form["repeats"].isdigit()):
        raise invalid(repeats="Give how often the steps start again, 0 or more.")
    return {"steps": steps, "repeats": int(form["repeats"])}
