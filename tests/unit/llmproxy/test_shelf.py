from codelab_llmproxy.shelf import MAX_GONE, RELEASED_S, Shelf


def test_a_thing_is_kept_for_its_time_and_its_id_remembered() -> None:
    shelf: Shelf[str] = Shelf(900)
    shelf.put("a", "thing", 1, 100.0)

    shelf.sweep(999.9)
    kept = shelf.get("a"), shelf.is_gone("a")
    shelf.sweep(1000.0)

    assert kept == ("thing", False)
    assert (shelf.get("a"), shelf.is_gone("a"), shelf.is_gone("b")) == (None, True, False)


def test_a_released_thing_has_a_minute_left() -> None:
    shelf: Shelf[str] = Shelf(900)
    shelf.put("a", "thing", 1, 100.0)

    shelf.release("a", 200.0)
    shelf.release("unknown", 200.0)
    shelf.sweep(200.0 + RELEASED_S - 0.1)
    kept = shelf.get("a")
    shelf.release("a", 250.0)
    shelf.sweep(200.0 + RELEASED_S)
    shelf.sweep(1000.0)

    assert (kept, shelf.get("a"), shelf.is_gone("a")) == ("thing", None, True)


def test_release_never_makes_it_last_longer() -> None:
    shelf: Shelf[str] = Shelf(30)
    shelf.put("a", "thing", 1, 0.0)

    shelf.release("a", 10.0)
    shelf.sweep(30.0)

    assert shelf.get("a") is None


def test_the_oldest_go_first_where_there_is_too_much() -> None:
    shelf: Shelf[str] = Shelf(900, max_bytes=10)

    for name in "abc":
        shelf.put(name, name, 4, 0.0)

    assert [shelf.get(name) for name in "abc"] == [None, "b", "c"]


def test_what_is_larger_than_all_room_is_not_kept() -> None:
    shelf: Shelf[str] = Shelf(900, max_bytes=10)

    shelf.put("a", "a", 11, 0.0)

    assert (shelf.get("a"), shelf.is_gone("a")) == (None, True)


def test_only_so_many_ids_are_remembered() -> None:
    shelf: Shelf[int] = Shelf(1)
    for number in range(MAX_GONE + 1):
        shelf.put(str(number), number, 1, 0.0)

    shelf.sweep(1.0)

    assert [shelf.is_gone(name) for name in ("0", "1", str(MAX_GONE))] == [False, True, True]
