"""Kill any runtime at any moment: no token lost or doubled, no tool run twice, one final frame.

`--kills N` sets how many, `--kill-seed N` repeats the strokes of a run that failed.
"""

import asyncio
import secrets
from random import Random

import pytest

from harness.agent import Agent
from harness.robot import Robot, Seen
from harness.runtimes import Cluster, cluster

LANES = 4
TASK = (
    "write 40 tokens at 200 per second"
    ' then call read_file with {"path": "a.txt"}'
    " then write 30 tokens at 200 per second"
    ' then call write_file with {"path": "new.txt", "content": "new"}'
    ' and prompt_user with {"message": "Go on?", "actions": ["yes", "no"]}'
    " then write 30 tokens at 200 per second"
)
LASTS_S = 1.0
"""About how long the task takes where nothing happens."""


async def strike(runtimes: Cluster, agent: Agent, random: Random) -> str:
    """Do something bad to the owner of a session at some moment of its turn."""
    kind = random.choice(["kill", "kill", "rob", "drain"])
    await asyncio.sleep(random.uniform(0, LASTS_S))
    if kind == "rob":
        await runtimes.rob(agent.session_id)
        return kind
    victim = await runtimes.driving()
    if kind == "kill":
        await runtimes.kill(victim)
    else:
        await runtimes.drain(victim)
    await runtimes.start()
    return kind


async def lane(store_url: str, proxy_url: str, seed: int, rounds: int) -> list[tuple[Seen, Seen]]:
    """So many turns on two runtimes, one after the other, each with its stroke of fate."""
    random = Random(seed)  # noqa: S311 -- repeatable on purpose
    found = []
    async with cluster(store_url, proxy_url) as runtimes:
        calm = Robot.of(runtimes, random)
        await calm.converse(TASK)
        assert [name for _, name, _ in calm.seen().calls] == [
            *("read_file", "write_file", "prompt_user")
        ]
        for _ in range(rounds):
            robot = Robot.of(runtimes, random)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(robot.converse(TASK))
                tasks.create_task(strike(runtimes, robot.agent, random))
            found.append((calm.seen(), robot.seen()))
    return found


async def test_a_turn_survives_whatever_happens_to_its_owner(
    store_server: str, proxy_url: str, pytestconfig: pytest.Config
) -> None:
    kills = pytestconfig.getoption("kills")
    seed = pytestconfig.getoption("kill_seed") or secrets.randbelow(10**9) + 1
    print(f"--kills {kills} --kill-seed {seed}")  # noqa: T201 -- shown where the test fails

    async with asyncio.TaskGroup() as tasks:
        lanes = [
            tasks.create_task(lane(store_server, proxy_url, seed + n, -(-kills // LANES)))
            for n in range(LANES)
        ]

    pairs = [pair for one in lanes for pair in one.result()]
    assert len(pairs) >= kills
    for calm, struck in pairs:
        assert struck == calm
