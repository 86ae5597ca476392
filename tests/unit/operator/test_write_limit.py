"""How many writes may be under way."""

from codelab_operator.write_limit import FEWEST, GOOD_IN_A_ROW, MOST, WriteLimit


def test_trouble_halves_the_limit_once_for_all_writes_that_met_it() -> None:
    limit = WriteLimit()

    for _ in range(10):
        limit.suffered(now=5.0)

    assert limit.allowed == MOST // 2


def test_the_limit_never_falls_below_four() -> None:
    limit = WriteLimit()

    for second in range(10):
        limit.suffered(now=float(second))

    assert limit.allowed == FEWEST


def test_a_slow_answer_is_trouble() -> None:
    limit = WriteLimit()

    limit.succeeded(took_s=1.1, now=0.0)

    assert limit.allowed == MOST // 2


def test_good_answers_in_a_row_raise_the_limit_up_to_the_most() -> None:
    limit = WriteLimit(allowed=MOST - 1)

    for _ in range(3 * GOOD_IN_A_ROW):
        limit.succeeded(took_s=0.1, now=0.0)

    assert limit.allowed == MOST


def test_trouble_begins_the_count_of_good_answers_anew() -> None:
    limit = WriteLimit(allowed=8, good=GOOD_IN_A_ROW - 1)

    limit.suffered(now=5.0)
    limit.succeeded(took_s=0.1, now=6.0)

    assert limit == WriteLimit(allowed=4, good=1, halved_at=5.0)
