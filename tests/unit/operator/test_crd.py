"""The generated CRD; each trap was seen refused by the API server before it became a test."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from codelab_operator.api_rules import RULES
from codelab_operator.api_spec import Spec
from codelab_operator.api_status import ORDER, UNSEEN
from codelab_operator.crd import columns, crd, resource_schema, spec_schema

CRD = crd()
VERSION = CRD["spec"]["versions"][0]
SCHEMA = VERSION["schema"]["openAPIV3Schema"]
FORBIDDEN = {"$ref", "$defs", "title", "const", "propertyNames", "uniqueItems", "oneOf", "allOf"}


def nodes(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, below in schema.get("properties", {}).items():
        yield from nodes(below, f"{path}.{name}")
    for word in ("items", "additionalProperties"):
        if word in schema:
            yield from nodes(schema[word], f"{path}[]")


NODES = dict(nodes(SCHEMA))


def test_it_names_the_resource() -> None:
    assert CRD["metadata"] == {"name": "codelabagents.codelab.dev"}
    assert CRD["spec"]["names"]["shortNames"] == ["cla"]
    assert CRD["spec"]["names"]["categories"] == ["codelab"]
    assert (VERSION["name"], VERSION["subresources"]) == ("v1beta1", {"status": {}})


def test_no_word_is_left_that_the_api_server_refuses() -> None:
    assert [path for path, node in NODES.items() if FORBIDDEN & set(node)] == []
    assert "null" not in str([node.get("type") for node in NODES.values()])


def test_every_value_has_a_type_and_every_list_items() -> None:
    open_ended = {"x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields"}

    assert [
        p for p, node in NODES.items() if "type" not in node and not open_ended & set(node)
    ] == []
    assert [
        p for p, node in NODES.items() if node.get("type") == "array" and "items" not in node
    ] == []


def test_keys_of_map_lists_are_required_or_defaulted() -> None:
    for path, node in NODES.items():
        for key in node.get("x-kubernetes-list-map-keys", []):
            item = node["items"]
            assert key in item["required"] or "default" in item["properties"][key], path


def test_no_default_holds_a_null() -> None:
    defaults = {path: node["default"] for path, node in NODES.items() if "default" in node}

    assert [path for path, value in defaults.items() if "null" in json.dumps(value)] == []


def test_every_parent_of_a_default_has_one_itself_unless_it_is_a_choice() -> None:
    chosen = {path for path, _ in nodes(SCHEMA) if path.endswith("[]")}
    for path, node in NODES.items():
        if path.startswith(".spec.") and "default" in node and path not in chosen:
            parent = NODES[path.rpartition(".")[0]]
            is_optional = "default" not in parent
            assert not is_optional or _below_a_choice(path), path


def _below_a_choice(path: str) -> bool:
    """Fields that people must ask for: what is below them has no effect before."""
    words = ("[]", ".autoscaling", ".jwt", ".managed", ".external", ".ingress", ".httpRoute")
    return any(word in path for word in words)


def test_an_empty_specification_stands_for_the_defaults_of_the_types() -> None:
    filled = _filled({}, NODES[".spec"])

    assert Spec.model_validate(filled) == Spec()


def _filled(value: Any, schema: dict[str, Any]) -> Any:
    """What the API server makes of a value: defaults first, then those nested in them."""
    if isinstance(value, list):
        return [_filled(item, schema["items"]) for item in value]
    if not isinstance(value, dict):
        return value
    known = schema.get("properties", {})
    defaults = {name: one["default"] for name, one in known.items() if "default" in one}
    return {name: _filled(one, known.get(name, {})) for name, one in (defaults | value).items()}


def test_the_default_of_redis_is_given_on_redis_only() -> None:
    """A default on `managed` would fill it in beside `external`."""
    assert NODES[".spec.redis"]["default"] == {"managed": {}}
    assert "default" not in NODES[".spec.redis.managed"]


def test_what_rules_walk_over_is_bounded() -> None:
    for path, node in NODES.items():
        if not path.startswith(".spec") or "x-kubernetes-preserve-unknown-fields" in node:
            continue
        if node.get("type") == "array":
            assert "maxItems" in node, path
        if node.get("type") == "string" and "enum" not in node:
            assert "maxLength" in node, path
        if "additionalProperties" in node:
            assert "maxProperties" in node, path


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.message)
def test_every_rule_stands_at_its_owners(rule: Any) -> None:
    entry = {"rule": rule.expression, "message": rule.message}
    entry |= {"fieldPath": rule.field} if rule.field else {}

    for owner in rule.owners:
        node = NODES[f".{owner}" if owner else ""]
        assert entry in node["x-kubernetes-validations"]
        assert not rule.field or rule.field.removeprefix(".") in node["properties"]


def test_an_agent_that_nobody_has_seen_is_pending() -> None:
    assert NODES[".status"]["default"] == UNSEEN
    assert UNSEEN["conditions"][0]["type"] == ORDER[0]


def test_every_field_has_a_description() -> None:
    spec = {path: node for path, node in NODES.items() if path.startswith((".spec", ".status"))}

    silent = {p for p, node in spec.items() if "description" not in node and not p.endswith("[]")}
    assert {path for path in silent if "approvalRules" not in path} == set()


def test_columns_show_components_by_name() -> None:
    names = [column["name"] for column in columns()]

    assert names == [
        "Ready", "Reason", "Version", "Gateway", "Runtime", "Proxy", "Redis", "Age", "Message",
    ]  # fmt: skip
    assert columns()[3]["jsonPath"] == '.status.components[?(@.name=="gateway")].summary'


def test_each_call_makes_its_own_object() -> None:
    first = resource_schema()
    first["properties"]["spec"].clear()

    assert resource_schema() == SCHEMA
    assert spec_schema()["default"] == {}


def test_it_stays_below_a_hundred_kilobytes() -> None:
    assert len(yaml.safe_dump(CRD)) < 100 * 1024
