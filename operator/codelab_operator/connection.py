"""Where the API server is and how this process proves who it is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from codelab_operator.settings import SERVICE_ACCOUNT, OperatorSettings

TOKEN_LIFE_S: Final = 30.0
"""Tokens of service accounts rotate: the file is read again after this time."""


class NoClusterError(Exception):
    """Neither settings nor the surroundings say where the API server is."""


@dataclass(slots=True)
class Connection:
    """An API server; the token is read from its file now and then."""

    url: str
    ca_file: Path | None
    token_file: Path | None
    monotonic: Callable[[], float]
    _token: str = ""
    _read_at: float = float("-inf")

    def token(self) -> str:
        """The bearer token; empty when none is needed."""
        if self.token_file is not None and self.monotonic() - self._read_at >= TOKEN_LIFE_S:
            self._token = self.token_file.read_text().strip()
            self._read_at = self.monotonic()
        return self._token

    def doubt(self) -> None:
        """The server refused the token: read it again next time."""
        self._read_at = float("-inf")


def connection(settings: OperatorSettings, monotonic: Callable[[], float]) -> Connection:
    """The API server of the settings, or the one of the cluster around this pod.

    Raises `NoClusterError` where neither is known.
    """
    if settings.api_url:
        return Connection(
            settings.api_url.rstrip("/"), settings.api_ca_file, settings.api_token_file, monotonic
        )
    host = settings.kubernetes_service_host
    if not host:
        raise NoClusterError("CODELAB_API_URL is not set, and this is no pod")
    place = f"[{host}]" if ":" in host else host
    return Connection(
        f"https://{place}:{settings.kubernetes_service_port}",
        settings.api_ca_file or SERVICE_ACCOUNT / "ca.crt",
        settings.api_token_file or SERVICE_ACCOUNT / "token",
        monotonic,
    )
