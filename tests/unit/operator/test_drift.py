from codelab_operator.children import ObjectKey
from codelab_operator.drift import TRUCE_S, WINDOW_S, Drift

SERVICE = ObjectKey("v1", "Service", "team", "demo-gateway")
OTHER = ObjectKey("v1", "Service", "team", "demo-runtime")


def after(*repairs: tuple[ObjectKey, str, float]) -> Drift:
    drift = Drift()
    for key, path, now in repairs:
        drift = drift.repaired(key, [path], now)
    return drift


def test_two_repairs_are_no_fight() -> None:
    assert after((SERVICE, "/a", 0), (SERVICE, "/a", 1)).fights(1) == frozenset()


def test_the_third_repair_of_one_path_within_a_minute_begins_a_truce() -> None:
    drift = after((SERVICE, "/a", 0), (SERVICE, "/a", 30), (SERVICE, "/a", 59))

    assert drift.fights(59) == {SERVICE}
    assert drift.fights(58 + TRUCE_S) == {SERVICE}
    assert drift.fights(59 + TRUCE_S) == frozenset()


def test_slow_repairs_are_no_fight() -> None:
    drift = after((SERVICE, "/a", 0), (SERVICE, "/a", 30), (SERVICE, "/a", WINDOW_S))

    assert drift.fights(WINDOW_S) == frozenset()


def test_other_paths_and_objects_count_apart() -> None:
    drift = after((SERVICE, "/a", 0), (SERVICE, "/b", 1), (OTHER, "/a", 2), (SERVICE, "/a", 3))

    assert drift.fights(3) == frozenset()


def test_one_repair_of_one_path_counts_once() -> None:
    drift = Drift().repaired(SERVICE, ["/a", "/a", "/a"], 0)

    assert drift.fights(0) == frozenset()


def test_after_a_truce_counting_begins_anew() -> None:
    drift = after(*((SERVICE, "/a", second) for second in (0, 1, 2)))

    again = drift.repaired(SERVICE, ["/a"], 3 + TRUCE_S)

    assert again == Drift(repairs=((SERVICE, "/a", 3 + TRUCE_S),))


def test_truces_of_several_objects_last_side_by_side() -> None:
    drift = after(*((key, "/a", second) for key in (SERVICE, OTHER) for second in (0, 1, 2)))

    assert drift.fights(2) == {SERVICE, OTHER}


def test_a_repair_without_paths_is_not_counted() -> None:
    assert Drift().repaired(SERVICE, [], 0) == Drift()
