"""Who the runtime is to a store server: name, password, and what makes the connection private."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis.credentials import CredentialProvider

from codelab_core.store_settings import StoreFields


@dataclass(frozen=True, slots=True)
class FileLogin(CredentialProvider):
    """A user whose password is read at every connect: a new one needs no restart.

    Raises `OSError` for a file that cannot be read; to the caller the store is unavailable then.
    """

    username: str | None
    file: Path

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        """Password, behind the name where there is one."""
        password = self.file.read_text().strip()
        return (self.username, password) if self.username else (password,)

    async def get_credentials_async(self) -> tuple[str] | tuple[str, str]:
        """The same beside the loop."""
        return await asyncio.to_thread(self.get_credentials)


def connection_options(settings: StoreFields) -> dict[str, Any]:
    """Arguments of a client for the server that the settings name."""
    options: dict[str, Any] = {}
    if settings.redis_password_file:
        login = FileLogin(settings.redis_username, settings.redis_password_file)
        options["credential_provider"] = login
    elif settings.redis_username:
        options["username"] = settings.redis_username
    return options | _certificates(settings)


def sentinel_options(settings: StoreFields) -> dict[str, Any]:
    """Arguments of a client for its Sentinels: a password of their own, the same certificates."""
    file = settings.redis_sentinel_password_file
    login = {"credential_provider": FileLogin(None, file)} if file else {}
    return login | _certificates(settings)


def _certificates(settings: StoreFields) -> dict[str, Any]:
    """Files of a connection over TLS; a plain one does not know these arguments."""
    if not settings.redis_url.startswith("rediss"):
        return {}
    files = {
        "ssl_ca_certs": settings.redis_ca_file,
        "ssl_certfile": settings.redis_cert_file,
        "ssl_keyfile": settings.redis_key_file,
    }
    return {name: str(file) for name, file in files.items() if file}
