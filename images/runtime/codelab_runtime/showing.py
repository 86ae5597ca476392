"""A value as the model is shown it: JSON of bounded size, long texts and lists shortened. Pure.

What is shown is always whole JSON: texts and lists inside it are cut, never its own text.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

MARK: Final = "[… shortened: "
"""Begins every place where something was left out; the scripted model looks for it too."""
_TRIES: Final = 4
_MAX_DEPTH: Final = 8
_CRLF_FIELDS: Final = ("content", "diff")
"""Texts of files; a `filtered_diff` is left alone, since it comes back and is compared."""


def shown(body: Mapping[str, Any], limit: int) -> str:
    """A tool's outcome as JSON of at most `limit` bytes (from 256 on), files with LF for CRLF."""
    told = {**body, **{name: _with_lf(body[name]) for name in _CRLF_FIELDS if name in body}}
    text = orjson.dumps(told)
    if len(text) <= limit:
        return text.decode()
    room = limit
    for _ in range(_TRIES):
        cut = orjson.dumps(_shrunk(told, room, _MAX_DEPTH))
        if len(cut) <= limit:
            return cut.decode()
        # Quotes and line breaks take more than one byte, and lines stay whole.
        room = room * limit // len(cut) * 15 // 16
    rest = {
        "success": body.get("success") is True,
        "shortened": shortened(_ascii(text), limit // 4),
    }
    return orjson.dumps(rest).decode()


def shrunk(value: Any, limit: int) -> Any:
    """A JSON value whose texts and lists are cut so that it takes about `limit` bytes."""
    return value if _size(value) <= limit else _shrunk(value, limit, _MAX_DEPTH)


def shortened(text: str, limit: int) -> str:
    """Text of at most `limit` bytes: head and tail, at line borders, a marker between.

    The marker is always whole, and names the true size.
    """
    encoded = text.encode()
    if len(encoded) <= limit:
        return text
    marker = f"{MARK}{len(encoded)} bytes in all …]"
    half = max(0, limit - len(marker.encode())) // 2
    head = encoded[:half].decode("utf-8", "ignore")
    tail = encoded[len(encoded) - half :].decode("utf-8", "ignore")
    if "\n" in head[len(head) // 2 :]:
        head = head[: head.rindex("\n") + 1]
    if "\n" in tail[: len(tail) // 2]:
        tail = tail[tail.index("\n") :]
    return f"{head}{marker}{tail}"


def _with_lf(value: Any) -> Any:
    """A text with LF line ends."""
    return value.replace("\r\n", "\n") if isinstance(value, str) else value


def _ascii(text: bytes) -> str:
    """JSON text without what would be escaped once more."""
    return text.decode().replace("\\", "/").replace('"', "'")


def _size(value: Any) -> int:
    """Bytes of a value as JSON."""
    return len(orjson.dumps(value))


def _shrunk(value: Any, limit: int, depth: int) -> Any:
    """A value in about `limit` bytes; what is nested deeper than 8 levels becomes text."""
    if depth == 0 and isinstance(value, list | dict) and _size(value) > limit:
        value = _ascii(orjson.dumps(value))
    match value:
        case str():
            return shortened(value, limit)
        case list():
            return _shrunk_list(value, limit, depth)
        case dict():
            return _shrunk_object(value, limit, depth)
    return value


def _shrunk_object(value: Mapping[str, Any], limit: int, depth: int) -> dict[str, Any]:
    """Small fields stay as they are, the large ones share what is left."""
    sizes = {name: _size(field) for name, field in value.items()}
    left = limit - sum(len(name.encode()) + 4 for name in value)
    shares: dict[str, int] = {}
    for place, name in enumerate(sorted(sizes, key=lambda name: sizes[name])):
        shares[name] = min(sizes[name], max(0, left) // (len(sizes) - place))
        left -= shares[name]
    return {
        name: field if shares[name] >= sizes[name] else _shrunk(field, shares[name], depth - 1)
        for name, field in value.items()
    }


def _shrunk_list(items: Sequence[Any], limit: int, depth: int) -> list[Any]:
    """The first and the last entries, and how many there are."""
    sizes = [_size(item) + 1 for item in items]
    if len(items) == 1:
        return [_shrunk(items[0], limit, depth - 1)]
    first, last = _fitting(sizes, limit // 2), _fitting(sizes[::-1], limit // 2)
    if first + last >= len(items):
        return list(items)
    marker = f"{MARK}{len(items)} entries in all …]"
    return [*items[:first], marker, *items[len(items) - last :]]


def _fitting(sizes: Sequence[int], room: int) -> int:
    """How many of the first sizes go into `room`."""
    for count, size in enumerate(sizes):
        room -= size
        if room < 0:
            return count
    return len(sizes)
