"""What does each operation answer? The part of the description that says it, made of the return annotations of the views.

Only the description is made of them: serving an answer neither checks nor converts it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, get_args, get_origin, get_type_hints

from ninja.operation import Operation
from ninja.responses import Status
from pydantic import TypeAdapter
from pydantic.json_schema import CoreRef, DefsRef, GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue

from tocsin.api import problems

REFERENCE = "#/components/schemas/{model}"
PROBLEM = "#/components/responses/Problem"


class Media:
    """Of an answer that is no JSON: its media type. `Annotated[HttpResponse, Media("text/csv")]`."""

    def __init__(self, kind: str) -> None:
        self.kind = kind


class _Forms(GenerateJsonSchema):
    """Names as clients want them: TeamShape is Team, Page[TeamShape] is TeamPage; fields have no title beside their name."""

    def normalize_name(self, name: str) -> str:
        listed = re.fullmatch(r"Page\[(\w+)\]", name)
        return f"{listed[1].removesuffix('Shape')}Page" if listed else super().normalize_name(name.removesuffix("Shape"))

    def get_defs_ref(self, core_mode_ref: tuple[CoreRef, JsonSchemaMode]) -> DefsRef:
        reference, mode = core_mode_ref  # the parts of the procedure have short names of their own: Step, Role
        return super().get_defs_ref((CoreRef(re.sub(r"(domain\.procedure\.\w+\.)", r"\1Procedure", reference)), mode))

    def field_is_required(self, field: Any, total: bool) -> bool:
        return field["type"] != "typed-dict-field" or super().field_is_required(field, total)  # what `asdict` makes has every field

    def default_schema(self, schema: Any) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])  # a default says nothing of what is there

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def answer_of(operation: Operation) -> Any:
    """The type that the view says it answers with, out of `Status[...]`; None where it says nothing of use."""
    hint = get_type_hints(operation.view_func, include_extras=True).get("return")
    hint = get_args(hint)[0] if get_origin(hint) is Status else hint
    return None if hint in (None, type(None), Any, dict[str, Any]) else hint


def media_of(hint: Any) -> str | None:
    """The media type of an answer that is no JSON."""
    return next((extra.kind for extra in getattr(hint, "__metadata__", ()) if isinstance(extra, Media)), None)


def describe(schema: dict[str, Any], operations: Iterable[tuple[dict[str, Any], Operation]]) -> None:
    """Put the answers into a description: those of each operation into its part of it, and the forms that they have."""
    told = [(described, operation, answer_of(operation)) for described, operation in operations]
    forms = {repr(hint): hint for _, _, hint in told if hint is not None and media_of(hint) is None}
    forms[repr(problems.ProblemShape)] = problems.ProblemShape
    inputs: list[tuple[str, JsonSchemaMode, TypeAdapter[Any]]] = [(name, "serialization", TypeAdapter(one)) for name, one in forms.items()]
    found, definitions = TypeAdapter.json_schemas(inputs, ref_template=REFERENCE, schema_generator=_Forms)
    for name, form in definitions["$defs"].items():
        form.pop("title", None)
        if schema["components"]["schemas"].setdefault(name, form) is not form:
            raise RuntimeError(f"A form of answers and one of bodies are both called {name}.")
    contents = {name: {"application/json": {"schema": form}} for (name, _), form in found.items()}
    why = {"description": "Why not.", "content": {problems.KIND: contents[repr(problems.ProblemShape)]["application/json"]}}
    schema["components"]["responses"] = {"Problem": why}
    for described, operation, hint in told:
        content = {kind: {"schema": {"type": "string"}}} if (kind := media_of(hint)) else contents.get(repr(hint))
        described["responses"] = {
            str(status): {"description": HTTPStatus(status).phrase, **({"content": content} if content and model is not None else {})}
            for status, model in operation.response_models.items()
        }
        described["responses"]["default"] = {"$ref": PROBLEM}
