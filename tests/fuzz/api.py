"""The API against its own description: whatever is sent, never a 5xx, and an answer as it is described (tests/answers.py looks at each).

    bin/test tests/fuzz/api.py                        # half a minute; `bin/test` alone runs it too
    FUZZ_EXAMPLES=100 bin/test tests/fuzz/api.py      # longer

Not collected with the other tests but a step of its own of `bin/test`: what it makes the API do stays in the process's memory (published procedures, for one) when the database is rolled back,
and the tests after it would see it.
"""

from __future__ import annotations

import contextlib
import os

import hypothesis
import pytest
import requests
import schemathesis
from django.test import Client
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import strategies as st

from tests.api.test_frame import token
from tocsin.api.mount import description

pytestmark = pytest.mark.django_db
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "3"))  # of each operation
# What would reach out of the test or take long by its nature.
LEFT_OUT = {"/api/v1/docs", "/api/v1/openapi.json"}


class _Transport(requests.adapters.BaseAdapter):
    """Hands a request to Django's test client instead of the network."""

    def __init__(self, client: Client) -> None:
        super().__init__()
        self.client = client

    def send(self, request: requests.PreparedRequest, **_: object) -> requests.Response:
        headers = {f"HTTP_{name.upper().replace('-', '_')}": _text(value) for name, value in request.headers.items()}
        kind = headers.pop("HTTP_CONTENT_TYPE", "application/octet-stream")
        headers.pop("HTTP_CONTENT_LENGTH", None)
        path = (request.url or "").removeprefix("http://testserver")
        given = self.client.generic(request.method or "GET", path, request.body or b"", content_type=kind, **headers)  # type: ignore[arg-type]
        answer = requests.Response()
        answer.status_code, answer.headers = given.status_code, requests.structures.CaseInsensitiveDict(dict(given.items()))
        answer.request, answer.url = request, request.url or ""
        answer._content = b"".join(given.streaming_content) if given.streaming else given.content  # type: ignore[attr-defined]
        return answer

    def close(self) -> None:
        pass


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def operations() -> list[object]:
    schema = schemathesis.openapi.from_dict(description())
    return [result.ok() for result in schema.get_all_operations() if result.ok().path not in LEFT_OUT]


OPERATIONS = {f"{one.method.upper()} {one.path}": one for one in operations()}
CHUNKS = 8  # tests, so that two processes share them


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_request_is_answered_with_a_fault_of_ours(chunk, settings):
    settings.ALLOWED_HOSTS = ["*"]
    session = requests.Session()
    session.mount("http://", _Transport(Client(raise_request_exception=False)))
    faults: list[str] = []
    for name in sorted(OPERATIONS)[chunk::CHUNKS]:
        with contextlib.suppress(hypothesis.errors.Unsatisfiable):  # nothing can be wrong with an operation that takes nothing
            # A token for each: an operation may take the one away that calls it.
            _try(name, session, {"Authorization": f"Bearer {token('read', 'respond', 'administer')}"}, faults)
    assert not faults, "\n".join(dict.fromkeys(faults))


def _try(name: str, session: requests.Session, headers: dict[str, str], faults: list[str]) -> None:
    modes = [OPERATIONS[name].as_strategy(generation_mode=mode) for mode in schemathesis.GenerationMode]

    @seed(7)
    @hypothesis.settings(
        max_examples=EXAMPLES, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(case=st.one_of(modes))
    def each(case):
        try:
            answer = case.call(base_url="http://testserver", session=session, headers=headers)
        except AssertionError as complaint:  # of tests/answers.py
            faults.append(f"{complaint} {case.as_curl_command()[:600]}")
            return
        if answer.status_code >= 500:
            faults.append(f"{name}: {answer.status_code} {answer.text[:300]} {case.as_curl_command()[:600]}")

    each()
