"""Files of the pods: where they lie, and which Secret or ConfigMap they come from. Pure.

Whole folders, never `subPath`: a file mounted that way is not updated, and everything here but the
proxy's configuration is read again when it changes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from codelab_operator.api_llmproxy import Provider
from codelab_operator.api_redis import ExternalRedis
from codelab_operator.children import Agent
from codelab_operator.intents import present

ROOT: Final = "/etc/codelab"
INTERNAL: Final = f"{ROOT}/internal"
AUTH: Final = f"{ROOT}/auth"
KEYS: Final = f"{ROOT}/keys"
REDIS: Final = f"{ROOT}/redis"
CONFIG: Final = f"{ROOT}/config"
CLIENTS: Final = f"{ROOT}/clients"

TOKENS: Final = "tokens"
JWT_SECRET: Final = "jwt-secret"
PASSWORD: Final = "password"
SENTINEL_PASSWORD: Final = "sentinel-password"
CA: Final = "ca.crt"
CERTIFICATE: Final = "tls.crt"
PRIVATE_KEY: Final = "tls.key"
ACL_FILE: Final = "users.acl"
CONFIG_FILE: Final = "llmproxy.yaml"
CLIENT_KEYS: Final = "clients.yaml"

MODE: Final = 0o440
TMP_SIZE: Final = "64Mi"


@dataclass(frozen=True, slots=True)
class Mount:
    """One volume and where the container sees it."""

    name: str
    path: str
    source: Mapping[str, Any]
    read_only: bool = True

    def volume(self) -> dict[str, Any]:
        """Its entry in the pod."""
        return {"name": self.name, **self.source}

    def mount(self) -> dict[str, Any]:
        """Its entry in the container."""
        entry: dict[str, Any] = {"name": self.name, "mountPath": self.path}
        return entry | ({"readOnly": True} if self.read_only else {})


@dataclass(frozen=True, slots=True)
class Item:
    """One key of a Secret, as a file; an `optional` one keeps no pod from starting."""

    secret: str
    key: str
    path: str
    optional: bool = False


TMP: Final = Mount("tmp", "/tmp", {"emptyDir": {"sizeLimit": TMP_SIZE}}, read_only=False)  # noqa: S108 -- of the container


def secret_files(name: str, path: str, items: Iterable[Item]) -> tuple[Mount, ...]:
    """One folder of files from any number of Secrets; none where there are no items."""
    sources = [
        {
            "secret": {"name": item.secret, "items": [{"key": item.key, "path": item.path}]}
            | present(optional=item.optional or None)
        }
        for item in items
    ]
    if not sources:
        return ()
    return (Mount(name, path, {"projected": {"sources": sources, "defaultMode": MODE}}),)


def internal_tokens(agent: Agent) -> tuple[Mount, ...]:
    """The tokens between the services."""
    secret = agent.spec.internal_auth.secret_name or agent.child_name("internal")
    return secret_files("internal", INTERNAL, [Item(secret, TOKENS, TOKENS)])


def client_credentials(agent: Agent) -> tuple[Mount, ...]:
    """What the gateway checks its clients with."""
    auth = agent.spec.gateway.auth
    items = []
    if "token" in auth.modes:
        secret = auth.tokens_secret_name or agent.child_name("client")
        items.append(Item(secret, TOKENS, TOKENS))
    if auth.jwt and auth.jwt.secret_ref:
        items.append(Item(auth.jwt.secret_ref.name, auth.jwt.secret_ref.key, JWT_SECRET))
    return secret_files("auth", AUTH, items)


def provider_keys(agent: Agent) -> tuple[Mount, ...]:
    """Keys of providers; one that is missing is told by the status, and stops nothing."""
    items = [
        Item(key.secret_ref.name, key.secret_ref.key, key_path(provider, key.id), optional=True)
        for provider in agent.spec.llmproxy.providers
        for key in provider.keys or ()
    ]
    return secret_files("keys", KEYS, items)


def key_path(provider: Provider, key_id: str) -> str:
    """Where a provider's key lies below `KEYS`."""
    return f"{provider.name}/{key_id}"


def store_credentials(agent: Agent, user: str) -> tuple[Mount, ...]:
    """What a service shows to the store; `user` is its name there."""
    external = agent.spec.redis.external
    if external is None:
        items = [Item(agent.child_name("internal"), f"redis-{user}", PASSWORD)]
    else:
        items = _external_items(external)
    return secret_files("redis", REDIS, items)


def _external_items(external: ExternalRedis) -> list[Item]:
    """Files for a store of somebody else; one that is missing is told by the status."""
    tls, sentinel = external.tls, external.sentinel
    refs = [
        (external.password_secret_ref, PASSWORD),
        (sentinel.password_secret_ref if sentinel else None, SENTINEL_PASSWORD),
        (tls.ca_secret_ref if tls else None, CA),
    ]
    items = [Item(ref.name, ref.key, path, optional=True) for ref, path in refs if ref]
    if tls and tls.client_cert_secret_name:
        names = (CERTIFICATE, PRIVATE_KEY)
        secret = tls.client_cert_secret_name
        items += [Item(secret, name, name, optional=True) for name in names]
    return items


def proxy_files(agent: Agent, config_map: str) -> tuple[Mount, ...]:
    """The proxy's configuration, and the keys of outside tools."""
    config = Mount("config", CONFIG, {"configMap": {"name": config_map, "defaultMode": MODE}})
    clients = agent.spec.llmproxy.client_keys_secret_name
    items = [Item(clients, CLIENT_KEYS, CLIENT_KEYS)] if clients else []
    return (*((config,) if config_map else ()), *secret_files("clients", CLIENTS, items))
