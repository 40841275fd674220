"""How does the API's description look as a page for people? Operations by tag, from the same document that programs read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tocsin.accounts.permissions import Needs

WHO = {
    Needs.PUBLIC.value: "anybody",
    Needs.SELF.value: "everybody, for their own things",
    Needs.READ.value: "everybody who is signed in",
    Needs.RESPOND.value: "responders",
    Needs.ADMINISTER.value: "administrators",
}


def sections(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """[{"tag", "operations": [{"method", "path", "summary", "description", "needs", "parameters", "fields", "answers"}]}] in the order of tags."""
    models = schema.get("components", {}).get("schemas", {})
    by_tag: dict[str, list[dict[str, Any]]] = {}
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            tag = (operation.get("tags") or ["Other"])[0]
            by_tag.setdefault(tag, []).append(_operation(path, method, operation, models))
    return [{"tag": tag, "anchor": f"tag-{number}", "operations": by_tag[tag]} for number, tag in enumerate(sorted(by_tag))]


def forms(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """[{"name", "note", "fields"}] of what answers are made of, by name; a page of a list is told as a list of what is in it."""
    models = schema["components"]["schemas"]
    left = [
        *schema["components"]["responses"].values(),
        *(one["responses"] for methods in schema["paths"].values() for one in methods.values()),
    ]
    names: set[str] = set()
    while left:
        new = set(_names(left.pop())) & models.keys() - names
        names |= new
        left += [models[name] for name in new]
    return [
        {"name": name, "note": models[name]["description"], "fields": _fields(models[name], models)}
        for name in sorted(names)
        if not _listed(name, models)
    ]


def _names(part: Any) -> Iterator[str]:
    """The names of the forms that a part of the description points at."""
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"].rpartition("/")[2]
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from _names(inner)


def _answers(operation: dict[str, Any], models: dict[str, Any]) -> list[dict[str, str]]:
    """[{"status", "words", "form"}]: "list of " and the name of a form to be looked up, or what else it is."""
    found = []
    for status, answer in operation["responses"].items():
        content = answer.get("content", {})
        for kind, media in content.items():
            name = next(_names(media["schema"]), "")
            listed = _listed(name, models)
            found.append({"status": status, "words": "a page of the list of " if listed else "" if name else kind, "form": listed or name})
        if not content and status != "default":
            found.append({"status": status, "words": "nothing", "form": ""})
    return found


def _listed(name: str, models: dict[str, Any]) -> str:
    """Of which form that one is a page; empty: of none."""
    fields = models.get(name, {}).get("properties", {})
    return next(_names(fields["items"]), "") if set(fields) == {"items", "next"} else ""


def _operation(path: str, method: str, operation: dict[str, Any], models: dict[str, Any]) -> dict[str, Any]:
    parameters = [
        {
            "name": parameter["name"],
            "type": _type(parameter.get("schema", {}), models),
            "required": parameter.get("required", False),
            "note": parameter.get("description") or parameter.get("schema", {}).get("description", ""),
        }
        for parameter in operation.get("parameters", [])
    ]
    content = operation.get("requestBody", {}).get("content", {})
    body: dict[str, Any] = next(iter(content.values()), {"schema": {}}).get("schema", {})
    return {
        "method": method.upper(),
        "path": path,
        "summary": operation.get("summary", ""),
        "description": operation.get("description", ""),
        "needs": WHO.get(operation.get("x-needs", ""), ""),
        "parameters": parameters,
        "fields": _fields(body, models),
        "answers": _answers(operation, models),
    }


def _fields(schema: dict[str, Any], models: dict[str, Any]) -> list[dict[str, Any]]:
    model = _followed(schema, models)
    required = set(model.get("required", []))
    return [
        {
            "name": name,
            "type": _type(field, models),
            "required": name in required,
            "note": field.get("description", ""),
            "form": next(_names(field), ""),
        }
        for name, field in model.get("properties", {}).items()
    ]


def _followed(schema: dict[str, Any], models: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return models.get(schema["$ref"].rpartition("/")[2], {})
    return schema


def _type(schema: dict[str, Any], models: dict[str, Any]) -> str:
    if "$ref" in schema:
        inner = _followed(schema, models)
        return " or ".join(map(str, inner["enum"])) if "enum" in inner else schema["$ref"].rpartition("/")[2]
    if "enum" in schema:
        return " or ".join(map(str, schema["enum"]))
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(_type(option, models) for option in schema[several]))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}), models)}"
    form = schema.get("format")
    return f"{schema.get('type', 'any')}{f' ({form})' if form else ''}"
