"""Are the pages of somebody's own sign-in readable for everybody, in light, in dark and on a phone, with everything that they can show?"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import PHONE, new_context
from tests.browser.test_every_page import WIDEST, violations
from tests.browser.test_sign_in import PASSWORD, code, complaints_of, empty, open_after_the_password, set_up  # noqa: F401 - a fixture

pytestmark = pytest.mark.browser
SCREENS = Path(os.environ.get("TOCSIN_SCREENS", Path(__file__).parents[2] / "artefacts" / "screens"))
LOOKS = (("light", "light", {"width": 1280, "height": 900}), ("dark", "dark", {"width": 1280, "height": 900}), ("phone", "light", PHONE))


class Looking:
    """Goes over the page that is open, in every look, and keeps what is wrong."""

    def __init__(self, page: Page) -> None:
        self.page, self.wrong = page, []

    def at(self, name: str) -> None:
        """The page as it is now."""
        SCREENS.mkdir(parents=True, exist_ok=True)
        for look, scheme, size in LOOKS:
            self.page.set_viewport_size(size)
            self.page.emulate_media(color_scheme=scheme)
            self.page.screenshot(path=SCREENS / f"account-{name}-{look}.png", full_page=True)
            self.wrong += [f"{name} {look}: {one}" for one in violations(self.page)]
            if self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") > 0:
                self.wrong.append(f"{name} {look} is too wide: {self.page.evaluate(WIDEST)}")


def test_every_page_of_ones_own_sign_in(empty: str, chromium: Browser) -> None:  # noqa: F811 - the fixture
    context = new_context(chromium, reduced_motion="reduce")
    said, page = complaints_of(context), context.new_page()
    base, looking = set_up(page, empty), Looking(page)
    session = context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True, "isUserVerified": True}
    session.send("WebAuthn.addVirtualAuthenticator", {"options": {**options, "automaticPresenceSimulation": True}})
    page.goto(f"{base}/accounts/password/change/")
    looking.at("password-change")
    page.get_by_role("button", name="Change it").click()
    page.goto(f"{base}/accounts/2fa/")
    looking.at("second-factor-none")
    page.goto(f"{base}/accounts/2fa/totp/activate/")
    looking.at("is-it-you")
    open_after_the_password(page, f"{base}/accounts/2fa/totp/activate/")
    looking.at("app-activate")
    page.locator("#id_code").fill("000000")
    page.get_by_role("button", name="Activate").click()
    page.get_by_text(re.compile("incorrect", re.I)).first.wait_for()
    looking.at("app-activate-wrong-code")
    page.locator("#id_code").fill(code(page.locator("#authenticator_secret").input_value()))
    page.get_by_role("button", name="Activate").click()
    page.wait_for_url(re.compile("recovery-codes|2fa/$"))
    page.goto(f"{base}/accounts/2fa/recovery-codes/")
    looking.at("recovery-codes")
    page.goto(f"{base}/accounts/2fa/recovery-codes/generate/")
    looking.at("recovery-codes-new")
    page.goto(f"{base}/accounts/2fa/webauthn/add/")
    looking.at("key-add")
    page.locator("#id_passwordless").check()
    page.get_by_role("button", name="Add it").click()
    page.wait_for_url(re.compile("recovery-codes|webauthn/$|2fa/$"))
    page.goto(f"{base}/accounts/2fa/webauthn/")
    looking.at("keys")
    page.get_by_role("link", name="Rename").click()
    looking.at("key-rename")
    page.locator("#id_name").fill("Work laptop")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Work laptop").first.wait_for()
    page.get_by_role("link", name="Remove").click()
    looking.at("key-remove")
    page.goto(f"{base}/accounts/2fa/")
    looking.at("second-factor")
    page.goto(f"{base}/accounts/2fa/totp/deactivate/")
    looking.at("app-deactivate")
    page.goto(f"{base}/accounts/sessions/")
    page.get_by_text("This one").wait_for()
    looking.at("sessions")
    page.goto(f"{base}/accounts/email/")
    assert "/people/" in page.url, "nobody gives themselves another address"
    page.goto(f"{base}/accounts/logout/")
    looking.at("sign-out")
    page.get_by_role("button", name="Sign out").click()
    for name in ("login", "password/reset", "password/reset/done", "inactive", "3rdparty/login/cancelled", "3rdparty/login/error"):
        page.goto(f"{base}/accounts/{name}/")
        looking.at(name.replace("/", "-"))
    page.goto(f"{base}/accounts/login/")
    page.get_by_label("E-mail address").fill("ana@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/2fa/authenticate/")
    looking.at("second-factor-asked")
    context.close()
    assert not looking.wrong
    assert not [line for line in said if "Content Security Policy" in line]
