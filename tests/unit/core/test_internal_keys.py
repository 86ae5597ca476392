from pathlib import Path

import anyio
import pytest

from codelab_core import watched_file
from codelab_core.internal_keys import InternalKeyFile, load_internal_keys
from codelab_core.server import cancelled_at_end
from codelab_core.settings import (
    GatewaySettings,
    LLMProxySettings,
    RuntimeSettings,
    ServiceSettings,
    SettingsError,
)


async def test_a_rotated_file_is_followed_step_by_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched_file, "POLL_S", 0.001)
    file = tmp_path / "keys"
    file.write_text("old\n")
    keys = InternalKeyFile(file)
    steps = {  # a tick of the file system's clock may hold two writes: the sizes differ
        "old\nnew\n": ("old", True, True),
        "new\nold\n\n": ("new", True, True),
        "new\n": ("new", False, True),
    }

    async with cancelled_at_end() as tasks:
        tasks.create_task(keys.watch())
        for text, wanted in steps.items():
            file.write_text(text)

            with anyio.fail_after(5):
                while (keys.current, keys.accepts("old"), keys.accepts("new")) != wanted:  # noqa: ASYNC110
                    await anyio.sleep(0.001)


async def test_a_file_that_is_emptied_leaves_the_keys_of_before(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("old\n")
    keys = InternalKeyFile(file)

    file.write_text("")
    keys.refresh()

    assert keys.accepts("old")


def test_keys_come_from_the_file_that_the_settings_name(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("k\n")

    keys = load_internal_keys(RuntimeSettings(internal_token_file=file))

    assert keys is not None
    assert (keys.current, keys.accepts("k"), keys.accepts("other")) == ("k", True, False)
    assert load_internal_keys(RuntimeSettings()) is None


@pytest.mark.parametrize("content", [b"", b"internal-poc-key", b"\xff\xfe"])
def test_a_key_file_that_cannot_be_used_stops_the_start(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "keys"
    file.write_bytes(content)

    with pytest.raises(SettingsError, match="CODELAB_INTERNAL_TOKEN_FILE"):
        load_internal_keys(RuntimeSettings(internal_token_file=file))


def test_a_key_file_that_is_missing_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="CODELAB_INTERNAL_TOKEN_FILE"):
        load_internal_keys(RuntimeSettings(internal_token_file=tmp_path / "none"))


@pytest.mark.parametrize("kind", [RuntimeSettings, LLMProxySettings])
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3"])  # noqa: S104 -- must be refused
def test_a_service_that_would_obey_the_network_does_not_start(
    kind: type[ServiceSettings], host: str
) -> None:
    with pytest.raises(SettingsError, match="CODELAB_INTERNAL_TOKEN_FILE: needed"):
        load_internal_keys(kind.load(host=host))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_on_one_machine_no_key_is_needed(host: str) -> None:
    assert load_internal_keys(RuntimeSettings.load(host=host)) is None


def test_the_gateway_asks_its_callers_for_tokens_instead() -> None:
    assert load_internal_keys(GatewaySettings.load(host="0.0.0.0")) is None  # noqa: S104
