import math
from pathlib import Path

import pytest
from pydantic import SecretStr

from codelab_core.llm_config import KeyConfig
from codelab_llmproxy.keys import Key, KeyRing, SecretError, open_keys

CANARY = "sk-canary-1"


def environment(name: str) -> SecretStr | None:
    return SecretStr(CANARY) if name == "GOOD" else None


def key(secret: str, **fields: float) -> Key:
    return Key(KeyConfig(id="main", secret=secret, **fields), environment)


def test_a_key_is_shown_by_its_id_only() -> None:
    found = key("env:GOOD")

    assert found.value == CANARY
    assert (repr(found), str(found)) == ("Key('main')", "Key('main')")
    assert not found.refresh()
    assert not found.reread()


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("one\n")
    found = key(f"file:{file}")

    before = (found.value, found.refresh())
    file.write_text("second\n")
    after = (found.refresh(), found.value, found.refresh())

    assert before == ("one", False)
    assert after == (True, "second", False)


def test_a_secret_swapped_by_its_link_is_seen(tmp_path: Path) -> None:
    for name in ("v1", "v2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "key").write_text(f"key-{name}")
    link = tmp_path / "data"
    link.symlink_to("v1")
    found = key(f"file:{link}/key")

    link.unlink()
    link.symlink_to("v2")

    assert (found.refresh(), found.value) == (True, "key-v2")


@pytest.mark.parametrize("content", [b"", b"two words", b"two\nlines", b"\xff", b"x" * 1])
def test_a_file_that_cannot_be_used_leaves_the_old_key(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key"
    file.write_text("old-key")
    found = key(f"file:{file}")

    if content == b"x":
        file.unlink()
    else:
        file.write_bytes(content)

    with pytest.raises(SecretError, match="file:"):
        found.refresh()
    assert found.value == "old-key"


def test_references_that_lead_nowhere_are_all_named() -> None:
    wanted = [KeyConfig(id=name.lower(), secret=f"env:{name}") for name in ("NO", "GOOD", "NONE")]

    ring, problems = open_keys(wanted, environment)

    assert ring.values() == (CANARY,)
    assert [problem.partition(": ")[0] for problem in problems] == ["env:NO", "env:NONE"]


@pytest.mark.parametrize("content", [None, "", "two words"])
def test_a_file_without_a_key_is_waited_for(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_text(content)
    found = key(f"file:{file}")
    ring = KeyRing([found])

    before = (found.is_missing, ring.is_waiting, ring.pick("s"), ring.values())
    file.write_text("a-key")

    assert before == (True, True, None, ())
    assert (found.refresh(), ring.is_waiting, ring.pick("s")) == (True, False, found)
    assert not KeyRing([]).is_waiting


def test_a_key_that_is_missing_is_taken_by_nobody(tmp_path: Path) -> None:
    there, missing = key("env:GOOD"), Key(KeyConfig(id="x", secret="file:/none"), environment)
    ring = KeyRing([missing, there])

    assert {ring.pick(f"s{number}") for number in range(20)} == {there}
    assert (ring.is_waiting, ring.values()) == (False, (CANARY,))


def test_the_same_caller_takes_the_same_key() -> None:
    keys = KeyRing([key("env:GOOD")])

    assert keys.pick("s") is keys.keys[0]
    assert KeyRing([]).pick("s") is None


def two_keys() -> tuple[KeyRing, str, str]:
    """A ring, the key that `s` takes first, and the other."""
    configs = [KeyConfig(id=name, secret="env:GOOD") for name in ("a", "b")]
    ring = KeyRing([Key(config, environment) for config in configs])
    first = ring.pick("s")
    assert first is not None
    return ring, first.id, "b" if first.id == "a" else "a"


def picked(ring: KeyRing, model: str, now: float) -> str:
    key = ring.pick("s", model, now)
    assert key is not None
    return key.id


def test_a_key_at_its_limit_is_left_alone_for_that_model() -> None:
    ring, first, other = two_keys()

    ring.bench(first, 105.0, "m")

    assert [picked(ring, "m", 100), picked(ring, "m", 105), picked(ring, "n", 100)] == [
        other,
        first,
        first,
    ]
    assert ring.hold("m", 100) == (0, False)


def test_where_all_keys_are_left_alone_the_earliest_is_taken() -> None:
    ring, first, other = two_keys()

    ring.bench(first, 160.0, "m")
    ring.bench(other, 400.0)

    assert ring.hold("m", 100) == (60, False)
    assert ring.hold("n", 100) == (0, False)
    assert picked(ring, "m", 100) == first


def test_keys_that_were_all_refused_say_so() -> None:
    ring, first, other = two_keys()

    ring.bench(first, 400.0)
    ring.bench(other, 300.0)

    assert ring.hold("m", 100) == (200, True)


def test_calls_without_a_key_are_held_back_too() -> None:
    ring = KeyRing([])

    ring.bench("", 105.0, "m")

    assert [ring.hold("m", now).wait_s for now in (100, 105)] == [5, 0]


def test_a_key_that_changed_is_ready(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("one")
    found = key(f"file:{file}")
    ring = KeyRing([found])

    ring.bench("main", 400.0)
    before = ring.hold("m", 100)
    file.write_text("second")
    found.refresh()

    assert (before, ring.hold("m", 100)) == ((300, True), (0, False))


def test_a_ring_that_waits_for_its_key_is_denied() -> None:
    ring = KeyRing([Key(KeyConfig(id="x", secret="file:/none"), environment)])

    assert ring.hold("m", 100) == (math.inf, True)
