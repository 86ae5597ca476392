"""What the store's scripts answer, as values, and the errors that their words stand for. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError


class FencedError(Exception):
    """Another owner has the session: nothing that we write counts any more."""


class DivergedError(Exception):
    """The log is not where this owner left it: the store lost its end, or we have a bug."""


class BrokenJournalError(Exception):
    """The journal has not as many records as the session says: (wanted, found)."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A session exists; `created`: since just now."""

    created: bool
    epoch: str
    head: int
    state: str


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to drive a session, and where its log, journal and inbox stand.

    `term`: the one of the store's masters that its epoch began on; empty where there is only one.
    """

    fence: int
    epoch: str
    head: int
    jn: int
    inn: int
    ic: int
    state: str
    crashes: int
    cur: str
    principal: str
    term: str = ""


@dataclass(frozen=True, slots=True)
class Ingested:
    """A command is in the inbox as entry `n`.

    `owner` drives the session, empty while nobody does; `claim` is ours where this very call took
    it. `outcome` is that of the first answer, where this one repeats it.
    """

    n: int
    duplicate: bool = False
    late: bool = False
    owner: str = ""
    claim: Claim | None = None
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class Committed:
    """Where the session stands after a commit; `more`: a command came, the lease was kept."""

    more: bool
    head: int
    jn: int
    inn: int


@dataclass(frozen=True, slots=True)
class Due:
    """Sessions that anybody may claim, oldest first; `ready`: how many wait in all."""

    ready: int
    session_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TailPage:
    """Events after a position, oldest first; `status` other than OK: the position is not usable."""

    status: str
    epoch: str
    head: int
    state: str
    events: tuple[bytes, ...]


_REFUSALS: Final[dict[str, tuple[Code, str | None]]] = {
    "FORBIDDEN": (Code.SESSION_NOT_FOUND, None),
    "GONE": (Code.SESSION_NOT_FOUND, None),
    "EXPIRED": (Code.SESSION_EXPIRED, None),
    "STRAY": (Code.STATE_LOST, None),
    "CONFLICT": (Code.CONFLICT, "cid_reused"),
    "UNKNOWN": (Code.NOT_FOUND, "call_unknown"),
    "UNDECIDED": (Code.CONFLICT, "approval_required"),
    "FULL": (Code.RATE_LIMIT, "inbox_full"),
    "QUEUE_FULL": (Code.RATE_LIMIT, "queue_full"),
}


def words(reply: Sequence[Any]) -> list[str]:
    """The parts of a reply as text, whatever the server calls them."""
    return [part.decode() if isinstance(part, bytes) else str(part) for part in reply]


def refusal(status: str, rest: Sequence[str], *, decision: bool = False) -> CodelabError:
    """The error that a refusing status stands for; `decision`: it was to be one about a call."""
    if status == "REFUSED":
        locked = rest and rest[0] == "quarantined"
        return CodelabError(Code.SESSION_QUARANTINED if locked else Code.SESSION_CLOSED)
    if status == "ANSWERED":
        outcome, by = [*rest, "", ""][:2]
        asked_for = "decision" if decision else "result"
        kind = "expired" if outcome == "expired" else asked_for
        return CodelabError(Code.ALREADY_ANSWERED, kind, outcome=outcome, by=by)
    code, reason = _REFUSALS[status]
    return CodelabError(code, reason)


def opened(reply: Sequence[Any]) -> Opened:
    """Answer of `open`. Raises for another's session, an expired one, remains of one."""
    status, *rest = words(reply)
    if status not in {"CREATED", "EXISTS"}:
        raise refusal(status, rest)
    return Opened(status == "CREATED", rest[0], int(rest[1]), rest[2])


def claim(parts: Sequence[str]) -> Claim:
    """The facts that a claim returns, from the fence on."""
    fence, epoch, head, jn, inn, ic, state, crashes, _snap, cur, principal, term = parts
    return Claim(
        fence=int(fence),
        epoch=epoch,
        head=int(head),
        jn=int(jn),
        inn=int(inn),
        ic=int(ic),
        state=state,
        crashes=int(crashes),
        cur=cur,
        principal=principal,
        term=term,
    )


def ingested(reply: Sequence[Any], *, decision: bool = False) -> Ingested:
    """Answer of `ingest`. Raises every refusal of docs/protocol.md that a command can meet."""
    status, *rest = words(reply)
    match status:
        case "OK":
            n, late, owner, *claimed = rest
            taken = claim(claimed) if len(claimed) > 1 else None
            return Ingested(int(n), late=late == "1", owner=owner, claim=taken)
        case "DUP":
            return Ingested(int(rest[0]), duplicate=True, late=rest[1] == "1")
        case "SAME":
            return Ingested(0, duplicate=True, outcome=rest[0])
    raise refusal(status, rest, decision=decision)


def committed(reply: Sequence[Any]) -> Committed:
    """Answer of `commit`. Raises `FencedError`, `DivergedError`, or that the session is gone."""
    status, *rest = words(reply)
    match status:
        case "OK" | "MORE":
            head, jn, inn = map(int, rest)
            return Committed(status == "MORE", head, jn, inn)
        case "FENCED" | "GONE":
            raise FencedError(status)
    raise DivergedError(*rest)


def due(reply: Sequence[Any]) -> Due:
    """Answer of `due`."""
    return Due(int(reply[0]), tuple(dict.fromkeys(words(reply[1:]))))


def tail_page(reply: Sequence[Any]) -> TailPage:
    """Answer of `tail`. Raises for a session that is gone or another's."""
    status, *rest = words(reply[:4])
    if status in {"GONE", "FORBIDDEN"}:
        raise refusal(status, rest)
    return TailPage(status, rest[0], int(rest[1]), rest[2], tuple(reply[4:]))
