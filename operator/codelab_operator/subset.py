"""Whether an object still holds what we mean it to hold. Pure.

There is no list of fields to compare: whatever a builder emits is compared, and what we never said
(server defaults, injected sidecars, labels of others) is not.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from codelab_operator.quantities import amount

MERGE_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "imagePullSecrets": ("name",),
    "ownerReferences": ("uid",),
    "ports": ("port", "containerPort", "protocol"),
}
"""Lists whose items are found again by these fields; others may add items."""

WHOLE: Final = frozenset(
    {
        "selector",
        "matchLabels",
        "nodeSelector",
        "podSelector",
        "namespaceSelector",
        "labelSelector",
        "ingress",
        "egress",
    }
)
"""Fields that mean something else with one entry more: here a foreign entry is drift."""

QUANTITIES: Final = frozenset({"cpu", "memory", "storage", "sizeLimit"})


def differences(intent: Any, live: Any) -> Iterator[str]:
    """Paths at which `live` lacks what `intent` says, such as `/spec/template/…`; none: a subset.

    Maps are compared key by key, lists of `MERGE_KEYS` item by item, `WHOLE` for equality. Other
    lists need as many items, each a subset: the API server fills defaults in there as well. An
    empty text or list counts as absent, as the API server does not store it.
    """
    return _differences(intent, live, "", "")


def _differences(intent: Any, live: Any, path: str, field: str) -> Iterator[str]:
    """Differences at one place; `field` is the last name of the path."""
    if field in WHOLE:
        same = _bare(intent) == _bare(live)
        return iter(() if same else (path,))
    if isinstance(intent, Mapping):
        return _in_map(intent, live, path)
    if isinstance(intent, list | tuple):
        return _in_list(intent, live, path, field)
    return iter(() if _is_same(intent, live, field) else (path,))


def _in_map(intent: Mapping[str, Any], live: Any, path: str) -> Iterator[str]:
    if not isinstance(live, Mapping):
        yield path
        return
    for name, value in intent.items():
        if name in live and _is_identical(value, live[name]):
            continue  # most are: nine tenths of the time of a comparison
        below = f"{path}/{name.replace('~', '~0').replace('/', '~1')}"
        yield from _differences(value, live.get(name), below, name)


def _in_list(intent: Sequence[Any], live: Any, path: str, field: str) -> Iterator[str]:
    present = [] if live is None else live
    if not isinstance(present, list | tuple):
        yield path
    elif _is_keyed(intent, field):
        known = {_key(item, field): item for item in present}
        for item in intent:
            key = _key(item, field)
            yield from _differences(item, known.get(key), f"{path}/{_label(key)}", "")
    elif len(present) != len(intent):
        yield path
    else:
        for index, (own, other) in enumerate(zip(intent, present, strict=True)):
            yield from _differences(own, other, f"{path}/{index}", "")


def _is_keyed(items: Sequence[Any], field: str) -> bool:
    """Every item is found again; a name that repeats makes it a list like any other."""
    return field in MERGE_KEYS and len({_key(item, field) for item in items}) == len(items)


def _key(item: Any, field: str) -> tuple[str, ...]:
    """What an item is found again by; ports without a protocol are TCP."""
    if not isinstance(item, Mapping):
        return (repr(item),)
    key = tuple(str(item.get(name, "")) for name in MERGE_KEYS[field])
    return (*key[:-1], key[-1] or "TCP") if field == "ports" else key


def _label(key: tuple[str, ...]) -> str:
    return ",".join(part for part in key if part)


def _is_identical(intent: Any, live: Any) -> bool:
    """Equal as it stands, without a look at what the field means.

    Below the first level 1 passes for true: a field of the API has one type, and never both.
    """
    return type(intent) is type(live) and bool(intent == live)


def _is_same(intent: Any, live: Any, field: str) -> bool:
    """Equal, both empty, or the same amount in another form."""
    if intent == live and isinstance(intent, bool) == isinstance(live, bool):
        return True
    if intent in (None, "") and live in (None, ""):
        return True
    return field in QUANTITIES and _is_same_amount(intent, live)


def _is_same_amount(intent: Any, live: Any) -> bool:
    try:
        return amount(intent) == amount(live)
    except ValueError:
        return False


def _bare(value: Any) -> Any:
    """A value without entries that the API server does not store."""
    if isinstance(value, Mapping):
        slim = {name: _bare(one) for name, one in value.items()}
        return {name: one for name, one in slim.items() if one not in (None, "", [])}
    return [_bare(item) for item in value] if isinstance(value, list | tuple) else value
