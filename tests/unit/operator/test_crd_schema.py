from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from codelab_operator.api_shapes import IntOrPercent, Shape, map_list
from codelab_operator.crd_schema import UnstructuralError, structural


class Colour(StrEnum):
    RED = "red"


class Inner(Shape):
    """What the model says."""

    count: int = 3
    """How many."""
    name: str | None = None


class Outer(Shape):
    """The outside."""

    inner: Inner = Inner()
    """What the field says."""
    bare: Inner | None = None
    needed: Inner
    full: Inner = Inner(name="x")


def of(schema: dict[str, Any]) -> dict[str, Any]:
    return structural(schema)


def test_references_are_inlined_and_nulls_are_gone() -> None:
    inner = {
        "description": "What the model says.",
        "type": "object",
        "properties": {
            "count": {"description": "How many.", "type": "integer", "default": 3},
            "name": {"type": "string"},
        },
    }

    schema = structural(Outer.model_json_schema())

    assert schema == {
        "description": "The outside.",
        "type": "object",
        "required": ["needed"],
        "properties": {
            "inner": inner | {"description": "What the field says.", "default": {}},
            "bare": inner,
            "needed": inner,
            "full": inner | {"default": {"name": "x"}},
        },
    }


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        pytest.param(
            {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None, "title": "X"},
            {"type": "string"},
            id="optional",
        ),
        pytest.param(
            {"anyOf": [{"type": "string"}, {"type": "null"}], "default": "a"},
            {"type": "string", "default": "a"},
            id="optional-with-a-default",
        ),
        pytest.param(
            {"const": "a", "type": "string"}, {"type": "string", "enum": ["a"]}, id="constant"
        ),
        pytest.param(
            {"type": "object", "properties": {}, "additionalProperties": False},
            {"type": "object", "properties": {}},
            id="closed-object",
        ),
        pytest.param(
            {"type": "object", "additionalProperties": True, "maxProperties": 2},
            {
                "type": "object",
                "maxProperties": 2,
                "x-kubernetes-preserve-unknown-fields": True,
            },
            id="free-object",
        ),
        pytest.param(
            {"type": "object", "additionalProperties": {"type": "string", "title": "T"}},
            {"type": "object", "additionalProperties": {"type": "string"}},
            id="map",
        ),
        pytest.param(
            {
                "type": "object",
                "additionalProperties": {"type": "integer"},
                "propertyNames": {"enum": ["a", "b"]},
            },
            {
                "type": "object",
                "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            },
            id="map-with-literal-keys",
        ),
        pytest.param(
            {
                "type": "object",
                "additionalProperties": {"type": "integer"},
                "propertyNames": {"maxLength": 3},
            },
            {"type": "object", "additionalProperties": {"type": "integer"}},
            id="map-with-bounded-keys",
        ),
        pytest.param(
            {"type": "number", "exclusiveMinimum": 0},
            {"type": "number", "exclusiveMinimum": True, "minimum": 0},
            id="exclusive-minimum",
        ),
        pytest.param(
            {"type": "number", "exclusiveMaximum": 9},
            {"type": "number", "exclusiveMaximum": True, "maximum": 9},
            id="exclusive-maximum",
        ),
        pytest.param(
            {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
            {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
            id="unique-items",
        ),
        pytest.param(
            {"type": "array", "items": {"type": "string"}, "uniqueItems": False},
            {"type": "array", "items": {"type": "string"}},
            id="items-that-may-repeat",
        ),
        pytest.param(
            {"type": "string", "examples": ["a"], "writeOnly": True, "discriminator": {}},
            {"type": "string"},
            id="words-for-other-readers",
        ),
        pytest.param(
            {
                "type": "array",
                "items": {"type": "object", "properties": {"a": {"type": "string"}}},
                "default": [{"a": None}, {"a": "x", "later": 1}],
            },
            {
                "type": "array",
                "items": {"type": "object", "properties": {"a": {"type": "string"}}},
                "default": [{}, {"a": "x", "later": 1}],
            },
            id="nulls-in-a-default",
        ),
    ],
)
def test_a_trap_is_rewritten(schema: dict[str, Any], expected: dict[str, Any]) -> None:
    assert structural(schema) == expected


@pytest.mark.parametrize(
    "schema",
    [
        pytest.param({"description": "anything"}, id="no-type"),
        pytest.param({"type": "array"}, id="list-of-anything"),
        pytest.param({"anyOf": [{"type": "integer"}, {"type": "string"}]}, id="union"),
        pytest.param({"oneOf": [{"type": "integer"}]}, id="one-of"),
        pytest.param({"allOf": [{"type": "integer"}]}, id="all-of"),
        pytest.param({"type": "array", "items": {"type": "string"}, "prefixItems": []}, id="tuple"),
        pytest.param({"type": "object", "patternProperties": {}}, id="pattern-properties"),
        pytest.param({"type": "string", "pattern": "^(?!a)"}, id="look-ahead"),
        pytest.param({"type": "string", "contentEncoding": "x"}, id="unknown-keyword"),
        pytest.param({"type": "object", "properties": {"a": {}}}, id="below"),
    ],
)
def test_what_no_structural_schema_can_say_is_refused_here(schema: dict[str, Any]) -> None:
    with pytest.raises(UnstructuralError):
        structural(schema)


def test_numbers_that_may_be_text_stay_a_union() -> None:
    class Amount(Shape):
        share: IntOrPercent | None = None

    share = structural(Amount.model_json_schema())["properties"]["share"]

    assert share["anyOf"] == [{"type": "integer"}, {"type": "string"}]
    assert share["x-kubernetes-int-or-string"] is True
    assert "type" not in share


def test_choices_and_maps_of_python_types_are_rendered() -> None:
    class Palette(Shape):
        colour: Colour = Colour.RED
        names: dict[Literal["a"], int] = {}
        items: Annotated[list[Inner], Field(json_schema_extra=map_list("name"))] = []

    schema = structural(Palette.model_json_schema())["properties"]

    assert schema["colour"] == {"type": "string", "default": "red", "enum": ["red"]}
    assert schema["names"] == {
        "type": "object",
        "default": {},
        "properties": {"a": {"type": "integer"}},
    }
    assert schema["items"]["x-kubernetes-list-map-keys"] == ["name"]


def test_a_reader_finds_the_description_first_and_nested_fields_last() -> None:
    schema = structural(Outer.model_json_schema())

    assert list(schema) == ["description", "type", "required", "properties"]
