from codelab_client.journal import CallKey
from codelab_client.recent import Recent


def key(number: int, digest: str = "d") -> CallKey:
    return CallKey(f"c{number}", digest)


def test_frames_are_remembered_by_call_and_digest() -> None:
    recent = Recent()

    recent.keep(key(1), [{"result": 1}])

    assert recent.get(key(1)) == [{"result": 1}]
    assert recent.get(key(1, "edited")) is None


def test_what_was_acknowledged_is_forgotten() -> None:
    recent = Recent()
    recent.keep(key(1), [{"result": 1}])
    recent.keep(key(1, "edited"), [{"result": 2}])
    recent.keep(key(2), [{"result": 3}])

    recent.forget("c1")

    assert [
        recent.get(key(1)),
        recent.get(key(1, "edited")),
        recent.get(key(2)),
    ] == [None, None, [{"result": 3}]]


def test_the_oldest_of_sixty_five_goes() -> None:
    recent = Recent()

    for number in range(65):
        recent.keep(key(number), [{"result": number}])

    assert recent.get(key(0)) is None
    assert recent.get(key(1)) == [{"result": 1}]


def test_large_answers_push_out_older_ones() -> None:
    recent = Recent()
    large = [{"chunk": "x" * (1 << 20)}] * 8

    for number in range(3):
        recent.keep(key(number), large)

    assert [None, large, large] == [recent.get(key(number)) for number in range(3)]
