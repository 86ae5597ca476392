"""Writes of one pass: in which order, for whom, and what comes of refusals."""

from dataclasses import replace
from typing import Any

import pytest

from codelab_operator.api_errors import ApiError, FencedError
from codelab_operator.api_group import HANDOVER_MANAGER
from codelab_operator.carrying import LeavingError, Report, Work, carry_out, is_ours, reason_of
from codelab_operator.children import Agent, Child, ObjectKey
from codelab_operator.observations import sighting
from codelab_operator.plan import Apply, Steps
from fakes import children
from fakes.cluster.faults import Fault
from fakes.cluster.server import FakeCluster
from harness.driven import Driven

BORN = "2000-01-01T00:00:00Z"
AGENT = children.agent()
WANTED = children.wanted(AGENT)
SERVICE = WANTED["Service/gateway"]
ACCOUNT = WANTED["ServiceAccount"]
DEPLOYMENT = WANTED["Deployment/gateway"]


def missing(child: Child) -> Steps:
    """A child that no stream shows."""
    return Steps(apply=(Apply(child, "missing", force=False),))


async def carried(
    driven: Driven,
    steps: Steps,
    *,
    born: str = BORN,
    suspects: frozenset[ObjectKey] = frozenset(),
    agent: Agent = AGENT,
) -> Report:
    """The report of one run."""
    report = Report()
    await carry_out(driven.live, Work(agent, born, steps, suspects), report)
    return report


def verbs(cluster: FakeCluster) -> list[tuple[str, str, int]]:
    """What was asked and how it was answered."""
    return [(r.verb, r.kind, r.status) for r in cluster.log]


def theirs(child: Child, **spec: Any) -> dict[str, Any]:
    """An object of the child's name that has no owner."""
    names = {name: child.manifest["metadata"][name] for name in ("name", "namespace")}
    kind = {name: child.manifest[name] for name in ("apiVersion", "kind")}
    return kind | {"metadata": names} | ({"spec": spec} if spec else {})


async def test_posts_come_before_applies_and_deletes_come_last(
    driven: Driven, cluster: FakeCluster
) -> None:
    doomed = WANTED["Service/runtime"]
    await driven.live.apply(doomed.manifest, force=False)
    cluster.log.clear()

    report = await carried(
        driven, replace(missing(SERVICE), create=(ACCOUNT,), prune=(doomed.key,))
    )

    assert verbs(cluster) == [
        ("create", "ServiceAccount", 201),
        ("apply", "Service", 201),
        ("delete", "Service", 200),
    ]
    assert report.failures == []


async def test_a_created_child_that_changed_is_merged(driven: Driven, cluster: FakeCluster) -> None:
    await driven.live.create(ACCOUNT.manifest)

    await carried(driven, Steps(patch=(ACCOUNT,)))

    assert verbs(cluster)[1:] == [("patch", "ServiceAccount", 200)]


async def test_the_number_of_pods_is_handed_over_before_we_stop_to_say_it(
    driven: Driven, cluster: FakeCluster
) -> None:
    await driven.live.apply(DEPLOYMENT.manifest, force=False)
    cluster.log.clear()

    await carried(driven, Steps(apply=(Apply(DEPLOYMENT, "changed", force=True, handover=3),)))

    assert [r.manager for r in cluster.log] == [HANDOVER_MANAGER, "codelab-operator"]
    key = ("team", "demo-gateway")
    assert cluster.objects("Deployment")[key]["spec"]["replicas"] == 3


async def test_a_field_of_somebody_else_is_a_conflict_and_stays(
    driven: Driven, cluster: FakeCluster
) -> None:
    await driven.live.apply(
        theirs(SERVICE, sessionAffinity="ClientIP"), force=False, manager="them"
    )

    report = await carried(driven, missing(SERVICE))

    assert [(f.key, f.reason) for f in report.failures] == [(SERVICE.key, "ChildConflict")]
    live = cluster.objects("Service")["team", "demo-gateway"]
    assert live["spec"]["sessionAffinity"] == "ClientIP"


async def test_an_own_object_that_lost_its_label_is_taken_over_again(
    driven: Driven, cluster: FakeCluster
) -> None:
    answer = await driven.live.apply(SERVICE.manifest, force=False)
    stranger = {"metadata": {"labels": {"app.kubernetes.io/managed-by": "me"}}}
    await driven.live.merge(SERVICE.key, stranger)
    await driven.live.apply(
        {**theirs(SERVICE), "metadata": theirs(SERVICE)["metadata"] | stranger["metadata"]},
        force=True,
        manager="them",
    )

    report = await carried(driven, missing(SERVICE))

    live = cluster.objects("Service")["team", "demo-gateway"]
    assert report.failures == []
    assert live["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "codelab-operator"
    assert live["metadata"]["uid"] == answer["metadata"]["uid"]


async def test_an_apply_that_met_an_older_object_is_undone(
    driven: Driven, cluster: FakeCluster
) -> None:
    """It had no field in common with ours, so nothing conflicted."""
    await driven.live.apply(theirs(SERVICE), force=False, manager="them")
    before = cluster.objects("Service")["team", "demo-gateway"]

    report = await carried(driven, missing(SERVICE), born="2999-01-01T00:00:00Z")

    after = cluster.objects("Service")["team", "demo-gateway"]
    assert [f.reason for f in report.failures] == ["ChildConflict"]
    assert after["metadata"].get("labels") == before["metadata"].get("labels")
    assert after["metadata"].get("ownerReferences") is None


async def test_a_suspect_is_looked_at_before_it_is_written(
    driven: Driven, cluster: FakeCluster
) -> None:
    suspects = frozenset({SERVICE.key})
    await driven.live.apply(theirs(SERVICE), force=False, manager="them")
    cluster.log.clear()

    conflict = await carried(driven, missing(SERVICE), suspects=suspects)
    cluster.store.drop(
        cluster.store.of("Service"), cluster.store.of("Service").objects["team", "demo-gateway"]
    )
    free = await carried(driven, missing(SERVICE), suspects=suspects)

    assert [f.reason for f in conflict.failures] == ["ChildConflict"]
    assert free.failures == []
    assert verbs(cluster) == [
        ("get", "Service", 200),
        ("get", "Service", 404),
        ("apply", "Service", 201),
    ]


async def test_a_suspect_that_cannot_be_looked_at_is_not_written(
    driven: Driven, cluster: FakeCluster
) -> None:
    cluster.faults.add(Fault("get", status=500))

    report = await carried(driven, missing(SERVICE), suspects=frozenset({SERVICE.key}))

    assert [f.reason for f in report.failures] == ["Retrying"]
    assert verbs(cluster) == [("get", "Service", 500)]


async def test_a_post_of_what_is_there_is_fine_if_it_is_ours(
    driven: Driven, cluster: FakeCluster
) -> None:
    await driven.live.create(ACCOUNT.manifest)

    ours = await carried(driven, Steps(create=(ACCOUNT,)))
    foreign = await carried(driven, Steps(create=(ACCOUNT,)), agent=replace(AGENT, uid="other"))

    assert ours.failures == []
    assert [(f.key, f.reason) for f in foreign.failures] == [(ACCOUNT.key, "ChildConflict")]


async def test_one_refusal_does_not_keep_others_from_being_written(
    driven: Driven, cluster: FakeCluster
) -> None:
    cluster.faults.add(Fault("apply", "Service", status=422))
    steps = Steps(
        apply=(Apply(SERVICE, "missing", force=False), Apply(DEPLOYMENT, "missing", force=False))
    )

    report = await carried(driven, steps)

    assert [(f.key, f.reason, f.message) for f in report.failures] == [
        (SERVICE.key, "ChildRejected", "on purpose")
    ]
    assert len(cluster.objects("Deployment")) == 1


async def test_the_longest_wait_that_was_asked_for_counts_and_a_missing_kind_is_noted(
    driven: Driven, cluster: FakeCluster
) -> None:
    cluster.faults.add(Fault("apply", "Service", status=429, retry_after_s=7))
    cluster.faults.add(Fault("apply", "Deployment", status=404))
    steps = Steps(
        apply=(Apply(SERVICE, "missing", force=False), Apply(DEPLOYMENT, "missing", force=False))
    )

    report = await carried(driven, steps)

    assert report.retry_after_s == 7.0
    assert report.is_kind_missing


async def test_nothing_more_is_written_into_a_namespace_that_is_going(
    driven: Driven, cluster: FakeCluster
) -> None:
    async def going() -> None:
        raise ApiError(403, "Forbidden", "", causes=("NamespaceTerminating",))

    cluster.faults.add(Fault("create", before=going))

    with pytest.raises(LeavingError):
        await carried(driven, replace(missing(SERVICE), create=(ACCOUNT,)))

    assert cluster.objects("Service") == {}


async def test_who_does_not_lead_stops_at_the_first_write(
    driven: Driven, cluster: FakeCluster
) -> None:
    driven.leads = False

    with pytest.raises(FencedError):
        await carried(driven, missing(SERVICE))

    assert cluster.log == []


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        pytest.param(
            ApiError(409, "Conflict", "", causes=("FieldManagerConflict",)),
            "ChildConflict",
            id="field",
        ),
        pytest.param(ApiError(409, "AlreadyExists", ""), "ChildConflict", id="exists"),
        pytest.param(ApiError(409, "Conflict", ""), "Retrying", id="version"),
        pytest.param(ApiError(403, "Forbidden", ""), "Forbidden", id="rights"),
        pytest.param(ApiError(400, "BadRequest", ""), "ChildRejected", id="rejected"),
        pytest.param(ApiError(503, "", ""), "Retrying", id="unavailable"),
        pytest.param(ApiError(0, "Timeout", ""), "Retrying", id="no-answer"),
    ],
)
def test_each_refusal_has_its_reason(error: ApiError, reason: str) -> None:
    assert reason_of(error) == reason


async def test_an_object_is_ours_by_the_uid_of_its_owner(driven: Driven) -> None:
    answer = await driven.live.apply(SERVICE.manifest, force=False)
    driven.live.saw(sighting(answer))

    assert is_ours(answer, AGENT)
    assert not is_ours(answer, replace(AGENT, uid="other"))
    assert not is_ours(theirs(SERVICE), AGENT)
