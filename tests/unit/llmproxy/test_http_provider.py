import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from codelab_core.clock import SYSTEM_CLOCK
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.llm_config import KeyConfig, ProviderConfig
from codelab_core.observability import REQUEST_ID
from codelab_core.server import cancelled_at_end
from codelab_llmproxy.clocks import Limits, Watch
from codelab_llmproxy.egress import Egress
from codelab_llmproxy.http_provider import CHECK_S, HttpProvider
from codelab_llmproxy.keys import Key, KeyRing
from codelab_llmproxy.openai_dialect import OPENAI
from codelab_llmproxy.providers import Sending
from fakes.clock import HandClock
from fakes.stage import FACTS
from fakes.upstreams import Play, Upstream, refusal, upstream

WHOLE = Play((b"data: one\n\n", b"data: two\n\n"))
DENIED = refusal(401, {"error": {"message": "Incorrect API key provided: key-1"}})


@asynccontextmanager
async def calling(
    folder: Path, *plays: Play, **fields: Any
) -> AsyncIterator[tuple[HttpProvider, Upstream]]:
    """A provider whose one key is in a file."""
    (folder / "key").write_text("key-1")
    secret = {"id": "main", "secret": f"file:{folder}/key"}
    async with upstream(*plays) as acting, Egress(HandClock()) as egress:
        config = ProviderConfig.model_validate(
            {
                "name": "real",
                "kind": "openai-compatible",
                "base_url": acting.url,
                "allow_private": True,
                "keys": [secret],
                "models": [{"id": "stage"}],
                **fields,
            }
        )
        keys = KeyRing([Key(KeyConfig.model_validate(secret), lambda _: None)])
        yield HttpProvider(config, OPENAI, [FACTS], keys, egress), acting


def sending() -> Sending:
    return Sending(1, "s", Watch(Limits(), 60, SYSTEM_CLOCK))


async def answer(provider: HttpProvider) -> bytes:
    return b"".join([piece async for piece in provider.stream(b"{}", sending())])


async def test_the_request_is_the_body_with_headers_of_our_own(tmp_path: Path) -> None:
    token = REQUEST_ID.set("r-1")
    async with calling(tmp_path, WHOLE) as (provider, acting):
        whole = await answer(provider)
    REQUEST_ID.reset(token)

    asked = acting.asked[0]
    assert whole == b"data: one\n\ndata: two\n\n"
    assert (asked.method, asked.path, asked.raw) == ("POST", "/chat/completions", b"{}")
    assert asked.headers.pop("user-agent").startswith("codelab-llmproxy/")
    assert asked.headers == {
        "host": f"127.0.0.1:{acting.port}",
        "authorization": "Bearer key-1",
        "content-type": "application/json",
        "content-length": "2",
        "accept": "text/event-stream, application/x-ndjson, application/json",
        "accept-encoding": "identity",
        "x-request-id": "r-1",
    }


async def test_a_key_that_was_renewed_is_tried_at_once(tmp_path: Path) -> None:
    async with calling(tmp_path, DENIED, WHOLE) as (provider, acting):
        (tmp_path / "key").write_text("key-2")
        whole = await answer(provider)

    assert whole.startswith(b"data: one")
    assert [asked.headers["authorization"] for asked in acting.asked] == [
        "Bearer key-1",
        "Bearer key-2",
    ]


@pytest.mark.parametrize("renewed", ["key-1", "no key", "key-2"])
async def test_a_key_that_is_refused_for_good_is_an_error(tmp_path: Path, renewed: str) -> None:
    async with calling(tmp_path, DENIED) as (provider, acting):
        (tmp_path / "key").write_text(renewed)
        with pytest.raises(CodelabError, match="PROVIDER_AUTH/key_invalid") as caught:
            await answer(provider)

    assert len(acting.asked) == (2 if renewed == "key-2" else 1)
    assert "key-1" not in str(caught.value)


async def test_only_so_many_calls_run_at_once(tmp_path: Path) -> None:
    hanging = Play((b"data: x\n\n",), fault="hang")
    async with calling(tmp_path, hanging, WHOLE, max_concurrent=1) as (provider, _):
        first = provider.stream(b"{}", sending())
        await anext(first)
        with pytest.raises(CodelabError, match="MODEL_UNAVAILABLE/no_target"):
            await answer(provider)
        await first.aclose()
        assert await answer(provider)


async def test_what_it_says_is_shown_without_its_keys(tmp_path: Path) -> None:
    async with calling(tmp_path, WHOLE) as (provider, _):
        assert provider.redact("it was key-1") == "it was [hidden]"
        assert (provider.models(), provider.find("stage")) == ([FACTS], FACTS)
        assert provider.find("none") is None


@pytest.mark.parametrize("status", [200, 404, 429])
async def test_a_provider_that_answers_is_there(tmp_path: Path, status: int) -> None:
    async with calling(tmp_path, refusal(status, {})) as (provider, acting):
        await provider.check()
        await provider.check()

    assert [(asked.method, asked.path) for asked in acting.asked] == [("GET", "/models")]


@pytest.mark.parametrize("play", [DENIED, refusal(500, {}), refusal(302, {})])
async def test_one_that_does_not_is_asked_again_after_a_while(tmp_path: Path, play: Play) -> None:
    async with calling(tmp_path, play, WHOLE) as (provider, acting):
        for _ in range(2):
            with pytest.raises(CodelabError):
                await provider.check()
        clock = provider._egress.clock
        assert isinstance(clock, HandClock)
        clock.advance(CHECK_S)
        await provider.check()

    assert len(acting.asked) == 2


async def test_without_its_key_nothing_is_sent_until_the_key_is_there(tmp_path: Path) -> None:
    async with calling(tmp_path, WHOLE) as (provider, acting):
        missing = KeyConfig.model_validate({"id": "main", "secret": f"file:{tmp_path}/later"})
        provider.keys = KeyRing([Key(missing, lambda _: None)])
        for asking in (provider.check(), answer(provider)):
            with pytest.raises(CodelabError, match="PROVIDER_AUTH/key_missing"):
                await asking
        asked_before = len(acting.asked)

        (tmp_path / "later").write_text("key-2")
        provider.keys.keys[0].refresh()
        provider.doubt()
        await provider.check()

    assert (asked_before, len(acting.asked)) == (0, 1)


async def test_one_that_nobody_can_reach_is_away(tmp_path: Path) -> None:
    async with calling(tmp_path, WHOLE, base_url="http://127.0.0.1:1") as (provider, _):
        with pytest.raises(CodelabError, match="connect_failed"):
            await provider.check()


async def test_a_check_does_not_hold_up_others(tmp_path: Path) -> None:
    async with calling(tmp_path, Play(status=0, fault="hang")) as (provider, _):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await provider.check()


LIMITED = CodelabError(Code.RATE_LIMIT, "rate_limited", retry_after_ms=7_000)
INVALID = CodelabError(Code.PROVIDER_AUTH, "key_invalid")
DOWN = CodelabError(Code.PROVIDER_ERROR, "overloaded")


@pytest.mark.parametrize(
    ("error", "model", "held"),
    [
        (LIMITED, "stage", (7.0, False)),
        (LIMITED, "other", (0.0, False)),
        (INVALID, "other", (300.0, True)),
        (DOWN, "stage", (0.0, False)),
    ],
)
async def test_a_key_is_left_alone_for_what_it_did(
    tmp_path: Path, error: CodelabError, model: str, held: tuple[float, bool]
) -> None:
    async with calling(tmp_path, WHOLE) as (provider, _):
        sent = sending()
        async for _ in provider.stream(b"{}", sent):
            pass
        before = provider.hold(model)
        provider.blame(error, replace(sent, model="stage"))

        assert (sent.key_id, before) == ("main", (0, False))
        assert provider.hold(model) == pytest.approx(held)


async def test_too_many_calls_hold_the_next_one_back(tmp_path: Path) -> None:
    hanging = Play(fault="hang")
    async with (
        calling(tmp_path, hanging, max_concurrent=1) as (provider, acting),
        cancelled_at_end() as tasks,
    ):
        tasks.create_task(answer(provider))
        await acting.until_asked()
        held = provider.hold("stage")

    assert held == (0.25, False)
