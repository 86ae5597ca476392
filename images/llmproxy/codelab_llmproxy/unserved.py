"""What a configuration asks for and this version does not do yet. Pure."""

from collections.abc import Iterator

from codelab_core.llm_config import LLMConfig, RouteConfig


def unserved_fields(config: LLMConfig) -> list[str]:
    """Paths of the fields whose values change nothing."""
    return [
        *_of_models(config),
        *(f"routes.{name}.{field}" for name in config.routes for field in _of(config.routes[name])),
        *(f"quotas.{name}" for name in config.quotas),
        *(["cache.enabled"] if config.cache.enabled else []),
    ]


def _of_models(config: LLMConfig) -> Iterator[str]:
    """Models that could go on from an unfinished answer."""
    for provider in config.providers:
        for model in provider.models:
            if model.prefill:
                yield f"providers.{provider.name}.models.{model.id}.prefill"


def _of(route: RouteConfig) -> Iterator[str]:
    """Fields of a route; of `rescue` only `restart` is done, and there to be left out."""
    if "rescue" in route.model_fields_set and {*route.rescue} - {"restart"}:
        yield "rescue"
    if route.hold_tool_calls:
        yield "hold_tool_calls"
