import json
import multiprocessing
import os
import resource
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelab_client.journal import KEPT_MS, CallKey, Journal, Record
from codelab_core.clock import SYSTEM_CLOCK
from fakes.clock import HandClock
from fakes.memory import memory_folder

KEY, OTHER = CallKey("c1-1-0", "digest"), CallKey("c1-1-1", "digest")
FILES = [{"path": "é", "op": "create", "pre_sha": "absent", "post_sha": "0" * 64}]
ANSWER = {"result": {"success": True}}


def opened(folder: Path, session: str = "s1") -> Journal:
    return Journal(folder / "state", session, SYSTEM_CLOCK)


def record_file(folder: Path) -> Path:
    return next((folder / "state").glob("*.jsonl"))


def test_an_unknown_call_has_an_empty_record(tmp_path: Path) -> None:
    assert Record() == opened(tmp_path).record(KEY)


def test_a_call_is_followed_to_its_answer(tmp_path: Path) -> None:
    journal = opened(tmp_path)

    journal.intend(KEY, FILES)
    records = [opened(tmp_path).record(KEY)]
    journal.applied(KEY)
    records.append(opened(tmp_path).record(KEY))
    journal.answer(KEY, ANSWER)
    records.append(opened(tmp_path).record(KEY))

    assert [
        Record(FILES),
        Record(FILES, applied=True),
        Record(FILES, applied=True, answer=ANSWER),
    ] == records


def test_the_first_answer_stands(tmp_path: Path) -> None:
    journal = opened(tmp_path)

    journal.answer(KEY, ANSWER)
    journal.answer(KEY, {"error": {"code": "IO_ERROR"}})

    assert ANSWER == journal.record(KEY).answer == opened(tmp_path).record(KEY).answer


@pytest.mark.parametrize(
    ("session", "key"),
    [
        pytest.param("s2", KEY, id="call-ids-are-unique-in-a-session-only"),
        pytest.param("s1", CallKey(KEY.call_id, "edited"), id="other-arguments-are-another-call"),
    ],
)
def test_calls_that_only_look_the_same_are_apart(
    tmp_path: Path, session: str, key: CallKey
) -> None:
    opened(tmp_path).answer(KEY, ANSWER)

    assert Record() == opened(tmp_path, session).record(key)


def test_nobody_else_may_read_the_record(tmp_path: Path) -> None:
    opened(tmp_path).answer(KEY, ANSWER)

    modes = [record_file(tmp_path).stat().st_mode, (tmp_path / "state").stat().st_mode]
    assert modes == [0o100600, 0o040700]


def test_two_clients_of_a_session_see_each_other(tmp_path: Path) -> None:
    first, second = opened(tmp_path), opened(tmp_path)

    first.intend(KEY, FILES)
    second.answer(KEY, ANSWER)
    second.answer(OTHER, ANSWER)

    assert Record(FILES, answer=ANSWER) == first.record(KEY) == second.record(KEY)
    assert list(first.unacknowledged()) == [KEY, OTHER]


def test_what_was_acknowledged_is_not_sent_again(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.answer(KEY, ANSWER)
    journal.answer(OTHER, ANSWER)

    journal.acknowledge(KEY.call_id)
    at_once = list(journal.unacknowledged())
    journal.intend(CallKey("c2", "d"), FILES)

    assert [OTHER] == at_once == list(opened(tmp_path).unacknowledged())
    assert opened(tmp_path).record(KEY).acknowledged


def test_an_acknowledgement_does_not_wait_for_the_disk(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.answer(KEY, ANSWER)
    before = record_file(tmp_path).stat().st_size

    journal.acknowledge(KEY.call_id)

    assert before == record_file(tmp_path).stat().st_size


def test_an_acknowledgement_of_an_unknown_call_is_nothing(tmp_path: Path) -> None:
    journal = opened(tmp_path)

    journal.acknowledge("c9")
    journal.answer(KEY, ANSWER)

    assert len(record_file(tmp_path).read_text().splitlines()) == 1


def test_calls_that_died_are_those_with_an_intent_and_no_answer(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.intend(KEY, FILES)
    journal.intend(OTHER, FILES)
    journal.answer(OTHER, ANSWER)

    assert {KEY: Record(FILES)} == opened(tmp_path).unfinished()


@pytest.mark.parametrize("cut", range(1, 90, 8))
def test_a_line_that_a_crash_cut_short_is_skipped(tmp_path: Path, cut: int) -> None:
    opened(tmp_path).answer(KEY, ANSWER)
    whole = record_file(tmp_path).read_bytes()
    record_file(tmp_path).write_bytes(whole + whole[:cut])

    journal = opened(tmp_path)
    journal.answer(OTHER, ANSWER)

    again = opened(tmp_path)
    assert list(again.unacknowledged()) == [KEY, OTHER]
    assert whole == record_file(tmp_path).read_bytes()[: len(whole)]


@pytest.mark.parametrize(
    "line",
    [
        b"\0" * 100,
        b"null",
        b"[]",
        b"{}",
        b'"text"',
        b"\xff",
        b'{"call":"c","digest":"d"}',
        b"1",
    ],
)
def test_a_line_that_says_nothing_is_skipped(tmp_path: Path, line: bytes) -> None:
    opened(tmp_path).answer(KEY, ANSWER)
    whole = record_file(tmp_path).read_bytes()
    record_file(tmp_path).write_bytes(line + b"\n" + whole)

    assert opened(tmp_path).record(KEY).answer == ANSWER


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from("iear"), max_size=12), st.integers(0, 11))
def test_a_restart_anywhere_forgets_nothing(steps: list[str], restart: int) -> None:
    with memory_folder() as folder:
        assert followed(Path(folder), steps, restart)


def followed(folder: Path, steps: list[str], restart: int) -> bool:
    """Whether the journal says what was done, restarted after one of the steps."""
    journal = opened(folder)
    expected = Record()
    for number, step in enumerate(steps):
        match step:
            case "i":
                journal.intend(KEY, FILES)
                expected = Record(FILES, expected.applied, expected.answer)
            case "e":
                journal.applied(KEY)
                expected = Record(expected.files, applied=True, answer=expected.answer)
            case "a":
                journal.answer(KEY, ANSWER)
                expected = Record(expected.files, expected.applied, ANSWER)
            case _:
                journal.record(OTHER)
        if number == restart:
            journal = opened(folder)

    return expected == journal.record(KEY) == opened(folder).record(KEY)


def test_a_disk_without_room_keeps_whole_lines_only(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.answer(KEY, ANSWER)
    whole = record_file(tmp_path).read_bytes()
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 20, usual[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            journal.answer(OTHER, ANSWER)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)

    assert whole == record_file(tmp_path).read_bytes()
    journal.answer(OTHER, ANSWER)
    assert opened(tmp_path).record(OTHER).answer == ANSWER


def test_records_of_sessions_that_rested_for_seven_days_go(tmp_path: Path) -> None:
    clock = HandClock(10 * KEPT_MS / 1000)
    folder = tmp_path / "state"
    for session, age_ms in (("old", KEPT_MS + 1000), ("young", KEPT_MS - 1000)):
        Journal(folder, session, clock).answer(KEY, ANSWER)
        for path in folder.glob("*.jsonl"):
            if path.stat().st_mtime > clock.now:
                os.utime(path, (0, clock.now - age_ms / 1000))

    Journal(folder, "new", clock).prune()

    assert Record() == Journal(folder, "old", clock).record(KEY)
    assert Journal(folder, "young", clock).record(KEY).answer == ANSWER


def test_a_record_that_is_in_use_is_not_pruned(tmp_path: Path) -> None:
    clock = HandClock(10 * KEPT_MS / 1000)
    journal = Journal(tmp_path / "state", "s1", clock)
    journal.answer(KEY, ANSWER)
    os.utime(record_file(tmp_path), (0, 0))

    with journal._open():
        Journal(tmp_path / "state", "s2", clock).prune()

    assert Journal(tmp_path / "state", "s1", clock).record(KEY).answer == ANSWER


def test_a_record_that_was_pruned_under_a_live_client_begins_anew(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.answer(KEY, ANSWER)
    record_file(tmp_path).unlink()

    journal.answer(OTHER, ANSWER)

    assert list(opened(tmp_path).unacknowledged()) == [OTHER]
    assert list(journal.unacknowledged()) == [OTHER]


def test_a_record_that_is_pruned_while_a_client_waits_for_it_begins_anew(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.answer(KEY, ANSWER)
    file = record_file(tmp_path)
    thread = threading.Thread(target=lambda: opened(tmp_path).answer(OTHER, ANSWER))

    with journal._open():
        thread.start()
        while times_open(file) < 2:
            thread.join(0.001)
        file.unlink()
    thread.join(5)

    assert opened(tmp_path).record(OTHER).answer == ANSWER


def times_open(file: Path) -> int:
    """How many descriptors of this process are of the file."""
    entries = [entry for entry in Path("/proc/self/fd").iterdir() if entry.exists()]
    return sum(entry.resolve() == file for entry in entries)


def test_a_record_that_cannot_be_opened_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file in place of the folder")

    with pytest.raises(FileExistsError):
        opened(tmp_path).record(KEY)


def _write_many(folder: Path, writer: int) -> None:
    journal = opened(folder)
    for number in range(20):
        journal.answer(CallKey(f"c{writer}-{number}", "d"), {"result": "x" * 5000})


def test_several_processes_do_not_mix_their_lines(tmp_path: Path) -> None:
    processes = [
        multiprocessing.get_context("fork").Process(target=_write_many, args=(tmp_path, writer))
        for writer in range(3)
    ]

    for process in processes:
        process.start()
    for process in processes:
        process.join(20)

    lines = record_file(tmp_path).read_text().splitlines()
    assert len({json.loads(line)["call"] for line in lines}) == 60
    assert len(opened(tmp_path).unacknowledged()) == 60


def test_one_writer_of_files_at_a_time_whatever_the_session(tmp_path: Path) -> None:
    order: list[str] = []
    waiting = threading.Event()

    def second() -> None:
        waiting.set()
        with opened(tmp_path, "s2").exclusive():
            order.append("second")

    thread = threading.Thread(target=second)
    with opened(tmp_path).exclusive():
        thread.start()
        waiting.wait(5)
        order.append("first")
    thread.join(5)

    assert order == ["first", "second"]
