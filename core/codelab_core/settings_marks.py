"""Marks on settings fields for those who render them into an environment. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Offered:
    """The `CodelabAgent` resource offers the field under `config` of its component."""


@dataclass(frozen=True, slots=True)
class Since:
    """First release whose service reads the field; older pods are never given it."""

    release: str
