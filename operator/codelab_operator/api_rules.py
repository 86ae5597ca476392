"""Rules between fields: each once as the API server's expression and once as Python. Pure.

The API server checks a schema's defaults before it fills in the defaults nested in them, so every
expression guards each defaulted field with `has()`. The predicates see values with all defaults.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from codelab_operator.api_group import COMPONENTS, OWN_LABEL_PREFIXES
from codelab_operator.rule_checks import (
    has_agent_name,
    has_known_targets,
    has_no_own_labels,
    has_no_own_variables,
    is_one_of_three_servers,
    is_same,
)

Check = Callable[[Mapping[str, Any], Mapping[str, Any] | None], bool]
"""A value with its defaults, and the one before an update if there is any, to whether they fit."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; `owners` are paths of the schemas that carry it, items of a list as `name[]`."""

    owners: tuple[str, ...]
    expression: str
    message: str
    check: Check
    field: str = ""
    """Path below the owner that an answer points at, such as `.nodePort`."""


_PARTS: Final = tuple(f"spec.{name}" for name in COMPONENTS)
_PROVIDER: Final = ("spec.llmproxy.providers[]",)
_FOREIGN_KEYS: Final = " && ".join(f"!k.startsWith('{prefix}')" for prefix in OWN_LABEL_PREFIXES)
_KNOWN_TARGET: Final = "has(self.providers) && self.providers.exists(p, p.name == t.provider)"

RULES: Final = (
    Rule(
        ("",),
        "self.metadata.name.size() <= 40 "
        "&& self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
        "the name is at most 40 of a-z, 0-9 and '-', with a letter first and no '-' at the end",
        has_agent_name,
    ),
    Rule(
        _PARTS,
        "!(has(self.replicas) && has(self.autoscaling))",
        "replicas and autoscaling exclude each other",
        lambda own, _: "replicas" not in own or "autoscaling" not in own,
        ".replicas",
    ),
    Rule(
        _PARTS,
        "!has(self.env) || self.env.all(e, !e.name.startsWith('CODELAB_'))",
        "variables named CODELAB_… come from other fields",
        has_no_own_variables,
        ".env",
    ),
    Rule(
        _PARTS,
        f"!has(self.podLabels) || self.podLabels.all(k, {_FOREIGN_KEYS})",
        "labels below app.kubernetes.io/ and codelab.dev/ are the operator's",
        has_no_own_labels,
        ".podLabels",
    ),
    Rule(
        tuple(f"{part}.autoscaling" for part in _PARTS),
        "!has(self.minReplicas) || self.minReplicas <= self.maxReplicas",
        "minReplicas is at most maxReplicas",
        lambda own, _: own["minReplicas"] <= own["maxReplicas"],
        ".minReplicas",
    ),
    Rule(
        ("spec.gateway.auth",),
        "!has(self.modes) || ('jwt' in self.modes) == has(self.jwt)",
        "mode jwt and the field jwt go together",
        lambda own, _: ("jwt" in own["modes"]) == ("jwt" in own),
        ".jwt",
    ),
    Rule(
        ("spec.gateway.auth.jwt",),
        "has(self.jwksUrl) != has(self.secretRef)",
        "exactly one of jwksUrl and secretRef is needed",
        lambda own, _: ("jwksUrl" in own) != ("secretRef" in own),
    ),
    Rule(
        ("spec.exposure.service",),
        "!has(self.nodePort) || (has(self.type) && self.type == 'NodePort')",
        "nodePort goes with type NodePort",
        lambda own, _: "nodePort" not in own or own["type"] == "NodePort",
        ".nodePort",
    ),
    Rule(
        ("spec.exposure.service",),
        "!has(self.sessionAffinityTimeoutSeconds) "
        "|| (has(self.sessionAffinity) && self.sessionAffinity == 'ClientIP')",
        "sessionAffinityTimeoutSeconds goes with sessionAffinity ClientIP",
        lambda own, _: (
            "sessionAffinityTimeoutSeconds" not in own or own["sessionAffinity"] == "ClientIP"
        ),
        ".sessionAffinityTimeoutSeconds",
    ),
    Rule(
        ("spec.redis",),
        "has(self.managed) != has(self.external)",
        "exactly one of managed and external is needed",
        lambda own, _: ("managed" in own) != ("external" in own),
    ),
    Rule(
        ("spec.redis",),
        "has(self.managed) == has(oldSelf.managed)",
        "managed and external cannot be exchanged: sessions would be lost",
        lambda own, old: old is None or ("managed" in own) == ("managed" in old),
    ),
    Rule(
        ("spec.redis.managed",),
        "!has(self.size) || !has(oldSelf.size) || self.size == oldSelf.size",
        "the size of a volume cannot be changed",
        is_same("size"),
        ".size",
    ),
    Rule(
        ("spec.redis.managed",),
        "has(self.storageClassName) == has(oldSelf.storageClassName) "
        "&& (!has(self.storageClassName) || self.storageClassName == oldSelf.storageClassName)",
        "the class of a volume cannot be changed",
        is_same("storageClassName"),
        ".storageClassName",
    ),
    Rule(
        ("spec.redis.external",),
        "[has(self.url), has(self.sentinel), has(self.cluster)].filter(x, x).size() == 1",
        "exactly one of url, sentinel and cluster is needed",
        is_one_of_three_servers,
    ),
    Rule(
        ("spec.redis.external",),
        "!(has(self.tls) && has(self.url)) || self.url.startsWith('rediss://')",
        "tls goes with a url that begins with rediss://",
        lambda own, _: "tls" not in own or "url" not in own or own["url"].startswith("rediss://"),
        ".url",
    ),
    Rule(
        _PROVIDER,
        "!(self.kind in ['openai-compatible', 'anthropic']) || has(self.keys)",
        "this kind of provider needs keys",
        lambda own, _: own["kind"] not in {"openai-compatible", "anthropic"} or "keys" in own,
        ".keys",
    ),
    Rule(
        _PROVIDER,
        "!(self.kind in ['openai-compatible', 'ollama']) || has(self.baseUrl)",
        "this kind of provider needs baseUrl",
        lambda own, _: own["kind"] not in {"openai-compatible", "ollama"} or "baseUrl" in own,
        ".baseUrl",
    ),
    Rule(
        _PROVIDER,
        "!has(self.baseUrl) || self.baseUrl.startsWith('https://') "
        "|| (has(self.allowPrivate) && self.allowPrivate)",
        "baseUrl is https unless allowPrivate is set",
        lambda own, _: own["allowPrivate"] or own.get("baseUrl", "https:").startswith("https:"),
        ".baseUrl",
    ),
    Rule(
        ("spec.llmproxy",),
        f"!has(self.routes) || self.routes.all(r, r.targets.all(t, {_KNOWN_TARGET}))",
        "every target names a provider of the list",
        has_known_targets("targets"),
        ".routes",
    ),
    Rule(
        ("spec.llmproxy",),
        "!has(self.routes) || self.routes.all(r, !has(r.largerContext) "
        f"|| r.largerContext.all(t, {_KNOWN_TARGET}))",
        "every larger-context target names a provider of the list",
        has_known_targets("largerContext"),
        ".routes",
    ),
)


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that does not hold, and where: `spec.llmproxy.providers[2].keys`."""

    field: str
    message: str


def violations(
    resource: Mapping[str, Any], old: Mapping[str, Any] | None = None
) -> Iterator[Violation]:
    """Rules that a resource breaks, in their order; `old` is the resource before an update.

    Both have all defaults filled in and no nulls.
    """
    for rule in RULES:
        for owner in rule.owners:
            before = dict(_values(old, owner)) if old is not None else {}
            for place, value in _values(resource, owner):
                if not rule.check(value, before.get(place)):
                    yield Violation(f"{place}{rule.field}".removeprefix("."), rule.message)


def _values(resource: Mapping[str, Any], owner: str) -> list[tuple[str, Mapping[str, Any]]]:
    """Objects at a path, each with its own place; none where a part of the path is absent."""
    found: list[tuple[str, Mapping[str, Any]]] = [("", resource)]
    for part in filter(None, owner.split(".")):
        name = part.removesuffix("[]")
        below = [(f"{place}.{name}", value[name]) for place, value in found if name in value]
        if name != part:
            below = [(f"{p}[{n}]", item) for p, items in below for n, item in enumerate(items)]
        found = [(place.removeprefix("."), value) for place, value in below]
    return found
