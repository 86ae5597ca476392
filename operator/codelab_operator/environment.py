"""Environment of the three services, by the same settings classes that they read it with. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from codelab_core.settings import (
    GatewaySettings,
    LLMProxySettings,
    RuntimeSettings,
    ServiceSettings,
)
from codelab_core.settings_marks import Since
from codelab_operator import mounts
from codelab_operator.api_component import ComponentSpec
from codelab_operator.api_config import chosen
from codelab_operator.api_group import PORTS
from codelab_operator.api_redis import ExternalRedis
from codelab_operator.children import Agent, Offering
from codelab_operator.llm_file import config_map_name
from codelab_operator.versions import is_at_least

SMALLEST_HINT: Final = 4
DEVELOPMENT_DRAIN_S: Final = 5

Fields = Mapping[str, Any]


def drain_seconds(spec: ComponentSpec, offering: Offering) -> int:
    """Longest drain of a pod."""
    return DEVELOPMENT_DRAIN_S if offering.is_development else spec.drain_seconds


def gateway_env(agent: Agent, offering: Offering) -> Mapping[str, str]:
    """Environment of the gateway."""
    spec = agent.spec.gateway
    fields = {
        **_common(spec, offering),
        **chosen(spec.config),
        **_auth(agent),
        "runtime_url": service_url(agent, "runtime"),
    }
    if spec.allowed_origins:
        fields["allowed_origins"] = ",".join(spec.allowed_origins)
    return rendered(GatewaySettings, fields, agent.spec.version)


def runtime_env(agent: Agent, offering: Offering) -> Mapping[str, str]:
    """Environment of the runtime."""
    spec = agent.spec.runtime
    fields = {
        **_common(spec, offering),
        **chosen(spec.config),
        **_store(agent, "runtime"),
        "llmproxy_url": service_url(agent, "llmproxy"),
    }
    return rendered(RuntimeSettings, fields, agent.spec.version)


def llmproxy_env(agent: Agent, offering: Offering) -> Mapping[str, str]:
    """Environment of the LLM proxy."""
    spec = agent.spec.llmproxy
    fields = {
        **_common(spec, offering),
        **chosen(spec.config),
        **_store(agent, "llmproxy"),
        "replicas_hint": replicas_hint(spec),
    }
    if config_map_name(agent):
        fields["config_file"] = f"{mounts.CONFIG}/{mounts.CONFIG_FILE}"
    if spec.client_keys_secret_name:
        fields["client_keys_file"] = f"{mounts.CLIENTS}/{mounts.CLIENT_KEYS}"
    return rendered(LLMProxySettings, fields, agent.spec.version)


def rendered(settings: type[ServiceSettings], fields: Fields, version: str) -> Mapping[str, str]:
    """Variables for a service of that version: fields that came later are left out."""
    known = {name: value for name, value in fields.items() if _is_known(settings, name, version)}
    return settings.exactly(**known).to_env()


def replicas_hint(spec: ComponentSpec) -> int:
    """About how many pods there are: the next power of two, from 4 on.

    With the number itself, scaling would change the environment and with it every pod.
    """
    if spec.autoscaling:
        return spec.autoscaling.max_replicas
    hint = SMALLEST_HINT
    while hint < (spec.replicas or 1):
        hint *= 2
    return hint


def service_url(agent: Agent, component: str) -> str:
    """Where a component of the same namespace is."""
    return f"http://{agent.child_name(component)}:{PORTS[component]}"


def store_url(agent: Agent) -> str:
    """The store's address, without credentials."""
    external = agent.spec.redis.external
    if external is None:
        return f"redis://{agent.child_name('redis')}:{PORTS['redis']}"
    scheme = "redis" if external.tls is None else "rediss"
    if external.sentinel:
        hosts = ",".join(external.sentinel.addresses)
        return f"{scheme}+sentinel://{hosts}/{external.sentinel.master_name}"
    if external.cluster:
        return f"{scheme}+cluster://{','.join(external.cluster.addresses)}"
    return external.url or ""


def store_prefix(agent: Agent) -> str:
    """First part of all keys and channels of an agent in the store."""
    return f"cla:{agent.namespace}.{agent.name}"


def _is_known(settings: type[ServiceSettings], name: str, version: str) -> bool:
    """Whether a service of that version reads the field."""
    marks = settings.model_fields[name].metadata
    return all(is_at_least(version, mark.release) for mark in marks if isinstance(mark, Since))


def _common(spec: ComponentSpec, offering: Offering) -> Fields:
    """What all services are told."""
    return {
        "host": "0.0.0.0",  # noqa: S104 -- a pod's port is what its NetworkPolicy says
        "internal_token_file": f"{mounts.INTERNAL}/{mounts.TOKENS}",
        "drain_s": drain_seconds(spec, offering),
    }


def _auth(agent: Agent) -> Fields:
    """How the gateway checks its clients."""
    auth = agent.spec.gateway.auth
    fields: dict[str, Any] = {"auth_mode": ",".join(sorted(auth.modes, reverse=True))}
    if "token" in auth.modes:
        fields["tokens_file"] = f"{mounts.AUTH}/{mounts.TOKENS}"
    if auth.jwt:
        fields |= {
            "jwt_issuer": auth.jwt.issuer,
            "jwt_audience": auth.jwt.audience,
            "principal_claim": auth.jwt.principal_claim,
            "jwt_jwks_url": auth.jwt.jwks_url,
        }
        if auth.jwt.secret_ref:
            fields["jwt_secret_file"] = f"{mounts.AUTH}/{mounts.JWT_SECRET}"
    return fields


def _store(agent: Agent, user: str) -> Fields:
    """Where the store is, and how a service proves who it is."""
    external = agent.spec.redis.external
    fields = {
        "redis_url": store_url(agent),
        "redis_prefix": store_prefix(agent),
        "redis_durability": agent.spec.redis.durability,
    }
    if external is None:
        password = {"redis_password_file": f"{mounts.REDIS}/{mounts.PASSWORD}"}
        return {**fields, "redis_username": user, **password}
    return {**fields, **_external(external)}


def _external(external: ExternalRedis) -> Fields:
    """Credentials for a store of somebody else."""
    tls, sentinel = external.tls, external.sentinel
    has_certificate = bool(tls and tls.client_cert_secret_name)
    files = {
        "redis_password_file": (external.password_secret_ref, mounts.PASSWORD),
        "redis_sentinel_password_file": (
            sentinel and sentinel.password_secret_ref,
            mounts.SENTINEL_PASSWORD,
        ),
        "redis_ca_file": (tls and tls.ca_secret_ref, mounts.CA),
        "redis_cert_file": (has_certificate, mounts.CERTIFICATE),
        "redis_key_file": (has_certificate, mounts.PRIVATE_KEY),
    }
    paths = {name: f"{mounts.REDIS}/{path}" for name, (there, path) in files.items() if there}
    return {"redis_username": external.username, **paths}
