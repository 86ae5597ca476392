"""Where the API server is, and the token that rotates."""

from pathlib import Path

import pytest

from codelab_operator.connection import TOKEN_LIFE_S, Connection, NoClusterError, connection
from codelab_operator.settings import SERVICE_ACCOUNT, OperatorSettings
from fakes.clock import HandClock


def test_settings_come_before_the_surroundings(clock: HandClock) -> None:
    settings = OperatorSettings.exactly(
        api_url="https://api:6443/", kubernetes_service_host="10.0.0.1"
    )

    found = connection(settings, clock.monotonic)

    assert (found.url, found.ca_file, found.token()) == ("https://api:6443", None, "")


@pytest.mark.parametrize(
    ("host", "url"),
    [
        pytest.param("10.0.0.1", "https://10.0.0.1:6443", id="ipv4"),
        pytest.param("fd00::1", "https://[fd00::1]:6443", id="ipv6"),
    ],
)
def test_in_a_pod_everything_is_where_the_kubelet_puts_it(
    clock: HandClock, host: str, url: str
) -> None:
    settings = OperatorSettings.exactly(
        kubernetes_service_host=host, kubernetes_service_port="6443"
    )

    found = connection(settings, clock.monotonic)

    assert (found.url, found.ca_file, found.token_file) == (
        url,
        SERVICE_ACCOUNT / "ca.crt",
        SERVICE_ACCOUNT / "token",
    )


def test_without_settings_and_pod_there_is_no_cluster(clock: HandClock) -> None:
    with pytest.raises(NoClusterError):
        connection(OperatorSettings.exactly(), clock.monotonic)


def test_a_rotated_token_is_read_after_half_a_minute_or_a_refusal(
    clock: HandClock, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("one\n")
    place = Connection("https://api", None, file, clock.monotonic)
    seen = [place.token()]

    file.write_text("two\n")
    clock.advance(TOKEN_LIFE_S - 1)
    seen.append(place.token())
    clock.advance(1)
    seen.append(place.token())
    file.write_text("three\n")
    place.doubt()
    seen.append(place.token())

    assert seen == ["one", "one", "two", "three"]
