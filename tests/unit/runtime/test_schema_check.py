from typing import Any

import pytest

from codelab_runtime.schema_check import MAX_ERRORS, SchemaTooComplexError, faults

POINT: dict[str, Any] = {
    "type": "object",
    "required": ["x"],
    "properties": {
        "x": {"type": "integer"},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "additionalProperties": False,
}


def places(schema: dict[str, Any], arguments: dict[str, Any]) -> list[str]:
    return [fault["loc"] for fault in faults(schema, arguments)]


def test_what_fits_has_no_fault() -> None:
    assert faults(POINT, {"x": 1, "tags": ["a"]}) == []


@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        ({}, [""]),
        ({"x": "1"}, ["x"]),
        ({"x": 1, "tags": [1]}, ["tags[0]"]),
        ({"x": 1, "y": 2}, [""]),
    ],
)
def test_a_fault_says_where(arguments: dict[str, Any], where: list[str]) -> None:
    assert places(POINT, arguments) == where


def test_faults_are_counted_out_and_short() -> None:
    found = faults(POINT, {"x": 1, "tags": [*range(50), "y" * 1000]})
    (long,) = faults({"properties": {"x": {"enum": ["z" * 1000]}}}, {"x": 1})

    assert len(found) == MAX_ERRORS
    assert len(long["msg"]) == 200


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"x": {"pattern": "^(a+)+$"}}},
        {"patternProperties": {"^(a+)+$": {"type": "integer"}}},
        {"patternProperties": {"^y": {}}, "additionalProperties": False},
        {"properties": {"x": {"uniqueItems": True}}},
        {"$dynamicRef": "#nothing"},
        {"unevaluatedProperties": False},
    ],
)
def test_what_could_hold_us_up_is_not_checked(schema: dict[str, Any]) -> None:
    assert faults(schema, {"x": "a" * 40 + "b"}) == []


def test_references_are_followed() -> None:
    schema = {"$defs": {"n": {"type": "integer"}}, "properties": {"x": {"$ref": "#/$defs/n"}}}

    assert places(schema, {"x": "1"}) == ["x"]


@pytest.mark.parametrize(
    "schema",
    [
        pytest.param({"$ref": "#"}, id="endless"),
        pytest.param({"$ref": "https://example.org/schema"}, id="elsewhere"),
        pytest.param({"$ref": "#/$defs/none"}, id="nowhere"),
        pytest.param(
            {
                "$defs": {
                    "0": {},
                    **{str(n): {"allOf": [{"$ref": f"#/$defs/{n - 1}"}] * 4} for n in range(1, 9)},
                },
                "$ref": "#/$defs/8",
            },
            id="unfolds to 65,536",
        ),
    ],
)
def test_a_schema_without_an_end_is_given_up(schema: dict[str, Any]) -> None:
    with pytest.raises(SchemaTooComplexError):
        faults(schema, {"x": 1})
