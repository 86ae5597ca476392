"""Where things are on this machine: the state folder, the installation's id, a running gateway."""

import asyncio
import json
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from codelab_core.clock import random_hex

URL_FILE: Final = "gateway-url"
TIMEOUT_S: Final = 5.0


class GatewayError(Exception):
    """The gateway refused a request, or cannot be reached; the text says why."""


class UnreachableError(GatewayError):
    """Nothing answers at that address."""


def state_home(environment: str | None, home: Path) -> Path:
    """The folder for what programs keep (XDG Base Directory Specification)."""
    wanted = Path(environment) if environment else None
    return wanted if wanted and wanted.is_absolute() else home / ".local" / "state"


def codelab_folder(home: Path) -> Path:
    """Our folder below the state folder."""
    return home / "codelab"


def installation_id(folder: Path) -> str:
    """An id that stays the same across restarts of this client."""
    file = folder / "client-id"
    try:
        return file.read_text().strip()
    except FileNotFoundError:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.write_text(random_hex(16))
        return file.read_text().strip()


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway to talk to: base URL (`http…`) and token."""

    url: str
    token: str | None = None

    @property
    def socket_url(self) -> str:
        """The base of its WebSocket addresses."""
        return "ws" + self.url.removeprefix("http")

    async def request(self, method: str, path: str) -> Any:
        """The decoded answer of a REST call, `None` for an empty one. Raises `GatewayError`."""
        return await asyncio.to_thread(self._request, method, path)

    def _request(self, method: str, path: str) -> Any:
        """Blocking part of `request`."""
        request = urllib.request.Request(f"{self.url}{path}", method=method)  # noqa: S310 -- http only, by `parse`
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
                body = answer.read()
        except urllib.error.HTTPError as error:
            raise GatewayError(_sentence(error)) from error
        except OSError as error:
            raise UnreachableError(f"{self.url} cannot be reached: {error}") from error
        try:
            return json.loads(body) if body else None
        except ValueError as error:
            raise GatewayError(f"{self.url} does not answer as a gateway does") from error


def parse_url(url: str, token: str | None) -> Gateway:
    """A gateway from what a person typed: `http`, `https`, `ws` or `wss`.

    Raises `GatewayError` for another scheme.
    """
    base = url.rstrip("/")
    for given, meant in (("ws://", "http://"), ("wss://", "https://")):
        base = base.replace(given, meant, 1) if base.startswith(given) else base
    if not base.startswith(("http://", "https://")):
        raise GatewayError(f"{url}: give an http, https, ws or wss address")
    return Gateway(base, token)


async def running_gateway(folder: Path) -> Gateway | None:
    """The gateway that `codelab up` runs on this machine, if it answers."""
    try:
        url, token = (folder / URL_FILE).read_text().splitlines()
    except (OSError, ValueError):
        return None
    found = Gateway(url, token or None)
    try:
        await found.request("GET", "/health/live")
    except GatewayError:
        return None
    return found


def _sentence(error: urllib.error.HTTPError) -> str:
    """What the gateway says about a refusal."""
    try:
        problem = json.loads(error.read())["error"]
    except (ValueError, KeyError, TypeError):
        return f"HTTP {error.code}"
    return f"{problem['code']}: {problem['message']}"


def environment_state_home() -> Path:
    """The state folder of this user."""
    return state_home(os.environ.get("XDG_STATE_HOME"), Path.home())  # noqa: TID251 -- XDG says so
