"""How fast is the public page served? Our application beside nginx on the same file, in turn; prints the medians and the ratio.

Run: python -m tests.performance.status_reads [--rounds 3] [--seconds 3] [--port 8680]. Needs wrk and nginx.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

NGINX = """daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{ access_log off; client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3; uwsgi_temp_path {folder}/t4;
scgi_temp_path {folder}/t5; sendfile on; keepalive_requests 1000000; types {{ application/json json; }}
server {{ listen 127.0.0.1:{port}; location /status/ {{ alias {folder}/status/; }} }} }}
"""


def main() -> None:
    """Start both, measure them in turn, stop both."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in (("--rounds", 3), ("--seconds", 3), ("--port", 8680), ("--connections", 64), ("--size", 12_000)):
        parser.add_argument(name, type=int, default=value)
    given = parser.parse_args()
    if not shutil.which("wrk") or not Path("/usr/sbin/nginx").exists():
        sys.exit("wrk and nginx are needed")
    with tempfile.TemporaryDirectory(prefix="tocsin-reads-") as folder:
        Path(folder).chmod(0o755)
        (Path(folder) / "status").mkdir()
        (Path(folder) / "status" / "summary.json").write_bytes(b"x" * given.size)
        Path(folder, "nginx.conf").write_text(NGINX.format(folder=folder, port=given.port + 1))
        ours = [sys.executable, "-m", "tocsin.lib.serve", "tocsin.web.public:app", str(given.port)]
        theirs = ["/usr/sbin/nginx", "-c", f"{folder}/nginx.conf", "-p", folder, "-g", "user root;" if os.geteuid() == 0 else ""]
        servers = [
            subprocess.Popen(ours, env=os.environ | {"TOCSIN_DATA_DIR": folder}, stdout=subprocess.DEVNULL),
            subprocess.Popen(theirs),
        ]
        try:
            _measure(given)
        finally:
            for server in servers:
                server.terminate()
            for server in servers:
                server.wait(20)


def _measure(given: argparse.Namespace) -> None:
    addresses = {
        "tocsin": f"http://127.0.0.1:{given.port}/status/summary.json",
        "nginx": f"http://127.0.0.1:{given.port + 1}/status/summary.json",
    }
    for address in addresses.values():
        _wait(address)
    rates: dict[str, list[float]] = {name: [] for name in addresses}
    for _ in range(given.rounds):
        for name, address in addresses.items():
            command = ["wrk", "-t1", f"-c{given.connections}", f"-d{given.seconds}s", address]
            said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            if "Non-2xx" in said:
                sys.exit(f"{name} answered with errors:\n{said}")
            rates[name].append(float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1]))  # type: ignore[index]
    medians = {name: statistics.median(values) for name, values in rates.items()}
    for name, values in rates.items():
        print(f"{name}: {medians[name]:,.0f} reads/s (rounds: {', '.join(f'{value:,.0f}' for value in values)})")
    print(f"ratio: {medians['tocsin'] / medians['nginx']:.2f}")


def _wait(address: str) -> None:
    for _ in range(100):
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"{address} does not answer")


if __name__ == "__main__":
    main()
