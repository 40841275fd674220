"""Where do providers call us? One signed address for each page, one for each account; the provider proves each call as well (D20)."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from tocsin import clock
from tocsin.accounts.permissions import Needs, needs
from tocsin.domain.ports import Callback
from tocsin.lib.refusal import Refused
from tocsin.lib.signing import BadLinkError
from tocsin.paging import messages
from tocsin.response.hear_provider import hear

LARGEST = 256 * 1024  # bytes of a call


@needs(Needs.PUBLIC)
@csrf_exempt  # the address is signed by us and the call by the provider
@never_cache
@require_http_methods(["POST"])
def page(request: HttpRequest, token: str) -> HttpResponse:
    """A call about one page: what became of it, or what its person answered."""
    try:
        notification_id, provider_id = messages.read_callback(token, clock.now())
    except BadLinkError as error:
        return _plain(str(error), 404)
    return _hear(request, provider_id, notification_id)


@needs(Needs.PUBLIC)
@csrf_exempt
@never_cache
@require_http_methods(["POST", "HEAD"])
def account(request: HttpRequest, token: str) -> HttpResponse:
    """A call about what reaches an account: texts of people, buttons, reports. HEAD asks whether somebody is here."""
    try:
        provider_id = messages.read_inbound(token, clock.now())
    except BadLinkError as error:
        return _plain(str(error), 404)
    if request.method == "HEAD":
        return HttpResponse()
    return _hear(request, provider_id, None)


def _hear(request: HttpRequest, provider_id: int, notification_id: int | None) -> HttpResponse:
    if len(request.body) > LARGEST:
        return _plain(f"The body is larger than {LARGEST:,} bytes.", 413)
    now = clock.now()
    headers = {name.lower(): value for name, value in request.headers.items()}
    call = Callback(request.method or "", settings.TOCSIN_URL + request.get_full_path(), headers, request.body, now)
    try:
        answer = hear(provider_id, call, notification_id=notification_id, now=now)
    except Refused as refused:
        return _plain(refused.detail, refused.status)
    return HttpResponse(answer.body, content_type=answer.content_type, status=answer.status)


def _plain(sentence: str, status: int) -> HttpResponse:
    return HttpResponse(sentence + "\n", content_type="text/plain; charset=utf-8", status=status)
