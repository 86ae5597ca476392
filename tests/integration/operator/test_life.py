"""The life of one agent: made, changed by its person and by others, removed."""

from collections import Counter
from functools import partial

import pytest

from harness.operators import Bench, comparable

pytestmark = pytest.mark.timeout(300)  # of a machine that is busy

MONITORS = 3
CHILDREN = 15 + MONITORS
STATUSES = 2


async def ready(stage: Bench) -> None:
    """An operator runs, agent `a` is Ready, and nothing is being written."""
    stage.start()
    stage.agent()
    await stage.until(stage.is_ready)
    await stage.rest()
    stage.cluster.log.clear()


async def test_an_empty_specification_becomes_ready_with_one_write_per_child_and_two_statuses(
    stage: Bench,
) -> None:
    stage.start()
    await stage.leads()

    stage.agent()
    await stage.until(stage.is_ready)
    written = await stage.rest()

    assert all(request.status in {200, 201} for request in written)
    assert len(written) <= CHILDREN + STATUSES
    assert len(stage.children()) == CHILDREN
    assert stage.condition("Reconciling") == {}


async def test_at_rest_nothing_is_asked_of_the_api_server(stage: Bench) -> None:
    await ready(stage)

    await stage.rest()

    assert [r for r in stage.cluster.log if r.kind not in {"Lease", "Event"}] == []


async def test_a_fresh_operator_writes_nothing_to_agents_that_are_as_they_should_be(
    stage: Bench,
) -> None:
    await ready(stage)
    assert await stage.stop(stage.running[0]) == 0

    stage.start("second")
    await stage.leads("second")
    written = await stage.rest()

    assert written == []


async def test_each_child_that_is_deleted_comes_back(stage: Bench) -> None:
    await ready(stage)
    before = stage.children()
    watched = [key for key in before if key[0] != "Secret"]

    for kind, name in watched:
        stage.delete(kind, name)
        await stage.until(partial(stage.find, kind, name))
    await stage.until(stage.is_ready)

    assert stage.children() == before


@pytest.mark.parametrize(
    ("kind", "name", "change"),
    [
        pytest.param(
            "Deployment",
            "a-gateway",
            {"metadata": {"labels": {"app.kubernetes.io/managed-by": "me"}}},
            id="managed-by",
        ),
        pytest.param(
            "Service", "a-gateway", {"spec": {"sessionAffinity": "ClientIP"}}, id="affinity"
        ),
        pytest.param(
            "Service",
            "a-llmproxy",
            {"spec": {"selector": {"app.kubernetes.io/component": "x"}}},
            id="selector",
        ),
        pytest.param(
            "NetworkPolicy", "a-redis", {"spec": {"policyTypes": ["Egress"]}}, id="policy"
        ),
    ],
)
async def test_what_somebody_changed_in_a_child_is_put_right_by_one_write(
    stage: Bench, kind: str, name: str, change: dict[str, object]
) -> None:
    await ready(stage)
    before = stage.children()[kind, name]

    stage.edit(kind, name, change)
    await stage.until(lambda: stage.children()[kind, name] == before)
    written = await stage.rest()

    assert [(r.verb, r.kind) for r in written if r.status == 200] == [("apply", kind)]


async def test_a_port_under_another_number_is_put_back_though_an_apply_is_refused(
    stage: Bench,
) -> None:
    await ready(stage)
    before = stage.children()["Service", "a-gateway"]
    port = {"name": "http", "port": 9999, "protocol": "TCP", "targetPort": "http"}

    stage.edit("Service", "a-gateway", {"spec": {"ports": [port]}})
    await stage.until(lambda: stage.children()["Service", "a-gateway"] == before)
    written = await stage.rest()

    assert [(r.verb, r.status) for r in written if r.kind == "Service"] == [
        ("apply", 422),
        ("patch", 200),
    ]
    assert stage.condition("Stalled") == {}


async def test_foreign_labels_a_restart_and_a_scale_by_hand_are_left_alone(stage: Bench) -> None:
    await ready(stage)
    annotation = {"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"}

    stage.edit("Deployment", "a-runtime", {"metadata": {"labels": {"team": "blue"}}})
    stage.edit(
        "Deployment",
        "a-runtime",
        {"spec": {"replicas": 3, "template": {"metadata": {"annotations": annotation}}}},
    )
    await stage.until(lambda: stage.find("Deployment", "a-runtime")["status"]["replicas"] == 3)
    written = await stage.rest()

    runtime = stage.find("Deployment", "a-runtime")
    assert {r.kind for r in written} <= {"CodelabAgent"}
    assert runtime["spec"]["replicas"] == 3
    assert runtime["metadata"]["labels"]["team"] == "blue"
    assert annotation.items() <= runtime["spec"]["template"]["metadata"]["annotations"].items()


async def test_an_edit_writes_what_changed_and_rolls_nothing_else(stage: Bench) -> None:
    await ready(stage)
    provider = {
        "name": "local",
        "kind": "ollama",
        "baseUrl": "http://o:1",
        "allowPrivate": True,
        "models": [{"id": "m"}],
    }
    change = {"spec": {"llmproxy": {"providers": [provider]}}}

    stage.edit("CodelabAgent", "a", change)
    await stage.until(stage.is_ready)
    written = await stage.rest()

    rolled = {name for (_, name), seen in stage.cluster.controllers.templates.items() if seen[1:]}
    assert rolled == {"a-llmproxy"}
    assert Counter(r.kind for r in written) <= Counter(
        {"ConfigMap": 1, "Deployment": 1, "NetworkPolicy": 1, "CodelabAgent": 2}
    )


async def test_an_agent_takes_everything_with_it(stage: Bench) -> None:
    await ready(stage)

    stage.delete("CodelabAgent", "a")
    await stage.until(lambda: not stage.children())
    written = await stage.rest()

    assert written == []
    assert stage.children() == {}


async def test_a_foreign_object_of_our_name_is_a_conflict_and_stays_as_it_is(stage: Bench) -> None:
    theirs = stage.foreign("Service", "a-gateway", {"ports": [{"port": 1, "protocol": "TCP"}]})
    stage.start()

    stage.agent()
    stage.agent("b")
    await stage.until(lambda: stage.condition("Stalled").get("reason") == "ChildConflict")
    await stage.until(lambda: stage.is_ready("b"))

    still = stage.find("Service", "a-gateway")
    assert comparable(still) == comparable(theirs.manifest)
    assert "ownerReferences" not in still["metadata"]
    assert not stage.is_ready("a")


async def test_a_foreign_object_that_is_as_young_as_the_agent_is_no_child_either(
    stage: Bench,
) -> None:
    stage.start()
    stage.post("Service", "a-gateway", {"ports": [{"port": 1, "protocol": "TCP", "name": "x"}]})

    stage.agent()
    await stage.until(lambda: stage.condition("Stalled").get("reason") == "ChildConflict")

    still = stage.find("Service", "a-gateway")
    assert [port["port"] for port in still["spec"]["ports"]] == [1]
    assert "ownerReferences" not in still["metadata"]


async def test_a_specification_that_is_not_valid_is_said_and_touches_no_child(stage: Bench) -> None:
    await ready(stage)

    stage.edit("CodelabAgent", "a", {"spec": {"gateway": {"replicas": "many"}}})
    await stage.until(lambda: stage.condition("Stalled").get("reason") == "InvalidSpec")
    written = await stage.rest()

    assert {r.kind for r in written} == {"CodelabAgent"}


async def test_a_configuration_that_the_llm_proxy_would_refuse_is_said_and_touches_no_child(
    stage: Bench,
) -> None:
    await ready(stage)

    circle = {"aliases": {"a": "b", "b": "a"}}
    stage.edit("CodelabAgent", "a", {"spec": {"llmproxy": circle}})
    await stage.until(lambda: stage.condition("Stalled").get("reason") == "InvalidSpec")
    written = await stage.rest()

    assert {r.kind for r in written} == {"CodelabAgent"}
    assert "spec.llmproxy: aliases" in stage.condition("Stalled")["message"]


async def test_a_paused_agent_is_left_alone(stage: Bench) -> None:
    await ready(stage)
    stage.edit("CodelabAgent", "a", {"spec": {"paused": True}})
    await stage.rest()

    stage.delete("Service", "a-gateway")
    written = await stage.rest()

    assert stage.find("Service", "a-gateway") is None
    assert {r.kind for r in written} == {"CodelabAgent"}
