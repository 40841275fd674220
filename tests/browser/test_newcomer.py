"""Can somebody who has never seen it follow the tutorial to a published post-mortem, with the pages alone?"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests import database
from tests.browser import newcomer
from tests.browser.conftest import end, new_context, until_ready
from tests.live import free_port

pytestmark = pytest.mark.browser


@pytest.fixture
def empty() -> Iterator[str]:
    """The set-up link of an installation with nobody in it: a web process and a worker."""
    port = free_port()
    folder, address, base = (
        tempfile.mkdtemp(prefix="tocsin-newcomer-"),
        database.fresh(f"tocsin_newcomer_{os.getpid()}"),
        f"http://127.0.0.1:{port}",
    )
    environment = {**os.environ, "TOCSIN_DATABASE_URL": address, "TOCSIN_DATA_DIR": folder, "TOCSIN_URL": base, "PYTHONUNBUFFERED": "1"}
    running: list[subprocess.Popen] = []
    with open(Path(folder) / "server.log", "w") as log:
        try:
            for command, output in (
                ([sys.executable, "-m", "tests.browser.serve_empty", str(port)], subprocess.PIPE),
                ([sys.executable, "-m", "tocsin.cli", "worker"], log),
            ):
                running.append(subprocess.Popen(command, env=environment, stdout=output, stderr=log, text=True, start_new_session=True))
            assert running[0].stdout
            link = running[0].stdout.readline().strip()
            assert link.startswith("http"), (Path(folder) / "server.log").read_text()[-4000:]
            until_ready(base)
            yield link
        finally:
            end(*running)
            database.drop(address)
            shutil.rmtree(folder, ignore_errors=True)


def test_the_tutorial_from_the_set_up_link_to_the_published_post_mortem(empty: str, chromium: Browser) -> None:
    context = new_context(chromium, viewport={"width": 1440, "height": 900})
    page, complaints = context.new_page(), []
    page.on("console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None)
    page.on("response", lambda answer: complaints.append(f"{answer.status} {answer.url}") if answer.status >= 500 else None)
    ana = newcomer.Newcomer(page, empty.partition("/set-up/")[0])
    newcomer.make_known(ana, empty)
    newcomer.be_reachable(ana)
    newcomer.be_on_call(ana)
    newcomer.connect(ana)
    newcomer.acknowledge_and_declare(ana)
    newcomer.communicate(ana)
    newcomer.diagnose_and_mitigate(ana)
    newcomer.resolve_and_verify(ana)
    newcomer.close(ana)
    newcomer.learn(ana)
    newcomer.see_the_proof(ana)
    assert complaints == []
    context.close()
