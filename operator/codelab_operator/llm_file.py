"""The configuration file of the LLM proxy, from the specification. Pure."""

import hashlib
import json
from typing import Any, Final

from codelab_core.llm_config import LLMConfigError, parse_config
from codelab_core.llm_names import Problem
from codelab_operator.api_llmproxy import LLMProxySpec, Provider, Route
from codelab_operator.children import Agent, Child
from codelab_operator.intents import Draft, child, present
from codelab_operator.mounts import CONFIG_FILE, KEYS, key_path

FORMAT: Final = 1
NAME_DIGITS: Final = 8


def document(spec: LLMProxySpec) -> dict[str, Any]:
    """The file as data; empty where nothing is configured: then only the built-in provider is."""
    fields = present(
        aliases=spec.aliases,
        routes={route.name: _route(route) for route in spec.routes or ()},
        quotas={
            quota.name: quota.model_dump(exclude={"name"}, exclude_none=True)
            for quota in spec.quotas or ()
        },
        cache=_cache(spec),
    )
    if not fields and spec.providers == LLMProxySpec().providers:
        return {}
    return {"version": FORMAT, "providers": [_provider(p) for p in spec.providers], **fields}


def problems(spec: LLMProxySpec) -> tuple[Problem, ...]:
    """What the proxy would refuse of it and the schema cannot see, such as aliases in a circle."""
    made = document(spec)
    try:
        if made:
            parse_config(made)
    except LLMConfigError as error:
        return error.problems
    return ()


def text(spec: LLMProxySpec) -> str:
    """The file: JSON, which is YAML too; empty where there is none."""
    made = document(spec)
    return f"{json.dumps(made, indent=2, sort_keys=True)}\n" if made else ""


def config_map_name(agent: Agent) -> str:
    """Name of the ConfigMap, which says what is in it; empty where there is no file."""
    content = text(agent.spec.llmproxy)
    digits = hashlib.sha256(content.encode()).hexdigest()[:NAME_DIGITS]
    return agent.child_name(f"llmproxy-{digits}") if content else ""


def config_map(agent: Agent) -> tuple[Child, ...]:
    """The file's ConfigMap. It never changes, another one takes its place: a rollback finds it."""
    name = config_map_name(agent)
    if not name:
        return ()
    body = {"immutable": True, "data": {CONFIG_FILE: text(agent.spec.llmproxy)}}
    return (child(agent, Draft("ConfigMap", name, "llmproxy", body, write="create")),)


def _provider(provider: Provider) -> dict[str, Any]:
    """One provider; its keys are files."""
    plain = provider.model_dump(exclude={"keys", "models"}, exclude_none=True)
    keys = [
        {"id": key.id, "secret": f"file:{KEYS}/{key_path(provider, key.id)}", "weight": key.weight}
        for key in provider.keys or ()
    ]
    models = [model.model_dump(exclude_none=True) for model in provider.models or ()]
    return plain | present(keys=keys, models=models)


def _route(route: Route) -> dict[str, Any]:
    """One route."""
    return route.model_dump(exclude={"name"}, exclude_none=True)


def _cache(spec: LLMProxySpec) -> dict[str, Any]:
    """The cache, where there is one."""
    if not spec.cache.enabled:
        return {}
    return {"enabled": True, "ttl_s": spec.cache.ttl_seconds}
