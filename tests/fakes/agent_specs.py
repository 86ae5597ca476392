"""Specifications of agents made from their schema: all fields, one leaf changed, any at all."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

from codelab_operator.api_spec import Spec
from codelab_operator.children import Agent, Child, Offering
from codelab_operator.manifests import desired

SCHEMA: Mapping[str, Any] = Spec.model_json_schema(by_alias=True)
EVERYTHING = Offering(service_monitors=True, http_routes=True, operator_namespace="operators")

Document = dict[str, Any]
Path = tuple[str | int, ...]

LONG = "a" + "b" * 60 + "9"
TEXTS: Mapping[str, tuple[str, ...]] = {
    r"^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$": ("0.1.0", "0.1.7-rc.1"),
    r"^[^\s]*$": ("registry.example.com", "localhost:5000/team/", ""),
    r"^[^\s]+$": ("a", "registry/image:tag", "модель/7b", "x" * 128),
    r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$": ("a", "some-name.v1", LONG),
    r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$": ("main", "spare", "0", LONG),
    r"^[-._a-zA-Z][-._a-zA-Z0-9]*$": ("HTTP_PROXY", "a.b-c", "_"),
    r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$": ("a", "", "V_1.x-y", LONG),
    r"^[-._a-zA-Z0-9]+$": ("password", "ca.crt", "_"),
    r"^https://[^@/\s?#]+(/[^\s?#]*)?$": ("https://id.example.com:8443/k", "https://a"),
    r"^https?://[^/\s,]+$": ("https://ide.example.com", "http://localhost:3000"),
    r"^https?://[^@/\s?#]+(/[^\s?#]*)?$": ("http://models.team:11434", "https://a/v1", "http://a"),
    r"^[0-9]+(Mi|Gi|Ti)$": ("1Gi", "1024Mi", "3Ti"),
    r"^rediss?://[^@/\s]+(/[0-9]+)?$": ("redis://r:6380/2", "rediss://r", "redis://[::1]:7000"),
    r"^[A-Za-z0-9._-]+$": ("mymaster", "m_1"),
    r"^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[1-9][0-9]{0,4})?$": ("r-0:26379", "r-1", "[fd::1]"),
    r"^(\*\.)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?$": ("agent.example.com", "*.example.com"),
    r"^[0-9A-Fa-f:.]+/[0-9]{1,3}$": ("10.0.0.0/8", "fd00::/8"),
    r"^[1-9][0-9]*(ms|s|m|h)$": ("15s", "2m"),
    r"^([1-9][0-9]?|100)%$": ("25%", "100%"),
}
"""Texts that fit each pattern of the schema."""
QUANTITIES = ("500m", "0.5", 2, "1.5Gi", "128Mi", "1e3", "0")
FREE_OBJECTS = ({"key": "value"}, {"podSelector": {"matchLabels": {"a": "b"}}})


def resolved(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """A node of the schema without reference and without the choice of nothing."""
    if "$ref" in node:
        return resolved(SCHEMA["$defs"][node["$ref"].rpartition("/")[2]])
    if "x-kubernetes-int-or-string" in node:
        return node
    choices = [one for one in node.get("anyOf", ()) if one.get("type") != "null"]
    return resolved(choices[0]) if choices else node


def values(node: Mapping[str, Any]) -> tuple[Any, ...]:
    """At least two values of a leaf, the ends of its range among them."""
    if "x-kubernetes-int-or-string" in node:
        return (1, 7, *TEXTS[node["pattern"]]) if node["pattern"] in TEXTS else QUANTITIES
    least = node.get("minimum", 0)
    of_kind: dict[str, tuple[Any, ...]] = {
        "boolean": (True, False),
        "integer": (least, least + 1, node.get("maximum", least + 1000)),
        "number": (0.5, 20, 1e6),
        "object": FREE_OBJECTS,
        "string": TEXTS.get(node.get("pattern", ""), ("some text", "другой {text} $(A)")),
    }
    return tuple(node["enum"]) if "enum" in node else of_kind[node["type"]]


def is_leaf(node: Mapping[str, Any]) -> bool:
    """Whether the node holds a value of its own."""
    return not (
        "properties" in node
        or "items" in node
        or isinstance(node.get("additionalProperties"), dict)
    )


def leaves(node: Mapping[str, Any] = SCHEMA, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf: its path, such as `llmproxy.providers[].name`, and its schema."""
    node = resolved(node)
    if is_leaf(node):
        yield path, node
    for name, inner in node.get("properties", {}).items():
        yield from leaves(inner, f"{path}.{name}".removeprefix("."))
    if "items" in node:
        yield from leaves(node["items"], f"{path}[]")
    if isinstance(node.get("additionalProperties"), dict):
        yield from leaves(node["additionalProperties"], f"{path}[*]")


def whole(node: Mapping[str, Any] = SCHEMA) -> Any:
    """A value with every field there is, each list and map with one entry."""
    node = resolved(node)
    if "properties" in node:
        return {name: whole(inner) for name, inner in node["properties"].items()}
    if "items" in node:
        return [whole(node["items"])]
    if isinstance(node.get("additionalProperties"), dict):
        return {"entry": whole(node["additionalProperties"])}
    return deepcopy(values(node)[0])


def changed(document: Document, path: str, value: Any) -> Document:
    """The document with one leaf replaced; unchanged where the leaf is not in it."""
    made = deepcopy(document)
    *parents, last = path.replace("[]", ".0").replace("[*]", ".entry").split(".")
    place: Any = made
    for step in parents:
        place = place[int(step)] if step.isdigit() else place.get(step)
        if place is None:
            return made
    place[int(last) if last.isdigit() else last] = value
    return made


def rendered(document: Document, name: str = "demo") -> tuple[Child, ...]:
    """All children of an agent with that specification, in a cluster that knows every kind."""
    agent = Agent("team", name, "uid-1", 1, Spec.model_validate(document))
    return desired(agent, EVERYTHING)


def documents() -> st.SearchStrategy[Document]:
    """Any specification that the schema allows, with one store."""
    return st.builds(_with_one_store, _values_of(SCHEMA), st.sampled_from(["url", "sentinel"]))


def _values_of(node: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Any value of a node."""
    node = resolved(node)
    if "properties" in node:
        required = set(node.get("required", ()))
        fields = {name: _values_of(inner) for name, inner in node["properties"].items()}
        return st.fixed_dictionaries(
            {name: made for name, made in fields.items() if name in required},
            optional={name: made for name, made in fields.items() if name not in required},
        )
    if "items" in node:
        key = (node.get("x-kubernetes-list-map-keys") or [None])[0]
        return st.lists(
            _values_of(node["items"]),
            min_size=node.get("minItems", 0),
            max_size=min(3, node.get("maxItems", 3)),
            unique_by=(lambda item: item[key]) if key else repr,
        )
    if isinstance(node.get("additionalProperties"), dict):
        inner = _values_of(node["additionalProperties"])
        return st.dictionaries(st.sampled_from(["a", "example.com/b", "c-d"]), inner, max_size=2)
    return st.sampled_from(values(node))


def _with_one_store(document: Document, way: str) -> Document:
    """Keep one of the exclusive ways to say where the store is."""
    redis = document.get("redis")
    if redis is None:
        return document
    external = redis.get("external")
    if external is None:
        redis.setdefault("managed", {})
        return document
    redis.pop("managed", None)
    ways = ("url", "sentinel", "cluster")
    kept = way if way in external else next((one for one in ways if one in external), "")
    for one in ways:
        if one != kept:
            external.pop(one, None)
    if not kept:
        external["url"] = "redis://elsewhere"
    return document
