"""`POST /llm/stream` over real sockets: create, attach, detach, cancel."""

import asyncio
import zlib
from pathlib import Path

import anyio
import orjson
import pytest

from harness.llm import OLD_KEY, Client, proxy_of, user

ASKED = user("write 40 tokens at 0 per second then think about x")
TOKENS = {
    "inference_id": "i-1",
    "messages": user("write 40 tokens at 0 per second then think about x"),
}
SLOW = {"messages": user("write 1000 tokens at 100 per second")}


async def test_tokens_come_as_events_before_the_answer_is_over(tmp_path: Path) -> None:
    """P-04."""
    async with proxy_of(tmp_path) as proxy:
        async with proxy.post("/llm/stream", SLOW | {"inference_id": "i-1"}) as response:
            first = await response.content.readany()
        state = await proxy.get("/llm/inferences/i-1")

    assert response.status == 200
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["cache-control"] == "no-cache"
    assert first.startswith(b'id: i-1:0\nevent: token\ndata: {"token":"t00001"}\n\n')
    assert b"event: done" not in first
    assert state["state"] == "live"


async def test_every_event_has_the_next_number(proxy: Client) -> None:
    answer = await proxy.stream(TOKENS)

    assert [event.id for event in answer.events] == [
        b"i-1:%d" % number for number in range(len(answer.events))
    ]
    assert [event.kind for event in answer.events[-2:]] == [b"usage", b"done"]
    assert answer.text.startswith("t00001 t00002")
    assert "t00040\n\nI thought about x." in answer.text
    assert answer.values(b"done")[0]["provider_state"]


async def test_attaching_again_at_any_chunk_gives_the_same_bytes(proxy: Client) -> None:
    whole = await proxy.stream(TOKENS)
    crc = 0

    for number, event in enumerate(whole.events):
        by_field = await proxy.stream(TOKENS | {"from": number, "crc": crc, "deadline_ms": 7})
        assert whole.raw.endswith(by_field.raw)
        assert by_field.events == whole.events[number:]
        crc = zlib.crc32(event.data, crc)
        by_header = await proxy.stream(TOKENS, **{"Last-Event-ID": f"i-1:{number}"})
        assert by_header.events == whole.events[number + 1 :]

    assert await proxy.gauge("codelab_llmproxy_first_chunk_seconds_count") == 1


async def test_two_readers_of_one_inference_get_the_same(tmp_path: Path) -> None:
    async with proxy_of(tmp_path, scripted_time_scale=0.1) as proxy:
        body = SLOW | {"inference_id": "i-1"}
        async with asyncio.TaskGroup() as tasks:
            both = [tasks.create_task(proxy.stream(body)) for _ in range(2)]

    first, second = (task.result() for task in both)
    assert first.raw == second.raw
    assert len(first.events) == 1_002


async def test_a_reader_that_is_cut_off_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """P-04: each time it comes back it goes on at the chunk after the last it has seen."""
    async with proxy_of(tmp_path, scripted_time_scale=0.1) as proxy:
        body, seen = SLOW | {"inference_id": "i-1"}, b""
        for _ in range(5):
            position = seen.count(b"\n\n")
            async with proxy.post("/llm/stream", body | {"from": position}) as response:
                seen += (await response.content.readany()).rpartition(b"\n\n")[0] + b"\n\n"
        rest = await proxy.stream(body | {"from": seen.count(b"\n\n")})
        whole = await proxy.stream(body)

    assert seen + rest.raw == whole.raw
    assert whole.text == "t00001" + "".join(f" t{n:05d}" for n in range(2, 1_001))


async def test_a_reader_with_other_chunks_is_told_to_start_over(proxy: Client) -> None:
    await proxy.stream(TOKENS)

    wrong = await proxy.refusal("/llm/stream", TOKENS | {"from": 3, "crc": 1})
    beyond = await proxy.refusal("/llm/stream", TOKENS | {"from": 99})
    unknown = await proxy.refusal("/llm/stream", TOKENS | {"inference_id": "i-2", "from": 2})

    refused = [
        (status, error["class"], error["details"]) for status, error in (wrong, beyond, unknown)
    ]
    head = (await proxy.get("/llm/inferences/i-1"))["head"]
    assert refused == [
        (409, "buffer_lost", {"have": 0}),
        (409, "buffer_lost", {"have": head}),
        (409, "buffer_lost", {"have": 0}),
    ]


async def test_another_body_under_the_same_id_is_a_conflict(proxy: Client) -> None:
    await proxy.stream(TOKENS)

    status, error = await proxy.refusal("/llm/stream", TOKENS | {"max_tokens": 5})

    assert (status, error["code"], error["class"]) == (409, "CONFLICT", "inference_mismatch")


async def test_delete_ends_it_at_once_and_may_be_repeated(tmp_path: Path) -> None:
    async with proxy_of(tmp_path) as proxy:
        async with proxy.post(
            "/llm/stream", SLOW | {"inference_id": "i-1", "fence": 4}
        ) as response:
            await response.content.readany()
            refused = await proxy.delete("i-1", **{"X-Fence": "3"})
            with anyio.fail_after(1):
                statuses = [await proxy.delete("i-1", **{"X-Fence": "4"}) for _ in range(2)]
                rest = await response.content.read()
        state = await proxy.get("/llm/inferences/i-1")

    assert (refused, statuses, state["state"]) == (409, [204, 204], "cancelled")
    last = rest.rstrip().rpartition(b"data: ")[2]
    assert orjson.loads(last)["finish_reason"] == "cancelled"


async def test_what_nobody_reads_is_cancelled_after_its_time(tmp_path: Path) -> None:
    async with proxy_of(tmp_path, orphan_s=0.1) as proxy:
        async with proxy.post("/llm/stream", SLOW | {"inference_id": "i-1"}) as response:
            await response.content.readany()
        with anyio.fail_after(5):
            while (await proxy.get("/llm/inferences/i-1"))["state"] == "live":
                pass
        answer = await proxy.stream(SLOW | {"inference_id": "i-1"})

    assert answer.values(b"done")[0]["finish_reason"] == "cancelled"


async def test_without_an_id_leaving_is_cancelling(tmp_path: Path) -> None:
    async with proxy_of(tmp_path) as proxy:
        async with proxy.post("/llm/stream", SLOW) as response:
            await response.content.readany()
            before = await proxy.gauge("codelab_llmproxy_inflight")
        with anyio.fail_after(1):
            while await proxy.gauge("codelab_llmproxy_inflight"):
                pass

    assert before == 1


async def test_an_expired_record_is_gone_for_good(tmp_path: Path) -> None:
    async with proxy_of(tmp_path, keep_s=0.1, scripted_time_scale=0) as proxy:
        await proxy.stream(TOKENS)
        with anyio.fail_after(5):
            while "error" not in await proxy.get("/llm/inferences/i-1"):
                pass
        status, error = await proxy.refusal("/llm/stream", TOKENS)

    assert (status, error["code"]) == (410, "INFERENCE_EXPIRED")


async def test_a_drain_lets_live_answers_end(tmp_path: Path) -> None:
    body = {"messages": user("write 20 tokens at 100 per second")}
    async with proxy_of(tmp_path) as proxy, proxy.post("/llm/stream", body) as response:
        await response.content.readany()
        proxy.stop.set()
        rest = await response.content.read()

    assert b"event: done" in rest


async def test_a_drain_that_takes_too_long_just_ends_the_stream(tmp_path: Path) -> None:
    body = SLOW | {"inference_id": "i-1"}
    async with proxy_of(tmp_path) as proxy, proxy.post("/llm/stream", body) as response:
        await response.content.readany()
        proxy.stop.set()
        rest = await response.content.read()

    assert b"event: done" not in rest
    assert rest.endswith(b"\n\n")


async def test_the_key_between_services_comes_before_everything_else(proxy: Client) -> None:
    """W-07."""
    seen = []
    for key in (None, "wrong", OLD_KEY):
        headers = {"X-Internal-Auth": key} if key else {}
        for method, path, body in (
            ("POST", "/llm/stream", b"{no json"),
            ("GET", "/llm/stream", b""),
            ("POST", "/nowhere", b""),
            ("GET", "/llm/models", b""),
        ):
            request = proxy.http.request(method, proxy.url + path, data=body, headers=headers)
            async with request as response:
                seen.append(response.status)

    assert seen == [401] * 8 + [400, 405, 404, 200]


async def test_the_id_of_a_request_is_kept_and_a_bad_one_replaced(proxy: Client) -> None:
    """W-08."""
    ids = []
    for given in ("good-1.2", "bad id!"):
        async with proxy.post("/llm/stream", {}, **{"X-Request-Id": given}) as response:
            body = orjson.loads(await response.read())
            ids.append((response.headers["X-Request-Id"], body["error"]["request_id"]))

    assert ids[0] == ("good-1.2", "good-1.2")
    assert ids[1][0] == ids[1][1] != "bad id!"


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        pytest.param(b"{", 400, "body", id="no-json"),
        pytest.param(b"x" * 5_000, 413, "body", id="too-large"),
        pytest.param({"messages": []}, 400, "body", id="no-messages"),
        pytest.param({"messages": user("x"), "api_key": "k"}, 400, "forbidden_field", id="key"),
        pytest.param(
            {"messages": [*user("x"), {"role": "tool", "call_id": "c"}]},
            400,
            "unpaired_tool_call",
            id="unpaired",
        ),
        pytest.param({"messages": user("x"), "model": "no"}, 404, "unknown_model", id="model"),
    ],
)
async def test_bad_requests_are_refused(
    tmp_path: Path, body: object, status: int, reason: str
) -> None:
    async with proxy_of(tmp_path, max_body_bytes=4_096) as proxy:
        refused = await proxy.refusal("/llm/stream", body)

    assert (refused[0], refused[1]["class"]) == (status, reason)


async def test_a_model_that_fails_is_an_event_after_the_status(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("name: strict\nsteps: [{when: {contains: please}, text: ok}]")
    async with proxy_of(tmp_path, scenario_dir=tmp_path) as proxy:
        answer = await proxy.stream({"model": "scripted/scenario-strict", "messages": user("no")})

    asked = {
        "provider": "scripted",
        "model": "scripted/scenario-strict",
        "class": "invalid_request",
        "billed": "no",
    }
    assert answer.values(b"error") == [
        {
            "code": "INVALID_REQUEST",
            "class": "invalid_request",
            "message": "The scenario strict has no step for this request.",
            "retryable": False,
            "fault": "caller",
            "billed": "no",
            "attempts": [asked],
        }
    ]


async def test_a_hundred_streams_at_once_are_whole(tmp_path: Path) -> None:
    async with proxy_of(tmp_path, scripted_time_scale=0.2) as proxy:
        body = {"messages": user("write 50 tokens at 50 per second")}
        async with asyncio.TaskGroup() as tasks:
            streams = [
                tasks.create_task(proxy.stream(body | {"inference_id": f"i-{n}"}))
                for n in range(100)
            ]

    texts = {task.result().text for task in streams}
    assert texts == {"t00001" + "".join(f" t{n:05d}" for n in range(2, 51))}
