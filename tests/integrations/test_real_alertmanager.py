"""The real Prometheus and the real Alertmanager, unchanged, fire and resolve an alert: by the webhook and straight by the API."""

import contextlib
import json
import shutil
import subprocess
import threading
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.live import free_port, until

BINARIES = {name: shutil.which(name) for name in ("prometheus", "prometheus-alertmanager")}

RULES = """
groups:
  - name: checkout
    interval: 1s
    rules:
      - alert: TargetDown
        expr: up{job="checkout"} == 0
        labels: {severity: critical}
        annotations: {summary: "Checkout does not answer"}
"""


@pytest.fixture
def real(tmp_path):
    if missing := [name for name, path in BINARIES.items() if not path]:
        warnings.warn(f"NOT TESTED against the real {', '.join(missing)}: not installed", stacklevel=1)
        pytest.skip(f"{', '.join(missing)} not installed")
    processes = []

    def run(*command):
        log = (tmp_path / f"{len(processes)}.log").open("wb")
        processes.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=tmp_path))

    yield run
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait(60)


def test_an_alert_of_a_real_prometheus_is_one_alert_by_each_way(live_server_process, real, tmp_path):
    tocsin, target = live_server_process, free_port()
    webhook = tocsin.api("POST", "/integrations", {"name": "Alertmanager", "kind": "alertmanager"})
    direct = tocsin.api("POST", "/integrations", {"name": "Prometheus", "kind": "alertmanager_api_v2"})
    manager_port, prometheus_port = free_port(), free_port()
    (tmp_path / "rules.yml").write_text(RULES)
    (tmp_path / "alertmanager.yml").write_text(
        "route: {receiver: tocsin, group_wait: 0s, group_interval: 1s, repeat_interval: 1h, group_by: [alertname]}\n"
        f"receivers: [{{name: tocsin, webhook_configs: [{{url: '{tocsin.url}/in/{webhook['key']}'}}]}}]\n"
    )
    managers = [
        {"static_configs": [{"targets": [f"127.0.0.1:{manager_port}"]}]},
        {"static_configs": [{"targets": [f"127.0.0.1:{tocsin.port}"]}], "authorization": {"credentials": direct["key"]}},
    ]
    (tmp_path / "prometheus.yml").write_text(
        json.dumps(
            {
                "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                "rule_files": ["rules.yml"],
                "alerting": {"alertmanagers": managers},
                "scrape_configs": [{"job_name": "checkout", "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]}],
            }
        )
    )
    real(
        BINARIES["prometheus-alertmanager"], "--config.file=alertmanager.yml", "--storage.path=am", "--cluster.listen-address=",
        f"--web.listen-address=127.0.0.1:{manager_port}",
    )  # fmt: skip
    real(
        BINARIES["prometheus"], "--config.file=prometheus.yml", "--storage.tsdb.path=prom", f"--web.listen-address=127.0.0.1:{prometheus_port}",
        "--rules.alert.resend-delay=3s",
    )  # fmt: skip

    def alerts(integration):
        return tocsin.api("GET", f"/alerts?integration={integration['id']}")["items"]

    for integration in (webhook, direct):
        [alert] = until(lambda i=integration: alerts(i), bool)
        assert (alert["status"], alert["title"], alert["source_severity"]) == ("firing", "Checkout does not answer", "critical")
        assert alert["labels"]["job"] == "checkout" and alert["service"] is None
    until(lambda: alerts(direct)[0]["event_count"], lambda count: count >= 2)  # Prometheus sends it again and again
    with _answering(target):
        for integration in (webhook, direct):
            [alert] = until(lambda i=integration: alerts(i), lambda found: found[0]["status"] == "resolved")
            assert alert["event_count"] >= 2


def _answering(port):
    """Something that answers /metrics on that port, so that the target is up."""

    class Metrics(BaseHTTPRequestHandler):
        def do_GET(self):
            body = b"up_for_sure 1\n"
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    @contextlib.contextmanager
    def serve():
        server = ThreadingHTTPServer(("127.0.0.1", port), Metrics)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()
        server.server_close()

    return serve()
