"""What surrounds every request and answer? An id, the real address behind trusted proxies, and the security headers."""

from __future__ import annotations

import ipaddress
import re
import uuid
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

_ID = re.compile(r"[A-Za-z0-9._-]{8,64}\Z")
_FORWARDED = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_FORWARDED",
    "HTTP_X_REAL_IP",
)
_SWITCHED_OFF = "accelerometer autoplay camera display-capture geolocation gyroscope magnetometer microphone midi payment usb"
PERMISSIONS_POLICY = ", ".join(
    [*(f"{name}=()" for name in _SWITCHED_OFF.split()), "publickey-credentials-get=(self)", "publickey-credentials-create=(self)"]
)


class Frame:
    """Middleware, the outermost one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        _behind_proxies(request)
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        request.request_id = given if _ID.match(given) else uuid.uuid4().hex  # type: ignore[attr-defined]
        response = self.get_response(request)
        response["X-Request-Id"] = request.request_id  # type: ignore[attr-defined]
        response.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        response.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        if settings.SECURE:
            response.setdefault("Strict-Transport-Security", "max-age=31536000")
        if not request.path_info.startswith(settings.STATIC_URL):
            response.setdefault("Cache-Control", "no-store")
        return response


def _behind_proxies(request: HttpRequest) -> None:
    """Take the client's address from X-Forwarded-For where a proxy of TOCSIN_TRUSTED_PROXIES says so; from others drop what they claim."""
    if not _trusted(request.META.get("REMOTE_ADDR", "")):
        for name in _FORWARDED:
            request.META.pop(name, None)
        return
    chain = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
    for address in reversed(chain[-20:]):  # the nearest first: only what trusted proxies added counts
        if not _is_address(address):
            break
        request.META["REMOTE_ADDR"] = address
        if not _trusted(address):
            break


def _trusted(address: str) -> bool:
    if not settings.TRUSTED_PROXIES or not _is_address(address):
        return False
    return any(ipaddress.ip_address(address) in network for network in settings.TRUSTED_PROXIES)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
