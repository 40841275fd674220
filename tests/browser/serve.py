"""A whole web process with Larkfield's morning in a database of its own: prints what the tests need to know, then serves."""

from __future__ import annotations

import json
import os
import sys

import django


def story() -> dict[str, str]:
    """Write the morning, and say who is signed in with which cookie and where things are."""
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore
    from django.db import transaction

    from tests.web import larkfield
    from tocsin import clock
    from tocsin.paging import messages
    from tocsin.paging.models import Notification

    def cookie(user) -> str:
        session = SessionStore()
        session[SESSION_KEY], session[BACKEND_SESSION_KEY] = str(user.pk), settings.AUTHENTICATION_BACKENDS[0]
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.create()
        return session.session_key

    with transaction.atomic():
        told = larkfield.build()
        sent = Notification.objects.select_related("escalation").filter(escalation__alert=told.loose, kind="page").order_by("id")[0]
        return {
            "cookie_name": settings.SESSION_COOKIE_NAME, "ana": cookie(told.ana), "ben": cookie(told.ben), "cy": cookie(told.cy),
            "ref": told.incident.ref, "alert": str(told.alert.pk), "loose": str(told.loose.pk), "raw": str(told.raw.pk), "team": str(told.service.team_id),
            "service": str(told.service.pk), "integration": str(told.integration.pk), "policy": str(told.policy.pk), "ben_id": str(told.ben.pk),
            "schedule": str(told.policy.steps[0]["targets"][0]["id"]), "ack": messages.ack_link(sent, clock.now()).split("/ack/")[1],
        }  # fmt: skip


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tocsin.settings")
    django.setup()
    print(json.dumps(story()), flush=True)
    from tocsin.cli.web import main

    main("127.0.0.1", int(sys.argv[1]))
