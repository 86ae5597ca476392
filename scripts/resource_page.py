"""`docs/resource.md`: every field of a `CodelabAgent`, from its definition."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from codelab_operator.api_group import COMPONENTS
from codelab_operator.api_rules import RULES
from codelab_operator.crd import crd
from page_tables import NOTE, cell, default_of, table, type_of

Row = tuple[str, str, str, str]
HEAD: Final = ("field", "type", "default", "meaning")
ABOUT: Final = """\
# The resource `CodelabAgent`

Every field, as the API server has it (`kubectl explain codelabagent.spec`). `spec: {}` is complete:
[minimal.yaml](../manifests/samples/minimal.yaml); most of what can be said is in
[full.yaml](../manifests/samples/full.yaml). Times are in seconds. A field without a default that is
left out is nobody's wish: the operator does not set it. What conditions mean, and what to do, is in
[operations.md](operations.md); the settings behind `config` are in [settings.md](settings.md).
"""
SHARED: Final = "spec.gateway, spec.runtime, spec.llmproxy"


def resource_page() -> str:
    """The whole page."""
    (version,) = crd()["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]["properties"]
    lines = [NOTE, "", ABOUT]
    for title, rows in _sections(schema["spec"]["properties"]):
        lines += [f"## {title}", "", *table(HEAD, rows)]
    lines += ["## Rules between fields", "", *table(("on", "rule"), _rules())]
    status = list(_rows("", schema["status"]))
    about = "Written by the operator alone; it changes only when something happens."
    lines += ["## status", "", about, "", *table(HEAD, status)]
    columns = [(cell(one["name"]), f"`{one['jsonPath']}`") for one in _columns(version)]
    lines += ["## Columns of `kubectl get cla`", "", *table(("column", "from"), columns)]
    return "\n".join(lines).rstrip() + "\n"


def _sections(spec: Mapping[str, Any]) -> Iterator[tuple[str, list[Row]]]:
    """Titles and rows: plain fields first, what the three services share once."""
    plain = {name: node for name, node in spec.items() if "properties" not in node}
    yield "spec", list(_fields("", {"properties": plain}))
    parts = [spec[name]["properties"] for name in COMPONENTS]
    shared = {name: node for name, node in parts[0].items() if all(_is(name, parts))}
    for name, node in spec.items():
        if name == COMPONENTS[0]:
            yield SHARED, list(_fields("", {"properties": shared}))
        known = shared if name in COMPONENTS else {}
        inner = node.get("properties", {})
        own = {key: part for key, part in inner.items() if key not in known}
        if own:
            yield f"spec.{name}", list(_fields("", {**node, "properties": own}))


def _is(name: str, parts: list[Mapping[str, Any]]) -> Iterator[bool]:
    """Whether each service has a field, and has it alike."""
    yield from (part.get(name) == parts[0][name] for part in parts)


def _fields(prefix: str, node: Mapping[str, Any]) -> Iterator[Row]:
    """Rows of an object's fields, those within them right behind."""
    required = set(node.get("required", ()))
    for name, field in node["properties"].items():
        path = f"{prefix}{name}"
        about = cell(field.get("description"))
        default = default_of(field, is_required=name in required)
        yield f"`{path}`", type_of(field), default, about
        yield from _rows(path, field)


def _rows(path: str, node: Mapping[str, Any]) -> Iterator[Row]:
    """Rows of what is within a field."""
    inner, mark = (node["items"], "[].") if node.get("type") == "array" else (node, ".")
    if inner.get("properties"):
        yield from _fields(f"{path}{mark}" if path else "", inner)


def _rules() -> Iterator[tuple[str, str]]:
    """Each rule, and what carries it."""
    for rule in RULES:
        owners = ", ".join(f"`{owner or 'metadata'}`" for owner in rule.owners)
        yield owners, cell(rule.message)


def _columns(version: Mapping[str, Any]) -> list[dict[str, str]]:
    columns: list[dict[str, str]] = version["additionalPrinterColumns"]
    return columns
