"""Ownership of fields, as server-side apply has it: trees of `f:` and `k:` keys, merge, conflicts.

A tree names the fields of an object that a manager set: `{"f:spec": {"f:replicas": {}}}`; an item
of an associative list is `k:{"name":"x"}`. Source: Kubernetes, "Server-Side Apply"; FieldsV1.
"""

import copy
import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

Json = Any
Tree = dict[str, Any]

MERGE_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "conditions": ("type",),
    "components": ("name",),
    "providers": ("name",),
    "ownerReferences": ("uid",),
    "imagePullSecrets": ("name",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
}
"""Lists that are merged item by item; all others are replaced as a whole."""
CONTAINER_PORT: Final = ("containerPort", "protocol")
SERVICE_PORT: Final = ("port", "protocol")
NOT_OWNED: Final = frozenset(
    {
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "managedFields",
        "deletionTimestamp",
    }
)


def merge_keys(name: str, items: list[Json]) -> tuple[str, ...]:
    """The keys by which items of a list are told apart; empty: the list is one value."""
    if not items or not isinstance(items[0], dict):
        return ()
    keys = MERGE_KEYS.get(name, ())
    if name == "ports":
        keys = CONTAINER_PORT if "containerPort" in items[0] else SERVICE_PORT
        if "protocol" not in items[0]:
            return ()
    return keys if all(key in item for item in items for key in keys) else ()


def item_key(item: Json, keys: tuple[str, ...]) -> str:
    """The `k:` name of a list's item."""
    return "k:" + json.dumps({key: item[key] for key in keys}, separators=(",", ":"))


def tree_of(value: Json, name: str = "") -> Tree:
    """Which fields a value sets; a leaf is an empty tree."""
    if isinstance(value, dict) and value:
        return {f"f:{key}": tree_of(item, key) for key, item in value.items()}
    if isinstance(value, list) and (keys := merge_keys(name, value)):
        return {item_key(item, keys): {".": {}} | tree_of(item) for item in value}
    return {}


def owned_tree(manifest: Json) -> Tree:
    """Which fields an applied object claims."""
    body = {key: value for key, value in manifest.items() if key not in {"apiVersion", "kind"}}
    metadata = {k: v for k, v in body.pop("metadata", {}).items() if k not in NOT_OWNED}
    tree = tree_of(body)
    if metadata:
        tree["f:metadata"] = tree_of(metadata)
    return tree


def merged(live: Json, intent: Json, name: str = "") -> Json:
    """`live` with the fields of `intent` laid over it; neither argument is changed."""
    if isinstance(live, dict) and isinstance(intent, dict):
        laid = {key: merged(live[key], v, key) if key in live else v for key, v in intent.items()}
        return live | laid
    if isinstance(live, list) and isinstance(intent, list):
        keys = merge_keys(name, intent)
        if keys and keys == merge_keys(name, live):
            return _merged_items(live, intent, keys)
    return intent


def _merged_items(live: list[Json], intent: list[Json], keys: tuple[str, ...]) -> list[Json]:
    """Items of an associative list: ours in our order, then those of others."""
    there = {item_key(item, keys): item for item in live}
    ours = {item_key(item, keys): item for item in intent}
    mixed = [merged(there[key], item) if key in there else item for key, item in ours.items()]
    return [*mixed, *(item for key, item in there.items() if key not in ours)]


def leaves(tree: Tree, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of all leaves."""
    if path and not tree:
        yield path
    for key, below in tree.items():
        yield from leaves(below, (*path, key))


def value_at(value: Json, path: tuple[str, ...]) -> Json:
    """What stands at a path of a tree; None where nothing does."""
    for key in path:
        if key == ".":
            return value
        value = _step(value, key)
        if value is None:
            return None
    return value


def _step(value: Json, key: str) -> Json:
    """One step down a value along a key of a tree."""
    if key.startswith("f:"):
        return value.get(key[2:]) if isinstance(value, dict) else None
    items = value if isinstance(value, list) else []
    wanted = _wanted(key)
    return next((i for i in items if all(i.get(k) == v for k, v in wanted)), None)


@lru_cache(maxsize=4096)
def _wanted(key: str) -> tuple[tuple[str, Json], ...]:
    """Names and values that the `k:` name of an item asks for."""
    return tuple(json.loads(key[2:]).items())


def holds(tree: Tree, path: tuple[str, ...]) -> bool:
    """Whether a tree owns a path, as a leaf or by holding something below it."""
    for key in path:
        if key not in tree:
            return False
        tree = tree[key]
    return True


def without(tree: Tree, path: tuple[str, ...]) -> Tree:
    """A tree without one path; branches that become empty go too."""
    key, *rest = path
    if key not in tree:
        return tree
    below = without(tree[key], tuple(rest)) if rest else {}
    kept = {k: v for k, v in tree.items() if k != key}
    return kept | {key: below} if set(below) - {"."} else kept


def with_paths(tree: Tree, paths: list[tuple[str, ...]]) -> Tree:
    """A tree with more leaves."""
    tree = copy.deepcopy(tree)
    for path in paths:
        below = tree
        for key in path:
            below = below.setdefault(key, {})
    return tree


def removed(value: Json, path: tuple[str, ...]) -> None:
    """Take what stands at a path out of an object, in place; emptied parents go too.

    The path `….` of a list's item takes the whole item.
    """
    path = path[:-1] if path[-1] == "." else path
    parents = path[:-1]
    chain = [value]
    for key in parents:
        chain.append(_step(chain[-1], key))
        if chain[-1] is None:
            return
    for holder, key in zip(reversed(chain), reversed(path), strict=True):
        _take(holder, key)
        if holder:
            return


def _take(holder: Json, key: str) -> None:
    """Remove one entry of a map or one item of a list."""
    if key.startswith("f:"):
        holder.pop(key[2:], None)
    elif (item := _step(holder, key)) is not None:
        holder.remove(item)
