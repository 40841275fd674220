"""Does a real browser come back signed in from the organisation's OpenID provider, under our content security policy?"""

from __future__ import annotations

import json
import urllib.request

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import new_context
from tests.live import free_port
from tests.openid_provider import RunningProvider
from tests.running import Installation

pytestmark = pytest.mark.browser


def test_one_press_leads_to_the_provider_and_back(chromium: Browser) -> None:
    provider, port = RunningProvider(), free_port()
    tocsin = Installation(TOCSIN_URL=f"http://127.0.0.1:{port}", **provider.settings())
    context = new_context(chromium)
    try:
        tocsin.up(port=port)
        headers = {"Authorization": "Bearer for-tests-only", "Content-Type": "application/json"}
        person = json.dumps({"name": "Ana Berg", "email": "ana@larkfield.example", "role": "responder"}).encode()
        urllib.request.urlopen(urllib.request.Request(f"{tocsin.address}/api/v1/users", person, headers), timeout=20).close()
        provider.login_as("ana", "ana@larkfield.example")
        page, said = context.new_page(), []
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        page.goto(f"{tocsin.address}/incidents/")
        page.get_by_role("button", name="Sign in with Larkfield SSO").click()
        page.wait_for_url(f"{tocsin.address}/incidents/")
        page.get_by_text("Ana Berg").first.wait_for()
        assert not said
    finally:
        context.close()
        tocsin.clean()
        provider.stop()
