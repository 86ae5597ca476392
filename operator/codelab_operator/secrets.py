"""Secrets that are made once: what is wanted in them, and how random text becomes their content.

Pure: tokens are passed in. The intent of a Secret names its keys; in `users.acl` a mark stands for
the hash of each password, so that the same intent always has the same hash.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from codelab_operator.children import Agent, Child, Manifest
from codelab_operator.intents import Draft, child
from codelab_operator.mounts import ACL_FILE, TOKENS
from codelab_operator.redis_server import access_list

TOKEN: Final = "token"
PRINCIPAL: Final = "client"
"""Who the holder of the token that we made is to the gateway."""
REDIS_PASSWORDS: Final = ("redis-runtime", "redis-llmproxy")

NewToken = Callable[[], str]
"""32 random bytes as base64url, another one at each call."""


def secrets(agent: Agent) -> tuple[Child, ...]:
    """The Secrets that nobody else provides."""
    keys = {} if agent.spec.internal_auth.secret_name else {TOKENS: ""}
    if agent.spec.redis.managed:
        keys |= {ACL_FILE: access_list(agent), **dict.fromkeys(REDIS_PASSWORDS, "")}
    made = [_intent(agent, "internal", keys)] if keys else []
    auth = agent.spec.gateway.auth
    if "token" in auth.modes and not auth.tokens_secret_name:
        made.append(_intent(agent, "client", {TOKEN: "", TOKENS: ""}))
    return tuple(made)


def _intent(agent: Agent, name: Any, keys: Mapping[str, str]) -> Child:
    """A Secret whose values are still to be made up."""
    body = {"type": "Opaque", "stringData": dict(keys)}
    draft = Draft("Secret", agent.child_name(name), "shared", body, write="create", secret=name)
    return child(agent, draft)


def filled(wanted: Child, new_token: NewToken) -> Manifest:
    """The Secret to create: every key has a value."""
    return _with_data(wanted, _values(wanted, {}, new_token))


def mended(wanted: Child, live: Manifest, new_token: NewToken) -> Manifest | None:
    """A merge patch for a Secret that is there: missing keys, and users whose rights changed.

    `None` where nothing is to be done. Values that are there stay, whatever the intent says.
    """
    held = {name: _decoded(text) for name, text in (live.get("data") or {}).items()}
    wanted_values = _values(wanted, held, new_token)
    changed = {name: value for name, value in wanted_values.items() if held.get(name) != value}
    if not changed:
        return None
    metadata = {"annotations": dict(wanted.manifest["metadata"]["annotations"])}
    version = live["metadata"].get("resourceVersion")
    return {
        "metadata": metadata | ({"resourceVersion": version} if version else {}),
        "data": {name: _encoded(value) for name, value in changed.items()},
    }


def _values(wanted: Child, held: Mapping[str, str], new_token: NewToken) -> dict[str, str]:
    """Every key with its value: what is held, or else something new; derived ones come last."""
    keys: Mapping[str, str] = wanted.manifest["stringData"]
    derived = {ACL_FILE} | ({TOKENS} if wanted.secret == "client" else set())
    values = {name: held.get(name) or new_token() for name in sorted(keys) if name not in derived}
    if ACL_FILE in keys:
        values[ACL_FILE] = _users(keys[ACL_FILE], values)
    if wanted.secret == "client":
        known = held.get(TOKENS, "")
        ours = "" if known and held.get(TOKEN) else f"{_sha256(values[TOKEN])} {PRINCIPAL}\n"
        values[TOKENS] = known + ours
    return values


def _users(template: str, values: Mapping[str, str]) -> str:
    """The access list, with the hash of each password in the place of its mark."""
    for name in REDIS_PASSWORDS:
        template = template.replace(f"{{{name}}}", _sha256(values[name]))
    return template


def _with_data(wanted: Child, values: Mapping[str, str]) -> Manifest:
    """The manifest with these values."""
    rest = {name: part for name, part in wanted.manifest.items() if name != "stringData"}
    return {**rest, "data": {name: _encoded(value) for name, value in values.items()}}


def _sha256(text: str) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def _encoded(text: str) -> str:
    """A value as Secrets hold it."""
    return base64.b64encode(text.encode()).decode()


def _decoded(text: str) -> str:
    """A value of a Secret; what is no text counts as none."""
    try:
        return base64.b64decode(text, validate=True).decode()
    except ValueError:
        return ""
