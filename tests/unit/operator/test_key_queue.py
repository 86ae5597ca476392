"""The queue of agents: once each, merged, patient after failures, fair."""

from hypothesis import given, settings
from hypothesis import strategies as st

from codelab_operator.key_queue import FIRST_BACKOFF_S, LONGEST_BACKOFF_S, KeyQueue


def queue() -> KeyQueue[str]:
    """A queue whose backoff is always the longest allowed."""
    return KeyQueue(lambda _, high: high)


def drained(keys: KeyQueue[str], now: float) -> list[str]:
    """All keys that are due, each run at once."""
    found = []
    while (key := keys.take(now)) is not None:
        keys.done(key, now)
        found.append(key)
    return found


def test_a_key_that_is_added_often_runs_once_at_the_earliest_time() -> None:
    keys = queue()

    keys.add("a", 0.0, 5.0)
    keys.add("a", 0.0, 1.0)
    keys.add("a", 0.0, 3.0)

    assert keys.next_due() == 1.0
    assert drained(keys, 0.9) == []
    assert drained(keys, 1.0) == ["a"]
    assert keys.next_due() is None
    assert keys.depth() == 0


def test_what_comes_while_a_key_runs_makes_it_run_once_more() -> None:
    keys = queue()
    keys.add("a", 0.0)
    assert keys.take(0.0) == "a"

    keys.add("a", 1.0)
    keys.add("a", 1.0)
    nothing_meanwhile = keys.take(2.0)
    keys.done("a", 2.0)

    assert nothing_meanwhile is None
    assert keys.next_due() == 1.0
    assert drained(keys, 2.0) == ["a"]


def test_the_key_that_has_been_due_longest_comes_first() -> None:
    keys = queue()

    keys.add("late", 0.0, 2.0)
    keys.add("first", 0.0, 1.0)
    keys.add("second", 0.0, 1.0)

    assert drained(keys, 3.0) == ["first", "second", "late"]


def test_failures_wait_twice_as_long_each_time_and_no_longer_than_five_minutes() -> None:
    keys, now, waits = queue(), 0.0, []
    keys.add("a", now)

    for _ in range(15):
        assert keys.take(now) == "a"
        waits.append(keys.failed("a", now))
        now += waits[-1]

    assert waits[:3] == [FIRST_BACKOFF_S, FIRST_BACKOFF_S * 2, FIRST_BACKOFF_S * 4]
    assert waits[-1] == LONGEST_BACKOFF_S


def test_a_success_begins_the_backoff_anew() -> None:
    keys = queue()
    keys.add("a", 0.0)
    for now in (0.0, 10.0):
        keys.take(now)
        keys.failed("a", now)
    keys.take(20.0)
    keys.done("a", 20.0, 0.0)

    keys.take(20.0)

    assert keys.failed("a", 20.0) == FIRST_BACKOFF_S


def test_a_failed_key_waits_whatever_its_children_do_but_not_when_a_person_acts() -> None:
    keys = queue()
    keys.add("a", 0.0)
    keys.take(0.0)
    keys.failed("a", 0.0, at_least_s=30.0)

    keys.add("a", 1.0, 0.02)
    due_after_a_child = keys.next_due()
    keys.add("a", 1.0, is_urgent=True)

    assert due_after_a_child == 30.0
    assert keys.next_due() == 1.0


def test_a_run_may_ask_for_another_one() -> None:
    keys = queue()
    keys.add("a", 0.0)
    keys.take(0.0)

    keys.done("a", 0.0, 60.0)

    assert keys.next_due() == 60.0
    assert keys.oldest_age_s(60.5) == 0.5


def test_a_time_that_was_moved_forward_is_forgotten() -> None:
    keys = queue()
    keys.add("a", 0.0, 5.0)
    keys.add("a", 0.0, 1.0)
    keys.take(1.0)

    assert keys.next_due() is None


def test_nothing_is_old_while_nothing_is_due() -> None:
    assert queue().oldest_age_s(100.0) == 0.0


@settings(max_examples=200)
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.floats(0, 5), st.sampled_from("adfu"))))
def test_no_key_is_ever_lost_or_run_twice_at_once(steps: list[tuple[str, float, str]]) -> None:
    keys, now, running = KeyQueue[str](lambda low, high: (low + high) / 2), 0.0, set[str]()

    for key, span, what in steps:
        now += span
        keys.add(key, now, span, is_urgent=what == "u")
        taken = keys.take(now)
        if taken is not None:
            assert taken not in running
            running.add(taken)
        if what == "d" and key in running:
            running.discard(key)
            keys.done(key, now)
        if what == "f" and key in running:
            running.discard(key)
            keys.failed(key, now)
    for key in running:
        keys.done(key, now)

    drained(keys, now + 10_000)
    assert keys.depth() == 0
