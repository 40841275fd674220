"""How does the API's description look as a page for people? Operations by tag, from the same document that programs read."""

from __future__ import annotations

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
    """[{"tag", "operations": [{"method", "path", "summary", "description", "needs", "parameters", "fields"}]}] in the order of tags."""
    models = schema.get("components", {}).get("schemas", {})
    by_tag: dict[str, list[dict[str, Any]]] = {}
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            tag = (operation.get("tags") or ["Other"])[0]
            by_tag.setdefault(tag, []).append(_operation(path, method, operation, models))
    return [{"tag": tag, "anchor": f"tag-{number}", "operations": by_tag[tag]} for number, tag in enumerate(sorted(by_tag))]


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
    }


def _fields(schema: dict[str, Any], models: dict[str, Any]) -> list[dict[str, Any]]:
    model = _followed(schema, models)
    required = set(model.get("required", []))
    return [
        {"name": name, "type": _type(field, models), "required": name in required, "note": field.get("description", "")}
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
