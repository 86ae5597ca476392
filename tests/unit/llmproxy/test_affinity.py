from collections import Counter

import pytest

from codelab_llmproxy.affinity import ranked

NAMES = [("a", 3.0), ("b", 1.0), ("c", 1.0)]


def test_the_same_caller_gets_the_same_order() -> None:
    assert ranked("s1", NAMES) == ranked("s1", reversed(NAMES))
    assert sorted(ranked("s1", NAMES)) == ["a", "b", "c"]


def test_each_name_is_first_for_its_share() -> None:
    firsts = Counter(ranked(f"s{n}", NAMES)[0] for n in range(4_000))

    assert firsts["a"] / 4_000 == pytest.approx(0.6, abs=0.03)
    assert firsts["b"] / 4_000 == pytest.approx(0.2, abs=0.03)


def test_a_name_that_goes_away_moves_only_its_own_callers() -> None:
    for n in range(200):
        before, after = ranked(f"s{n}", NAMES), ranked(f"s{n}", NAMES[1:])
        assert after == [name for name in before if name != "a"]
