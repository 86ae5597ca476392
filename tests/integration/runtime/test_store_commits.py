"""Commits: whole or not at all, once per `op`, by the owner only; and the pages read after them."""

from typing import Any

import pytest

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_runtime.answers import Committed, DivergedError, FencedError, TailPage
from harness.stores import SID, Bench, commit_of

EVENTS = [b'{"seq":1}', b'{"seq":2}']


async def test_a_commit_writes_everything_at_once(bench: Bench) -> None:
    claim = await bench.claimed()
    await bench.put("a")

    done = await bench.commit(
        commit_of(
            claim,
            consumed=1,
            events=EVENTS,
            records=[b"r1"],
            meta={"st": "active", "cur": "i-1 2 9"},
            slots={"c1": "open"},
        )
    )

    assert done == Committed(more=False, head=2, jn=1, inn=1)
    assert await bench.stream("ev") == [("1-0", EVENTS[0]), ("2-0", EVENTS[1])]
    assert await bench.stream("jr") == [("1-0", b"r1")]
    assert await bench.stream("in") == []
    assert await bench.meta("head", "jn", "ic", "st", "cur", "op") == [
        *("2", "1", "1", "active", "i-1 2 9", "op-1")
    ]
    assert await bench.slots() == {"c1": "open"}
    assert await bench.queues() == ([], [SID])


async def test_a_commit_whose_reply_was_lost_is_not_done_twice(bench: Bench) -> None:
    claim = await bench.claimed()
    wanted = commit_of(claim, events=EVENTS, records=[b"r1"])
    first = await bench.commit(wanted)

    assert await bench.commit(wanted) == first
    assert len(await bench.stream("ev")) == 2


async def test_a_resting_commit_may_be_repeated_too(bench: Bench) -> None:
    claim = await bench.claimed()
    wanted = commit_of(claim, events=EVENTS, rest="0")
    first = await bench.commit(wanted)

    assert await bench.commit(wanted) == first == Committed(more=False, head=2, jn=0, inn=0)
    assert await bench.queues() == ([], [])
    assert await bench.meta("own") == [""]


async def test_a_repeated_commit_that_was_to_rest_still_knows_that_it_did_not(
    bench: Bench,
) -> None:
    claim = await bench.claimed()
    await bench.put("a")
    wanted = commit_of(claim, rest="0")

    first = await bench.commit(wanted)

    assert first == Committed(more=True, head=0, jn=0, inn=1)
    assert await bench.commit(wanted) == first
    assert await bench.queues() == ([], [SID])
    assert await bench.meta("own") == [bench.one.owner]


async def test_a_parked_session_is_ready_at_its_deadline(bench: Bench) -> None:
    claim = await bench.claimed()
    deadline = await bench.now_ms() + 60_000

    await bench.commit(commit_of(claim, rest=str(deadline)))

    assert await bench.redis.zscore(bench.keys.ready(0), SID) == deadline
    assert (await bench.two.due(0, 10)).session_ids == ()


async def test_a_zombies_commit_changes_nothing(bench: Bench) -> None:
    claim = await bench.claimed()
    await bench.lease_is_over()
    await bench.two.claim(SID)

    with pytest.raises(FencedError):
        await bench.commit(commit_of(claim, events=EVENTS, slots={"c1": "open"}))

    assert await bench.stream("ev") == []
    assert await bench.slots() == {}


async def test_an_owner_that_claimed_again_is_fenced_by_itself(bench: Bench) -> None:
    claim = await bench.claimed()
    await bench.one.claim(SID)

    with pytest.raises(FencedError):
        await bench.commit(commit_of(claim, events=EVENTS))


async def test_an_expired_lease_still_commits_while_nobody_took_it(bench: Bench) -> None:
    claim = await bench.claimed()
    await bench.lease_is_over(60_000)

    assert (await bench.commit(commit_of(claim, events=EVENTS))).head == 2


async def test_a_session_that_is_gone_takes_no_commit(bench: Bench) -> None:
    claim = await bench.claimed()
    await bench.redis.delete(bench.key("meta"))

    with pytest.raises(FencedError):
        await bench.commit(commit_of(claim, events=EVENTS))

    assert await bench.stream("ev") == []


@pytest.mark.parametrize("wrong", [{"head": 1}, {"jn": 1}])
async def test_a_log_that_is_not_where_it_was_left_is_not_written(
    bench: Bench, wrong: dict[str, Any]
) -> None:
    claim = await bench.claimed()

    with pytest.raises(DivergedError):
        await bench.commit(commit_of(claim, events=EVENTS, **wrong))

    assert await bench.stream("ev") == []


async def test_256_events_of_one_commit_are_written(bench: Bench) -> None:
    claim = await bench.claimed()
    meta = {f"f{n}": str(n) for n in range(20)}
    slots = {f"c{n}": "open" for n in range(100)}

    done = await bench.commit(
        commit_of(claim, events=[b"x" * 4000] * 256, records=[b"r"] * 300, meta=meta, slots=slots)
    )

    assert (done.head, done.jn) == (256, 300)
    assert len(await bench.slots()) == 100


async def test_other_processes_hear_what_was_committed(bench: Bench) -> None:
    claim = await bench.claimed()
    async with bench.backend.channels.pubsub() as heard:
        await heard.subscribe(bench.key("ch"))
        await heard.get_message(timeout=2)

        await bench.commit(commit_of(claim, events=EVENTS, records=[b"secret"]))

        message = await heard.get_message(timeout=2)
    assert message is not None
    assert message["data"] == b"%b 1\n%b" % (claim.epoch.encode(), b"\n".join(EVENTS))


async def test_pages_follow_each_other_to_the_head(bench: Bench) -> None:
    claim = await bench.claimed()
    await bench.commit(commit_of(claim, events=EVENTS, meta={"st": "active"}))

    pages = [await bench.two.tail(SID, claim.epoch, after, 1, "ann") for after in (0, 1, 2)]

    assert [page.events for page in pages] == [(EVENTS[0],), (EVENTS[1],), ()]
    assert pages[0] == TailPage("OK", claim.epoch, 2, "active", (EVENTS[0],))


@pytest.mark.parametrize(
    ("epoch", "after", "status"),
    [
        pytest.param("0" * 16, 0, "EPOCH", id="another life"),
        pytest.param("", 3, "AHEAD", id="ahead"),
        pytest.param("", 0, "TRIMMED", id="trimmed"),
        pytest.param("", 1, "OK", id="at the floor"),
    ],
)
async def test_a_position_that_cannot_be_served_is_named(
    bench: Bench, epoch: str, after: int, status: str
) -> None:
    claim = await bench.claimed()
    await bench.commit(commit_of(claim, events=EVENTS))
    await bench.set_meta(floor=2)

    page = await bench.one.tail(SID, epoch, after)

    assert (page.status, page.epoch, page.head) == (status, claim.epoch, 2)


async def test_a_hole_in_the_log_is_seen(bench: Bench) -> None:
    claim = await bench.claimed()
    await bench.commit(commit_of(claim, events=EVENTS))
    await bench.redis.xdel(bench.key("ev"), "1-0")

    assert (await bench.one.tail(SID, "", 0)).status == "HOLE"
    await bench.redis.delete(bench.key("ev"))
    assert (await bench.one.tail(SID, "", 1)).status == "HOLE"


async def test_nobody_reads_a_foreign_session(bench: Bench) -> None:
    await bench.opened()

    codes = []
    for sid, principal in ((SID, "bob"), ("s-9", "ann")):
        with pytest.raises(CodelabError) as caught:
            await bench.one.tail(sid, "", 0, 1, principal)
        codes.append(caught.value.code)

    assert codes == [Code.SESSION_NOT_FOUND] * 2
