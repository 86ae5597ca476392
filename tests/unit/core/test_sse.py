import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelab_core.sse import MAX_EVENT_BYTES, SseEvent, SseParser, comment, render


def parsed(*pieces: bytes) -> list[SseEvent]:
    parser = SseParser()
    return [event for piece in pieces for event in parser.feed(piece)]


@pytest.mark.parametrize(
    ("rendered", "wire"),
    [
        (render(b"{}"), b"data: {}\n\n"),
        (render(b'{"a":1}', event_id=b"e:7"), b'id: e:7\ndata: {"a":1}\n\n'),
        (render(b"{}", kind=b"gone"), b"event: gone\ndata: {}\n\n"),
        (render(b"{}", event_id=b"i:0", kind=b"token"), b"id: i:0\nevent: token\ndata: {}\n\n"),
        (comment(b"head e:7"), b": head e:7\n\n"),
    ],
)
def test_an_event_is_rendered_as_these_bytes(rendered: bytes, wire: bytes) -> None:
    assert rendered == wire


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        pytest.param(b"", [], id="nothing"),
        pytest.param(b"data: x\n\n", [SseEvent(b"x")], id="data"),
        pytest.param(b"data:x\n\n", [SseEvent(b"x")], id="no-blank"),
        pytest.param(b"data:  x\n\n", [SseEvent(b" x")], id="one-blank-is-syntax"),
        pytest.param(b"data\n\n", [SseEvent(b"")], id="no-colon"),
        pytest.param(b"data: a\ndata: b\n\n", [SseEvent(b"a\nb")], id="two-data-lines"),
        pytest.param(b"id: 1\ndata: a\n\n", [SseEvent(b"a", b"1")], id="id"),
        pytest.param(b"id: 1\ndata: a\ndata: b\n\n", [SseEvent(b"a\nb", b"1")], id="id-two-lines"),
        pytest.param(b"id: 1\nevent: t\ndata: a\n\n", [SseEvent(b"a", b"1", b"t")], id="all"),
        pytest.param(b"id: 1\n\n", [SseEvent(b"", b"1")], id="id-alone"),
        pytest.param(b"id: 1\nid: 2\ndata: a\n\n", [SseEvent(b"a", b"2")], id="last-id-counts"),
        pytest.param(b"retry: 0\nevent: drain\ndata: {}\n\n", [SseEvent(b"{}", b"", b"drain")]),
        pytest.param(b": hi\n\n", [SseEvent(b"hi", comment=True)], id="comment"),
        pytest.param(b":\n\n", [SseEvent(b"", comment=True)], id="empty-comment"),
        pytest.param(b": hi\ndata: x\n\n", [SseEvent(b"x")], id="comment-beside-data"),
        pytest.param(b"\n\n\ndata: x\n\n", [SseEvent(b"x")], id="more-blank-lines"),
        pytest.param(b"data: x\r\n\r\n", [SseEvent(b"x")], id="crlf"),
        pytest.param(b"data: x\r\r", [SseEvent(b"x")], id="cr"),
        pytest.param(b"\xef\xbb\xbfdata: x\n\n", [SseEvent(b"x")], id="byte-order-mark"),
        pytest.param(
            b"data: \xef\xbb\xbfx\n\n", [SseEvent(b"\xef\xbb\xbfx")], id="mark-inside-stays"
        ),
        pytest.param(b"data: x\n", [], id="not-over-yet"),
    ],
)
def test_a_stream_is_read_alike_in_one_piece_and_byte_by_byte(
    stream: bytes, events: list[SseEvent]
) -> None:
    assert parsed(stream) == events
    assert parsed(*(bytes([byte]) for byte in stream)) == events


@settings(max_examples=200)
@given(
    st.lists(st.sampled_from([b"data: a", b"id: 1", b": c", b"event: e", b"x"]), max_size=8),
    st.lists(st.sampled_from([b"\n", b"\r\n", b"\r", b"\n\n", b"\r\n\r\n"]), max_size=8),
    st.lists(st.integers(0, 80), max_size=6),
)
def test_no_cut_changes_what_is_read(
    lines: list[bytes], ends: list[bytes], cuts: list[int]
) -> None:
    stream = b"".join(a + b for a, b in zip(lines, ends, strict=False))
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})

    pieces = [stream[start:end] for start, end in pairwise(places)]

    assert parsed(*pieces) == parsed(stream)


def test_empty_pieces_change_nothing() -> None:
    assert parsed(b"", b"data: x\r", b"", b"\n\r", b"", b"\n", b"") == [SseEvent(b"x")]


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        pytest.param(b"data: x", [SseEvent(b"x")], id="no-line-end"),
        pytest.param(b"data: x\n", [SseEvent(b"x")], id="no-blank-line"),
        pytest.param(b"data: x\r", [SseEvent(b"x")], id="carriage-return"),
        pytest.param(b"data: x\n\n", [], id="nothing-left"),
        pytest.param(b"\xef\xbb", [], id="half-a-byte-order-mark"),
    ],
)
def test_the_last_event_counts_without_its_blank_line(
    stream: bytes, events: list[SseEvent]
) -> None:
    parser = SseParser()
    parser.feed(stream)

    assert parser.close() == events
    assert parser.close() == []


def test_an_event_beyond_8_mib_is_an_error() -> None:
    parser = SseParser()
    parser.feed(b"data: " + b"x" * (MAX_EVENT_BYTES - 6))

    with pytest.raises(ValueError, match="8 MiB"):
        parser.feed(b"x")


def test_a_large_event_in_many_pieces_costs_no_more_than_its_bytes() -> None:
    parser = SseParser()
    pieces = [b"data: ", *[b"x\n" * 128] * 8192]

    began = time.perf_counter()
    events = [event for piece in pieces for event in parser.feed(piece)]
    seconds = time.perf_counter() - began

    assert events == []
    assert seconds < 2  # copying all bytes for each piece takes more than ten times as long
