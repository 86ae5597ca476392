"""Carry out the steps of a plan: what can go at once goes at once, and failures are kept."""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, Literal

from codelab_operator.api_errors import ApiError, FencedError
from codelab_operator.api_group import HANDOVER_MANAGER
from codelab_operator.children import Agent, Child, Manifest, ObjectKey
from codelab_operator.cluster import Cluster
from codelab_operator.findings import Failure
from codelab_operator.ownership import was_anothers
from codelab_operator.plan import Apply, Steps

Reason = Literal["ChildConflict", "ChildRejected", "Forbidden", "Retrying"]
Write = Coroutine[Any, Any, None]


FOREIGN: Final = ApiError(
    HTTPStatus.CONFLICT, "AlreadyExists", "an object of this name belongs to somebody else"
)


@dataclass(frozen=True, slots=True)
class Work:
    """What to carry out for whom."""

    agent: Agent
    born: str
    """`creationTimestamp` of the agent."""
    steps: Steps
    suspects: frozenset[ObjectKey] = frozenset()
    """Names that somebody else had at the last pass: look before writing."""


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


async def carry_out(cluster: Cluster, work: Work, report: Report) -> None:
    """Posts, then applies and merges, then deletes; each group all at once.

    Raises `FencedError` and `LeavingError`; everything else goes into the report.
    """
    steps = work.steps
    await _all(report, [(c.key, _create(cluster, work.agent, c.manifest)) for c in steps.create])
    applies = [(step.child.key, _apply(cluster, work, step)) for step in steps.apply]
    merges = [(child.key, _merge(cluster, child)) for child in steps.patch]
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


async def _apply(cluster: Cluster, work: Work, step: Apply) -> None:
    """Send an intent; before it, give the number of replicas into other hands where asked."""
    manifest = step.child.manifest
    if step.handover is not None:
        handover = {**_bare(manifest), "spec": {"replicas": step.handover}}
        await cluster.apply(handover, force=True, manager=HANDOVER_MANAGER)
    if step.force:
        await _apply_ours(cluster, step)
    else:
        await _apply_missing(cluster, work, step.child)


async def _apply_ours(cluster: Cluster, step: Apply) -> None:
    """Send an intent for what is ours.

    An apply adds an item that somebody gave another key beside what became of it: a Service with
    two ports of one name is refused. A merge puts our lists in the place of theirs.
    """
    try:
        await cluster.apply(step.child.manifest, force=True)
    except ApiError as error:
        if step.reason != "drifted" or not error.is_refusal:
            raise
        await _merge(cluster, step.child)


async def _apply_missing(cluster: Cluster, work: Work, child: Child) -> None:
    """Send an intent for what no stream shows: nothing is there, or it is not ours, or it is.

    An object of ours that lost its label looks missing, too: then we take the fields over. One of
    somebody else may have no field in common with ours: then the apply succeeds, and is undone.
    """
    if child.key in work.suspects and await _is_foreign(cluster, work.agent, child.key):
        raise FOREIGN
    try:
        answer = await cluster.apply(child.manifest, force=False)
    except ApiError as error:
        if not error.is_field_conflict or await _is_foreign(cluster, work.agent, child.key):
            raise
        await cluster.apply(child.manifest, force=True)
        return
    if was_anothers(answer, work.born):
        await cluster.apply(_bare(child.manifest), force=False)
        raise FOREIGN


async def _is_foreign(cluster: Cluster, agent: Agent, key: ObjectKey) -> bool:
    """Whether an object of this name is there and belongs to nobody or to somebody else."""
    try:
        return not is_ours(await cluster.read(key), agent)
    except ApiError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return False
        raise


def _bare(manifest: Manifest) -> dict[str, Any]:
    """An intent that says nothing: applied, it gives back every field that we took."""
    names = {name: manifest["metadata"][name] for name in ("name", "namespace")}
    return {"apiVersion": manifest["apiVersion"], "kind": manifest["kind"], "metadata": names}


async def _merge(cluster: Cluster, child: Child) -> None:
    """Send an intent as a merge patch."""
    await cluster.merge(child.key, child.manifest)


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
