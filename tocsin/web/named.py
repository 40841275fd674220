"""How is one found in a long list of names? By a part of the name, and page by page in the order of names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest

ON_A_PAGE = 50
LONGEST_WORD = 100


@dataclass(frozen=True)
class Named:
    """`page`: what is shown of it; `q`: the part of a name that was asked for; `findable`: whether the list is long enough to search."""

    page: Page
    q: str
    findable: bool

    def __iter__(self) -> Any:
        return iter(self.page)

    def __len__(self) -> int:
        return len(self.page)


def listed(request: HttpRequest, rows: QuerySet[Any], *fields: str, also: Callable[[str], Q] = lambda q: Q()) -> Named:
    """Those of `rows` whose `fields` contain `?q=`, or that are `also` meant by it, in their order: the page that `?page=` names (a wrong one is the nearest)."""
    q = request.GET.get("q", "").strip()[:LONGEST_WORD].replace("\0", "")
    if q:
        rows = rows.filter(reduce(or_, (Q(**{f"{field}__icontains": q}) for field in fields)) | also(q))
    page = Paginator(rows, ON_A_PAGE).get_page(request.GET.get("page"))
    return Named(page, q, bool(q) or page.paginator.count > ON_A_PAGE // 2)
