"""What happens to an act that the database broke off because two of them met? It is done again: neither was wrong."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import OperationalError, connection

log = logging.getLogger(__name__)
TRIES = 4
MET = {"40P01", "40001"}  # deadlock, serialization failure
Given = ParamSpec("Given")
Result = TypeVar("Result")


def again_on_conflict(act: Callable[Given, Result]) -> Callable[Given, Result]:
    """Repeat an act that is one transaction when it met another one; inside a larger transaction only that can be repeated, so not here."""

    @wraps(act)
    def repeated(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        for number in range(1, TRIES):
            try:
                return act(*args, **kwargs)
            except OperationalError as error:
                if connection.in_atomic_block or getattr(error.__cause__, "sqlstate", None) not in MET:
                    raise
                log.info("%s met another transaction and is done again", act.__name__)
                time.sleep(0.02 * number)
        return act(*args, **kwargs)

    return repeated
