"""Create, apply, replace, patch, delete: the rules of the API server for writes."""

import uuid
from dataclasses import dataclass
from functools import reduce
from typing import Any

import jsonpatch
import orjson

from fakes.cluster import answers, fields, rules
from fakes.cluster.defaults import with_defaults
from fakes.cluster.store import Collection, Owner, Store, Stored, stamp

Json = Any


@dataclass(frozen=True, slots=True)
class Write:
    """How a request wants to write."""

    namespace: str
    name: str
    manager: str = "unknown"
    subresource: str = ""
    force: bool = False
    dry_run: bool = False


def create(store: Store, collection: Collection, write: Write, body: Json) -> Stored:
    """POST: the object must not exist; `generateName` is honoured."""
    metadata = dict(body.get("metadata", {}))
    if not metadata.get("name"):
        metadata["name"] = metadata.get("generateName", "") + uuid.uuid4().hex[:5]
    if (write.namespace, metadata["name"]) in collection.objects:
        raise answers.already_exists(collection.resource.plural, metadata["name"])
    manifest = _born(collection, write, body | {"metadata": metadata})
    owner = Owner(write.manager, "Update", "")
    return _commit(store, collection, write, Stored(manifest, {owner: fields.owned_tree(body)}))


def apply(store: Store, collection: Collection, write: Write, body: Json) -> Stored:
    """PATCH of type apply: creates what is missing; conflicts unless forced."""
    live = collection.objects.get((write.namespace, write.name))
    if live is None and write.subresource:
        raise answers.not_found(collection.resource.plural, write.name)
    intent = _part(collection, body, write.subresource)
    owner = Owner(write.manager, "Apply", write.subresource)
    tree = fields.owned_tree(intent)
    if live is None:
        if body["metadata"].get("uid"):
            raise answers.precondition(collection.resource.plural, write.name, "UID")
        manifest = _born(collection, write, intent)
        return _commit(store, collection, write, Stored(manifest, {owner: tree}))
    _check(collection, live, body)
    owners = _claim(live, owner, tree, intent, force=write.force)
    manifest = _pruned(live, owner, owners, fields.merged(live.manifest, _plain(intent)))
    return _update(store, collection, write, live, Stored(manifest, owners))


def _claim(
    live: Stored, owner: Owner, tree: fields.Tree, intent: Json, *, force: bool
) -> dict[Owner, fields.Tree]:
    """Owners after an apply. Raises on a conflict without force."""
    owners, conflicts = dict(live.owners), list[tuple[str, str]]()
    paths = list(fields.leaves(tree))
    for other, theirs in live.owners.items():
        if other == owner:
            continue
        disputed = [
            path
            for path in paths
            if fields.holds(theirs, path)
            and fields.value_at(live.manifest, path) != fields.value_at(intent, path)
        ]
        conflicts += [(other.manager, ".".join(path)) for path in disputed]
        owners[other] = reduce(fields.without, disputed, theirs)
    if conflicts and not force:
        raise answers.field_conflict(conflicts)
    return {o: t for o, t in owners.items() if t} | {owner: tree}


def _pruned(live: Stored, owner: Owner, owners: dict[Owner, fields.Tree], manifest: Json) -> Json:
    """The object without fields that only this manager had, and now gave up."""
    given_up = [
        path
        for path in fields.leaves(live.owners.get(owner, {}))
        if not any(fields.holds(tree, _place(path)) for tree in owners.values())
    ]
    if not given_up:
        return manifest
    manifest = orjson.loads(orjson.dumps(manifest))
    for path in given_up:
        fields.removed(manifest, path)
    return manifest


def _place(path: tuple[str, ...]) -> tuple[str, ...]:
    """The path of a list's item for the mark that it is there."""
    return path[:-1] if path[-1] == "." else path


def replace(store: Store, collection: Collection, write: Write, body: Json) -> Stored:
    """PUT: the whole object, or its status alone."""
    live = existing(collection, write)
    _check(collection, live, body)
    metadata = live.manifest["metadata"]
    body = _part(collection, body, write.subresource)
    kept = {k: metadata[k] for k in fields.NOT_OWNED if k in metadata}
    if write.subresource:
        manifest = live.manifest | body | {"metadata": metadata}
    else:
        manifest = body | {"metadata": body.get("metadata", {}) | kept}
        if collection.resource.has_status and "status" in live.manifest:
            manifest["status"] = live.manifest["status"]
    return edit(store, collection, write, manifest)


def patch(store: Store, collection: Collection, write: Write, body: Json) -> Stored:
    """PATCH of type merge (an object) or JSON (a list of operations)."""
    live = existing(collection, write)
    if isinstance(body, list):
        manifest = jsonpatch.apply_patch(live.manifest, body)
    else:
        _check(collection, live, body)
        manifest = _merge_patched(live.manifest, _part(collection, body, write.subresource))
    return edit(store, collection, write, manifest)


def edit(store: Store, collection: Collection, write: Write, manifest: Json) -> Stored:
    """Make `manifest` the object's new content; changed fields become the manager's."""
    live = existing(collection, write)
    owner = Owner(write.manager, "Update", write.subresource)
    touched = [k for k in manifest if manifest[k] != live.manifest.get(k)]
    before = fields.owned_tree({k: live.manifest[k] for k in touched if k in live.manifest})
    after = fields.owned_tree({k: manifest[k] for k in touched})
    changed = [
        path
        for path in fields.leaves(after)
        if not fields.holds(before, path)
        or fields.value_at(live.manifest, path) != fields.value_at(manifest, path)
    ]
    owners = dict(live.owners)
    for other, tree in live.owners.items():
        owners[other] = reduce(fields.without, changed, tree)
    owners[owner] = fields.with_paths(owners.get(owner, {}), changed)
    owners = {o: t for o, t in owners.items() if t}
    return _update(store, collection, write, live, Stored(manifest, owners))


def delete(store: Store, collection: Collection, write: Write, options: Json) -> Stored:
    """DELETE: at once, if uid and resourceVersion fit."""
    live = existing(collection, write)
    wanted = options.get("preconditions") or {}
    for name, there in (("uid", live.uid), ("resourceVersion", str(live.version))):
        if wanted.get(name, there) != there:
            raise answers.precondition(collection.resource.plural, write.name, name)
    if not write.dry_run:
        store.drop(collection, live)
    return live


def existing(collection: Collection, write: Write) -> Stored:
    """The object that a request names. Raises the refusal 404."""
    live = collection.objects.get((write.namespace, write.name))
    if live is None:
        raise answers.not_found(collection.resource.plural, write.name)
    return live


def _part(collection: Collection, body: Json, subresource: str) -> Json:
    """What of a body counts: status alone on `/status`, everything else elsewhere."""
    if subresource == "status":
        return {k: v for k, v in body.items() if k in {"apiVersion", "kind", "status"}}
    if collection.resource.has_status:
        return {k: v for k, v in body.items() if k != "status"}
    return body


def _plain(intent: Json) -> Json:
    """An intent without what only the server decides."""
    metadata = {k: v for k, v in intent.get("metadata", {}).items() if k not in fields.NOT_OWNED}
    rest = {k: v for k, v in intent.items() if k != "metadata"}
    return rest | {"metadata": metadata} if metadata else rest


def _check(collection: Collection, live: Stored, body: Json) -> None:
    """Refuse a write that was made for another version or another object."""
    metadata = body.get("metadata") or {}
    if metadata.get("uid", live.uid) != live.uid:
        raise answers.precondition(collection.resource.plural, live.name, "UID")
    if str(metadata.get("resourceVersion") or live.version) != str(live.version):
        raise answers.stale(collection.resource.plural, live.name)


def _born(collection: Collection, write: Write, body: Json) -> Json:
    """A new object with what the server adds."""
    resource = collection.resource
    metadata = {k: v for k, v in body["metadata"].items() if k != "managedFields"}
    metadata |= {"uid": str(uuid.uuid4()), "creationTimestamp": stamp()}
    if resource.is_namespaced:
        metadata["namespace"] = write.namespace
    if resource.has_generation:
        metadata["generation"] = 1
    whole = {"apiVersion": resource.group_version, "kind": resource.kind, "metadata": metadata}
    return with_defaults(_part(collection, body, "") | whole)


def _update(
    store: Store, collection: Collection, write: Write, live: Stored, new: Stored
) -> Stored:
    """Commit a changed object; one that stays as it is keeps its version."""
    manifest = with_defaults(new.manifest)
    metadata = live.manifest["metadata"]
    kept = {k: metadata[k] for k in fields.NOT_OWNED if k in metadata}
    manifest = manifest | {"metadata": manifest["metadata"] | kept}
    if manifest == live.manifest and new.owners == live.owners:
        return live
    if collection.resource.has_generation and _desire(manifest) != _desire(live.manifest):
        generation = {"generation": metadata["generation"] + 1}
        manifest = manifest | {"metadata": manifest["metadata"] | generation}
    return _commit(store, collection, write, Stored(manifest, new.owners))


def _desire(manifest: Json) -> Json:
    """What counts for the generation."""
    return {k: v for k, v in manifest.items() if k not in {"metadata", "status"}}


def _commit(store: Store, collection: Collection, write: Write, stored: Stored) -> Stored:
    """Keep a version, unless the request was only to see what would be."""
    rules.check(stored.manifest)
    return stored if write.dry_run else store.commit(collection, stored)


def _merge_patched(live: Json, change: Json) -> Json:
    """RFC 7386."""
    if not isinstance(change, dict):
        return change
    base = dict(live) if isinstance(live, dict) else {}
    for key, value in change.items():
        if value is None:
            base.pop(key, None)
        else:
            base[key] = _merge_patched(base.get(key), value)
    return base
