"""Rules between fields that take more than a line of Python. Pure.

Each gets a value with its defaults, and the one before an update; see `api_rules`.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from codelab_operator.api_group import OWN_LABEL_PREFIXES

LONGEST_NAME: Final = 40
_NAME: Final = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")

Value = Mapping[str, Any]


def has_agent_name(resource: Value, _: Value | None) -> bool:
    """A dot or a leading digit is a legal name of the resource, and an illegal one of a Service."""
    name = resource["metadata"]["name"]
    return len(name) <= LONGEST_NAME and _NAME.fullmatch(name) is not None


def has_no_own_variables(component: Value, _: Value | None) -> bool:
    """Nobody but the operator sets the variables of the services."""
    return not any(item["name"].startswith("CODELAB_") for item in component.get("env", ()))


def has_no_own_labels(component: Value, _: Value | None) -> bool:
    """Selectors stand on our labels."""
    return not any(key.startswith(OWN_LABEL_PREFIXES) for key in component.get("podLabels", ()))


def is_one_of_three_servers(external: Value, _: Value | None) -> bool:
    """One way to an external server."""
    return sum(way in external for way in ("url", "sentinel", "cluster")) == 1


def is_same(field: str) -> Callable[[Value, Value | None], bool]:
    """A field that an update must not touch; without a value before there is nothing to keep."""
    return lambda own, old: old is None or own.get(field) == old.get(field)


def has_known_targets(field: str) -> Callable[[Value, Value | None], bool]:
    """Targets of one field of the routes name providers of the same list."""

    def check(llmproxy: Value, _: Value | None) -> bool:
        known = {provider["name"] for provider in llmproxy["providers"]}
        routes = llmproxy.get("routes", ())
        return all(target["provider"] in known for r in routes for target in r.get(field, ()))

    return check
