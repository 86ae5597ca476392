"""File names in diff headers: C quoting, `a/` and `b/`, time stamps. Pure.

Rules of git: Documentation/diff-format.adoc (quoting), diff.c (a TAB ends a name with a space).
"""

import re
from typing import Final

DEV_NULL: Final = "/dev/null"

_ESCAPE: Final = re.compile(r'\\([0-7]{3}|[abtnvfr"\\])')
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_CHARACTERS: Final = dict(zip('abtnvfr"\\', '\a\b\t\n\v\f\r"\\', strict=True))


def unquote(name: str) -> str:
    """A name as it stands in a header: decoded where it is C-quoted, else cut at a TAB.

    Raises `ValueError` for quoting that no name has.
    """
    if not name.startswith('"'):
        return name.partition("\t")[0].rstrip()
    quoted = _QUOTED.match(name)
    if quoted is None:
        raise ValueError(name)
    return _decoded(quoted[1])


def _decoded(quoted: str) -> str:
    """The characters behind escapes; octal ones are bytes of UTF-8."""
    parts = _ESCAPE.split(quoted)
    plain, escaped = parts[::2], parts[1::2]
    if any("\\" in part for part in plain):
        raise ValueError(quoted)
    coded = [plain[0].encode()]
    for escape, rest in zip(escaped, plain[1:], strict=True):
        coded += [_byte(escape), rest.encode()]
    return b"".join(coded).decode()


def _byte(escape: str) -> bytes:
    """What one escape stands for; `ValueError` above one byte."""
    return _CHARACTERS[escape].encode() if escape in _CHARACTERS else bytes([int(escape, 8)])


def quote(name: str) -> str:
    """A name for a header; only a double quote makes git quote a path that we allow."""
    return '"' + name.replace('"', '\\"') + '"' if '"' in name else name


def git_names(rest: str) -> tuple[str, str] | None:
    """Both names of `diff --git <rest>`, or `None` where the text does not tell them apart."""
    if rest.startswith('"'):
        quoted = _QUOTED.match(rest)
        return quoted and (unquote(quoted[0]), unquote(rest[quoted.end() + 1 :]))
    if rest.endswith('"') and ' "' in rest:
        old, _, new = rest.partition(' "')
        return old, unquote('"' + new)
    return _halves(rest)


def _halves(rest: str) -> tuple[str, str] | None:
    """Two equal names but for their prefix, or two names without spaces."""
    middle = len(rest) // 2
    old, new = rest[:middle], rest[middle + 1 :]
    if rest[middle : middle + 1] == " " and old.partition("/")[2] == new.partition("/")[2]:
        return old, new
    old, space, new = rest.partition(" ")
    return (old, new) if space and " " not in new else None


def without_prefixes(old: str, new: str) -> tuple[str, str]:
    """Names less `a/` and `b/`, which only go as a pair; `/dev/null` goes with either."""
    stripped_old, stripped_new = old.removeprefix("a/"), new.removeprefix("b/")
    paired = all(
        stripped != name or name == DEV_NULL
        for name, stripped in ((old, stripped_old), (new, stripped_new))
    )
    return (stripped_old, stripped_new) if paired else (old, new)
