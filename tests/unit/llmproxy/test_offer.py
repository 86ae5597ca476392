import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

from codelab_core.clock import SYSTEM_CLOCK
from codelab_core.settings import LLMProxySettings
from codelab_llmproxy.catalogue import Catalogue
from codelab_llmproxy.config_file import ConfigFileError
from codelab_llmproxy.egress import Egress
from codelab_llmproxy.http_provider import HttpProvider
from codelab_llmproxy.offer import Offer, SecretsError, Workshop, secrets_of
from codelab_llmproxy.scripted.models import ScriptedModels
from codelab_llmproxy.scripted.provider import ScriptedProvider
from harness.providers import config_file, provider

SCRIPTED = ScriptedProvider(ScriptedModels({}), SYSTEM_CLOCK, sleep=asyncio.sleep)


def offer(**fields: Any) -> Offer:
    settings = LLMProxySettings.exactly(**fields)
    return Offer(settings, Workshop(SCRIPTED, Egress(SYSTEM_CLOCK), secrets_of(settings)))


def real(folder: Path, **fields: Any) -> dict[str, Any]:
    """A provider whose key is in a file."""
    key = folder / "key"
    key.write_text("key-1")
    keys = [{"id": "main", "secret": f"file:{key}"}]
    return provider("openai-compatible", "http://gate", keys=keys, **fields)


def ids(catalogue: Catalogue) -> list[str]:
    return [model.id for one in catalogue.providers for model in one.models()]


def key_of(catalogue: Catalogue) -> str:
    first = catalogue.providers[0]
    assert isinstance(first, HttpProvider)
    return first.keys.values()[0]


def test_without_a_file_the_environment_decides() -> None:
    found = offer(openai_api_key="sk-1").catalogue

    assert [one.name for one in found.providers] == ["openai", "scripted"]
    assert key_of(found) == "sk-1"
    assert offer().catalogue.providers == (SCRIPTED,)


def test_a_changed_file_is_taken_as_a_whole(tmp_path: Path) -> None:
    file = config_file(tmp_path, real(tmp_path))
    serving = offer(config_file=file)
    seen: list[Catalogue] = []
    serving.on_change(seen.append)

    serving.reload()
    config_file(tmp_path, real(tmp_path, models=[{"id": "other"}]))
    serving.reload()

    assert [ids(catalogue) for catalogue in seen] == [["m-1"], ["other"]]
    assert serving.catalogue is seen[1]


def test_a_provider_that_did_not_change_goes_on(tmp_path: Path) -> None:
    serving = offer(config_file=config_file(tmp_path, real(tmp_path)))
    before = serving.catalogue.providers[0]

    config_file(tmp_path, real(tmp_path), aliases={"fast": "m-1"})
    serving.reload()

    assert serving.catalogue.providers[0] is before
    assert serving.catalogue.resolve("fast")[0].model == "m-1"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"aliases": {"fast": "none"}}, id="dangling"),
        pytest.param({"nonsense": 1}, id="unknown"),
    ],
)
def test_a_file_that_cannot_be_used_leaves_everything_as_it_was(
    tmp_path: Path, change: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    serving = offer(config_file=config_file(tmp_path, real(tmp_path)))
    before = serving.catalogue

    config_file(tmp_path, real(tmp_path, models=[{"id": "other"}]), **change)
    serving.reload()
    serving.reload()
    lines = [record.message for record in caplog.records if record.levelno >= logging.ERROR]
    was_valid = serving.is_valid
    config_file(tmp_path, real(tmp_path, models=[{"id": "good"}]))
    serving.reload()

    assert (serving.catalogue is before, was_valid, len(lines)) == (False, False, 1)
    assert (ids(before), ids(serving.catalogue), serving.is_valid) == (["m-1"], ["good"], True)


def test_a_file_that_vanishes_changes_nothing(tmp_path: Path) -> None:
    file = config_file(tmp_path, real(tmp_path))
    serving = offer(config_file=file)

    file.unlink()
    serving.reload()

    assert (ids(serving.catalogue), serving.is_valid) == (["m-1"], False)


def test_what_cannot_be_served_at_all_is_refused_with_every_problem(tmp_path: Path) -> None:
    keys = [{"id": name, "secret": f"env:NO_{name.upper()}"} for name in ("a", "b")]
    file = config_file(tmp_path, provider("openai-compatible", "http://gate", keys=keys))

    with pytest.raises(SecretsError) as caught:
        offer(config_file=file)
    with pytest.raises(ConfigFileError):
        offer(config_file=tmp_path / "none.yaml")

    assert str(caught.value).splitlines() == [
        "providers.real.keys: env:NO_A: holds no key: one line of visible ASCII characters",
        "providers.real.keys: env:NO_B: holds no key: one line of visible ASCII characters",
    ]


def test_a_key_whose_file_comes_later_is_taken_then(tmp_path: Path) -> None:
    file = config_file(tmp_path, real(tmp_path))
    (tmp_path / "key").unlink()

    serving = offer(config_file=file)
    serving.refresh_keys()
    missing = serving.catalogue.providers[0]
    assert isinstance(missing, HttpProvider)
    was_waiting = missing.keys.is_waiting
    (tmp_path / "key").write_text("key-2")
    serving.refresh_keys()

    assert (was_waiting, missing.keys.is_waiting) == (True, False)
    assert key_of(serving.catalogue) == "key-2"


def test_keys_are_renewed_without_a_word_about_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "codelab_llmproxy")
    serving = offer(config_file=config_file(tmp_path, real(tmp_path)))

    (tmp_path / "key").write_text("canary-key-2")
    serving.refresh_keys()
    renewed = key_of(serving.catalogue)
    (tmp_path / "key").write_text("canary key 3")
    serving.refresh_keys()

    assert (renewed, key_of(serving.catalogue)) == ("canary-key-2", "canary-key-2")
    assert [record.message for record in caplog.records] == [
        "a key was read again",
        "a changed key cannot be read",
    ]
    assert "canary" not in caplog.text


async def test_changes_are_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codelab_llmproxy.offer.POLL_S", 0.01)
    serving = offer(config_file=config_file(tmp_path, real(tmp_path)))
    changed = asyncio.Event()
    serving.on_change(lambda catalogue: changed.set() if ids(catalogue) == ["other"] else None)

    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(serving.watch())
        config_file(tmp_path, real(tmp_path, models=[{"id": "other"}]))
        await changed.wait()
        watching.cancel()


def test_secrets_of_the_settings_come_before_those_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTHER_KEY", "theirs")
    secret = secrets_of(LLMProxySettings.exactly(openai_api_key="ours"))

    shown = [
        found and found.get_secret_value()
        for found in map(secret, ("OPENAI_API_KEY", "OTHER_KEY", "NONE"))
    ]

    assert shown == ["ours", "theirs", None]


def test_what_a_file_asks_for_in_vain_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plain = config_file(tmp_path, real(tmp_path))
    offer(config_file=plain)
    silent = [*caplog.records]

    offer(config_file=config_file(tmp_path, real(tmp_path), cache={"enabled": True}))

    assert silent == []
    assert [getattr(record, "fields", None) for record in caplog.records] == [["cache.enabled"]]
