import zlib

import pytest

from codelab_llmproxy import record as module
from codelab_llmproxy.record import LostChunksError, Record, frame_data, frame_kind


def filled(count: int, size: int = 1) -> Record:
    record = Record("i-1")
    for _ in range(count):
        record.append(b"token", b"x" * size)
    return record


def all_of(record: Record, position: int = 0) -> list[bytes]:
    frames: list[bytes] = []
    while more := record.read(position + len(frames)):
        frames += more
    return frames


def test_a_frame_is_the_whole_event() -> None:
    record = Record("i-1")

    record.append(b"token", b'{"token":"a"}')
    record.append(b"done", b"{}")

    assert record.read(0) == [
        b'id: i-1:0\nevent: token\ndata: {"token":"a"}\n\n',
        b"id: i-1:1\nevent: done\ndata: {}\n\n",
    ]
    assert record.bytes == sum(map(len, record.read(0)))
    assert [(frame_kind(frame), frame_data(frame)) for frame in record.read(0)] == [
        (b"token", b'{"token":"a"}'),
        (b"done", b"{}"),
    ]


def test_a_reader_gets_the_same_frames_from_any_position() -> None:
    record = filled(1_200)
    frames = all_of(record)

    assert [all_of(record, at) for at in (0, 1, 511, 512, 1_199, 1_200)] == [
        frames[at:] for at in (0, 1, 511, 512, 1_199, 1_200)
    ]
    assert (len(frames), record.head, record.is_complete) == (1_200, 1_200, True)


def test_a_position_ahead_of_the_head_is_lost() -> None:
    with pytest.raises(LostChunksError) as caught:
        filled(3).read(4)

    assert caught.value.have == 3


def test_the_crc_is_that_of_the_data_of_the_first_chunks() -> None:
    record = Record("i-1")
    record.append(b"token", b"ab")
    record.append(b"token", b"cd")

    assert [record.crc(n) for n in range(3)] == [0, zlib.crc32(b"ab"), zlib.crc32(b"abcd")]
    with pytest.raises(LostChunksError):
        record.crc(3)


def test_what_is_too_long_is_kept_at_both_ends() -> None:
    size = 100_000
    record = filled(100, size)
    frames = [b"id: i-1:%d\nevent: token\ndata: %b\n\n" % (n, b"x" * size) for n in range(100)]
    lost = [n for n in range(100) if is_lost(record, n)]

    start, end = lost[0], lost[-1] + 1

    assert lost == list(range(start, end))
    assert all_of(record, end) == frames[end:]
    assert record.read(0) == frames[:start]
    assert (record.head, record.is_complete) == (100, False)
    assert module.MAX_BYTES <= sum(map(len, frames[:start])) < module.MAX_BYTES + 2 * size
    assert module.WINDOW_BYTES - size < sum(map(len, frames[end:])) <= 2 * module.WINDOW_BYTES
    assert record.bytes == sum(map(len, frames[:start] + frames[end:]))


def test_a_reader_in_the_lost_part_is_told_how_much_there_is() -> None:
    record = filled(100, 100_000)
    lost = next(n for n in range(100) if is_lost(record, n))

    with pytest.raises(LostChunksError) as caught:
        record.read(lost + 1)

    assert caught.value.have == lost
    assert record.crc(lost) == zlib.crc32(b"x" * 100_000 * lost)
    with pytest.raises(LostChunksError):
        record.crc(lost + 1)


def test_a_record_of_many_small_chunks_is_bounded_too() -> None:
    record = filled(module.MAX_CHUNKS + 10)

    assert record.is_complete is False
    assert len(all_of(record, module.MAX_CHUNKS - 5)) == 15
    assert record.crc(module.MAX_CHUNKS) == zlib.crc32(b"x" * module.MAX_CHUNKS)


def is_lost(record: Record, position: int) -> bool:
    try:
        record.read(position)
    except LostChunksError:
        return True
    return False
