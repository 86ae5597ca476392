import pytest

from codelab_llmproxy.token_rate import TokenRate


def test_nothing_is_zero() -> None:
    assert TokenRate().per_second(1_000.0) == 0


@pytest.mark.parametrize("offset", [0.0, 0.03, 0.5])
def test_a_steady_rate_is_shown_within_five_percent(offset: float) -> None:
    rate = TokenRate()
    for number in range(1_000):
        rate.add(1, 7_000 + offset + number / 50)

    assert rate.per_second(7_000 + offset + 20) == pytest.approx(50, rel=0.05)


def test_old_tokens_are_forgotten() -> None:
    rate = TokenRate()
    rate.add(100, 50.0)
    rate.add(20, 55.0)

    seen = [rate.per_second(moment) for moment in (55.0, 59.9, 60.0, 64.9, 65.0, 65.05, 900.0)]

    assert seen == [12.0, 12.0, 2.0, 2.0, 0.0, 0.0, 0.0]
