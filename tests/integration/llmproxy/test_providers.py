"""Real providers over real sockets: the whole way from a request to the provider and back."""

import asyncio
import gzip
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from codelab_core.observability import JsonFormatter
from codelab_llmproxy.answer_builder import AnswerBuilder, cut
from codelab_llmproxy.chunks import Chunk
from codelab_llmproxy.dialect import Ask, Dialect, bearer
from codelab_llmproxy.dialects import DIALECTS
from codelab_llmproxy.ndjson import LineParser
from fakes.dialect_writers import WRITERS, Said, event
from fakes.upstreams import Fault, Play, Upstream, refusal, upstream
from harness.llm import Client, proxy_of, user
from harness.providers import KEY, config_file, provider

ASK = {"messages": user("Hi"), "tools": [{"name": "git.diff"}]}
KINDS = ["openai-compatible", "anthropic", "ollama"]
SAID = Said(("Hello", " you"))


def hello(kind: str, **fields: Any) -> Play:
    """A whole short answer."""
    return Play(tuple(WRITERS[kind](SAID)), **fields)


def begun(kind: str, fault: Fault, more: bytes = b"") -> Play:
    """An answer that goes wrong after its first word."""
    pieces = [*WRITERS[kind](SAID)]
    at = next(n for n, piece in enumerate(pieces) if b"Hello" in piece)
    return Play((*pieces[: at + 1], more) if more else tuple(pieces[: at + 1]), fault=fault)


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    monkeypatch.setattr("codelab_llmproxy.plan.PAUSE_S", 0.0)


@asynccontextmanager
async def proxied(
    folder: Path, kind: str, *plays: Play, **fields: Any
) -> AsyncIterator[tuple[Client, Upstream]]:
    """A proxy whose only provider plays these answers."""
    async with upstream(*plays) as acting:
        file = config_file(folder, provider(kind, acting.url, **fields))
        async with proxy_of(folder, config_file=file) as client:
            yield client, acting


async def failure(proxy: Client, **fields: Any) -> dict[str, Any]:
    """The error that a request ends with."""
    answer = await proxy.stream(ASK | fields)
    assert [event.kind for event in answer.events[-1:]] == [b"error"]
    found: dict[str, Any] = answer.values(b"error")[0]
    return found


@pytest.mark.parametrize("kind", KINDS)
async def test_tokens_of_a_provider_come_through(tmp_path: Path, kind: str) -> None:
    """P-07, P-11: every event is the same, whoever the provider is."""
    async with proxied(tmp_path, kind, hello(kind)) as (proxy, acting):
        answer = await proxy.stream(ASK)
        providers = await proxy.get("/llm/providers")

    usage = {"prompt_tokens": 11, "completion_tokens": 7, "source": "provider"}
    assert answer.text == "Hello you"
    assert [{**one, "cached_tokens": 3} for one in answer.values(b"usage")] == [
        usage | {"cached_tokens": 3}
    ]
    assert answer.values(b"done")[0]["provider"] == "real"
    assert b"git_diff" in acting.asked[0].raw
    assert acting.asked[0].headers["accept-encoding"] == "identity"
    targets = providers[0].pop("targets")
    assert providers == [{"name": "real", "kind": kind, "models": 1}]
    assert [(one["model"], one["breaker"]) for one in targets] == [("m-1", "closed")]


@pytest.mark.parametrize("kind", KINDS)
async def test_chat_gives_a_provider_s_answer_in_one_json(tmp_path: Path, kind: str) -> None:
    """P-03, P-14: text, calls and usage."""
    arguments = ('{"staged": true}', '{"path": "a"}')
    said = Said(("Look", "ing."), ("hm",), tuple(zip(("git_diff", "x"), arguments, strict=True)))
    async with (
        proxied(tmp_path, kind, Play(tuple(WRITERS[kind](said)))) as (proxy, _),
        proxy.post("/llm/chat", ASK) as response,
    ):
        answer = await response.json()

    message = answer["message"]
    assert message["content"] == "Looking."
    assert message["tool_calls"] == [
        {"index": 0, "name": "git.diff", "arguments": {"staged": True}},
        {"index": 1, "name": "x", "arguments": {"path": "a"}},
    ]
    assert (answer["finish_reason"], answer["provider"]) == ("tool_calls", "real")
    assert (answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"]) == (11, 7)


async def test_a_new_provider_brings_nothing_but_its_own_dialect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P-08: one that is asked in plain text, and answers a line for each word."""
    monkeypatch.setitem(DIALECTS, "ollama", PLAIN_TEXT)
    play = Play((b"Hello\nyo", b"u\n.\n"), media="text/plain")
    async with proxied(tmp_path, "ollama", play) as (proxy, acting):
        answer = await proxy.stream(ASK)

    assert {event.kind for event in answer.events} == {b"token", b"done"}
    assert answer.text == "Hello you "
    assert (acting.asked[0].path, acting.asked[0].raw) == ("/say", b"Hi")


class PlainText:
    """Its stream ends with a line that is a dot."""

    malformed = 0

    def __init__(self, ask: Ask) -> None:
        self._answer, self._lines = AnswerBuilder(ask), LineParser()

    @property
    def pieces(self) -> int:
        return self._answer.pieces

    @property
    def dropped(self) -> int:
        return self._answer.dropped

    def feed(self, piece: bytes) -> list[Chunk]:
        for line in self._lines.feed(piece):
            if line == b".":
                self._answer.finish(None, None, {})
            else:
                self._answer.say(f"{line.decode()} ")
        return self._answer.take()

    def rest(self) -> list[Chunk]:
        return self._answer.take()

    def close(self) -> list[Chunk]:
        raise cut()


PLAIN_TEXT = Dialect(
    path="/say",
    health_path="/",
    encode=lambda ask: ask.request.messages[-1].content.encode(),
    decoder=PlainText,
    headers=bearer,
)


async def test_names_that_people_know_lead_to_the_provider_of_their_kind(tmp_path: Path) -> None:
    """P-12, X-14: beside a real provider nothing is answered by the scripted one."""
    async with proxied(tmp_path, "anthropic", hello("anthropic")) as (proxy, _):
        models = await proxy.get("/llm/models")
        status, error = await proxy.refusal("/llm/stream", ASK | {"model": "gpt-4"})

    assert [(model["id"], model["family"]) for model in models] == [
        ("default", "claude"),
        ("auto", "claude"),
        ("claude-3", "claude"),
        ("m-1", "claude"),
    ]
    assert (status, error["class"], error["details"]["models"]) == (
        404,
        "unknown_model",
        ["default", "auto", "claude-3", "m-1"],
    )


REFUSALS = [
    pytest.param(
        refusal(401, {"error": {"message": f"bad {KEY}"}}), "PROVIDER_AUTH", "key_invalid", id="401"
    ),
    pytest.param(refusal(402, {}), "PROVIDER_AUTH", "key_exhausted", id="402"),
    pytest.param(refusal(403, {}), "PROVIDER_AUTH", "key_invalid", id="403"),
    pytest.param(
        refusal(404, {"error": "no model"}), "INVALID_REQUEST", "invalid_request", id="404"
    ),
    pytest.param(
        refusal(400, {"error": {"message": "prompt is too long"}}),
        "CONTEXT_TOO_LONG",
        "context_length",
        id="context",
    ),
    pytest.param(
        refusal(400, {"error": {"message": "x", "code": "content_filter"}}),
        "CONTENT_FILTERED",
        "content_filter",
        id="filter",
    ),
    pytest.param(refusal(429, {}, Retry_After="7"), "RATE_LIMIT", "rate_limited", id="429"),
    pytest.param(refusal(500, b"<html>"), "PROVIDER_ERROR", "server_error", id="500"),
    pytest.param(refusal(529, {}), "PROVIDER_ERROR", "overloaded", id="529"),
    pytest.param(
        refusal(302, {}, Location="http://x/"), "PROVIDER_ERROR", "server_error", id="302"
    ),
    pytest.param(Play(status=0, fault="reset"), "PROVIDER_ERROR", "reset", id="reset"),
    pytest.param(Play(status=0, fault="cut"), "PROVIDER_ERROR", "reset", id="closed"),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("play", "code", "reason"), REFUSALS)
async def test_refusals_are_errors_of_ours(
    tmp_path: Path, kind: str, play: Play, code: str, reason: str
) -> None:
    """P-09, S-09: what may pass is tried once more, if there is time for the wait it asks for."""
    async with proxied(tmp_path, kind, play) as (proxy, acting):
        error = await failure(proxy, deadline_ms=5_000)

    calls = 2 if reason in {"server_error", "overloaded", "reset"} else 1
    assert (error["code"], error["class"], len(acting.asked)) == (code, reason, calls)
    assert KEY not in str(error)
    assert error.get("retry_after_ms") == (7_000 if reason == "rate_limited" else None)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", ["cut", "reset", ""])
async def test_an_answer_that_ends_early_is_never_whole(
    tmp_path: Path, kind: str, fault: Fault
) -> None:
    """P-09, P-18, regression 6."""
    async with proxied(tmp_path, kind, begun(kind, fault)) as (proxy, acting):
        answer = await proxy.stream(ASK)

    if fault != "reset":  # that may overtake what was sent before it
        assert [event.kind for event in answer.events] == [
            *(b"token", b"restart", b"token", b"restart", b"token", b"error")
        ]
        assert len(acting.asked) == 3
    assert [(e["code"], e["class"], e["billed"]) for e in answer.values(b"error")] == [
        ("PROVIDER_ERROR", "cut", "yes")
    ]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("fault", "outcome"), [("cut", "cut"), ("hang", "stalled")])
async def test_a_broken_answer_is_given_anew(
    tmp_path: Path, kind: str, fault: Fault, outcome: str
) -> None:
    """P-18, S-11: what was shown of it is taken back, never mixed with the other one."""
    models = [{"id": "m-1", "clocks": {"idle_s": 0.1}}]
    plays = (begun(kind, fault), hello(kind))
    async with proxied(tmp_path, kind, *plays, models=models) as (proxy, acting):
        answer = await proxy.stream(ASK | {"inference_id": "i-1"})
        async with proxy.post("/llm/chat", ASK | {"inference_id": "i-1"}) as response:
            folded = await response.json()

    kinds = [event.kind.decode() for event in answer.events]
    done = answer.values(b"done")[0]
    assert kinds == ["token", "restart", *["token"] * (len(kinds) - 4), "usage", "done"]
    assert answer.values(b"restart") == [{"reason": "provider"}]
    assert answer.text == "HelloHello you"
    assert folded["message"]["content"] == "Hello you"
    assert [one["class"] for one in done["attempts"]] == [outcome, "ok"]
    assert len(acting.asked) == 2


async def test_a_provider_that_names_a_short_wait_is_asked_again_after_it(tmp_path: Path) -> None:
    """P-09."""
    kind = "openai-compatible"
    busy = refusal(429, {}, Retry_After="0")
    async with proxied(tmp_path, kind, busy, hello(kind)) as (proxy, acting):
        answer = await proxy.stream(ASK)

    assert (answer.text, len(acting.asked)) == ("Hello you", 2)


LATE = [
    pytest.param(("headers_s", Play(status=0, fault="hang")), "silent", id="headers"),
    pytest.param(("first_content_s", Play((), fault="hang")), "slow_first_content", id="first"),
    pytest.param(("idle_s", None), "stalled", id="idle"),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("clock", "reason"), LATE)
async def test_each_silence_has_its_own_limit(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    clock: tuple[str, Play | None],
    reason: str,
) -> None:
    """P-09, S-11: and the provider is left at once."""
    monkeypatch.setattr("codelab_llmproxy.plan.MAX_RESCUES", 0)
    field, play = clock
    models = [{"id": "m-1", "clocks": {field: 0.1}}]
    hanging = play or begun(kind, "hang")
    async with proxied(tmp_path, kind, hanging, models=models) as (proxy, acting):
        error = await failure(proxy)
        async with asyncio.timeout(1):
            await acting.until_left()

    assert (error["code"], error["class"]) == ("PROVIDER_TIMEOUT", reason)


async def test_pings_are_no_content(tmp_path: Path) -> None:
    """Regression 18: keep-alive never hide a stall."""
    pinging = Play((event("ping"),) * 40, pause_s=0.02, fault="hang")
    models = [{"id": "m-1", "clocks": {"first_content_s": 0.2}}]
    async with proxied(tmp_path, "anthropic", pinging, models=models) as (proxy, _):
        error = await failure(proxy)

    assert error["class"] == "slow_first_content"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "phase",
    [Play(status=0, fault="hang"), Play((), fault="hang"), None],
    ids=["headers", "first", "mid"],
)
async def test_a_cancel_closes_the_provider_s_connection(
    tmp_path: Path, kind: str, phase: Play | None
) -> None:
    """Regression 4: at most 50 ms, in every phase."""
    took: list[float] = []
    async with proxied(tmp_path, kind, phase or begun(kind, "hang")) as (proxy, acting):
        while len(took) < 5 and min(took, default=1) > 0.05:  # a busy machine may be late itself
            took.append(await _seconds_to_leave(proxy, acting, len(took) + 1))

    assert min(took) < 5 * 0.05


async def _seconds_to_leave(proxy: Client, acting: Upstream, count: int) -> float:
    """How long the provider is kept after the cancel of the request of this number."""
    inference_id = f"i-{count}"
    asking = proxy.post("/llm/stream", ASK | {"inference_id": inference_id})
    async with asking, asyncio.timeout(5):
        await acting.until_asked(count)
        began = time.perf_counter()
        await proxy.delete(inference_id)
        await acting.until_left(count)
        return time.perf_counter() - began


async def test_errors_inside_of_a_stream_are_errors(tmp_path: Path) -> None:
    """P-09, regression 5: never text."""
    error = event("error", error={"type": "overloaded_error", "message": f"sorry {KEY}"})
    async with proxied(tmp_path, "anthropic", begun("anthropic", "", error)) as (proxy, _):
        answer = await proxy.stream(ASK)

    lost = {"provider": "real", "model": "m-1", "class": "overloaded", "billed": "no"}
    assert answer.text == "Hello" * 3
    assert answer.values(b"error") == [
        {
            "code": "PROVIDER_ERROR",
            "class": "overloaded",
            "message": "The model's provider failed. real says: sorry [hidden]",
            "retryable": True,
            "fault": "provider",
            "billed": "no",
            "attempts": [lost] * 3,
        }
    ]


async def test_a_compressed_answer_is_read_all_the_same(tmp_path: Path) -> None:
    whole = gzip.compress(b"".join(WRITERS["ollama"](SAID)))
    play = Play((whole[:20], whole[20:]), headers={"Content-Encoding": "gzip"})
    async with proxied(tmp_path, "ollama", play) as (proxy, _):
        answer = await proxy.stream(ASK)

    assert answer.text == "Hello you"


async def test_connections_are_used_again(tmp_path: Path) -> None:
    async with proxied(tmp_path, "openai-compatible", hello("openai-compatible")) as (
        proxy,
        acting,
    ):
        for _ in range(5):
            await proxy.stream(ASK)
            await asyncio.sleep(0)

    assert (len(acting.asked), acting.connections) == (5, 1)


async def test_a_key_is_renewed_while_it_runs(tmp_path: Path) -> None:
    """P-06 of operations: rotation needs no restart, also before the file is looked at again."""
    key = tmp_path / "key"
    key.write_text("old-key")
    keys = [{"id": "main", "secret": f"file:{key}"}]
    denied = refusal(401, {"error": {"message": "old-key is revoked"}})
    kind = "anthropic"
    async with proxied(tmp_path, kind, denied, hello(kind), keys=keys) as (proxy, acting):
        key.write_text("new-key")
        answer = await proxy.stream(ASK)

    assert answer.text == "Hello you"
    assert [asked.headers["x-api-key"] for asked in acting.asked] == ["old-key", "new-key"]


async def until_valid(proxy: Client, state: float) -> None:
    """Wait until the gauge says so; each look is a request, so that others get their turn."""
    async with asyncio.timeout(5):
        while await proxy.gauge("codelab_llmproxy_config_valid") != state:
            pass


async def test_a_changed_configuration_is_served_without_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("codelab_llmproxy.offer.POLL_S", 0.02)
    kind = "ollama"
    async with proxied(tmp_path, kind, hello(kind)) as (proxy, acting):
        good = provider(kind, acting.url, models=[{"id": "other"}])
        config_file(tmp_path, good, aliases={"x": "nothing"})
        await until_valid(proxy, 0)
        during = [model["id"] for model in await proxy.get("/llm/models")]
        config_file(tmp_path, good)
        await until_valid(proxy, 1)
        after = [model["id"] for model in await proxy.get("/llm/models")]

    assert (during[-1], after[-1]) == ("m-1", "other")


async def test_health_asks_each_provider(tmp_path: Path) -> None:
    down = refusal(500, {})
    async with proxied(tmp_path, "ollama", hello("ollama")) as (proxy, acting):
        well = await proxy.get("/health")
    (tmp_path / "down").mkdir()
    async with proxied(tmp_path / "down", "ollama", down) as (proxy, _):
        ill = await proxy.get("/health")

    assert (well["status"], well["checks"]) == ("healthy", {"real": "ok"})
    assert (ill["status"], ill["checks"]) == (
        "unhealthy",
        {"real": "error: PROVIDER_ERROR/server_error"},
    )
    assert [asked.path for asked in acting.asked] == ["/api/tags"]


async def test_no_key_is_ever_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Regression 23, W-07: a planted key, every way to fail, everything that can be read."""
    once: list[tuple[str, int]] = [
        *(("plan.MAX_PER_TARGET", 1), ("plan.MAX_RESCUES", 0), ("refusals.DEFAULT_WAIT_MS", 0)),
        *(("breaker.MAX_IN_A_ROW", 99), ("breaker.WINDOW_CALLS", 99)),
    ]
    for name, value in once:
        monkeypatch.setattr(f"codelab_llmproxy.{name}", value)
    for name in ("", "codelab_core", "codelab_llmproxy"):
        caplog.set_level(logging.DEBUG, name)
    echo = {"error": {"message": f"Incorrect API key {KEY} for Bearer {KEY}", "param": KEY}}
    plays = [
        Play(status=0, fault="reset"),
        Play(status=0, fault="cut"),
        *(refusal(status, echo) for status in (302, 400, 401, 402, 403, 404, 413, 429, 500, 503)),
        refusal(500, KEY.encode()),
        begun("openai-compatible", "cut"),
        begun("openai-compatible", "reset"),
        begun("openai-compatible", "", b"data: " + orjson.dumps(echo) + b"\n\n"),
        begun("openai-compatible", "", b'data: {"broken ' + KEY.encode() + b"\n\n" * 3),
        Play((b"data: " + KEY.encode() + b"\n\n",) * 3),
        Play((KEY.encode(),), headers={"Content-Encoding": "gzip"}),
        hello("openai-compatible"),
    ]
    count = len(plays)
    async with proxied(tmp_path, "openai-compatible", *plays) as (proxy, acting):
        raw = [(await proxy.stream(ASK)).raw for _ in range(count)]
        paths = ("/llm/models", "/llm/providers", "/metrics", "/health")
        shown = [str(await proxy.get(path)) for path in paths]

    logged = [JsonFormatter().format(record) for record in caplog.records]
    assert KEY not in "".join([*map(str, raw), *shown, *logged])
    assert [n for n, one in enumerate(raw) if b"event: error" not in one] == [count - 1]
    assert KEY in acting.asked[0].headers["authorization"]


async def test_figures_of_calls_are_counted(tmp_path: Path) -> None:
    kind = "anthropic"
    async with proxied(tmp_path, kind, hello(kind), refusal(529, {})) as (proxy, _):
        await proxy.stream(ASK)
        rate = await proxy.gauge("llm_proxy_tokens_per_second")
        await proxy.stream(ASK)
        metrics = await proxy.get("/metrics")

    labels = 'gen_ai_operation_name="chat",gen_ai_provider_name="real",gen_ai_request_model="m-1"'
    attempts = "codelab_llmproxy_attempts_total"
    assert rate == 0.2
    assert f'gen_ai_client_token_usage_sum{{{labels},gen_ai_token_type="output"}} 7.0' in metrics
    assert f'{attempts}{{class="ok",model="m-1",provider="real"}} 1.0' in metrics
    assert f'{attempts}{{class="overloaded",model="m-1",provider="real"}} 2.0' in metrics
    assert 'codelab_llmproxy_provider_available{provider="real"} 0.0' in metrics
