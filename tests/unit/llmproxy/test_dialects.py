"""The conformance suite: what holds for every dialect, also for those to come."""

import random
from collections.abc import Iterable
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelab_core.errors import CodelabError
from codelab_core.llm_config import Kind
from codelab_core.protocol.inference import InferenceRequest, Usage, WholeCall
from codelab_llmproxy.chunks import Chunk, Finish, Text, Thought, encode
from codelab_llmproxy.dialect import Ask
from codelab_llmproxy.dialects import DIALECTS
from fakes.dialect_writers import WRITERS, Said
from fakes.stage import ask_of
from harness.chunks import joined

KINDS: list[Kind] = [*DIALECTS]
ARGUMENTS = {"path": 'a"b\\.py', "content": "{[\n}]\\é", "deep": {"list": [1, {"x": "\u2028"}]}}
TEXT = orjson.dumps(ARGUMENTS).decode()
TALK = {
    "words": Said(("Hello", " wörld", " 👋")),
    "thought": Said(("So.",), thinking=("Let me", " see")),
    "call": Said(("Reading.",), calls=(("git_diff", TEXT),)),
    "four-calls": Said(calls=tuple((f"tool_{n}", f'{{"n":{n},"s":"{n}"}}') for n in range(4))),
    "no-arguments": Said(calls=(("git_diff", "{}"),)),
    "limit": Said(("cut of",), finish="length"),
    "all": Said(("a", "b"), ("c",), (("git_diff", TEXT), ("read_file", '{"path":"x"}'))),
}


def asking(**fields: Any) -> Ask:
    tools = [{"name": "git.diff"}, {"name": "read_file"}]
    request = {"messages": [{"role": "user", "content": "Hi"}], "tools": tools}
    return ask_of(InferenceRequest.model_validate(request | fields))


def decoded(kind: Kind, pieces: Iterable[bytes]) -> list[Chunk]:
    """All chunks, neighbouring text joined, the opaque state left out."""
    decoder = DIALECTS[kind].decoder(asking())
    chunks = [chunk for piece in pieces for chunk in decoder.feed(piece)] + decoder.close()
    return [
        Finish(chunk.reason) if isinstance(chunk, Finish) else chunk for chunk in joined(chunks)
    ]


def expected(said: Said) -> list[Chunk]:
    """The chunks of what was said, whatever the dialect."""
    chunks: list[Chunk] = []
    if said.thinking:
        chunks.append(Thought("".join(said.thinking)))
    if said.texts:
        chunks.append(Text("".join(said.texts)))
    for index, (name, text) in enumerate(said.calls):
        ours = {"git_diff": "git.diff"}.get(name, name)
        chunks.append(WholeCall(index=index, name=ours, arguments=orjson.loads(text)))
    chunks.append(Usage(prompt_tokens=said.prompt, completion_tokens=said.completion))
    is_called = said.calls and said.finish == "stop"
    chunks.append(Finish("tool_calls" if is_called else said.finish))  # type: ignore[arg-type]  # of the test's table
    return chunks


def without_cached(chunks: list[Chunk]) -> list[Chunk]:
    """The same without what only one dialect reports."""
    return [
        chunk.model_copy(update={"cached_tokens": None}) if isinstance(chunk, Usage) else chunk
        for chunk in chunks
    ]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("said", TALK.values(), ids=TALK.keys())
def test_the_same_answer_gives_the_same_events(kind: Kind, said: Said) -> None:
    """P-06. Regressions 1 and 2: dense indices, our names, objects, the reason `tool_calls`."""
    chunks = without_cached(decoded(kind, WRITERS[kind](said)))

    assert chunks == expected(said)
    wired = [encode(chunk) for chunk in chunks if not isinstance(chunk, Finish)]
    assert wired == [encode(chunk) for chunk in expected(said) if not isinstance(chunk, Finish)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_cut_anywhere_into_pieces_gives_the_same_chunks(kind: Kind) -> None:
    """Regression 17."""
    stream = b"".join(WRITERS[kind](TALK["all"]))
    whole = decoded(kind, [stream])
    source = random.Random(7)  # noqa: S311 -- places of cuts

    for cut in range(len(stream)):
        assert decoded(kind, [stream[:cut], stream[cut:]]) == whole
    for _ in range(200):
        cuts = sorted(source.sample(range(len(stream)), 12))
        ends = zip([0, *cuts], [*cuts, len(stream)], strict=True)
        assert decoded(kind, [stream[start:end] for start, end in ends]) == whole


@pytest.mark.parametrize("kind", KINDS)
def test_line_ends_of_another_kind_change_nothing(kind: Kind) -> None:
    stream = b"".join(WRITERS[kind](TALK["all"]))

    assert decoded(kind, [stream.replace(b"\n", b"\r\n")]) == decoded(kind, [stream])


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_that_ends_early_is_never_a_whole_answer(kind: Kind) -> None:
    """P-13, regressions 3 and 6: a cut at every byte; no call that is not whole, no clean end."""
    said = TALK["all"]
    stream = b"".join(WRITERS[kind](said))
    calls = [chunk for chunk in expected(said) if isinstance(chunk, WholeCall)]
    whole = expected(said)[-1]

    for cut in range(len(stream)):
        decoder = DIALECTS[kind].decoder(asking())
        chunks: list[Chunk] = []
        reason: str | None = None
        try:
            chunks += decoder.feed(stream[:cut])
            chunks += decoder.close()
        except CodelabError as error:
            reason = error.reason
        assert reason in {None, "cut", "tool_call_incomplete", "malformed"}
        seen = [chunk for chunk in chunks if isinstance(chunk, WholeCall)]
        ends = [Finish(chunk.reason) for chunk in chunks if isinstance(chunk, Finish)]
        assert seen == calls[: len(seen)]
        assert ends in ([], [whole])
        assert not ends or seen == calls


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=200)
@given(data=st.data())
def test_any_bytes_end_in_chunks_or_an_error_of_ours(kind: Kind, data: st.DataObject) -> None:
    stream = bytearray(b"".join(WRITERS[kind](TALK["all"])))
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(stream) - 1))
        stream[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    decoder = DIALECTS[kind].decoder(asking())

    try:
        chunks = decoder.feed(bytes(stream)) + decoder.close()
    except CodelabError:
        return
    assert isinstance(chunks[-1], Finish)


MALFORMED = {
    "openai-compatible": b"data: {oops\n\n",
    "anthropic": b"data: {oops\n\n",
    "ollama": b"{o\n",
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_that_cannot_be_read_is_passed_over_and_counted(kind: Kind) -> None:
    first, *rest = WRITERS[kind](TALK["words"])
    decoder = DIALECTS[kind].decoder(asking())

    chunks = [chunk for piece in (first, MALFORMED[kind], *rest) for chunk in decoder.feed(piece)]

    assert (
        Text("".join(c.text for c in chunks if isinstance(c, Text))) == expected(TALK["words"])[0]
    )
    assert decoder.malformed == 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_third_of_them_ends_the_answer(kind: Kind) -> None:
    decoder = DIALECTS[kind].decoder(asking())

    with pytest.raises(CodelabError, match="PROVIDER_ERROR/malformed"):
        decoder.feed(MALFORMED[kind] * 3)


@pytest.mark.parametrize("kind", KINDS)
def test_an_endless_event_is_refused(kind: Kind) -> None:
    decoder = DIALECTS[kind].decoder(asking())

    for _ in range(8):
        decoder.feed(b"x" * 1_048_576)

    with pytest.raises(CodelabError, match="PROVIDER_ERROR/malformed"):
        decoder.feed(b"x")


ERRORS = {
    "openai-compatible": b'data: {"error":{"message":"busy","code":503}}\n\n',
    "anthropic": b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error"}}\n\n',
    "ollama": b'{"error":"CUDA out of memory"}\n',
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_inside_of_a_stream_is_an_error(kind: Kind) -> None:
    """P-09, regression 5: what came before it in the same read is not lost."""
    pieces = [*WRITERS[kind](TALK["words"])]
    decoder = DIALECTS[kind].decoder(asking())

    with pytest.raises(CodelabError) as caught:
        decoder.feed(b"".join(pieces[:-3]) + ERRORS[kind])

    reason = "server_error" if kind == "ollama" else "overloaded"
    assert (caught.value.code, caught.value.reason) == ("PROVIDER_ERROR", reason)
    assert [type(chunk) for chunk in decoder.rest()] == [Text]


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_comes_after_the_end(kind: Kind) -> None:
    stream = [*WRITERS[kind](TALK["words"])]
    decoder = DIALECTS[kind].decoder(asking())

    chunks = decoder.feed(b"".join(stream))
    more = decoder.feed(b"".join(stream)) + decoder.close()

    assert (isinstance(chunks[-1], Finish), more) == (True, [])


def history(turns: int) -> list[dict[str, Any]]:
    """A conversation that calls a tool in each turn."""
    messages: list[dict[str, Any]] = [{"role": "system", "content": "Be brief."}]
    for turn in range(turns):
        call = {"call_id": f"c{turn}-0-0", "name": "git.diff", "arguments": {"z": turn, "a": "é"}}
        messages += [
            {"role": "user", "content": f"turn {turn} é\n"},
            {"role": "assistant", "content": "Let me look.", "tool_calls": [call]},
            {"role": "tool", "call_id": call["call_id"], "content": '{"ok":true}'},
            {"role": "assistant", "content": f"Done {turn}."},
        ]
    return messages


def sent(kind: Kind, turns: int) -> bytes:
    """The messages of a request as bytes, without the marks of a cache."""
    messages = [*history(turns), {"role": "user", "content": "and now"}]
    body = DIALECTS[kind].encode(asking(messages=messages))
    return orjson.dumps(orjson.loads(body)["messages"]).replace(
        b',"cache_control":{"type":"ephemeral"}', b""
    )


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_said_is_the_beginning_of_what_is_sent_next(kind: Kind) -> None:
    """Regression 16: the prompt caches of providers hold."""
    for turn in range(20):
        before = sent(kind, turn)
        assert sent(kind, turn + 1).startswith(before[: before.rindex(b'{"role":"user"')])
        assert sent(kind, turn) == before


@pytest.mark.parametrize("kind", KINDS)
def test_names_of_tools_are_those_that_providers_take(kind: Kind) -> None:
    """X-07."""
    body = DIALECTS[kind].encode(asking(messages=history(1)))

    assert b"git_diff" in body
    assert b"git.diff" not in body
    assert body.count(b"git_diff") >= 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_dialect_says_where_to_ask_and_who_is_asking(kind: Kind) -> None:
    dialect = DIALECTS[kind]

    assert dialect.path.startswith("/")
    assert dialect.health_path.startswith("/")
    assert any("the-key" in value for value in dialect.headers("the-key").values())
    assert not any("None" in value for value in dialect.headers(None).values())
