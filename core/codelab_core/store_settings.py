"""Settings of the services that use the store: where it is and how they prove who they are."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field


class StoreFields(BaseModel, use_attribute_docstrings=True):
    """Fields of `RuntimeSettings` and `LLMProxySettings`. Credentials come from files only."""

    redis_url: str = "embedded://"
    """The store: redis://, rediss://, unix://, embedded:// (a private server), embedded:memory.

    Sentinels: `redis+sentinel://h1:26379,h2:26379/<master>`; `rediss+sentinel://` over TLS. Redis
    Cluster is refused at the start.
    """
    redis_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,128}$")] = "cla"
    """First part of every key; keeps several agents on one server apart."""
    redis_username: str | None = None
    """User of the server's access list; absent: its default user."""
    redis_password_file: Path | None = None
    """Password of that user; read again when the server refuses it."""
    redis_sentinel_password_file: Path | None = None
    """Password of the Sentinels; absent: they ask for none."""
    redis_ca_file: Path | None = None
    """Authorities that vouch for the server; absent: those of the system."""
    redis_cert_file: Path | None = None
    """Certificate that this client shows."""
    redis_key_file: Path | None = None
    """Private key of that certificate."""
    redis_allow_eviction: bool = False
    """Work with a store that drops entries when its memory is full: sessions may get lost."""
    redis_durability: Literal["fast", "strict"] = "fast"
    """`strict`: a write tool starts only once the step before it is on disk."""
