"""What a person changes in an agent: who rolls for it, who does not, and what a mistake costs."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest

from harness.cluster_api import Api
from harness.kubernetes import Cluster, condition, small
from harness.live import Load, under_load
from harness.reached import NODE_PORT, gateway_of

pytestmark = pytest.mark.timeout(300)
DEADLINE_S = 30
SCRIPTED = {"name": "scripted", "kind": "scripted"}
LOCAL = {
    "name": "local",
    "kind": "ollama",
    "baseUrl": "http://models.example.com:11434",
    "allowPrivate": True,
    "models": [{"id": "qwen3:32b"}],
}
COMPONENTS = {"gateway", "runtime", "llmproxy", "redis"}


@pytest.fixture(scope="module")
def changing(cluster: Cluster, api: Api) -> Iterator[str]:
    """A namespace with the agent `one`, whose rolls have half a minute to make progress."""
    with cluster.restricted("changes") as found:
        rollout = {"progressDeadlineSeconds": DEADLINE_S}
        api.create("codelabagents", found, small(exposure=NODE_PORT, rollout=rollout))
        api.told(found, "one", "Ready=True", 120)
        yield found


def rolled(before: dict[str, str], after: dict[str, str]) -> set[str]:
    """Components that lost a pod."""
    return {before[uid] for uid in before.keys() - after.keys()}


async def test_e9_a_change_rolls_only_what_it_is_about_and_live_turns_survive(
    cluster: Cluster, api: Api, changing: str, tmp_path: Path
) -> None:
    gateway, seen = gateway_of(cluster, "one", changing), list[set[str]]()

    def change() -> None:
        for spec in (
            {"llmproxy": {"providers": [SCRIPTED, LOCAL]}},
            {"runtime": {"config": {"maxTurns": 40}}},
            {"gateway": {"replicas": 3}},
            {"gateway": {"replicas": 1}},
        ):
            before = api.pods(changing)
            api.merge("codelabagents", changing, "one", {"spec": spec})
            api.told(changing, "one", "Ready=True")
            seen.append(rolled(before, api.pods(changing)))

    load = Load(sessions=3, tokens=1200, per_second=20, limit_s=240)
    found, stalls = await under_load(
        gateway, tmp_path, load, partial(anyio.to_thread.run_sync, change)
    )

    print(f"E9: rolled {seen}, longest stall {max(stalls):.2f} s")  # noqa: T201 -- the figure
    assert seen[:3] == [{"llmproxy"}, {"runtime"}, set()]
    assert seen[3] == {"gateway"}
    assert found == []


@pytest.mark.parametrize("component", ["gateway", "redis"])
def test_e10_an_image_that_nobody_has_stalls_the_roll_and_is_put_right_by_the_next(
    component: str, cluster: Cluster, api: Api, changing: str
) -> None:
    cluster.ready("one", changing)
    before = api.pods(changing)

    api.merge("codelabagents", changing, "one", _image(component, "codelab/nobody:has-it"))
    said = api.told(changing, "one", "Stalled=True/ProgressDeadlineExceeded", DEADLINE_S + 45)
    during = api.pods(changing)
    api.merge("codelabagents", changing, "one", _image(component, None))
    api.told(changing, "one", "Ready=True")
    healed = api.told(changing, "one", "Stalled=")

    print(f"E10 {component}: {condition(said, 'Stalled')['message']}")  # noqa: T201 -- the words
    kept = {component} if component == "redis" else set()
    assert rolled(before, during) == kept, "a Deployment keeps its old pods, a StatefulSet cannot"
    assert condition(healed, "Ready")["status"] == "True"


def _image(component: str, image: str | None) -> dict[str, Any]:
    """A change of one image; None takes it back."""
    if component == "redis":
        return {"spec": {"redis": {"managed": {"image": image or "redis:8.0"}}}}
    return {"spec": {component: {"image": image}}}
