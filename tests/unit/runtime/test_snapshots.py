from collections.abc import AsyncIterator

import orjson
import pytest

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_runtime import snapshots as module
from codelab_runtime.snapshots import Snapshots, session_view
from harness.stores import SID, Bench, bench_of, commit_of


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with bench_of("embedded:memory") as made:
        yield made


async def test_a_snapshot_is_the_whole_log_however_many_pages(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAGE", 3)
    claim = await bench.claimed()
    await bench.put("a")
    events = [
        orjson.dumps(
            {
                "type": "message_accepted",
                "seq": n,
                "message_id": f"u{n}",
                "content": "x",
                "turn_id": "t1",
            }
        )
        for n in range(1, 9)
    ]
    await bench.commit(commit_of(claim, events=events, meta={"st": "active"}))

    snapshot, seq = await Snapshots(bench.one, bench.reader).of(SID)

    assert seq == 8
    assert [m["message_id"] for m in snapshot.messages] == [f"u{n}" for n in range(1, 9)]
    assert snapshot.cids == ["k/a"]
    assert (snapshot.session["id"], snapshot.session["is_active"]) == (SID, True)


async def test_an_unknown_session_has_none(bench: Bench) -> None:
    made = Snapshots(bench.one, bench.reader)

    for asked in (made.of(SID), made.facts(SID)):
        with pytest.raises(CodelabError) as caught:
            await asked
        assert caught.value.code is Code.SESSION_NOT_FOUND


async def test_a_session_as_rest_shows_it(bench: Bench) -> None:
    claim = await bench.claimed()
    await bench.set_meta(ct=1_767_605_400_000, mt=1_767_605_401_000, title="T", n=4)

    facts = await Snapshots(bench.one, bench.reader).facts(SID)

    assert session_view(facts).model_dump(exclude_none=True) == {
        "id": SID,
        "session_id": SID,
        "title": "T",
        "message_count": 4,
        "created_at": "2026-01-05T09:30:00.000Z",
        "updated_at": "2026-01-05T09:30:01.000Z",
        "last_activity": "2026-01-05T09:30:01.000Z",
        "current_agent": "codelab",
        "is_active": False,
        "state": "idle",
        "epoch": claim.epoch,
        "head": 0,
    }
