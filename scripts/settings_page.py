"""`docs/settings.md`: every variable that a service or the operator reads, from their classes."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from pydantic import AliasChoices, BaseModel
from pydantic.fields import FieldInfo

from codelab_core.provider_settings import ProviderFields
from codelab_core.settings import (
    ENV_PREFIX,
    GatewaySettings,
    LLMProxySettings,
    RuntimeSettings,
    ServiceSettings,
)
from codelab_core.settings_marks import Offered
from codelab_core.store_settings import StoreFields
from codelab_operator.api_config import wire_name
from codelab_operator.settings import OperatorSettings
from page_tables import NONE, NOTE, cell, code, default_of, table, type_of

HEAD: Final = ("variable", "value", "default", "meaning")
ABOUT: Final = """\
# Settings

Every variable that the services and the operator read. A value that does not fit ends the process
at once, with a line for each variable. `true` and `false` are booleans, times end in `_S` or `_MS`,
sizes in `_BYTES`. Credentials are in files, which are read again when they change. In a cluster the
operator writes these variables; what may be set there is named in the last column, as a field of
the [resource](resource.md).
"""
SECTIONS: Final[tuple[tuple[str, str, type[BaseModel], str], ...]] = (
    ("Every service", "Read by gateway, runtime, LLM proxy and operator.", ServiceSettings, ""),
    ("Gateway", "", GatewaySettings, "gateway"),
    ("Runtime", "", RuntimeSettings, "runtime"),
    ("LLM proxy", "", LLMProxySettings, "llmproxy"),
    ("Store", "Read by runtime and LLM proxy.", StoreFields, ""),
    ("Providers", "Read by the LLM proxy; see [providers.md](providers.md).", ProviderFields, ""),
    ("Operator", "Set by the chart.", OperatorSettings, ""),
)
SHARED: Final = (ServiceSettings, StoreFields, ProviderFields)
Row = tuple[str, str, str, str, str]


def settings_page() -> str:
    """The whole page."""
    lines = [NOTE, "", ABOUT]
    for title, about, owner, component in SECTIONS:
        lines += [f"## {title}", "", *([about, ""] if about else ())]
        lines += table((*HEAD, "resource"), _rows(owner, component))
    return "\n".join(lines).rstrip() + "\n"


def variable(name: str, field: FieldInfo) -> str:
    """The variable of a field: ours, or somebody else's that we read too."""
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return str(alias.choices[0])
    return str(alias or f"{ENV_PREFIX}{name.upper()}")


def _rows(owner: type[BaseModel], component: str) -> Iterator[Row]:
    """One row for each field that the class adds or changes."""
    schemas = owner.model_json_schema(by_alias=False)["properties"]
    for name in _own(owner):
        field = owner.model_fields[name]
        node = _plain(schemas[name])
        yield (
            f"`{variable(name, field)}`",
            _words(node),
            default_of({"default": field.default}) if _is_plain(field.default) else NONE,
            cell(field.description or _inherited(name)),
            _place(name, field, component),
        )


def _own(owner: type[BaseModel]) -> Iterable[str]:
    """Fields that are not shared with other classes, or have another default there."""
    known = [one for one in SHARED if one is not owner and issubclass(owner, one)]
    return [
        name
        for name, field in owner.model_fields.items()
        if not any(_is_same(name, field, base) for base in known)
    ]


def _is_same(name: str, field: FieldInfo, base: type[BaseModel]) -> bool:
    other = base.model_fields.get(name)
    return other is not None and other.default == field.default


def _inherited(name: str) -> str | None:
    """The description of a field that the class only gives another default."""
    return ServiceSettings.model_fields[name].description if name in _COMMON else None


_COMMON: Final = frozenset(ServiceSettings.model_fields)


def _plain(node: dict[str, Any]) -> dict[str, Any]:
    """The schema of a value that is there."""
    options = [one for one in node.get("anyOf", ()) if one.get("type") != "null"]
    return {**node, **options[0]} if options else node


def _words(node: dict[str, Any]) -> str:
    """Type and bounds; files and lists by what they are in the environment."""
    if node.get("format") == "path":
        return "path"
    if node.get("type") == "array":
        return f"JSON list ≤ {node['maxItems']}"
    return type_of(node)


def _is_plain(value: object) -> bool:
    return value == [] or (isinstance(value, str | int | float) and value != "")


def _place(name: str, field: FieldInfo, component: str) -> str:
    """The field of the resource that sets the variable directly."""
    if not any(isinstance(mark, Offered) for mark in field.metadata):
        return NONE
    part = component or "\N{HORIZONTAL ELLIPSIS}"
    return code(f"spec.{part}.config.{wire_name(name)}")
