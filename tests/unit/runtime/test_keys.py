from collections import Counter

from codelab_core.identity import principal_hash
from codelab_runtime.keys import SESSION_PARTS, Keys, part_name, parts_left_by


def test_everything_of_a_bucket_has_one_hash_tag() -> None:
    keys = Keys("cla", 64)
    bucket = keys.bucket("s-1")

    names = [
        *keys.whole_session("s-1"),
        keys.session("s-1", "ch"),
        keys.ready(bucket),
        keys.lease(bucket),
        keys.sessions(bucket),
        keys.gone(bucket),
        keys.wake(bucket),
    ]

    assert all(name.startswith(f"cla:{{{bucket:02d}}}:") for name in names)
    assert len(set(names)) == len(names) == len(SESSION_PARTS) + 6
    assert keys.whole_session("s-1")[0].endswith(":s-1:meta")


def test_sessions_are_spread_evenly() -> None:
    keys = Keys("cla", 64)

    counts = Counter(keys.bucket(f"session-{n}") for n in range(6_400))

    assert len(counts) == 64
    assert max(counts.values()) < 200
    assert Keys("cla").bucket("anything") == 0


def test_a_principal_is_not_named_in_keys() -> None:
    assert Keys("cla").of_principal("ann") == f"cla:u:{{{principal_hash('ann')}}}"


def test_pieces_are_named_by_call_and_number_and_left_behind_by_turns() -> None:
    names = [part_name(call, 0) for call in ("c1-1-0", "c2-9-1", "c10-1-0", "r-1")]

    assert names == ["part:c1-1-0:0", "part:c2-9-1:0", "part:c10-1-0:0", "part:r-1:0"]
    assert parts_left_by(names, 2) == names[:2]
