"""E12: the token between the services is replaced under load; nobody notices but the old one."""

from base64 import b64decode
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx2
import pytest
from anyio.to_thread import run_sync

from harness.kubernetes import Cluster
from harness.live import Load, under_load
from harness.live_agent import SERVICES, LiveAgent, live_agent

pytestmark = pytest.mark.timeout(700)
STEPS_S = 330
"""Two pauses of 150 s, and time to notice."""
KUBELET_S = 120
"""For a changed Secret to reach the files of every pod."""


@pytest.fixture(scope="module")
def live(cluster: Cluster) -> Iterator[LiveAgent]:
    """An agent with two pods of each service."""
    with live_agent(cluster, "rotation", 30804) as found:
        yield found


def token(live: LiveAgent) -> str:
    """The token that the services send each other."""
    secret = live.cluster.get("secret", "live-internal", live.namespace)
    return b64decode(secret["data"]["tokens"]).decode().split()[0]


def lives(live: LiveAgent) -> dict[str, int]:
    """Every pod of the services, and how often it was restarted."""
    return {
        pod: live.cluster.get("pod", pod, live.namespace)["status"]["containerStatuses"][0][
            "restartCount"
        ]
        for component in SERVICES
        for pod in live.pods(component)
    }


def asked(url: str, sent: str = "") -> tuple[int, str]:
    """Status and text of a GET with that token."""
    answer = httpx2.get(url, headers={"X-Internal-Auth": sent}, timeout=5, trust_env=False)
    return answer.status_code, answer.text


def refused(live: LiveAgent) -> list[str]:
    """What the services have counted of requests that they answered with 401."""
    found = []
    for component, port in (("runtime", 8001), ("llmproxy", 8002)):
        for pod in live.pods(component):
            with live.cluster.forwarded(f"pod/{pod}", port, live.namespace) as url:
                _, text = asked(f"{url}/metrics")
            found += [line for line in text.splitlines() if 'status="401"' in line]
    return found


async def test_e12_a_rotation_under_load_is_noticed_by_nobody(
    live: LiveAgent, tmp_path: Path
) -> None:
    load = Load(sessions=10, tokens=1750, per_second=5, edits=True, limit_s=600)
    old, before = await run_sync(token, live), await run_sync(lives, live)

    def rotate() -> None:
        live.change(internalAuth={"rotation": "once"})
        wanted = {"rotation": "once", "phase": "Stable"}
        live.cluster.until(lambda: live.ready()["status"]["internalAuth"] == wanted, "it", STEPS_S)

    found, stalls = await under_load(live.gateway, tmp_path, load, partial(run_sync, rotate))

    new = await run_sync(token, live)
    counted = await run_sync(refused, live)
    took = await run_sync(old_is_refused, live, old, new)
    figures = f"stall max {max(stalls):.2f} s, old token refused after {took:.0f} s"
    print(f"E12: {figures}", *found)  # noqa: T201 -- the figures of the case
    assert (found, counted) == ([], [])
    assert new != old
    assert await run_sync(lives, live) == before


def old_is_refused(live: LiveAgent, old: str, new: str) -> float:
    """Wait until a runtime takes the new token only; the seconds."""
    (pod, *_) = live.pods("runtime")
    with live.cluster.forwarded(f"pod/{pod}", 8001, live.namespace) as url:
        path = f"{url}/agent/sessions"
        assert asked(path, new)[0] == 200
        return live.cluster.until(
            lambda: asked(path, old)[0] == 401, "the old is refused", KUBELET_S
        )
