from itertools import islice

from hypothesis import given, settings
from hypothesis import strategies as st

from codelab_core.backoff import Backoff


def test_the_ceiling_doubles_up_to_the_longest_delay() -> None:
    backoff = Backoff(first_s=0.25, longest_s=1.5, tries=5)

    ceilings = list(backoff.delays(lambda _low, high: high))

    assert ceilings == [0.25, 0.5, 1.0, 1.5, 1.5]


def test_every_delay_is_drawn_from_zero_to_the_ceiling() -> None:
    asked: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        asked.append((low, high))
        return 0.1

    delays = list(Backoff(1.0, 8.0, tries=3).delays(uniform))

    assert delays == [0.1, 0.1, 0.1]
    assert asked == [(0.0, 1.0), (0.0, 2.0), (0.0, 4.0)]


@settings(max_examples=200)
@given(st.floats(0.001, 10), st.floats(0.001, 100), st.integers(0, 50))
def test_without_a_number_of_tries_it_goes_on_and_never_exceeds_the_longest(
    first: float, longest: float, taken: int
) -> None:
    delays = list(islice(Backoff(first, longest).delays(lambda _low, high: high), taken))

    assert len(delays) == taken
    assert all(delay <= max(first, longest) for delay in delays)
