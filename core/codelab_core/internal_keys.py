"""The keys between services, as their file holds them now: rotation without a restart."""

from functools import partial
from pathlib import Path
from typing import Protocol

from codelab_core.identity import InternalKeys
from codelab_core.settings import LOOPBACK_HOSTS, ServiceSettings, SettingsError
from codelab_core.watched_file import WatchedFile


class Keyring(Protocol):
    """What a service needs of its keys: one to send, and whether a caller's is accepted."""

    @property
    def current(self) -> str:
        """The key to send."""

    def accepts(self, key: str) -> bool:
        """Whether a caller's key is one of ours."""


class InternalKeyFile:
    """A keyring that follows its file; `watch` has to run for that.

    A key added to the file is accepted within seconds, by each service at its own time: so it is
    added below the current one first, and moved up when all have read it. The constructor raises
    `OSError`, and `ValueError` as `InternalKeys.parse` does.
    """

    def __init__(self, file: Path, *, allow_sample: bool = False) -> None:
        parse = partial(InternalKeys.parse, allow_sample=allow_sample)
        self._watched = WatchedFile(file, parse)
        self.refresh, self.watch = self._watched.refresh, self._watched.watch

    @property
    def current(self) -> str:
        """The key to send."""
        return self._watched.value.current

    def accepts(self, key: str) -> bool:
        """Whether a caller's key is one of the file's."""
        return self._watched.value.accepts(key)


def load_internal_keys(settings: ServiceSettings) -> InternalKeyFile | None:
    """The keys that the settings name; without a file every caller on this machine is trusted.

    Raises `SettingsError` for a file that is missing, empty, or holds the sample key, and where
    callers on other machines would be trusted.
    """
    if settings.internal_token_file is None:
        if settings.is_internal and settings.host not in LOOPBACK_HOSTS:
            raise SettingsError(
                f"CODELAB_INTERNAL_TOKEN_FILE: needed where {settings.service} listens beyond "
                f"this machine ({settings.host}): without a key it would obey everybody"
            )
        return None
    try:
        return InternalKeyFile(settings.internal_token_file, allow_sample=settings.allow_sample_key)
    except (OSError, ValueError) as error:
        raise SettingsError(f"CODELAB_INTERNAL_TOKEN_FILE: {error}") from error
