from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from codelab_gateway.ring import preferred

PODS = [f"http://runtime-{number}:8001" for number in range(5)]


def test_every_gateway_prefers_the_same_runtime_for_a_session() -> None:
    assert preferred("6f1c", PODS) == preferred("6f1c", list(reversed(PODS)))
    assert preferred("6f1c", []) == []


def test_the_order_is_part_of_the_contract_between_releases() -> None:
    first = [preferred(session, PODS)[0][-6] for session in ("a", "b", "c", "6f1c", "cli-session")]

    assert "".join(first) == "20340"


def test_sessions_are_spread_evenly() -> None:
    first = Counter(preferred(f"session-{number}", PODS)[0] for number in range(2000))

    assert all(300 < count < 500 for count in first.values())


@settings(max_examples=200)
@given(st.text(min_size=1, max_size=20), st.sampled_from(PODS))
def test_only_sessions_of_a_lost_runtime_move(session_id: str, lost: str) -> None:
    rest = [pod for pod in PODS if pod != lost]

    before, after = preferred(session_id, PODS), preferred(session_id, rest)

    assert after == [pod for pod in before if pod != lost]
