"""Fields of the LLM proxy: providers, routes, quotas, cache. Pure.

The same facts as the proxy's configuration file; here keys are references to Secrets.
"""

from typing import Annotated, Literal

from pydantic import Field

from codelab_operator.api_component import ComponentSpec
from codelab_operator.api_config import LLMPROXY_CONFIG, LLMProxyConfig
from codelab_operator.api_shapes import (
    HttpUrl,
    Label,
    ObjectName,
    SecretKeyRef,
    Shape,
    map_list,
)

ModelId = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\s]+$")]
Weight = Annotated[int, Field(ge=1, le=1000)]
Count = Annotated[int, Field(ge=1, le=1_000_000_000)]


class ProviderKey(Shape):
    """One key of a provider's account."""

    id: Label
    """Name under which logs and metrics show the key."""
    secret_ref: SecretKeyRef
    """Where the key lies; a Secret that is missing keeps no pod from starting."""
    weight: Weight = 1
    """Share of the requests, relative to the other keys."""


class Model(Shape):
    """One model of a provider."""

    id: ModelId
    """Name at the provider."""
    context_window: Count | None = None
    """Tokens of request and answer together."""
    max_output: Count | None = None
    """Longest answer in tokens."""
    default_max_tokens: Count | None = None
    """Bound of answers where the request names none."""
    prefill: bool | None = None
    """The model goes on from an unfinished answer."""
    thinking: bool | None = None
    """The model shows its thinking."""
    tools: bool | None = None
    """The model calls tools."""
    reasoning: bool | None = None
    """A reasoning model: more patience, no temperature."""


class Provider(Shape):
    """Where models are served."""

    name: Label
    """Name in routes and metrics."""
    kind: Literal["openai-compatible", "anthropic", "ollama", "scripted"]
    """The dialect that it speaks; `scripted` is built in and needs no network."""
    base_url: HttpUrl | None = None
    """Address without path of an endpoint; no user name, query or fragment."""
    allow_private: bool = False
    """Allow addresses inside the cluster, and plain http."""
    max_concurrent: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """Requests at once."""
    keys: (
        Annotated[
            list[ProviderKey], Field(min_length=1, max_length=8, json_schema_extra=map_list("id"))
        ]
        | None
    ) = None
    """Keys of the account."""
    models: (
        Annotated[list[Model], Field(max_length=64, json_schema_extra=map_list("id"))] | None
    ) = None
    """Models that requests may name."""


class Target(Shape):
    """One model of one provider."""

    provider: Label
    """Name of the provider."""
    model: ModelId
    """Model at the provider."""


class RouteTarget(Target):
    """One place to which a route sends requests."""

    priority: Annotated[int, Field(ge=0, le=100)] = 0
    """Lower numbers are tried first."""
    weight: Weight = 1
    """Share of the requests among targets of one priority."""


class Route(Shape):
    """A name for requests that stands for several targets."""

    name: Label
    """Name that requests use."""
    targets: Annotated[list[RouteTarget], Field(min_length=1, max_length=8)]
    """Where requests go."""
    larger_context: Annotated[list[Target], Field(max_length=8)] | None = None
    """Where requests go that are too long for the targets."""
    rescue: Annotated[list[Literal["continue", "align", "restart"]], Field(max_length=3)] | None = (
        None
    )
    """What may be done, in this order, about an answer that broke off."""
    hold_tool_calls: bool = False
    """Keep a tool call back until it is whole, in answers to outside tools."""


class Quota(Shape):
    """Limits of one caller."""

    name: Annotated[str, Field(min_length=1, max_length=128)]
    """Client id or principal; `default` for all others."""
    requests_per_min: Count | None = None
    """Requests in any minute."""
    tokens_per_min: Count | None = None
    """Tokens in any minute."""
    tokens_per_day: Count | None = None
    """Tokens in any day."""
    live_streams: Count | None = None
    """Answers at once."""
    on_redis_loss: Literal["open", "closed"] = "open"
    """Without the store: count locally, or refuse."""


class Cache(Shape):
    """Exact cache of answers; only for requests that ask for it."""

    enabled: bool = False
    """Whether there is one."""
    ttl_seconds: Annotated[int, Field(ge=1, le=86_400)] = 300
    """Life of an entry."""


class LLMProxySpec(ComponentSpec):
    """The LLM proxy: providers and inferences."""

    providers: Annotated[
        list[Provider], Field(min_length=1, max_length=16, json_schema_extra=map_list("name"))
    ] = [Provider(name="scripted", kind="scripted")]
    """Where models are served; by default a built-in one that needs neither key nor network."""
    aliases: Annotated[dict[str, ModelId], Field(max_length=64)] | None = None
    """Other names of routes and models."""
    routes: (
        Annotated[list[Route], Field(max_length=32, json_schema_extra=map_list("name"))] | None
    ) = None
    """Names that stand for several targets."""
    quotas: (
        Annotated[list[Quota], Field(max_length=64, json_schema_extra=map_list("name"))] | None
    ) = None
    """Limits per caller."""
    cache: Cache = Cache()
    """Exact cache of answers."""
    client_keys_secret_name: ObjectName | None = None
    """Secret whose key `clients.yaml` lists outside tools; opens the dialect lanes."""
    config: LLMProxyConfig = LLMPROXY_CONFIG()
    """Settings of the service; absent ones keep the service's own defaults."""
