"""A real server, a real browser: what the browser tests share. Chromium comes from the system; without it they do not run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests import database
from tests.live import answer_of, free_port, until

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
expect.set_options(timeout=60_000)  # only what never comes is to fail
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1440, "height": 1000}


@dataclass
class Site:
    """The running server: `told` are the ids of the story (tests/browser/serve.py)."""

    base: str
    told: dict[str, str]


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """One server for the whole run, in a process and a database of its own."""
    port = free_port()
    folder = tempfile.mkdtemp(prefix="tocsin-browser-")
    address = database.fresh(f"tocsin_browser_{os.getpid()}")
    base = f"http://127.0.0.1:{port}"
    environment = {**os.environ, "TOCSIN_DATABASE_URL": address, "TOCSIN_DATA_DIR": folder, "TOCSIN_URL": base, "PYTHONUNBUFFERED": "1"}
    log = open(Path(folder) / "server.log", "w")  # noqa: SIM115 - the process writes to it until the end
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.browser.serve", str(port)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        start_new_session=True,
    )
    try:
        assert server.stdout
        line = server.stdout.readline()
        assert line.startswith("{"), (Path(folder) / "server.log").read_text()[-4000:]
        until_ready(base)
        yield Site(base, json.loads(line))
    finally:
        end(server)
        log.close()
        database.drop(address)
        shutil.rmtree(folder, ignore_errors=True)


def until_ready(base: str) -> None:
    """Until the server answers."""
    until(lambda: answer_of(base + "/healthz")[0], lambda status: status == 200)


def end(*processes: subprocess.Popen) -> None:
    """End each with its children, at once where it does not end by itself."""
    for process in processes:
        os.killpg(process.pid, signal.SIGTERM)
    for process in processes:
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def new_context(chromium: Browser, **options: Any) -> BrowserContext:
    """A window of its own, in which only what never comes fails."""
    context = chromium.new_context(**options)
    context.set_default_timeout(60_000)
    return context


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for the whole run."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=180_000)
        yield browser
        browser.close()


@dataclass
class Visit:
    """A browser window of one person; `complaints` are what the console and the content security policy had to say."""

    context: BrowserContext
    base: str
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        """Go there in a new tab."""
        page = self.context.new_page()
        page.on("console", lambda message: self.complaints.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(self.base + path, wait_until="load")
        return page


@pytest.fixture
def visit(site: Site, chromium: Browser) -> Iterator:
    """visit(person, phone=False, dark=False, scripts=True): a window in which that person is signed in ("" for nobody)."""
    opened: list[BrowserContext] = []

    def enter(person: str = "ana", *, phone: bool = False, dark: bool = False, scripts: bool = True) -> Visit:
        context = new_context(
            chromium,
            viewport=PHONE if phone else DESK,
            color_scheme="dark" if dark else "light",
            java_script_enabled=scripts,
            reduced_motion="reduce",  # colours are measured, and not on their way
            has_touch=phone,
            is_mobile=phone,
        )
        opened.append(context)
        if person:
            context.add_cookies([{"name": site.told["cookie_name"], "value": site.told[person], "url": site.base}])
        return Visit(context, site.base)

    yield enter
    for context in opened:
        context.close()
