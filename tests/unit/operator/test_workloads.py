from typing import Any

import pytest

from codelab_operator.workloads import Workload, gist, hash_of, is_settled, workload
from fakes.children import agent, changed, live, wanted

CHILD = wanted(agent(gateway={"replicas": 2}))["Deployment/gateway"]
LATE = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
FAILED = {"type": "ReplicaFailure", "status": "True", "message": "quota"}


@pytest.mark.parametrize(
    ("status", "progress"),
    [
        pytest.param({}, "Available", id="all-there"),
        pytest.param({"availableReplicas": 1}, "NotEnoughPods", id="one-is-missing"),
        pytest.param({"availableReplicas": 3}, "Available", id="more-than-needed"),
        pytest.param({"terminatingReplicas": 5}, "Available", id="terminating-pods"),
        pytest.param({"replicas": 3}, "RollingOut", id="an-old-pod-is-left"),
        pytest.param({"updatedReplicas": 1}, "RollingOut", id="not-all-updated"),
        pytest.param({"observedGeneration": 3}, "RollingOut", id="stale-status"),
        pytest.param({"conditions": [LATE]}, "ProgressDeadlineExceeded", id="late"),
        pytest.param({"conditions": [FAILED | {"status": "False"}]}, "Available", id="failed-once"),
        pytest.param({"conditions": [FAILED]}, "ReplicaFailure", id="no-pods-allowed"),
        pytest.param({"conditions": [FAILED, LATE]}, "ProgressDeadlineExceeded", id="both"),
        pytest.param(
            {"conditions": [LATE], "observedGeneration": 3}, "RollingOut", id="late-before-a-fix"
        ),
    ],
)
def test_progress_follows_the_controllers_numbers(status: dict[str, Any], progress: str) -> None:
    state = workload(live(CHILD, **status), CHILD.hash)

    assert state.progress == progress


def test_a_state_tells_numbers_image_and_version() -> None:
    state = workload(live(CHILD, availableReplicas=1, conditions=[FAILED]), CHILD.hash)

    assert state == Workload(
        "ReplicaFailure", "quota", 2, 1, 2, "0.1.0", "codelab/gateway:0.1.0", CHILD.hash
    )


def test_an_older_intent_is_rolling_out_though_its_pods_are_fine() -> None:
    assert workload(live(CHILD), "0" * 16).progress == "RollingOut"


@pytest.mark.parametrize(
    "gone", [None, changed(live(CHILD), "metadata deletionTimestamp", "2026-01-01T00:00:00Z")]
)
def test_what_is_not_there_was_not_created(gone: Any) -> None:
    assert workload(gone, CHILD.hash) == Workload("NotCreated")


def test_a_workload_that_no_controller_has_seen_is_rolling_out() -> None:
    bare = {"metadata": {"name": "x", "generation": 1}, "spec": {}}

    state = workload(bare, "")

    assert state == Workload("RollingOut", desired=1)
    assert hash_of(bare) == ""


def test_it_is_settled_on_the_wanted_intent_only() -> None:
    present = live(CHILD)

    assert is_settled(present, CHILD.hash)
    assert not is_settled(present, "0" * 16)
    assert not is_settled(live(CHILD, availableReplicas=0), CHILD.hash)


@pytest.mark.parametrize("name", ["Deployment/gateway", "StatefulSet/redis"])
def test_the_gist_of_a_specification_is_all_that_a_state_tells(name: str) -> None:
    child = wanted(agent(gateway={"replicas": 2}))[name]
    whole = live(child, availableReplicas=0)

    slim = {"metadata": whole["metadata"], "status": whole["status"]} | gist(whole)

    assert workload(slim, child.hash) == workload(whole, child.hash)
    assert len(str(slim)) < len(str(whole)) / 2


def test_other_kinds_have_no_gist() -> None:
    assert gist(live(wanted(agent())["Service/gateway"])) == {}
