"""On a running Tocsin: is there a public page from the very start, and does the public read an update within 5 seconds?"""

import pytest
from procrastinate.contrib.django import app

from tests.live import until
from tocsin.jobs import QUEUES

pytestmark = pytest.mark.acceptance


@pytest.mark.clause("S71", "S100")
def test_the_page_stands_from_the_start_and_an_update_is_on_it_within_five_seconds(live_server_process):
    tocsin = live_server_process

    def page(path: str):
        return tocsin.ask("GET", "/status/" + path, token="")

    until(lambda: page(""), lambda answer: answer[0] == 200)
    component = tocsin.api("POST", "/components", {"name": "Card payments at the till"})
    until(lambda: page("api/v2/components.json")[1], lambda found: component["name"] in str(found))
    person = tocsin.api("POST", "/users", {"email": "public@example.org", "name": "Pat Public", "role": "responder"})
    incident = tocsin.api("POST", "/incidents", {"title": "Tills refuse cards", "severity": "SEV1", "by": person["id"]})
    tocsin.api("POST", f"/incidents/{incident['ref']}/updates", {
        "by": person["id"], "audience": "public", "status": "Investigating", "verb": "investigating", "description": "refused cards at tills",
        "impact": "Nobody can pay by card", "next_update_minutes": 15, "components": {str(component["id"]): "major_outage"},
    })  # fmt: skip
    until(lambda: page("")[1], lambda html: "refused cards at tills" in html and "Major outage" in html, seconds=5)
    summary = page("api/v2/summary.json")[1]
    assert summary["status"]["indicator"] == "critical" and summary["incidents"][0]["status"] == "investigating"


def test_every_kind_of_job_is_in_a_queue_that_workers_serve():
    app.perform_import_paths()
    queues = {name: task.queue for name, task in app.tasks.items() if name.startswith("tocsin.")}
    assert {"tocsin.statuspage.publish", "tocsin.postmortems.invite"} <= set(queues)
    assert set(queues.values()) <= set(QUEUES), queues
