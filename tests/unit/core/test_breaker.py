from codelab_core.breaker import MAX_FAULTS, OPEN_S, Breaker, BreakerState


def opened(at: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(MAX_FAULTS):
        breaker.failed(at)
    return breaker


def test_five_faults_in_a_row_open_it_for_two_seconds() -> None:
    breaker = Breaker()

    before = [breaker.allows(0.0)]
    for _ in range(4):
        breaker.failed(0.0)
        before.append(breaker.allows(0.0))
    breaker.failed(0.0)

    assert before == [True] * 5
    assert (breaker.allows(0.0), breaker.allows(1.99)) == (False, False)
    assert [breaker.state(now) for now in (1.99, 2.0)] == [
        BreakerState.OPEN,
        BreakerState.HALF_OPEN,
    ]
    assert (MAX_FAULTS, OPEN_S) == (5, 2.0)


def test_an_answer_between_faults_starts_the_count_anew() -> None:
    breaker = Breaker()

    for _ in range(3):
        for _ in range(4):
            breaker.failed(0.0)
        breaker.succeeded()

    assert breaker.state(0.0) is BreakerState.CLOSED


def test_half_open_lets_one_caller_probe() -> None:
    breaker = opened()

    assert [breaker.allows(2.0), breaker.allows(2.0), breaker.allows(3.0)] == [True, False, False]


def test_a_good_probe_closes_it() -> None:
    breaker = opened()
    assert breaker.allows(2.0)

    breaker.succeeded()

    assert [breaker.allows(2.0), breaker.allows(2.0)] == [True, True]
    assert breaker.state(2.0) is BreakerState.CLOSED


def test_a_bad_probe_opens_it_again() -> None:
    breaker = opened()
    assert breaker.allows(2.0)

    breaker.failed(2.5)

    assert [breaker.allows(4.4), breaker.allows(4.5)] == [False, True]


def test_a_probe_whose_caller_was_cancelled_does_not_block_the_address_for_ever() -> None:
    breaker = opened()
    assert breaker.allows(2.0)

    allowed = [breaker.allows(3.9), breaker.allows(4.0), breaker.allows(4.0)]

    assert allowed == [False, True, False]
