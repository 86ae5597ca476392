"""Pods of an agent: hardened in one way, and told apart by their component. Pure.

Everything here is a function of the specification and its version: the same agent has the same pods
under any operator.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from codelab_operator.api_component import Amounts, Placement, Resources
from codelab_operator.children import Agent
from codelab_operator.components import Component
from codelab_operator.intents import present, selector
from codelab_operator.mounts import TMP, Mount
from codelab_operator.quantities import canonical

USER: Final = 65532
PRE_STOP_S: Final = 5
"""Time in which every proxy in front of a pod hears that it is leaving."""
PROBE_TIMEOUT_S: Final = 5
DEFAULTS: Final = Resources(
    requests=Amounts(cpu="100m", memory="128Mi"), limits=Amounts(cpu="1", memory="512Mi")
)
ZONES: Final = ("kubernetes.io/hostname", "topology.kubernetes.io/zone")


def template(agent: Agent, component: Component) -> dict[str, Any]:
    """Pod template of a Deployment."""
    spec, files = component.spec, (*component.mounts, TMP)
    marks = {**(spec.pod_labels or {}), **selector(agent, component.name)}
    return {
        "metadata": {"labels": marks} | present(annotations=dict(spec.pod_annotations or {})),
        "spec": {
            "serviceAccountName": spec.service_account_name or agent.child_name(),
            "terminationGracePeriodSeconds": component.grace_seconds,
            "containers": [_container(agent, component, files)],
            "volumes": [file.volume() for file in files],
            **guarded(USER),
            **pull_secrets(agent),
            **placed(spec.scheduling),
            **present(topologySpreadConstraints=_spread(agent, component)),
        },
    }


def guarded(user: int) -> dict[str, Any]:
    """What the profile `restricted` asks of a pod, and no environment of other Services in it."""
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,  # `<agent>_PORT=tcp://…` would be taken for settings
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": user,
            "runAsGroup": user,
            "fsGroup": user,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }


def container_guard(*, is_writable: bool = False) -> dict[str, Any]:
    """What the profile `restricted` asks of a container."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": not is_writable,
        "capabilities": {"drop": ["ALL"]},
    }


def pull_secrets(agent: Agent) -> dict[str, Any]:
    """Credentials for the registry."""
    names = agent.spec.images.pull_secrets or ()
    return present(imagePullSecrets=[{"name": secret.name} for secret in names])


def placed(scheduling: Placement) -> dict[str, Any]:
    """Where a pod may run."""
    return present(
        nodeSelector=scheduling.node_selector,
        tolerations=scheduling.tolerations,
        affinity=scheduling.affinity,
        priorityClassName=scheduling.priority_class_name,
    )


def amounts(own: Resources, defaults: Resources) -> dict[str, Any]:
    """Requests and limits: what the specification says, key by key over the defaults."""
    return {
        part: {
            name: canonical(quantity)
            for name in ("cpu", "memory")
            for quantity in [_chosen(getattr(own, part), getattr(defaults, part), name)]
        }
        for part in ("requests", "limits")
    }


def image(agent: Agent, component: Component) -> str:
    """Image reference of a component."""
    registry = agent.spec.images.registry.rstrip("/")
    ours = f"codelab/{component.name}:{agent.spec.version}"
    return component.spec.image or (f"{registry}/{ours}" if registry else ours)


def env_list(ours: Mapping[str, str], more: Iterable[tuple[str, str]] = ()) -> list[dict[str, str]]:
    """Our variables by name, then those of the specification in its order."""
    pairs = [*sorted(ours.items()), *more]
    return [{"name": name} | present(value=value) for name, value in pairs]


def _chosen(own: Amounts, default: Amounts, name: str) -> str | int:
    """One amount."""
    value: str | int | None = getattr(own, name)
    fallback: str | int = getattr(default, name)
    return fallback if value is None else value


def _container(agent: Agent, component: Component, files: Iterable[Mount]) -> dict[str, Any]:
    """The only container of a pod."""
    more = [(variable.name, variable.value) for variable in component.spec.env or ()]
    return {
        "name": component.name,
        "image": image(agent, component),
        "imagePullPolicy": agent.spec.images.pull_policy,
        "ports": [{"name": "http", "containerPort": component.port, "protocol": "TCP"}],
        "env": env_list(component.env, more),
        "resources": amounts(component.spec.resources, DEFAULTS),
        "volumeMounts": [file.mount() for file in files],
        "securityContext": container_guard(is_writable=component.is_writable),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "lifecycle": {"preStop": {"sleep": {"seconds": PRE_STOP_S}}},
        **_probes(),
    }


def _probes() -> dict[str, Any]:
    """Started within a minute, out of traffic after 4 s, restarted after 30 s."""
    return {
        "startupProbe": _probe("/health/live", period=1, failures=60),
        "readinessProbe": _probe("/health/ready", period=2, failures=2),
        "livenessProbe": _probe("/health/live", period=10, failures=3),
    }


def _probe(path: str, *, period: int, failures: int) -> dict[str, Any]:
    """One probe by HTTP."""
    return {"httpGet": {"path": path, "port": "http"}} | probe_times(period, failures)


def probe_times(period: int, failures: int) -> dict[str, int]:
    """How often, how long, how many times; with 1 s a busy Python process would be shot."""
    return {
        "periodSeconds": period,
        "timeoutSeconds": PROBE_TIMEOUT_S,
        "failureThreshold": failures,
    }


def _spread(agent: Agent, component: Component) -> list[dict[str, Any]]:
    """Pods of one revision spread over nodes and zones."""
    wanted = component.spec.scheduling.topology_spread
    if wanted == "Disabled":
        return []
    return [
        {
            "topologyKey": zone,
            "maxSkew": 1,
            "whenUnsatisfiable": "DoNotSchedule" if wanted == "Required" else "ScheduleAnyway",
            "labelSelector": {"matchLabels": selector(agent, component.name)},
            "matchLabelKeys": ["pod-template-hash"],
        }
        for zone in ZONES
    ]
