"""Versions of agents: which ones this operator can run, and what each of them knows. Pure."""

from functools import lru_cache
from typing import Final

from codelab_operator.api_group import RELEASE

SUPPORTED_MINORS: Final = 3
"""Our own minor version and the two before it."""


@lru_cache(maxsize=256)
def release_of(version: str) -> tuple[int, int, int]:
    """Major, minor and patch; a suffix such as `-rc.1` counts as the release that it leads to.

    Raises `ValueError` for text that is no version.
    """
    major, minor, patch = version.partition("-")[0].split(".")
    return int(major), int(minor), int(patch)


def is_supported(version: str, release: str = RELEASE) -> bool:
    """Whether the operator of `release` renders agents of `version`."""
    major, minor, _ = release_of(version)
    own_major, own_minor, _ = release_of(release)
    return major == own_major and own_minor - SUPPORTED_MINORS < minor <= own_minor


def is_at_least(version: str, release: str) -> bool:
    """Whether `version` already has what came with `release`."""
    return release_of(version) >= release_of(release)
