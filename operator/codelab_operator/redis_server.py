"""The store of an agent: one Redis pod with a volume, and who may do what in it. Pure."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from codelab_core.store_commands import COMMANDS
from codelab_operator import mounts
from codelab_operator.api_component import Amounts, Resources
from codelab_operator.api_group import ACL_ANNOTATION, PORTS, VERSION_ANNOTATION
from codelab_operator.api_redis import ManagedRedis
from codelab_operator.children import Agent, Child
from codelab_operator.environment import store_prefix
from codelab_operator.intents import Draft, child, digest, present, selector
from codelab_operator.pods import (
    amounts,
    container_guard,
    guarded,
    placed,
    probe_times,
    pull_secrets,
)
from codelab_operator.quantities import amount, canonical
from codelab_operator.versions import is_at_least

USER: Final = 999
GRACE_S: Final = 30
LOADING_S: Final = 600
"""Longest time for the log of a full volume to be read at start."""
MEMORY_SHARE: Final = (3, 4)
"""Part of the memory limit that entries may take; the rest is for buffers and rewriting the log."""
DEFAULTS: Final = Resources(
    requests=Amounts(cpu="50m", memory="64Mi"), limits=Amounts(cpu="500m", memory="256Mi")
)
PROBE_USER: Final = "probe"
DATA: Final = "/data"
_DEFAULT: Final = "user default off resetpass ~* &* +@all"
"""Nobody can be this user, but transactions are replayed from disk in its name, at start."""


def redis(agent: Agent) -> tuple[Child, ...]:
    """StatefulSet and Service, where the server is ours."""
    managed = agent.spec.redis.managed
    return () if managed is None else (_stateful_set(agent, managed), _service(agent))


def access_list(agent: Agent) -> str:
    """The file of users; `{redis-<user>}` stands for the SHA-256 of that key of the Secret."""
    prefix = store_prefix(agent)
    users = [
        f"user {user} on #{{redis-{user}}} resetkeys ~{prefix}:* resetchannels &{prefix}:* {rights}"
        for user, rights in _rights(agent.spec.version).items()
    ]
    probe = f"user {PROBE_USER} on nopass resetkeys resetchannels -@all +ping"
    return "\n".join([_DEFAULT, probe, *users, ""])


@lru_cache(maxsize=16)
def _rights(version: str) -> Mapping[str, str]:
    """The commands of each user, in the words of the access list."""
    return {
        user: " ".join(["-@all", *(f"+{name}" for name in known_commands(commands, version))])
        for user, commands in COMMANDS.items()
    }


def known_commands(commands: Mapping[str, str], version: str) -> list[str]:
    """The commands that a service of that version calls."""
    return sorted(name for name, since in commands.items() if is_at_least(version, since))


def max_memory(managed: ManagedRedis) -> int:
    """Bytes for entries."""
    limit = managed.resources.limits.memory
    given = DEFAULTS.limits.memory if limit is None else limit
    share, whole = MEMORY_SHARE
    return int(amount(given or 0) * share / whole)


def _stateful_set(agent: Agent, managed: ManagedRedis) -> Child:
    """One pod with a volume."""
    marks = selector(agent, "redis")
    claim = {
        "metadata": {"name": "data", "labels": marks},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": canonical(managed.size)}},
            **present(storageClassName=managed.storage_class_name),
        },
    }
    retention = {"whenDeleted": managed.when_deleted, "whenScaled": "Retain"}
    body = {
        "spec": {
            "replicas": 1,
            "podManagementPolicy": "Parallel",  # else a pod that cannot start is never replaced
            "serviceName": agent.child_name("redis"),
            "selector": {"matchLabels": marks},
            "template": _template(agent, managed),
            "volumeClaimTemplates": [claim],
            "persistentVolumeClaimRetentionPolicy": retention,
        }
    }
    notes = {VERSION_ANNOTATION: agent.spec.version}
    name = agent.child_name("redis")
    return child(agent, Draft("StatefulSet", name, "redis", body, annotations=notes))


def _template(agent: Agent, managed: ManagedRedis) -> dict[str, Any]:
    """The pod; it is replaced when its users may do something else."""
    files = mounts.secret_files(
        "users",
        mounts.REDIS,
        [mounts.Item(agent.child_name("internal"), mounts.ACL_FILE, mounts.ACL_FILE)],
    )
    data = {"name": "data", "mountPath": DATA}
    container = {
        "name": "redis",
        "image": managed.image,
        "imagePullPolicy": agent.spec.images.pull_policy,
        "command": ["redis-server"],
        "args": _flags(managed),
        "ports": [{"name": "redis", "containerPort": PORTS["redis"], "protocol": "TCP"}],
        "resources": amounts(managed.resources, DEFAULTS),
        "volumeMounts": [data, *(file.mount() for file in (*files, mounts.TMP))],
        "securityContext": container_guard(),
        **_probes(),
    }
    annotations = {ACL_ANNOTATION: digest(access_list(agent))}
    return {
        "metadata": {"labels": selector(agent, "redis"), "annotations": annotations},
        "spec": {
            "serviceAccountName": agent.child_name(),
            "terminationGracePeriodSeconds": GRACE_S,
            "containers": [container],
            "volumes": [file.volume() for file in (*files, mounts.TMP)],
            **guarded(USER),
            **pull_secrets(agent),
            **placed(managed.scheduling),
        },
    }


def _flags(managed: ManagedRedis) -> list[str]:
    """Arguments of the server: every second on disk, nothing thrown away, known users only."""
    flags = {
        "dir": [DATA],
        "aclfile": [f"{mounts.REDIS}/{mounts.ACL_FILE}"],
        "protected-mode": ["no"],  # it asks for a password of `default`, who is off
        "appendonly": ["yes"],
        "appendfsync": ["everysec"],
        "save": [""],
        "maxmemory": [str(max_memory(managed))],
        "maxmemory-policy": ["noeviction"],
        "client-output-buffer-limit": ["pubsub", "64mb", "16mb", "60"],
        "tcp-keepalive": ["60"],
    }
    return [part for name, values in flags.items() for part in (f"--{name}", *values)]


def _probes() -> dict[str, Any]:
    """A server that still reads its log answers LOADING: that is an error, and not ready."""
    options = ["-e", "--no-auth-warning", "--user", PROBE_USER, "--pass", PROBE_USER]
    ping = {"exec": {"command": ["redis-cli", *options, "ping"]}}
    return {
        "startupProbe": ping | probe_times(1, LOADING_S),
        "readinessProbe": ping | probe_times(2, 2),
        "livenessProbe": ping | probe_times(10, 3),
    }


def _service(agent: Agent) -> Child:
    """The name of the pod."""
    port = {
        "name": "redis",
        "port": PORTS["redis"],
        "protocol": "TCP",
        "targetPort": "redis",
    }
    spec = {
        "type": "ClusterIP",
        "clusterIP": "None",
        "sessionAffinity": "None",
        "selector": selector(agent, "redis"),
        "ports": [port],
    }
    name = agent.child_name("redis")
    return child(agent, Draft("Service", name, "redis", {"spec": spec}))
