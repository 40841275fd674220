"""What is said in a team's room? The built-in room of a team, where no chat is connected."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from tocsin.accounts.actor import Actor
from tocsin.accounts.models import Team
from tocsin.response import frame
from tocsin.timeline.models import Entry
from tocsin.timeline.operations import record

LONGEST = 8000


def post_to_team(*, team: Team, text: str, by: Actor, now: datetime) -> Entry:
    """Say something in the team's room."""
    with transaction.atomic():
        frame.require_responder(by)
        text = frame.limit("text", text, LONGEST, needed="Write something first.")
        return record("message", text, by=by, now=now, team_id=team.pk)
