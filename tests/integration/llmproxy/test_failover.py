"""Two providers behind one name, on real sockets: the second answers where the first cannot."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from codelab_llmproxy.config_file import ConfigFileError
from fakes.dialect_writers import WRITERS, Said
from fakes.upstreams import Asked, Fault, Play, Upstream, refusal, upstream
from harness.llm import Answer, Client, proxy_of, user
from harness.providers import KEY, config_file, provider

KINDS = ["openai-compatible", "anthropic", "ollama"]
ASK = {"messages": user("Hi"), "model": "coder", "tools": [{"name": "read_file"}]}
HELLO = Said(("Hello", " you"))
SCRIPTED = {"provider": "scripted", "model": "scripted/ok", "priority": 9}
CLOCKS = {"headers_s": 0.2, "first_content_s": 0.2, "idle_s": 0.2}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    monkeypatch.setattr("codelab_llmproxy.plan.PAUSE_S", 0.0)


def says(kind: str, *texts: str) -> Play:
    """A whole answer."""
    return Play(tuple(WRITERS[kind](Said(texts))))


def until(kind: str, said: Said, mark: bytes, fault: Fault = "cut") -> Play:
    """An answer that goes wrong behind the first piece with a mark in it."""
    pieces = [*WRITERS[kind](said)]
    at = next(n for n, piece in enumerate(pieces) if mark in piece)
    return Play(tuple(pieces[: at + 1]), fault=fault)


def named(name: str, kind: str, url: str, **fields: Any) -> dict[str, Any]:
    """One provider under a name of its own."""
    models = [{"id": "m-1", "clocks": CLOCKS}]
    return {**provider(kind, url, **{"models": models, **fields}), "name": name}


def target(name: str, priority: int) -> dict[str, Any]:
    return {"provider": name, "model": "m-1", "priority": priority}


def route(*targets: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"routes": {"coder": {"targets": [*targets], **fields}}}


@asynccontextmanager
async def pair(
    folder: Path, first: tuple[str, *tuple[Play, ...]], second: tuple[str, *tuple[Play, ...]]
) -> AsyncIterator[tuple[Client, Upstream, Upstream]]:
    """A proxy whose route asks one provider, then another; each is a kind and its plays."""
    async with upstream(*first[1:]) as one, upstream(*second[1:]) as two:
        file = config_file(
            folder,
            named("one", first[0], one.url),
            named("two", second[0], two.url),
            **route(target("one", 0), target("two", 1)),
        )
        async with proxy_of(folder, config_file=file) as client:
            yield client, one, two


def calls_of(answer: Answer) -> list[tuple[str, str]]:
    """Provider and outcome of each call, as the last event tells them."""
    last = orjson.loads(answer.events[-1].data)
    return [(call["provider"], call["class"]) for call in last["attempts"]]


UNSEEN = [
    pytest.param(refusal(500, b"x"), "server_error", 2, id="500"),
    pytest.param(refusal(529, {}), "overloaded", 2, id="529"),
    pytest.param(refusal(401, {}), "key_invalid", 1, id="401"),
    pytest.param(refusal(429, {}, Retry_After="30"), "rate_limited", 1, id="429-long"),
    pytest.param(refusal(429, {}), "rate_limited", 2, id="429-without-a-word"),
    pytest.param(Play(status=0, fault="reset"), "reset", 2, id="reset"),
    pytest.param(Play(status=0, fault="hang"), "silent", 1, id="no-headers"),
    pytest.param(Play((), fault="hang"), "slow_first_content", 1, id="no-first-token"),
    pytest.param(Play((), fault="cut"), "cut", 1, id="headers-only"),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("play", "reason", "count"), UNSEEN)
async def test_what_fails_before_the_first_token_is_not_seen(
    tmp_path: Path, kind: str, play: Play, reason: str, count: int
) -> None:
    """P-17, S-08: another dialect answers, and nothing tells but `attempts`."""
    other = KINDS[KINDS.index(kind) - 1]
    async with pair(tmp_path, (kind, play), (other, says(other, "Hello", " you"))) as (
        proxy,
        one,
        two,
    ):
        answer = await proxy.stream(ASK)

    done = answer.values(b"done")[0]
    assert answer.text == "Hello you"
    assert {event.kind for event in answer.events} == {b"token", b"usage", b"done"}
    assert (done["provider"], done["model"], done.get("rescue")) == ("two", "m-1", None)
    assert calls_of(answer) == [*[("one", reason)] * count, ("two", "ok")]
    assert (len(one.asked), len(two.asked)) == (count, 1)


async def test_a_provider_that_cannot_be_reached_is_stood_in_for(tmp_path: Path) -> None:
    """P-17: and once that is known, it is not asked any more for a while."""
    kind = "anthropic"
    async with upstream(says(kind, "Hello")) as two:
        file = config_file(
            tmp_path,
            named("one", kind, "http://127.0.0.1:1"),
            named("two", kind, two.url),
            **route(target("one", 0), target("two", 1)),
        )
        async with proxy_of(tmp_path, config_file=file) as proxy:
            answers = [await proxy.stream(ASK) for _ in range(3)]
            metrics = await proxy.get("/metrics")
            providers = await proxy.get("/llm/providers")

    lost = ("one", "connect_failed")
    assert [calls_of(answer) for answer in answers] == [
        [lost, lost, ("two", "ok")],
        [lost, ("two", "ok")],
        [("two", "ok")],
    ]
    assert 'codelab_llmproxy_breaker_state{model="m-1",provider="one"} 1.0' in metrics
    assert providers[0]["targets"] == [
        {"model": "m-1", "breaker": "open", "in_flight": 0, "last_error": "connect_failed"}
    ]
    assert 'codelab_llmproxy_rescues_total{rung="failover"} 2.0' in metrics


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("fault", "reason"), [("cut", "cut"), ("hang", "stalled")])
async def test_text_that_broke_off_is_given_anew_by_the_other(
    tmp_path: Path, kind: str, fault: Fault, reason: str
) -> None:
    """P-17, regression 6: no token of one answer is mixed with the other's."""
    broken = until(kind, HELLO, b"Hello", fault)
    async with pair(tmp_path, (kind, broken), (kind, says(kind, "Good", " day"))) as (
        proxy,
        one,
        two,
    ):
        answer = await proxy.stream(ASK | {"inference_id": "i-1"})
        async with proxy.post("/llm/chat", ASK | {"inference_id": "i-1"}) as response:
            folded = await response.json()

    kinds = [event.kind for event in answer.events]
    assert kinds[:2] == [b"token", b"restart"]
    assert kinds.count(b"restart") == 1
    assert (folded["message"]["content"], folded["provider"]) == ("Good day", "two")
    assert answer.values(b"done")[0]["rescue"] == "restart"
    assert calls_of(answer) == [("one", reason), ("two", "ok")]
    assert (len(one.asked), len(two.asked)) == (1, 1)


@pytest.mark.parametrize("kind", ["openai-compatible", "anthropic"])
async def test_nothing_is_spliced_inside_of_a_call(tmp_path: Path, kind: str) -> None:
    """P-17: a call that broke off is dropped, the other provider makes its own."""
    half = Said(("Let me see",), calls=(("read_file", '{"path":"a.py"}'),))
    broken = until(kind, half, b'{\\"pat')
    whole = Play(tuple(WRITERS[kind](Said((), calls=(("read_file", '{"path":"b.py"}'),)))))
    async with pair(tmp_path, (kind, broken), (kind, whole)) as (proxy, _, _):
        answer = await proxy.stream(ASK)

    assert answer.calls == [("read_file", {"path": "b.py"})]
    kinds = [event.kind for event in answer.events if event.kind != b"token"]
    assert kinds == [b"restart", b"tool_call", b"usage", b"done"]
    assert calls_of(answer) == [("one", "cut"), ("two", "ok")]


async def test_whole_calls_stand_and_the_other_is_not_asked(tmp_path: Path) -> None:
    """P-17: the model asks again for what is missing."""
    kind = "openai-compatible"
    call = {"index": 0, "id": "x", "function": {"name": "read_file", "arguments": "{}"}}
    half = {"index": 1, "id": "y", "function": {"name": "read_file", "arguments": "{"}}
    pieces = [
        b"data: " + orjson.dumps({"choices": [{"index": 0, "delta": {"tool_calls": [one]}}]})
        for one in (call, half)
    ]
    broken = Play(tuple(piece + b"\n\n" for piece in pieces), fault="cut")
    async with pair(tmp_path, (kind, broken), (kind, says(kind, "no"))) as (proxy, _, two):
        answer = await proxy.stream(ASK)

    done = answer.values(b"done")[0]
    assert answer.calls == [("read_file", {})]
    assert (done["finish_reason"], done["rescue"]) == ("tool_calls", "salvage")
    assert (done["salvaged"], done["dropped_calls"], two.asked) == (True, 1, [])


@pytest.mark.parametrize("status", [401, 402, 429])
async def test_another_key_is_tried_before_another_provider(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """P-06: at once; and the key that was refused is left alone from then on."""
    kind = "openai-compatible"
    monkeypatch.setenv("OTHER_KEY", "sk-other")
    keys = [{"id": name.lower(), "secret": f"env:{name}_KEY"} for name in ("TEST", "OTHER")]
    refused: list[str] = []

    def fussy(asked: Asked) -> Play:
        """Takes one key only: that which is not asked with first."""
        key = asked.headers["authorization"]
        refused[:] = refused or [key]
        return refusal(status, {}, Retry_After="30") if key in refused else says(kind, "Hello")

    async with upstream(fussy) as one, upstream(says(kind, "no")) as two:
        file = config_file(
            tmp_path,
            named("one", kind, one.url, keys=keys),
            named("two", kind, two.url),
            **route(target("one", 0), target("two", 1)),
        )
        async with proxy_of(tmp_path, config_file=file) as proxy:
            session = {"metadata": {"session_id": "s"}}
            answers = [await proxy.stream(ASK | session) for _ in range(2)]

    assert [answer.text for answer in answers] == ["Hello", "Hello"]
    assert [len(calls_of(answer)) for answer in answers] == [2, 1]
    assert len({asked.headers["authorization"] for asked in one.asked}) == 2
    assert (len(one.asked), two.asked) == (3, [])


async def test_the_error_is_the_first_one_and_lists_all_calls(tmp_path: Path) -> None:
    """P-17: an honest error where nobody answers."""
    kind = "anthropic"
    denied = refusal(400, {"error": {"message": "No such thing."}})
    async with pair(tmp_path, (kind, refusal(503, {})), (kind, denied)) as (proxy, _, _):
        answer = await proxy.stream(ASK)

    error = answer.values(b"error")[0]
    assert (error["code"], error["class"], error["fault"]) == (
        "PROVIDER_ERROR",
        "overloaded",
        "provider",
    )
    assert calls_of(answer) == [
        *[("one", "overloaded")] * 2,
        ("two", "invalid_request"),
    ]


@pytest.mark.parametrize(
    ("play", "reason"),
    [
        pytest.param(
            refusal(400, {"error": {"message": "x", "code": "content_filter"}}),
            "content_filter",
            id="policy",
        ),
        pytest.param(refusal(400, {}), "invalid_request", id="request"),
    ],
)
async def test_what_is_no_fault_of_the_provider_goes_nowhere(
    tmp_path: Path, play: Play, reason: str
) -> None:
    """P-09: no other provider is asked for what the first one refuses."""
    kind = "openai-compatible"
    async with pair(tmp_path, (kind, play), (kind, says(kind, "Hello"))) as (proxy, one, two):
        answer = await proxy.stream(ASK)

    assert [error["class"] for error in answer.values(b"error")] == [reason]
    assert (len(one.asked), len(two.asked)) == (1, 0)


async def test_too_long_a_conversation_goes_to_the_larger_model(tmp_path: Path) -> None:
    """Wall 12: once, and only for that."""
    kind = "anthropic"
    long = refusal(400, {"error": {"message": "prompt is too long"}})
    async with upstream(long) as one, upstream(says(kind, "Hello")) as two:
        file = config_file(
            tmp_path,
            named("one", kind, one.url),
            named("two", kind, two.url),
            **route(target("one", 0), larger_context=[target("two", 0)]),
        )
        async with proxy_of(tmp_path, config_file=file) as proxy:
            answer = await proxy.stream(ASK)

    assert calls_of(answer) == [("one", "context_length"), ("two", "ok")]


@pytest.mark.parametrize("play", [refusal(500, {}), Play(status=0, fault="hang")])
async def test_the_scripted_model_answers_where_the_route_says_so(
    tmp_path: Path, play: Play
) -> None:
    """P-10, X-14: and the answer says that it is the scripted one's."""
    kind = "openai-compatible"
    async with upstream(play) as acting:
        file = config_file(
            tmp_path,
            named("one", kind, acting.url),
            {"name": "scripted", "kind": "scripted"},
            **route(target("one", 0), SCRIPTED),
        )
        async with proxy_of(tmp_path, config_file=file, scripted_time_scale=0) as proxy:
            answer = await proxy.stream(ASK)

    done = answer.values(b"done")[0]
    assert (done["provider"], done["model"]) == ("scripted", "scripted/ok")
    assert calls_of(answer)[-1] == ("scripted", "ok")


async def test_without_that_the_scripted_model_never_answers(tmp_path: Path) -> None:
    """P-10, X-14: an honest error, though the scripted provider is there."""
    kind = "openai-compatible"
    async with upstream(refusal(500, {})) as acting:
        file = config_file(
            tmp_path,
            named("one", kind, acting.url),
            {"name": "scripted", "kind": "scripted"},
            **route(target("one", 0)),
        )
        async with proxy_of(tmp_path, config_file=file) as proxy:
            answer = await proxy.stream(ASK)

    assert calls_of(answer) == [("one", "server_error")] * 2
    assert answer.events[-1].kind == b"error"


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        (target("three", 1), "routes.coder.targets[1].provider: there is no provider 'three'"),
        (SCRIPTED, "routes.coder.targets[1].provider: there is no provider 'scripted'"),
        (target("one", 1) | {"model": "m-2"}, "routes.coder.targets[1].model: one has no model"),
    ],
)
async def test_a_target_that_leads_nowhere_keeps_it_from_starting(
    tmp_path: Path, wanted: dict[str, Any], problem: str
) -> None:
    """Regression 26."""
    config = route(target("one", 0), wanted)
    file = config_file(tmp_path, named("one", "anthropic", "http://127.0.0.1:1"), **config)

    with pytest.raises(ConfigFileError) as caught:
        async with proxy_of(tmp_path, config_file=file):
            pass

    assert problem in str(caught.value)
