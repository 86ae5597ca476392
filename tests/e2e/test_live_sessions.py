"""Where the commands of a session go: to one runtime as a hint, to any without harm (E25)."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.to_thread import run_sync

from codelab_client.approvals import FixedAnswers
from codelab_client.opening import Where, opened_session
from harness.kubernetes import Cluster
from harness.live_agent import LiveAgent, labels, live_agent
from harness.person import Record

pytestmark = pytest.mark.timeout(420)
SESSIONS, TURNS = 50, 4
WORDS = "write 5 tokens"
ANSWER = " ".join(f"t{number:05}" for number in range(1, 6))
RUNTIMES = 3
SPEC: dict[str, Any] = {
    "runtime": {"replicas": RUNTIMES},
    "gateway": {"config": {"messageRate": 1_000}},  # one person speaks in all the sessions
}
ANYWHERE = "any-runtime"
"""A Service with an address of its own: whoever connects meets any of the runtimes."""


@pytest.fixture(scope="module")
def live(cluster: Cluster) -> Iterator[LiveAgent]:
    """An agent with three runtimes, at rest: its gateways know them all."""
    with live_agent(cluster, "sticky", 30802, **SPEC) as found:
        what = "every gateway knows all runtimes"
        cluster.until(lambda: set(known_runtimes(found).values()) == {RUNTIMES}, what)
        yield found


def known_runtimes(live: LiveAgent) -> dict[str, int]:
    """How many runtimes each gateway last said it knows; a cluster's names come late by a cache."""
    known = {}
    for pod, lines in live.logged("gateway").items():
        counts = [line["count"] for line in lines if line["message"] == "runtime addresses changed"]
        known[pod] = counts[-1] if counts else 1
    return known


async def conversations(live: LiveAgent, folder: Path, sessions: set[str]) -> list[str]:
    """Some turns in each session, all sessions at once; all answers."""
    with anyio.fail_after(180):
        async with asyncio.TaskGroup() as tasks:
            talks = [tasks.create_task(_conversation(live, folder, name)) for name in sessions]
    return [text for talk in talks for text in talk.result()]


async def _conversation(live: LiveAgent, folder: Path, name: str) -> list[str]:
    """One session; its answers."""
    workspace = folder / name / "workspace"
    workspace.mkdir(parents=True)
    record, where = Record(), Where(folder / name / "state", workspace, session_id=name)
    everything = FixedAnswers.parse("all")
    async with opened_session(where, live.gateway, everything, record) as session:
        for _ in range(TURNS):
            await session.ask(WORDS)
    texts: dict[str, str] = defaultdict(str)
    for frame in record.of("assistant_message"):
        texts[frame["message_id"]] += frame["token"]
    return list(texts.values())


def share_of_the_usual_pod(live: LiveAgent, session_ids: set[str]) -> float:
    """Part of all commands that went where most of their session's went."""
    places: dict[str, Counter[str]] = defaultdict(Counter)
    for pod, lines in live.logged("runtime").items():
        for line in lines:
            if line.get("session_id") in session_ids and line.get("route", "").startswith("/agent"):
                places[line["session_id"]][pod] += 1
    assert set(places) == session_ids
    usual = sum(max(counts.values()) for counts in places.values())
    return usual / sum(counts.total() for counts in places.values())


async def test_e25_commands_of_a_session_go_to_one_pod_and_may_go_to_any(
    live: LiveAgent, tmp_path: Path
) -> None:
    hashed = {f"hashed-{number}" for number in range(SESSIONS)}
    answers = await conversations(live, tmp_path, hashed)
    sticky = await run_sync(share_of_the_usual_pod, live, hashed)

    await run_sync(switch_hashing_off, live)
    anywhere = {f"anywhere-{number}" for number in range(SESSIONS)}
    others = await conversations(live, tmp_path, anywhere)
    loose = await run_sync(share_of_the_usual_pod, live, anywhere)

    print(f"E25: {sticky:.1%} on one pod, {loose:.1%} without")  # noqa: T201 -- the figures
    assert answers == others == [ANSWER] * (SESSIONS * TURNS)
    assert sticky >= 0.99
    assert loose < 0.9


def switch_hashing_off(live: LiveAgent) -> None:
    """Give the gateway one address for all runtimes; the operator is told to leave it so."""
    live.change(paused=True, **SPEC)
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": ANYWHERE},
        "spec": {"selector": labels("runtime"), "ports": [{"port": 8001}]},
    }
    live.cluster.apply(service, live.namespace)
    deployment, here = "deployment/live-gateway", ("-n", live.namespace)
    url = f"CODELAB_RUNTIME_URL=http://{ANYWHERE}:8001"
    live.cluster.kubectl(*here, "set", "env", deployment, url)
    live.cluster.kubectl(*here, "rollout", "status", deployment, timeout_s=120)
