"""A log whose end may be lost goes on in another epoch: nobody takes it for the one it was."""

import pytest

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_runtime.answers import FencedError
from codelab_runtime.store import Commit
from harness.stores import SID, Bench, commit_of


async def test_what_is_left_of_the_log_stays_and_waits_for_an_owner(bench: Bench) -> None:
    claim = await bench.claimed()
    await bench.commit(commit_of(claim, events=[b"one", b"two"]))

    await bench.two.rebase(SID, claim.epoch)

    again = await bench.two.claim(SID)
    assert again is not None
    assert again.epoch not in {"", claim.epoch}
    assert (again.head, again.jn, again.crashes, again.fence) == (2, 0, 0, claim.fence + 2)
    page = await bench.one.tail(SID, again.epoch, 0)
    assert page.events == (b"one", b"two")
    assert (await bench.one.tail(SID, claim.epoch, 2)).status == "EPOCH"


async def test_a_rebased_session_is_due_at_once(bench: Bench) -> None:
    claim = await bench.claimed()

    await bench.two.rebase(SID, claim.epoch)

    assert await bench.queues() == ([SID], [])
    assert (await bench.two.due(0, 9)).session_ids == (SID,)


async def test_the_owner_of_before_can_write_no_more(bench: Bench) -> None:
    claim = await bench.claimed()

    await bench.two.rebase(SID, claim.epoch)

    with pytest.raises(FencedError):
        await bench.commit(commit_of(claim, events=[b"{}"]))
    again = await bench.one.claim(SID)  # the same process under the same name
    assert again is not None
    with pytest.raises(FencedError):
        await bench.commit(Commit(SID, claim.fence, "op-2", 0, 0, 0, events=[b"{}"]))


async def test_an_epoch_ends_once(bench: Bench) -> None:
    claim = await bench.claimed()
    await bench.one.rebase(SID, claim.epoch)
    after = await bench.meta("ep", "fence", "own")

    await bench.two.rebase(SID, claim.epoch)

    assert await bench.meta("ep", "fence", "own") == after


async def test_a_session_that_is_gone_stays_so(bench: Bench) -> None:
    await bench.one.rebase(SID, "e")

    with pytest.raises(CodelabError) as caught:
        await bench.one.tail(SID, "", 0)
    assert caught.value.code is Code.SESSION_NOT_FOUND
