"""Commands on their way into the inbox: once each, the first answer of a call wins."""

from typing import Any

import pytest

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_runtime.answers import Ingested
from codelab_runtime.store import MAX_REMEMBERED, MAX_UNREAD
from harness.stores import SID, Bench, commit_of


async def refused(bench: Bench, cid: str, **fields: Any) -> tuple[Code, str | None]:
    """Code and class of a refusal."""
    with pytest.raises(CodelabError) as caught:
        await bench.put(cid, **fields)
    return caught.value.code, caught.value.reason


async def test_a_command_waits_for_any_owner(bench: Bench) -> None:
    await bench.opened()

    entry = await bench.put("a")

    assert entry == Ingested(1)
    assert await bench.stream("in") == [("1-0", b'{"cid":"a"}')]
    assert await bench.queues() == ([SID], [])
    assert await bench.meta("inn", "ic", "own") == ["1", "0", ""]


async def test_a_command_sent_twice_is_one(bench: Bench) -> None:
    await bench.opened()
    await bench.put("a")

    again = await bench.put("a", store=bench.two)

    assert again == Ingested(1, duplicate=True)
    assert len(await bench.stream("in")) == 1


async def test_the_same_cid_with_another_body_is_refused(bench: Bench) -> None:
    await bench.opened()
    await bench.put("a")

    assert await refused(bench, "a", digest="other") == (Code.CONFLICT, "cid_reused")
    assert await bench.meta("inn") == ["1"]


@pytest.mark.parametrize("principal", ["ann", "bob"])
async def test_an_unknown_session_and_a_foreign_one_look_alike(
    bench: Bench, principal: str
) -> None:
    if principal == "bob":
        await bench.opened()

    assert await refused(bench, "a", principal=principal) == (Code.SESSION_NOT_FOUND, None)


@pytest.mark.parametrize(
    ("state", "code"),
    [("closed", Code.SESSION_CLOSED), ("quarantined", Code.SESSION_QUARANTINED)],
)
async def test_a_locked_session_refuses_new_commands_but_knows_the_old(
    bench: Bench, state: str, code: Code
) -> None:
    await bench.opened()
    await bench.put("a")
    await bench.set_meta(st=state)

    assert await refused(bench, "b") == (code, None)
    assert await bench.put("a") == Ingested(1, duplicate=True)


async def test_a_full_inbox_takes_nothing_and_remembers_nothing(bench: Bench) -> None:
    await bench.opened()
    await bench.set_meta(inn=MAX_UNREAD)

    assert await refused(bench, "a") == (Code.RATE_LIMIT, "inbox_full")

    await bench.set_meta(ic=1)
    assert (await bench.put("a")).n == MAX_UNREAD + 1


async def test_too_many_waiting_messages_refuse_messages_only(bench: Bench) -> None:
    await bench.opened()
    await bench.set_meta(q=2)

    assert await refused(bench, "a", max_queued=2) == (Code.RATE_LIMIT, "queue_full")
    assert (await bench.put("b")).n == 1
    assert (await bench.put("c", max_queued=3)).n == 2


async def test_who_wants_an_idle_session_gets_it_with_the_command(bench: Bench) -> None:
    await bench.opened()

    entry = await bench.put("a", want=True)

    assert entry.owner == bench.one.owner
    assert entry.claim is not None
    assert (entry.claim.fence, entry.claim.inn, entry.claim.ic) == (1, 1, 0)
    assert await bench.queues() == ([], [SID])


async def test_an_owned_session_stays_with_its_owner(bench: Bench) -> None:
    await bench.claimed(bench.two)

    entry = await bench.put("a", want=True)

    assert entry == Ingested(1, owner=bench.two.owner)
    assert await bench.queues() == ([], [SID])


async def test_a_command_to_a_dead_owner_claims_for_who_wants(bench: Bench) -> None:
    await bench.claimed(bench.two)
    await bench.lease_is_over()

    entry = await bench.put("a", want=True)

    assert entry.claim is not None
    assert entry.claim.fence == 2
    assert entry.owner == bench.one.owner


async def test_a_dead_owners_session_is_left_to_the_scan_by_who_wants_nothing(
    bench: Bench,
) -> None:
    await bench.claimed(bench.two)
    await bench.lease_is_over()

    entry = await bench.put("a")

    assert entry == Ingested(1)
    assert await bench.queues() == ([], [SID])
    assert (await bench.one.due(0, 10)).session_ids == (SID,)


async def test_only_the_last_commands_are_remembered(bench: Bench) -> None:
    await bench.opened()
    await bench.put("a")
    await bench.set_meta(inn=MAX_REMEMBERED, ic=MAX_REMEMBERED)

    await bench.put("b")

    remembered = await bench.redis.hgetall(bench.key("dd"))
    assert {name.decode() for name in remembered} == {"k/b", f"#{MAX_REMEMBERED + 1}"}


async def test_the_first_answer_of_a_call_wins(bench: Bench) -> None:
    await bench.opened()
    await bench.set_slots(c1="open")

    first = await bench.put("a", slot="c1", answer_digest="x", outcome="completed", by="k")

    assert first == Ingested(1)
    assert await bench.slots() == {"c1": "settled", "c1:d": "x completed k"}
    assert await bench.put("b", slot="c1", answer_digest="x") == Ingested(
        0, duplicate=True, outcome="completed"
    )
    assert await refused(bench, "c", slot="c1", answer_digest="y") == (
        Code.ALREADY_ANSWERED,
        "result",
    )
    assert len(await bench.stream("in")) == 1


async def test_an_answer_to_no_call_is_refused(bench: Bench) -> None:
    await bench.opened()

    assert await refused(bench, "a", slot="c9") == (Code.NOT_FOUND, "call_unknown")


@pytest.mark.parametrize("state", ["expired", "cancelled"])
async def test_a_late_result_is_taken_as_such_once(bench: Bench, state: str) -> None:
    await bench.opened()
    await bench.set_slots(c1=state)

    first = await bench.put("a", slot="c1", answer_digest="x")

    assert first == Ingested(1, late=True)
    assert (await bench.slots())["c1"] == state
    assert (await bench.reader.inbox(SID, 0, 9))[0].late
    assert await bench.put("a", slot="c1", answer_digest="x") == Ingested(
        1, duplicate=True, late=True
    )
    assert await bench.put("b", slot="c1", answer_digest="x") == Ingested(
        0, duplicate=True, outcome="-"
    )


@pytest.mark.parametrize(("state", "reason"), [("expired", "expired"), ("cancelled", "decision")])
async def test_a_late_decision_is_refused(bench: Bench, state: str, reason: str) -> None:
    await bench.opened()
    await bench.set_slots(c1="open", c1_a=state)

    assert await refused(bench, "a", slot="c1#a") == (Code.ALREADY_ANSWERED, reason)


async def test_the_second_decision_is_told_of_the_first(bench: Bench) -> None:
    await bench.opened()
    await bench.set_slots(c1="open", c1_a="open")
    await bench.put("a", slot="c1#a", answer_digest="x", outcome="rejected", by="k")

    with pytest.raises(CodelabError) as caught:
        await bench.put("b", slot="c1#a", answer_digest="y", outcome="approved", by="l")

    error = caught.value
    assert (error.code, error.reason) == (Code.ALREADY_ANSWERED, "decision")
    assert error.details == {"outcome": "rejected", "by": "k"}


async def test_a_careful_drivers_result_waits_for_the_decision(bench: Bench) -> None:
    await bench.opened()
    await bench.set_meta(drv="v1")
    await bench.set_slots(c1="open", c1_a="open")

    assert await refused(bench, "a", slot="c1") == (Code.CONFLICT, "approval_required")
    assert await bench.slots() == {"c1": "open", "c1#a": "open"}


async def test_a_plain_drivers_result_is_its_decision(bench: Bench) -> None:
    await bench.opened()
    await bench.set_meta(drv="plain")
    await bench.set_slots(c1="open", c1_a="open")

    await bench.put("a", slot="c1", answer_digest="x", outcome="completed", by="k")

    assert await bench.slots() == {
        "c1": "settled",
        "c1:d": "x completed k",
        "c1#a": "settled",
        "c1#a:d": "- implied k",
    }
    assert await refused(bench, "b", slot="c1#a", answer_digest="y") == (
        Code.ALREADY_ANSWERED,
        "decision",
    )


@pytest.mark.parametrize("slot", ["c1", "c1#a"])
async def test_a_question_that_was_reopened_is_unanswered(bench: Bench, slot: str) -> None:
    claim = await bench.claimed()
    await bench.set_slots(c1="open")
    await bench.put("a", slot="c1", answer_digest="x", outcome="completed", by="k")
    reopening = {slot: "open", f"{slot}:d": ""}
    await bench.commit(commit_of(claim, slots=reopening, consumed=1))

    answer = await bench.put("b", slot=slot, answer_digest="x", outcome="completed", by="l")

    assert answer == Ingested(2, owner=bench.one.owner)
    assert (await bench.slots())[f"{slot}:d"] == "x completed l"
