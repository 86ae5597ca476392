"""The three conditions that tools read: `Ready`, `Reconciling` and `Stalled`. Pure.

They follow the conventions of kstatus: `Reconciling` and `Stalled` are there only while true, never
both, and `Ready` is true only for the generation that the status speaks of.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from codelab_operator.children import Agent
from codelab_operator.component_status import CONDITIONS
from codelab_operator.findings import Findings
from codelab_operator.surroundings_status import MONITOR
from codelab_operator.verdicts import Verdict
from codelab_operator.workloads import Workload, hash_of

BLOCKING: Final = ("ChildConflict", "ChildRejected", "Forbidden")
"""Failures that need a person, the most telling first."""
ROLLING: Final = frozenset({"RollingOut", "NotCreated"})
WAITING: Final = {
    "gateway": "WaitingForGateway",
    "runtime": "WaitingForRuntime",
    "llmproxy": "WaitingForLLMProxy",
    "redis": "WaitingForRedis",
}


@dataclass(frozen=True, slots=True)
class View:
    """What the three conditions rest on."""

    agent: Agent
    findings: Findings
    states: Mapping[str, Workload]
    parts: Sequence[Verdict]
    """Verdicts on the components, those on Redis among them."""
    previous: Mapping[str, Any]
    now: str


def readiness(view: View) -> list[Verdict]:
    """`Ready`, and at most one of `Stalled` and `Reconciling`."""
    blocked = _blocked(view.findings)
    ready = blocked or _ready(view)
    if stuck := blocked or _overdue(view):
        return [ready, Verdict("Stalled", "True", stuck.reason, stuck.message)]
    work = _work(view, ready)
    return [ready, work] if work else [ready]


def overdue_in_s(agent: Agent, status: Mapping[str, Any], now: str) -> float | None:
    """Seconds until our Redis will have been away for too long; None where that is not ahead.

    Nothing happens in the cluster then: somebody has to look.
    """
    since = _false_since(CONDITIONS["redis"], status)
    if agent.spec.redis.managed is None or since is None:
        return None
    left_s = agent.spec.rollout.progress_deadline_seconds - (_seconds(now) - _seconds(since))
    return left_s + 1 if left_s >= 0 else None


def _blocked(findings: Findings) -> Verdict | None:
    """What only a person can settle; monitors do not count, agents work without them."""
    failures = [one for one in findings.failures if one.key.kind != MONITOR]
    words = [(one.reason, f"{one.key.kind} {one.key.name}: {one.message}") for one in failures]
    words += [
        ("ChildConflict", f"{key.kind} {key.name} belongs to somebody else.")
        for key in findings.wave.steps.conflicts
    ]
    for reason in BLOCKING:
        texts = [text for known, text in words if known == reason]
        if texts:
            return Verdict("Ready", "False", reason, "; ".join(texts))
    if findings.fights:
        names = ", ".join(sorted(f"{key.kind} {key.name}" for key in findings.fights))
        return Verdict("Ready", "False", "DriftFight", f"Left alone for ten minutes: {names}.")
    return None


def _ready(view: View) -> Verdict:
    """`Ready` where nobody stands in the way."""
    failing = [part for part in view.parts if not part.holds]
    if reason := _unready(view, failing):
        words = " ".join(f"{part.type}: {part.reason}." for part in failing)
        return Verdict("Ready", "False", reason, "" if reason == "Paused" else words)
    return Verdict("Ready", "True", "Available")


def _unready(view: View, failing: Sequence[Verdict]) -> str:
    """Why the agent is not ready; empty when it is."""
    is_behind = _is_behind(view.findings)
    if is_behind and view.agent.spec.paused:
        return "Paused"
    if is_behind or any(state.progress in ROLLING for state in view.states.values()):
        return "RollingOut"
    if any(part.type == CONDITIONS["redis"] for part in failing):
        return "RedisUnavailable"
    return "ComponentNotReady" if failing else ""


def _is_behind(findings: Findings) -> bool:
    """A child is missing, going, or still of another intent; Secrets are never seen."""
    for child in findings.desired:
        if child.key.kind in {"Secret", MONITOR}:
            continue
        live = findings.observed.get(child.key)
        if live is None or live["metadata"].get("deletionTimestamp"):
            return True
        if hash_of(live) != child.hash:
            return True
    return False


def _overdue(view: View) -> Verdict | None:
    """A roll that makes no progress; StatefulSets have no deadline, so we count for Redis."""
    for name, state in view.states.items():
        if state.progress == "ProgressDeadlineExceeded":
            words = f"{name}: {state.message}"
            return Verdict("Ready", "False", "ProgressDeadlineExceeded", words)
    redis = view.states.get("redis")
    if redis is None or redis.progress == "Available":
        return None
    since = _false_since(CONDITIONS["redis"], view.previous)
    deadline = view.agent.spec.rollout.progress_deadline_seconds
    if since is None or _seconds(view.now) - _seconds(since) <= deadline:
        return None
    return Verdict("Ready", "False", "ProgressDeadlineExceeded", f"redis: not ready since {since}")


def _work(view: View, ready: Verdict) -> Verdict | None:
    """What the operator or a controller is busy with."""
    reason = _busy_with(view, ready)
    return Verdict("Reconciling", "True", reason) if reason else None


def _busy_with(view: View, ready: Verdict) -> str:
    """The reason of `Reconciling`; empty when nothing is under way."""
    if any(one.reason == "Retrying" for one in view.findings.failures):
        return "Retrying"
    if ready.reason == "Paused":
        return ""
    if not ready.holds and not view.previous.get("version"):
        return "Creating"
    return _changing(view, ready) or _rotating(view)


def _changing(view: View, ready: Verdict) -> str:
    """A roll, and what it waits for."""
    wave = view.findings.wave
    if wave.held:
        return WAITING[wave.waiting_for]
    return ready.reason if ready.reason == "RollingOut" else ""


def _rotating(view: View) -> str:
    """A token that is being replaced; one that is not ours is its owner's affair."""
    rotation = view.findings.rotation
    last = view.previous.get("internalAuth") or {}
    phase = rotation.phase if rotation else last.get("phase", "Stable")
    is_own = view.agent.spec.internal_auth.secret_name is None
    return "RotatingToken" if is_own and phase != "Stable" else ""


def _false_since(kind: str, previous: Mapping[str, Any]) -> str | None:
    """When a condition became false, if it is."""
    for one in previous.get("conditions") or ():
        if one["type"] == kind and one["status"] == "False":
            return str(one["lastTransitionTime"])
    return None


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
