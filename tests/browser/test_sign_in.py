"""Can the first person set Tocsin up and sign in with a password, a code of an app, and a passkey, in a real browser?"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from playwright.sync_api import Browser, BrowserContext, Page

from tests import database
from tests.browser.conftest import end, new_context, until_ready
from tests.live import free_port

pytestmark = pytest.mark.browser
PASSWORD = "correct horse battery"
SHOTS = Path(os.environ.get("TOCSIN_SCREENSHOTS", "")) if os.environ.get("TOCSIN_SCREENSHOTS") else None


@pytest.fixture
def empty() -> Iterator[str]:
    """The set-up link of a server that has nobody yet; by name, because passkeys are bound to names, not to numbers."""
    port = free_port()
    folder, address, base = (
        tempfile.mkdtemp(prefix="tocsin-empty-"),
        database.fresh(f"tocsin_empty_{os.getpid()}"),
        f"http://localhost:{port}",
    )
    environment = {**os.environ, "TOCSIN_DATABASE_URL": address, "TOCSIN_DATA_DIR": folder, "TOCSIN_URL": base, "PYTHONUNBUFFERED": "1"}
    with open(Path(folder) / "server.log", "w") as log:
        command = [sys.executable, "-m", "tests.browser.serve_empty", str(port)]
        server = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True)
        try:
            assert server.stdout
            link = server.stdout.readline().strip()
            assert link.startswith("http"), (Path(folder) / "server.log").read_text()[-4000:]
            until_ready(f"http://127.0.0.1:{port}")
            yield link
        finally:
            end(server)
            database.drop(address)
            shutil.rmtree(folder, ignore_errors=True)


def shot(page: Page, name: str) -> None:
    """Kept for looking at, where TOCSIN_SCREENSHOTS names a folder: light, dark, phone."""
    if SHOTS is None:
        return
    for look, scheme, width in (("light", "light", 1280), ("dark", "dark", 1280), ("phone", "light", 390)):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        page.screenshot(path=SHOTS / f"{name}-{look}.png", full_page=True)
    page.set_viewport_size({"width": 1280, "height": 900})


def set_up(page: Page, link: str) -> str:
    page.goto(link)
    shot(page, "set-up-first")
    for label, value in (
        ("Organisation", "Larkfield"),
        ("Your name", "Ana Berg"),
        ("Your e-mail address", "ana@example.com"),
        ("A password", PASSWORD),
    ):
        page.get_by_label(label, exact=True).fill(value)
    page.get_by_label("Its time zone").select_option("Europe/London")
    page.get_by_role("button", name="Make me the administrator").click()
    page.get_by_role("heading", name="Be ready for the first page").wait_for()
    return link.partition("/set-up/")[0]


def sign_out(page: Page, base: str) -> None:
    page.goto(f"{base}/accounts/logout/")
    page.get_by_role("button", name="Sign out").click()


def by_password(page: Page, base: str) -> None:
    page.goto(f"{base}/accounts/login/")
    page.get_by_label("E-mail address").fill("ana@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def open_after_the_password(page: Page, address: str) -> None:
    """Pages that change how one signs in ask for the password once more."""
    page.goto(address)
    page.get_by_role("heading", name="Is it you?").wait_for()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    page.wait_for_url(address)


def complaints_of(context: BrowserContext) -> list[str]:
    said: list[str] = []
    context.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    return said


def test_password_then_the_code_of_an_app(empty: str, chromium: Browser) -> None:
    context = new_context(chromium)
    said, page = complaints_of(context), context.new_page()
    base = set_up(page, empty)
    shot(page, "set-up")
    page.goto(f"{base}/people/")
    shot(page, "people")
    page.get_by_role("link", name="Ana Berg").first.click()
    shot(page, "person")
    page.goto(f"{base}/settings/tokens/")
    shot(page, "tokens")
    open_after_the_password(page, f"{base}/accounts/2fa/totp/activate/")
    shot(page, "totp")
    secret = page.locator("#authenticator_secret").input_value()
    first = code(secret)
    page.locator("#id_code").fill(first)
    page.get_by_role("button", name="Activate").click()
    page.wait_for_url(re.compile("recovery-codes|2fa/$"))
    shot(page, "recovery")
    sign_out(page, base)
    page.goto(f"{base}/accounts/login/")
    shot(page, "sign-in")
    by_password(page, base)
    page.wait_for_url("**/2fa/authenticate/")
    shot(page, "second-factor")
    page.locator("#id_code").fill("000000")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_text(re.compile("incorrect", re.I)).first.wait_for()
    assert "/2fa/authenticate/" in page.url
    page.locator("#id_code").fill(code(secret, but=first))  # a code works once
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"{base}/")
    assert not [line for line in said if "Content Security Policy" in line]
    context.close()


def test_a_passkey_signs_in_without_a_password(empty: str, chromium: Browser) -> None:
    context = new_context(chromium)
    said, page = complaints_of(context), context.new_page()
    base = set_up(page, empty)
    session = context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True, "isUserVerified": True}
    session.send("WebAuthn.addVirtualAuthenticator", {"options": {**options, "automaticPresenceSimulation": True}})
    open_after_the_password(page, f"{base}/accounts/2fa/webauthn/add/")
    shot(page, "passkey-add")
    page.locator("#id_passwordless").check()
    page.get_by_role("button", name="Add").click()
    page.wait_for_url(re.compile("recovery-codes|webauthn/$|2fa/$"))
    sign_out(page, base)
    page.goto(f"{base}/accounts/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url(f"{base}/")
    page.get_by_text("Ana Berg").first.wait_for()
    assert not [line for line in said if "Content Security Policy" in line]
    context.close()


def code(secret: str, *, but: str = "") -> str:
    """What an app shows, once it is another one than that and will be shown for a while, so that it arrives before it has changed."""
    while 30 - time.time() % 30 < 10 or (shown := _shown(secret)) == but:
        time.sleep(0.2)
    return shown


def _shown(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))
