"""JSON Schema as pydantic writes it becomes a structural schema as the API server takes it. Pure.

Source: Kubernetes, "Specifying a structural schema". Every rewriting here answers a refusal of the
API server; a keyword that is not known to be fine raises instead of reaching a cluster.
"""

from collections.abc import Mapping
from typing import Any, Final

Schema = dict[str, Any]

INT_OR_STRING: Final = "x-kubernetes-int-or-string"
PRESERVE: Final = "x-kubernetes-preserve-unknown-fields"
_KEPT: Final = frozenset(
    {
        "default",
        "description",
        "enum",
        "format",
        "maxItems",
        "maxLength",
        "maxProperties",
        "maximum",
        "minItems",
        "minLength",
        "minProperties",
        "minimum",
        "pattern",
        "type",
        INT_OR_STRING,
        PRESERVE,
        "x-kubernetes-list-map-keys",
        "x-kubernetes-list-type",
    }
)
_DROPPED: Final = frozenset(
    {"$defs", "title", "examples", "writeOnly", "readOnly", "discriminator", "deprecated"}
)


class UnstructuralError(ValueError):
    """A type that no structural schema can express."""


def structural(schema: Mapping[str, Any]) -> Schema:
    """The schema of one model without references, nulls, titles, and with sparse defaults.

    Raises `UnstructuralError` where a type has to be written in another way.
    """
    return _node(dict(schema), schema.get("$defs", {}))


def _node(schema: Schema, types: Mapping[str, Any]) -> Schema:
    """One schema and everything below it."""
    flat = _without_unions(_resolved(schema, types), types)
    made: Schema = {}
    for keyword, value in flat.items():
        if keyword in _KEPT:
            made[keyword] = value
        elif keyword not in _DROPPED:
            made |= _rewritten(keyword, value, types)
    if "propertyNames" in flat:
        made = _with_literal_keys(made, flat["propertyNames"])
    _demand_type(made)
    if "default" in made:
        made["default"] = _sparse(made["default"], made)
    return {key: made[key] for key in sorted(made, key=_place)}


def _resolved(schema: Schema, types: Mapping[str, Any]) -> Schema:
    """The type that a reference names; keywords beside it win, its own description is replaced."""
    while "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        schema = {**types[name], **{k: v for k, v in schema.items() if k != "$ref"}}
    return schema


def _without_unions(schema: Schema, types: Mapping[str, Any]) -> Schema:
    """X in place of X or null; only numbers that may be text stay a union."""
    if "oneOf" in schema or "allOf" in schema:
        raise UnstructuralError(f"no oneOf, no allOf: {schema}")
    if "anyOf" not in schema:
        return schema
    members = [one for one in schema["anyOf"] if one.get("type") != "null"]
    outer = {k: v for k, v in schema.items() if k != "anyOf"}
    if len(members) < len(schema["anyOf"]) and outer.get("default", 0) is None:
        del outer["default"]
    if len(members) == 1:
        return _without_unions(_resolved({**members[0], **outer}, types), types)
    if INT_OR_STRING not in outer:
        raise UnstructuralError(f"a union of types: {schema}")
    return schema


def _rewritten(keyword: str, value: Any, types: Mapping[str, Any]) -> Schema:
    """What stands in place of a keyword that the API server reads otherwise, or not at all."""
    if keyword in _BOUNDS:
        bound = _BOUNDS[keyword]
        return {bound: value, keyword: True}
    if keyword in _NESTED:
        made: Schema = _NESTED[keyword](value, types)
        return made
    raise UnstructuralError(f"unknown keyword {keyword!r}: {value!r}")


_BOUNDS: Final = {"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"}
"""Numeric in JSON Schema, a flag beside the bound for the API server."""


def _properties(value: Any, types: Mapping[str, Any]) -> Schema:
    return {"properties": {name: _node(dict(one), types) for name, one in value.items()}}


def _items(value: Any, types: Mapping[str, Any]) -> Schema:
    return {"items": _node(dict(value), types)}


def _additional(value: Any, types: Mapping[str, Any]) -> Schema:
    """Closed objects need no word: unknown fields are pruned; open ones keep what they get."""
    if value is False:
        return {}
    return {PRESERVE: True} if value is True else {"additionalProperties": _node(value, types)}


def _constant(value: Any, _: Mapping[str, Any]) -> Schema:
    return {"enum": [value]}


def _set(value: Any, _: Mapping[str, Any]) -> Schema:
    return {"x-kubernetes-list-type": "set"} if value else {}


def _same(keyword: str) -> Any:
    return lambda value, _: {keyword: value}


_NESTED: Final[dict[str, Any]] = {
    "properties": _properties,
    "items": _items,
    "additionalProperties": _additional,
    "const": _constant,
    "uniqueItems": _set,
    "required": _same("required"),
    "anyOf": _same("anyOf"),
    "propertyNames": lambda _, __: {},
}


def _with_literal_keys(schema: Schema, names: Mapping[str, Any]) -> Schema:
    """A map whose keys are known becomes an object with these fields."""
    keys = names.get("enum") or ([names["const"]] if "const" in names else [])
    if not keys:
        return schema
    made = {k: v for k, v in schema.items() if k not in {"additionalProperties", PRESERVE}}
    return made | {"properties": dict.fromkeys(keys, schema["additionalProperties"])}


def _demand_type(schema: Schema) -> None:
    """Every value has a type, every list says of what. Raises `UnstructuralError`."""
    if "type" not in schema and INT_OR_STRING not in schema and PRESERVE not in schema:
        raise UnstructuralError(f"no type: {schema}")
    if schema.get("type") == "array" and "items" not in schema:
        raise UnstructuralError(f"a list of anything: {schema}")
    if "(?" in schema.get("pattern", ""):
        raise UnstructuralError(f"no groups with a question mark in RE2: {schema['pattern']}")


def _sparse(value: Any, schema: Schema) -> Any:
    """A default without what the schema's nested defaults say anyway, and without nulls."""
    if isinstance(value, list):
        return [_sparse(item, schema["items"]) for item in value]
    if not isinstance(value, dict):
        return value
    known = schema.get("properties", {})
    kept = {}
    for name, one in value.items():
        if one is None:
            continue
        below = known.get(name, {})
        slim = _sparse(one, below)
        if "default" not in below or slim != below["default"]:
            kept[name] = slim
    return kept


_PLACES: Final = ("description", "type", "format", "default", "enum")


def _place(keyword: str) -> tuple[int, str]:
    """What a reader wants to know first; the rest by name, what is nested last."""
    if keyword in _PLACES:
        return _PLACES.index(keyword), ""
    return len(_PLACES) + (keyword in {"items", "properties", "additionalProperties"}), keyword
