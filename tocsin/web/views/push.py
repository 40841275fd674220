"""How does the installed web app take part? Its manifest, its service worker, and the browser's subscription to pages."""

from __future__ import annotations

import json
from pathlib import Path

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.templatetags.static import static
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from tocsin.accounts import operations
from tocsin.accounts.models import User
from tocsin.accounts.permissions import Needs, needs
from tocsin.lib.refusal import Refused
from tocsin.paging import operations_contacts as contacts
from tocsin.paging import operations_push as push
from tocsin.web import pages

WORKER = Path(__file__).parent.parent / "static" / "tocsin" / "js" / "sw.js"
LONGEST_BODY = 10_000


def _user(request: HttpRequest) -> User:
    user = pages.actor(request).user
    assert user is not None  # the route needs somebody who is signed in
    return user


@needs(Needs.PUBLIC)
@require_GET
def manifest(request: HttpRequest) -> HttpResponse:
    """What a phone needs to put Tocsin on its home screen."""
    icons = [
        {"src": static("tocsin/app-192.png"), "sizes": "192x192", "type": "image/png", "purpose": "any"},
        {"src": static("tocsin/app-512.png"), "sizes": "512x512", "type": "image/png", "purpose": "any maskable"},
    ]
    plain = {
        "id": "/", "name": f"Tocsin {operations.organisation().name}" if request.user.is_authenticated else "Tocsin", "short_name": "Tocsin",
        "start_url": "/", "scope": "/", "display": "standalone", "background_color": "#ffffff", "theme_color": "#ffffff", "icons": icons,
    }  # fmt: skip
    return HttpResponse(json.dumps(plain), content_type="application/manifest+json")


@needs(Needs.PUBLIC)
@never_cache
@require_GET
def worker(request: HttpRequest) -> HttpResponse:
    """The service worker: from the root, because it may show notifications for no more than the folder that it comes from."""
    return HttpResponse(WORKER.read_text(encoding="utf-8"), content_type="text/javascript; charset=utf-8")


@needs(Needs.SELF)
@require_POST
def subscribe(request: HttpRequest) -> HttpResponse:
    """This browser becomes a way to reach whoever is signed in here; JSON for the button's script."""
    by = pages.actor(request)
    try:
        subscription, label = pages.text(request, "subscription", 4000), pages.text(request, "label", 120)
        method = contacts.add_method(_user(request), kind=push.KIND, address=subscription, label=label, by=by, now=pages.now(request))
    except Refused as refused:
        return JsonResponse({"sentence": pages.sentence(refused)}, status=refused.status)
    return JsonResponse({"id": method.pk}, status=201)


@needs(Needs.SELF)
@csrf_exempt  # a service worker has no form's token; it must come from our own pages (below)
@require_POST
def changed(request: HttpRequest) -> HttpResponse:
    """The browser has replaced its subscription by itself: {"endpoint": the old one, "subscription": {...}}."""
    if request.headers.get("Sec-Fetch-Site") != "same-origin" or request.content_type != "application/json":
        return JsonResponse({"sentence": "Only this installation's own service worker may say so."}, status=403)
    try:
        said = json.loads(request.body[:LONGEST_BODY])
        push.change_subscription(_user(request), str(said["endpoint"]), json.dumps(said["subscription"]))
    except (ValueError, KeyError, TypeError):
        return JsonResponse({"sentence": "Send endpoint and subscription."}, status=400)
    except Refused as refused:
        return JsonResponse({"sentence": pages.sentence(refused)}, status=refused.status)
    return HttpResponse(status=204)
