"""The right to drive a session: claimed, renewed, lost, released; counted when it does no good."""

import pytest

from codelab_runtime.answers import Claim
from harness.stores import ANN, LEASE_MS, SID, Bench, commit_of


async def test_a_claim_says_where_the_session_stands(bench: Bench) -> None:
    await bench.opened()
    await bench.put("a")
    (epoch,) = await bench.meta("ep")

    claim = await bench.one.claim(SID)

    assert claim == Claim(
        fence=1,
        epoch=epoch or "",
        head=0,
        jn=0,
        inn=1,
        ic=0,
        state="idle",
        crashes=0,
        cur="",
        principal=ANN,
    )
    assert await bench.queues() == ([], [SID])
    (until,) = await bench.meta("lu")
    assert 0 < int(until or 0) - await bench.now_ms() <= LEASE_MS


async def test_a_held_session_is_nobody_elses(bench: Bench) -> None:
    await bench.claimed()

    assert await bench.two.claim(SID) is None
    assert await bench.meta("own", "fence") == [bench.one.owner, "1"]


async def test_the_owner_may_claim_again_and_fences_itself(bench: Bench) -> None:
    await bench.claimed()

    again = await bench.one.claim(SID)

    assert again is not None
    assert again.fence == 2


@pytest.mark.parametrize(
    "over_by_ms",
    [
        pytest.param(1, id="the lease is over"),
        pytest.param(-2 * LEASE_MS - 1_000, id="the clock of the store jumped back"),
    ],
)
async def test_a_lease_that_is_void_is_taken(bench: Bench, over_by_ms: int) -> None:
    await bench.claimed()
    await bench.lease_is_over(over_by_ms)

    due = await bench.two.due(0, 10)
    claim = await bench.two.claim(SID)

    assert due.session_ids == (SID,)
    assert claim is not None
    assert claim.fence == 2
    assert await bench.meta("own") == [bench.two.owner]


async def test_a_lease_of_almost_two_lengths_is_kept(bench: Bench) -> None:
    await bench.claimed()
    await bench.lease_is_over(-2 * LEASE_MS + 1_000)

    assert (await bench.two.due(0, 10)).session_ids == ()
    assert await bench.two.claim(SID) is None


@pytest.mark.parametrize("state", ["closed", "quarantined"])
async def test_a_locked_session_leaves_the_queues(bench: Bench, state: str) -> None:
    await bench.opened()
    await bench.put("a")
    await bench.set_meta(st=state)

    assert await bench.one.claim(SID) is None
    assert await bench.queues() == ([], [])


async def test_a_session_that_is_gone_leaves_the_queues(bench: Bench) -> None:
    await bench.redis.zadd(bench.keys.ready(0), {SID: 1})
    await bench.redis.zadd(bench.keys.lease(0), {SID: 1})

    assert await bench.one.claim(SID) is None
    assert await bench.queues() == ([], [])


async def test_takeovers_without_progress_are_counted(bench: Bench) -> None:
    await bench.claimed()
    crashes = []

    for store in (bench.two, bench.one, bench.two):
        await bench.lease_is_over()
        claim = await store.claim(SID)
        assert claim is not None
        crashes.append(claim.crashes)

    assert crashes == [1, 2, 3]


async def test_progress_forgives_a_crash(bench: Bench) -> None:
    await bench.claimed()
    await bench.lease_is_over()
    second = await bench.two.claim(SID)
    assert second is not None
    await bench.commit(commit_of(second, records=[b"{}"]), bench.two)
    await bench.lease_is_over()

    third = await bench.one.claim(SID)

    assert third is not None
    assert (second.crashes, third.crashes) == (1, 0)


async def test_letting_go_is_no_crash(bench: Bench) -> None:
    claim = await bench.claimed()
    await bench.one.release(SID, claim.fence)

    second = await bench.two.claim(SID)

    assert second is not None
    assert second.crashes == 0


async def test_renewing_says_what_waits_and_what_is_lost(bench: Bench) -> None:
    claim = await bench.claimed()
    await bench.put("a")

    answers = await bench.one.renew(0, {SID: claim.fence, "s-9": 1})

    assert answers == {SID: 1, "s-9": -1}
    assert await bench.two.renew(0, {SID: claim.fence}) == {SID: -1}
    assert await bench.one.renew(0, {SID: claim.fence + 1}) == {SID: -1}
    assert await bench.one.renew(0, {}) == {}


async def test_a_lease_that_is_over_but_not_taken_is_renewed(bench: Bench) -> None:
    claim = await bench.claimed()
    await bench.lease_is_over(60_000)

    assert await bench.one.renew(0, {SID: claim.fence}) == {SID: 0}
    assert (await bench.two.due(0, 10)).session_ids == ()
    assert await bench.two.claim(SID) is None


async def test_a_zombie_does_not_renew(bench: Bench) -> None:
    claim = await bench.claimed()
    await bench.lease_is_over()
    await bench.two.claim(SID)

    assert await bench.one.renew(0, {SID: claim.fence}) == {SID: -1}
    assert await bench.meta("own") == [bench.two.owner]


@pytest.mark.parametrize(("due", "ready"), [("", [SID]), ("0", []), ("4102444800000", [SID])])
async def test_a_released_session_is_ready_when_it_is_due(
    bench: Bench, due: str, ready: list[str]
) -> None:
    claim = await bench.claimed()

    assert await bench.one.release(SID, claim.fence, due)

    assert await bench.queues() == (ready, [])
    now = (await bench.two.due(0, 10)).session_ids
    assert now == ((SID,) if due == "" else ())


async def test_a_released_session_with_commands_is_ready_at_once(bench: Bench) -> None:
    claim = await bench.claimed()
    await bench.put("a")

    await bench.one.release(SID, claim.fence, "0")

    assert (await bench.two.due(0, 10)).session_ids == (SID,)


async def test_only_the_owner_releases_and_only_once(bench: Bench) -> None:
    claim = await bench.claimed()

    assert not await bench.two.release(SID, claim.fence)
    assert not await bench.one.release(SID, claim.fence + 1)
    assert await bench.one.release(SID, claim.fence, "0")
    assert not await bench.one.release(SID, claim.fence, "0")


async def test_due_is_oldest_first_and_bounded(bench: Bench) -> None:
    for sid in ("s-3", "s-2", "s-4"):
        await bench.redis.zadd(bench.keys.ready(0), {sid: int(sid[2:])})
    later = await bench.now_ms() + 60_000
    await bench.redis.zadd(bench.keys.ready(0), {"s-9": later})

    found = await bench.one.due(0, 2)

    assert found.session_ids == ("s-2", "s-3")
    assert found.ready == 3
