"""Carry out the steps of a plan: what can go at once goes at once, and failures are kept."""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal

from codelab_operator.api_errors import ApiError, FencedError
from codelab_operator.api_group import HANDOVER_MANAGER
from codelab_operator.children import Agent, Manifest, ObjectKey
from codelab_operator.cluster import Cluster
from codelab_operator.findings import Failure
from codelab_operator.plan import Apply, Steps

Reason = Literal["ChildConflict", "ChildRejected", "Forbidden", "Retrying"]
Write = Coroutine[Any, Any, None]


class LeavingError(Exception):
    """The namespace is being deleted: there is nothing to do for this agent any more."""


@dataclass(slots=True)
class Report:
    """What failed; `retry_after_s`: what the server asked to wait at least."""

    failures: list[Failure] = field(default_factory=list)
    retry_after_s: float = 0.0
    is_kind_missing: bool = False
    """A kind is not served any more: look again which ones are."""
    end: LeavingError | FencedError | None = None
    """Why the pass goes no further."""

    def add(self, key: ObjectKey, error: ApiError) -> None:
        """Note a failure."""
        self.retry_after_s = max(self.retry_after_s, error.retry_after_s or 0.0)
        self.is_kind_missing |= error.status == HTTPStatus.NOT_FOUND
        self.failures.append(Failure(key, reason_of(error), error.message or str(error)))


def reason_of(error: ApiError) -> Reason:
    """The reason that a status gives for a failed write."""
    if error.is_field_conflict or error.is_there_already:
        return "ChildConflict"
    if error.status == HTTPStatus.FORBIDDEN:
        return "Forbidden"
    return "ChildRejected" if error.is_refusal else "Retrying"


def is_ours(live: Manifest, agent: Agent) -> bool:
    """Whether an object belongs to this very agent."""
    owners = live["metadata"].get("ownerReferences") or ()
    return any(owner.get("uid") == agent.uid for owner in owners)


async def carry_out(cluster: Cluster, agent: Agent, steps: Steps, report: Report) -> None:
    """Posts, then applies and merges, then deletes; each group all at once.

    Raises `FencedError` and `LeavingError`; everything else goes into the report.
    """
    await _all(report, [(c.key, _create(cluster, agent, c.manifest)) for c in steps.create])
    applies = [(step.child.key, _apply(cluster, step)) for step in steps.apply]
    merges = [(child.key, cluster.merge(child.key, child.manifest)) for child in steps.patch]
    await _all(report, [*applies, *merges])
    await _all(report, [(key, cluster.delete(key)) for key in steps.prune])


async def _all(report: Report, writes: Sequence[tuple[ObjectKey, Write]]) -> None:
    """Do writes side by side; what ends the pass ends it when all are done."""
    async with asyncio.TaskGroup() as group:
        for key, write in writes:
            group.create_task(_kept(report, key, write))
    if report.end is not None:
        raise report.end


async def _kept(report: Report, key: ObjectKey, write: Write) -> None:
    """One write; a refusal goes into the report."""
    try:
        await write
    except ApiError as error:
        if error.is_namespace_going:
            report.end = LeavingError()
        else:
            report.add(key, error)
    except FencedError as error:
        report.end = error


async def _apply(cluster: Cluster, step: Apply) -> None:
    """Send an intent; before it, give the number of replicas into other hands where asked."""
    manifest = step.child.manifest
    if step.handover is not None:
        metadata = manifest["metadata"]
        names = {"name": metadata["name"], "namespace": metadata["namespace"]}
        kind = {"apiVersion": manifest["apiVersion"], "kind": manifest["kind"]}
        count = {"spec": {"replicas": step.handover}}
        handover = {**kind, "metadata": names, **count}
        await cluster.apply(handover, force=True, manager=HANDOVER_MANAGER)
    await cluster.apply(manifest, force=step.force)


async def _create(cluster: Cluster, agent: Agent, manifest: Manifest) -> None:
    """Post an object; one that is there already is fine if it is ours."""
    try:
        await cluster.create(manifest)
    except ApiError as error:
        if not error.is_there_already:
            raise
        metadata = manifest["metadata"]
        key = (manifest["apiVersion"], manifest["kind"], metadata["namespace"], metadata["name"])
        if not is_ours(await cluster.read(ObjectKey(*key)), agent):
            raise
