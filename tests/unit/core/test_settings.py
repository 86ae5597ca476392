from pathlib import Path
from typing import Any

import pytest

from codelab_core.approval_rules import ApprovalRule
from codelab_core.settings import (
    GatewaySettings,
    LLMProxySettings,
    RuntimeSettings,
    ServiceSettings,
    SettingsError,
)

ALL: list[type[ServiceSettings]] = [GatewaySettings, RuntimeSettings, LLMProxySettings]


def test_services_are_named_as_health_shows_them() -> None:
    assert [(kind.service, kind().port) for kind in ALL] == [
        ("gateway", 8000),
        ("agent-runtime", 8001),
        ("llm-proxy", 8002),
    ]


def test_the_environment_is_read_and_arguments_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODELAB_PORT", "9000")
    monkeypatch.setenv("CODELAB_MESSAGE_RATE", "5")
    monkeypatch.setenv("CODELAB_UNKNOWN", "x")

    settings = GatewaySettings.load(port=9001)

    assert (settings.port, settings.message_rate) == (9001, 5.0)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (
            GatewaySettings,
            {
                "auth_mode": "token,jwt",
                "tokens_file": Path("/etc/tokens"),
                "allow_query_token": True,
                "connect_rate": 0.5,
            },
        ),
        (
            RuntimeSettings,
            {
                "approval_rules": [
                    ApprovalRule(tool="write_file", path="docs/*", decision="auto"),
                    ApprovalRule(tool="*", decision="ask"),
                ],
                "state_dir": Path("/var/lib/codelab"),
                "redis_url": "redis://r:6379/0",
            },
        ),
        (LLMProxySettings, {"scripted_time_scale": 0.0, "log_level": "DEBUG"}),
    ],
)
def test_settings_survive_the_way_through_the_environment(
    kind: type[ServiceSettings], fields: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """G-03: fields and names that operators set."""
    settings = kind(**fields)

    for name, value in settings.to_env().items():
        monkeypatch.setenv(name, value)

    assert kind.load() == settings
    assert set(settings.to_env()) == {f"CODELAB_{name.upper()}" for name in fields}


def test_defaults_need_no_variable() -> None:
    """G-03: no key of a provider is needed."""
    assert [kind().to_env() for kind in ALL] == [{}, {}, {}]


def test_every_bad_variable_is_named_and_no_value_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """G-03."""
    monkeypatch.setenv("CODELAB_PORT", "secret-port")
    monkeypatch.setenv("CODELAB_AUTH_MODE", "none")

    with pytest.raises(SettingsError) as error:
        GatewaySettings.load()

    lines = str(error.value).splitlines()
    assert [line.partition(":")[0] for line in lines] == ["CODELAB_PORT", "CODELAB_AUTH_MODE"]
    assert "secret-port" not in str(error.value)


def test_a_list_that_is_no_json_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODELAB_APPROVAL_RULES", "[{")

    with pytest.raises(SettingsError, match="approval_rules"):
        RuntimeSettings.load()


@pytest.mark.parametrize(
    ("fields", "is_good"),
    [
        pytest.param({"embedded": True}, True, id="embedded-on-loopback"),
        pytest.param({"embedded": True, "host": "::1"}, True, id="loopback-of-ipv6"),
        pytest.param({}, False, id="not-embedded"),
        pytest.param({"embedded": True, "host": "0.0.0.0"}, False, id="open-to-the-network"),  # noqa: S104 -- must be refused
    ],
)
def test_without_tokens_the_gateway_stays_on_its_machine(
    fields: dict[str, Any], *, is_good: bool
) -> None:
    if is_good:
        assert GatewaySettings.load(auth_mode="dev", **fields).auth_mode == "dev"
    else:
        with pytest.raises(SettingsError, match=r"settings: .*loopback host"):
            GatewaySettings.load(auth_mode="dev", **fields)


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        GatewaySettings().port = 1  # type: ignore[misc] # frozen: this is the point


def _fields() -> list[tuple[type[ServiceSettings], str]]:
    """Every field that is no free text."""
    return [
        (kind, name)
        for kind in ALL
        for name, field in kind.model_fields.items()
        if not any(free in str(field.annotation) for free in ("str", "Str", "Path"))
    ]


@pytest.mark.parametrize(("kind", "name"), _fields())
def test_every_field_is_a_variable_of_its_own(
    kind: type[ServiceSettings], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G-03: a bad value stops the start and names the variable, or at least the field."""
    monkeypatch.setenv(f"CODELAB_{name.upper()}", "[{")

    with pytest.raises(SettingsError, match=rf"CODELAB_{name.upper()}|{name}"):
        kind.load()
