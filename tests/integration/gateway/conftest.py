"""The three services once per file, session ids keep tests apart; two principals have tokens."""

from collections.abc import AsyncIterator, Callable
from itertools import count
from pathlib import Path

import pytest

from codelab_core.identity import token_digest
from harness.services import Services, Wanted, services

ALICE = "a-token-of-alice-long-enough"
BOB = "a-token-of-bob-which-is-long-too"


@pytest.fixture(scope="module")
async def platform(
    store_server: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Services]:
    """The three services; the gateway asks for tokens."""
    folder: Path = tmp_path_factory.mktemp("platform")
    tokens = folder / "tokens"
    tokens.write_text(f"{token_digest(ALICE)} alice\n{token_digest(BOB)} bob\n")
    wanted = Wanted(gateway={"auth_mode": "token", "embedded": False, "tokens_file": tokens})
    async with services(store_server, folder, wanted) as running:
        yield running


@pytest.fixture(scope="module")
def session_ids() -> Callable[[], str]:
    """Names of sessions that no other test of the file uses."""
    numbers = count(1)
    return lambda: f"s{next(numbers)}"


@pytest.fixture
def session_id(session_ids: Callable[[], str]) -> str:
    """A session of this test's own."""
    return session_ids()
