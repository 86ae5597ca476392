"""The client: paths, deadlines, repeats and errors, over a real connection."""

import pytest

from codelab_operator.api_errors import ApiError
from codelab_operator.children import ObjectKey
from codelab_operator.kinds import AGENT, HTTP_ROUTE, Kind
from codelab_operator.kube import Kube
from codelab_operator.metrics import Metrics
from fakes.cluster.faults import Fault
from fakes.cluster.server import FakeCluster

KEY = ObjectKey("v1", "ConfigMap", "ns", "c")


def config(**data: str) -> dict[str, object]:
    """A ConfigMap."""
    metadata = {"name": "c", "namespace": "ns"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


async def test_an_apply_creates_and_then_changes_only_what_it_says(
    kube: Kube, cluster: FakeCluster
) -> None:
    await kube.apply(config(a="1", b="2"), force=False)

    changed = await kube.apply(config(a="3"), force=False)

    assert changed["data"] == {"a": "3"}
    assert [(r.verb, r.status, r.manager) for r in cluster.log] == [
        ("apply", 201, "codelab-operator"),
        ("apply", 200, "codelab-operator"),
    ]


async def test_fields_of_somebody_else_conflict_unless_forced(kube: Kube) -> None:
    await kube.apply(config(a="1"), force=False, manager="somebody")

    with pytest.raises(ApiError) as raised:
        await kube.apply(config(a="2"), force=False)
    forced = await kube.apply(config(a="2"), force=True)

    assert raised.value.is_field_conflict
    assert forced["data"] == {"a": "2"}


async def test_a_second_post_says_that_the_object_is_there(kube: Kube) -> None:
    await kube.create(config())

    with pytest.raises(ApiError) as raised:
        await kube.create(config())

    assert raised.value.is_there_already


async def test_a_broken_connection_is_tried_once_more(kube: Kube, cluster: FakeCluster) -> None:
    cluster.faults.add(Fault("apply", reset="after"))

    made = await kube.apply(config(a="1"), force=False)

    assert made["data"] == {"a": "1"}
    assert [r.status for r in cluster.log] == [0, 200]


async def test_a_server_that_cannot_be_reached_is_an_error_without_status(
    kube: Kube, cluster: FakeCluster
) -> None:
    cluster.faults.add(Fault("apply", times=-1, reset="before"))

    with pytest.raises(ApiError) as raised:
        await kube.apply(config(), force=False)

    assert (raised.value.status, raised.value.reason) == (0, "Unreachable")
    assert len(cluster.log) == 2


async def test_refusals_are_not_repeated_here_and_are_counted(
    kube: Kube, cluster: FakeCluster, metrics: Metrics
) -> None:
    cluster.faults.add(Fault("apply", times=-1, status=429, retry_after_s=9))

    with pytest.raises(ApiError) as raised:
        await kube.apply(config(), force=False)

    assert (raised.value.status, raised.value.retry_after_s) == (429, 9.0)
    labels = {"verb": "apply", "kind": "ConfigMap", "code": "429"}
    name = "codelab_operator_api_requests_total"
    assert metrics.registry.get_sample_value(name, labels) == 1.0


async def test_a_merge_changes_some_fields_and_a_put_guards_the_version(kube: Kube) -> None:
    made = await kube.create(config(a="1"))

    merged = await kube.merge(KEY, {"data": {"b": "2"}})
    with pytest.raises(ApiError) as raised:
        await kube.replace(made)

    assert merged["data"] == {"a": "1", "b": "2"}
    assert raised.value.status == 409


async def test_a_delete_spares_a_successor_of_the_same_name(kube: Kube) -> None:
    made = await kube.create(config())

    with pytest.raises(ApiError) as raised:
        await kube.delete(KEY, "another-uid")
    await kube.delete(KEY, made["metadata"]["uid"])
    with pytest.raises(ApiError) as missing:
        await kube.get(KEY)

    assert (raised.value.status, missing.value.status) == (409, 404)


async def test_only_kinds_of_the_cluster_are_served(kube: Kube) -> None:
    unknown = Kind("nobody.example/v1", "Thing", "things")

    assert await kube.is_served(AGENT)
    assert await kube.is_served(HTTP_ROUTE)
    assert not await kube.is_served(unknown)
