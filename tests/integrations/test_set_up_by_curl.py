"""What the page of an integration tells people to try works as it stands there, for every kind."""

import subprocess

from tests.live import until
from tocsin.integrations.registry import SOURCES


def test_the_command_that_is_shown_for_a_kind_sends_its_sample(live_server_process):
    tocsin = live_server_process
    answers, alerts = {}, {}
    for kind in SOURCES:
        made = tocsin.api("POST", "/integrations", {"name": f"Tried {kind}", "kind": kind, "signed_only": False})
        [shown] = tocsin.api("GET", f"/integration-kinds?integration={made['id']}")["items"]
        done = subprocess.run(
            ["sh", "-c", f"{shown['curl']} -sS -o /dev/null -w '%{{http_code}}'"], check=True, capture_output=True, text=True, timeout=30
        )
        answers[kind] = done.stdout
        alerts[made["id"]] = kind
    assert {kind: code for kind, code in answers.items() if code not in ("200", "202")} == {}
    until(lambda: tocsin.api("GET", "/events?state=new&limit=200")["items"], lambda items: not items)
    refused = [
        alerts[one["integration"]] for one in tocsin.api("GET", "/events?state=refused&limit=200")["items"] if one["integration"] in alerts
    ]
    assert refused == []
