"""The tools that a driver offers: built-in ones by name, others by declaration. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

import orjson
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from pydantic import ValidationError

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.tool_errors import ToolCode, ToolError
from codelab_core.tools import BUILT_IN
from codelab_runtime.schema_check import MAX_ERRORS, SchemaTooComplexError, faults

MAX_PARAMETERS_BYTES: Final = 16 * 1024
MAX_DECLARATIONS_BYTES: Final = 128 * 1024


@dataclass(frozen=True, slots=True)
class Offered:
    """One tool as the model may call it; `timeout_ms` is `None` for built-in ones.

    `by_writes`: the client has no such tool; what it is to do is done by `write_file`.
    """

    name: str
    kind: str | None
    description: str
    parameters: Mapping[str, Any]
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    timeout_ms: int | None = None
    by_writes: bool = False

    def check(self, arguments: Mapping[str, Any]) -> None:
        """Raise `INVALID_ARGUMENTS` {errors} where the arguments do not fit the schema."""
        errors = _built_in_errors(self.name, arguments) or _declared_errors(self, arguments)
        if errors:
            said = "; ".join(f"{error['loc'] or 'arguments'}: {error['msg']}" for error in errors)
            raise ToolError(ToolCode.INVALID_ARGUMENTS, f"{self.name}: {said}", errors=errors)

    def paths(self, arguments: Mapping[str, Any]) -> tuple[str, ...]:
        """The paths that the arguments name."""
        names = ("path",) if self.name in BUILT_IN else (*self.reads, *self.writes)
        found: list[Any] = []
        for name in names:
            value = arguments.get(name)
            found += value if isinstance(value, list) else [value]
        return tuple(path for path in found if isinstance(path, str))


def _built_in_errors(name: str, arguments: Mapping[str, Any]) -> list[dict[str, str]]:
    """Faults of the arguments of one of the six."""
    if name not in BUILT_IN:
        return []
    try:
        BUILT_IN[name].arguments.model_validate(arguments)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)[:MAX_ERRORS]
        return [{"loc": ".".join(map(str, f["loc"])), "msg": f["msg"]} for f in found]
    return []


def _declared_errors(tool: Offered, arguments: Mapping[str, Any]) -> list[dict[str, str]]:
    """Faults of the arguments of a declared tool."""
    if tool.name in BUILT_IN:
        return []
    try:
        return faults(tool.parameters, arguments)
    except SchemaTooComplexError as error:
        raise ToolError(
            ToolCode.TOOL_FAILED, f"The declaration of {tool.name} cannot be checked."
        ) from error


def offered_tools(tools: Iterable[str | Mapping[str, Any]]) -> dict[str, Offered]:
    """The tools of a driver by name, in its order; names that are not built in are left out.

    A driver that reads and writes files need not apply patches: the runtime does it by writes.
    """
    found: dict[str, Offered] = {}
    for tool in tools:
        offered = built_in(tool) if isinstance(tool, str) else declared(tool)
        if offered:
            found[offered.name] = offered
    patch = built_in("apply_patch")
    if patch and {"read_file", "write_file"} <= found.keys() and patch.name not in found:
        found[patch.name] = replace(patch, by_writes=True)
    return found


@cache
def built_in(name: str) -> Offered | None:
    """One of the six, or `None`."""
    spec = BUILT_IN.get(name)
    if spec is None:
        return None
    return Offered(name, spec.kind, spec.description, spec.parameters())


def declared(tool: Mapping[str, Any]) -> Offered:
    """A tool that a client declared."""
    return Offered(
        tool["name"],
        tool.get("kind"),
        tool.get("description", ""),
        tool["parameters"],
        tuple(tool.get("reads", ())),
        tuple(tool.get("writes", ())),
        tool.get("timeout_ms"),
    )


def check_declarations(tools: Iterable[str | Mapping[str, Any]]) -> None:
    """Refuse declarations that cannot work.

    Raises `INVALID_REQUEST`/tool_declaration: an unknown built-in name, one of the six declared
    again, two names that a provider could not tell apart, a schema that is none, too large, or
    refers to another document.
    """
    taken: set[str] = set()
    total = 0
    for tool in tools:
        name = tool if isinstance(tool, str) else str(tool["name"])
        mapped = "".join(c if c.isalnum() or c in "_-" else "_" for c in name)
        if mapped in taken or (isinstance(tool, str) and tool not in BUILT_IN):
            raise _refused(name, "unknown, or taken by another tool")
        taken.add(mapped)
        if not isinstance(tool, str):
            total += _checked_size(name, tool["parameters"])
    if total > MAX_DECLARATIONS_BYTES:
        raise _refused("tools", f"larger than {MAX_DECLARATIONS_BYTES} bytes in all")


def _checked_size(name: str, parameters: Mapping[str, Any]) -> int:
    """Bytes of a schema that is fit for use."""
    encoded = _encoded(name, parameters)
    if name in BUILT_IN:
        raise _refused(name, "is built in and cannot be declared")
    if len(encoded) > MAX_PARAMETERS_BYTES:
        raise _refused(name, f"parameters are larger than {MAX_PARAMETERS_BYTES} bytes")
    if parameters.get("type") != "object":
        raise _refused(name, "parameters must describe an object")
    if b'"$ref":"' in encoded.replace(b'"$ref":"#', b""):
        raise _refused(name, "parameters refer to another document")
    try:
        Draft202012Validator.check_schema(parameters)
    except SchemaError as error:
        raise _refused(name, f"parameters are no JSON Schema: {error.message[:200]}") from error
    except RecursionError as error:
        raise _refused(name, "parameters are nested too deeply") from error
    return len(encoded)


def _encoded(name: str, parameters: Mapping[str, Any]) -> bytes:
    """A schema as JSON."""
    try:
        return orjson.dumps(parameters)
    except TypeError as error:  # more than 250 levels
        raise _refused(name, str(error)) from error


def _refused(name: str, why: str) -> CodelabError:
    """The refusal of one declaration."""
    message = f"{name}: {why}"
    errors = [{"loc": ["body", "tools"], "msg": message}]
    return CodelabError(Code.INVALID_REQUEST, "tool_declaration", message=message, errors=errors)
