"""What a browser says of itself, in words on the page of sessions."""

from __future__ import annotations

import pytest
from allauth.usersessions.models import UserSession
from django.utils.html import escape

from tests.scenarios.world import world  # noqa: F401 - a fixture
from tocsin.web.browsers import in_words

APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
SAID = [
    ("Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0", "Firefox on Linux"),
    ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36", "Chrome on Windows"),
    ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0", "Edge on Windows"),
    ("Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36 EdgA/131.0.0.0", "Edge on Android"),
    (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {APPLE} Version/18.1 Safari/605.1.15", "Safari on macOS"),
    (f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) {APPLE} CriOS/131.0 Mobile/15E148 Safari/604.1", "Chrome on iPhone"),
    (f"Mozilla/5.0 (iPad; CPU OS 18_1 like Mac OS X) {APPLE} FxiOS/132.0 Mobile/15E148 Safari/605.1.15", "Firefox on iPad"),
    ("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36", "Chrome on ChromeOS"),
    ("Mozilla/5.0 (X11; FreeBSD amd64; rv:132.0) Gecko/20100101 Firefox/132.0", "Firefox on an unknown system"),
    ("Lynx/2.9 Linux", "Another browser on Linux"), ("curl/8.11", "An unknown browser"), ("", "An unknown browser"),
]  # fmt: skip


@pytest.mark.parametrize(("agent", "words"), SAID)
def test_it_is_said_in_words(agent, words):
    assert in_words(agent) == words


@pytest.mark.django_db
def test_the_page_of_sessions_says_it_in_words_and_keeps_the_whole_as_a_title(world, client):  # noqa: F811
    agent = SAID[0][0] + ' "<b>'
    client.force_login(world.ana, backend="django.contrib.auth.backends.ModelBackend")
    client.get("/", HTTP_USER_AGENT=agent)
    UserSession.objects.get_or_create(
        user=world.ana, session_key=client.session.session_key, defaults={"ip": "10.0.0.7", "user_agent": agent}
    )
    said = client.get("/accounts/sessions/", HTTP_USER_AGENT=agent).content.decode()
    assert f'title="{escape(agent)}">Firefox on Linux<' in said
