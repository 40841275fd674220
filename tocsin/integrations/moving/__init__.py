"""What another product holds, read over its API and put into the form that `tocsin import` takes."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

# Each module has SERVER, the usual address, and convert(server, key) → (document, notes). Imported when it is asked for.
PRODUCTS: dict[str, Callable[[], Any]] = {
    name: (lambda name=name: import_module(f"tocsin.integrations.moving.{name}"))  # type: ignore[misc]
    for name in ("opsgenie", "pagerduty", "oncall")
}
