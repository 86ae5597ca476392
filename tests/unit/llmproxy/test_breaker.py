from codelab_llmproxy.breaker import Breaker, RetryBudget


def opened(at: float = 100.0) -> Breaker:
    breaker = Breaker()
    for _ in range(3):
        breaker.failed(0, at, 1, 1.0)
    return breaker


def test_three_faults_in_a_row_open_it_for_five_seconds() -> None:
    breaker, waits = Breaker(), list[float]()

    for _ in range(3):
        breaker.failed(0, 100, 1, 1.1)
        waits.append(round(breaker.wait_s(101), 3))

    assert waits == [0, 0, 4.5]
    assert [breaker.wait_s(now) for now in (104.5, 105.5, 200)] == [1.0, 0, 0]
    assert [breaker.state(now) for now in (104.5, 105.5)] == ["open", "half_open"]
    assert Breaker().state(0) == "closed"
    assert breaker.is_open


def test_silence_counts_double() -> None:
    breaker = Breaker()

    breaker.failed(0, 100, 2, 1.0)
    before = breaker.is_open
    breaker.failed(0, 100, 2, 1.0)

    assert (before, breaker.is_open) == (False, True)


def test_a_whole_answer_starts_the_count_anew_and_closes() -> None:
    breaker = Breaker()
    breaker.failed(0, 100, 2, 1.0)
    breaker.succeeded(100)
    breaker.failed(0, 100, 2, 1.0)
    broken = opened()
    broken.succeeded(101)

    assert not breaker.is_open
    assert (broken.is_open, broken.wait_s(101)) == (False, 0)


def test_half_of_many_calls_open_it_too() -> None:
    breaker = Breaker()

    for number in range(5):
        assert not breaker.is_open, number
        breaker.succeeded(100)
        breaker.failed(0, 100, 1, 1.0)

    assert breaker.is_open


def test_what_is_long_ago_does_not_count() -> None:
    breaker = Breaker()

    for number in range(12):
        breaker.succeeded(100 + 3 * number)
        breaker.failed(0, 100 + 3 * number, 1, 1.0)

    assert not breaker.is_open


def test_one_call_may_probe_and_a_failed_one_doubles_the_wait() -> None:
    breaker, waits = opened(), list[float]()

    for now in (105.0, 115.0, 130.0):
        assert breaker.wait_s(now) == 0
        probe = breaker.begin(now)
        assert breaker.wait_s(now + 0.1) > 0
        breaker.failed(probe, now, 1, 1.0)
        waits.append(breaker.wait_s(now))

    assert waits == [10, 15, 15]


def test_calls_that_began_before_extend_the_wait_and_never_double_it() -> None:
    breaker = opened()

    breaker.failed(0, 101, 1, 1.0)
    late = breaker.wait_s(101)
    breaker.failed(0, 101.5, 1, 0.1)

    assert (late, breaker.wait_s(101.5)) == (5, 4.5)


def test_a_probe_that_says_nothing_makes_room_for_the_next() -> None:
    breaker = opened()

    before, probe = breaker.begin(105), breaker.begin(105)
    breaker.let_go(before)
    held = breaker.wait_s(106)
    breaker.let_go(probe)

    assert (held, breaker.wait_s(106)) == (29, 0)


def test_a_call_that_fails_besides_the_probe_is_not_taken_for_it() -> None:
    breaker = opened()

    early = breaker.begin(105)
    breaker.begin(105)
    breaker.failed(early, 105, 1, 1.0)

    assert breaker.wait_s(105) == 30


def test_a_budget_is_spent_by_retries_and_grows_with_answers() -> None:
    budget = RetryBudget()

    for _ in range(10):
        assert not budget.is_empty
        budget.spend()
    spent = budget.is_empty
    for _ in range(5):
        assert budget.is_empty
        budget.regain()
    budget.spend()
    budget.spend()

    assert (spent, budget.is_empty) == (True, True)
