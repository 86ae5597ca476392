"""Our own Secrets: made once, mended, and their token replaced step by step."""

import base64
from dataclasses import replace

import pytest

from codelab_operator.carrying import Report
from codelab_operator.children import ObjectKey
from codelab_operator.keeping import Keeper
from codelab_operator.rotation import PAUSE_S
from fakes import children
from fakes.clock import HandClock
from fakes.cluster.faults import Fault
from fakes.cluster.server import FakeCluster
from harness.driven import Driven

AGENT = children.agent()
SECRETS = [child for child in children.wanted(AGENT).values() if child.key.kind == "Secret"]
INTERNAL = ObjectKey("v1", "Secret", "team", "demo-internal")


@pytest.fixture
def keeper(driven: Driven, clock: HandClock) -> Keeper:
    """Its tokens are fresh-0, fresh-1, …"""
    numbers = iter(range(1000))
    return Keeper(driven.live, lambda: f"fresh-{next(numbers)}", lambda: int(clock.now))


async def ensured(keeper: Keeper, *, is_new: bool) -> Report:
    """Make sure of both Secrets."""
    report = Report()
    await keeper.ensure(AGENT, SECRETS, report, is_new=is_new)
    return report


def verbs(cluster: FakeCluster) -> list[tuple[str, str, int]]:
    """What was asked and how it was answered; the log is empty after it."""
    asked = [(r.verb, r.name, r.status) for r in cluster.log]
    cluster.log.clear()
    return asked


def value(cluster: FakeCluster, name: str, key: str) -> str:
    """A value of a Secret."""
    return base64.b64decode(cluster.objects("Secret")["team", name]["data"][key]).decode()


async def test_secrets_of_a_new_agent_are_posted_without_a_look(
    keeper: Keeper, cluster: FakeCluster
) -> None:
    report = await ensured(keeper, is_new=True)

    assert report.failures == []
    assert verbs(cluster) == [("create", "demo-internal", 201), ("create", "demo-client", 201)]


async def test_secrets_that_are_there_are_looked_at_and_left_as_they_are(
    keeper: Keeper, cluster: FakeCluster
) -> None:
    await ensured(keeper, is_new=True)
    before = cluster.objects("Secret")
    verbs(cluster)

    looked = await ensured(keeper, is_new=False)
    posted = await ensured(keeper, is_new=True)

    assert (looked.failures, posted.failures) == ([], [])
    assert cluster.objects("Secret") == before
    assert {verb for verb, _, _ in verbs(cluster)} == {"get", "create"}


async def test_a_lost_secret_is_made_again_and_a_lost_key_filled(
    keeper: Keeper, cluster: FakeCluster
) -> None:
    await ensured(keeper, is_new=True)
    token = value(cluster, "demo-client", "token")
    secrets = cluster.store.of("Secret")
    cluster.store.drop(secrets, secrets.objects["team", "demo-internal"])
    await keeper.cluster.merge(
        ObjectKey("v1", "Secret", "team", "demo-client"), {"data": {"tokens": None}}
    )

    await ensured(keeper, is_new=False)

    assert ("team", "demo-internal") in cluster.objects("Secret")
    assert value(cluster, "demo-client", "token") == token
    assert value(cluster, "demo-client", "tokens")


@pytest.mark.parametrize("is_new", [True, False])
async def test_a_secret_of_somebody_else_is_a_conflict_and_stays(
    keeper: Keeper, cluster: FakeCluster, *, is_new: bool
) -> None:
    metadata = {"name": "demo-internal", "namespace": "team"}
    theirs = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {}}
    await keeper.cluster.create(theirs)

    report = await ensured(keeper, is_new=is_new)

    assert [(f.key, f.reason) for f in report.failures] == [(INTERNAL, "ChildConflict")]
    assert cluster.objects("Secret")["team", "demo-internal"]["data"] == {}
    assert ("team", "demo-client") in cluster.objects("Secret")


@pytest.mark.parametrize("verb", ["get", "create"])
async def test_trouble_with_one_secret_is_reported_and_the_other_is_made(
    keeper: Keeper, cluster: FakeCluster, verb: str
) -> None:
    cluster.faults.add(Fault(verb, "Secret", status=500))

    report = await ensured(keeper, is_new=False)

    assert [(f.key, f.reason) for f in report.failures] == [(INTERNAL, "Retrying")]
    assert list(cluster.objects("Secret")) == [("team", "demo-client")]


async def test_the_token_is_added_promoted_and_alone(
    keeper: Keeper, cluster: FakeCluster, clock: HandClock
) -> None:
    await ensured(keeper, is_new=True)
    first = value(cluster, "demo-internal", "tokens").split()
    wish = children.agent(internalAuth={"rotation": "next"})
    seen, phases = [], []

    for _ in range(4):
        step = await keeper.rotated(wish, Report())
        assert step is not None
        phases.append(step.state.phase)
        seen.append(value(cluster, "demo-internal", "tokens").split())
        clock.advance(PAUSE_S)

    (fresh,) = seen[2]
    assert phases == ["Adding", "Promoted", "Stable", "Stable"]
    assert seen == [[*first, fresh], [fresh, *first], [fresh], [fresh]]


async def test_a_step_is_for_the_version_that_was_read(
    keeper: Keeper, cluster: FakeCluster
) -> None:
    await ensured(keeper, is_new=True)
    before = value(cluster, "demo-internal", "tokens")

    async def meanwhile() -> None:
        secrets = cluster.store.of("Secret")
        cluster.store.commit(secrets, secrets.objects["team", "demo-internal"])

    cluster.faults.add(Fault("patch", "Secret", before=meanwhile))
    report = Report()
    step = await keeper.rotated(children.agent(internalAuth={"rotation": "next"}), report)

    assert step is None
    assert [f.reason for f in report.failures] == ["Retrying"]
    assert value(cluster, "demo-internal", "tokens") == before


async def test_the_token_of_somebody_else_is_not_replaced(
    keeper: Keeper, cluster: FakeCluster
) -> None:
    await ensured(keeper, is_new=True)
    before = value(cluster, "demo-internal", "tokens")
    report = Report()

    step = await keeper.rotated(
        replace(children.agent(internalAuth={"rotation": "next"}), uid="other"), report
    )

    assert step is None
    assert [f.reason for f in report.failures] == ["ChildConflict"]
    assert value(cluster, "demo-internal", "tokens") == before
