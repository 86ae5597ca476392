from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelab_operator.api_group import HASH_ANNOTATION
from codelab_operator.plan import Apply, Steps, newly_meant, plan
from fakes.children import UID, agent, label, live, observed, replaced, wanted

AGENT = agent(llmproxy={"aliases": {"default": "scripted"}})
WANTED = wanted(AGENT)
ALL = tuple(WANTED.values())
LIVE = observed(ALL)
HASH = f"metadata annotations {HASH_ANNOTATION}"
IMAGE = "spec template spec containers 0 image"


def key(name: str) -> Any:
    return WANTED[name].key


def without(*names: str) -> dict[Any, Any]:
    gone = {key(name) for name in names}
    return {one: manifest for one, manifest in LIVE.items() if one not in gone}


def test_at_creation_everything_is_made() -> None:
    steps = plan(ALL, {}, AGENT)

    made = {*(step.child.key for step in steps.apply), *(c.key for c in steps.create)}
    assert made | {child.key for child in steps.secrets} == {child.key for child in ALL}
    assert {step.reason for step in steps.apply} == {"missing"}
    assert not any(step.force for step in steps.apply)
    assert sorted({child.key.kind for child in steps.create}) == ["ConfigMap", "ServiceAccount"]
    assert (steps.patch, steps.prune, steps.conflicts, steps.leaving) == ((), (), (), ())


def test_at_rest_nothing_is_written() -> None:
    steps = plan(ALL, LIVE, AGENT)

    assert steps == Steps()
    assert steps.is_empty


def test_what_is_known_to_be_as_meant_is_not_compared_again() -> None:
    here = replaced(LIVE, key("Deployment/gateway"), IMAGE, "evil")
    here = replaced(here, key("ServiceAccount"), "automountServiceAccountToken", value=True)
    known = {name: WANTED[name].hash for name in ("Deployment/gateway", "ServiceAccount")}

    steps = plan(ALL, here, AGENT, {key(name): text for name, text in known.items()})
    stale = plan(ALL, here, AGENT, {key(name): "another" for name in known})

    assert steps.is_empty
    assert [step.child.key for step in stale.apply] == [key("Deployment/gateway")]
    assert stale.patch == (WANTED["ServiceAccount"],)


def test_what_is_ours_and_as_wanted_and_not_known_so_is_newly_meant() -> None:
    here = replaced(LIVE, key("Deployment/gateway"), IMAGE, "evil")
    here = replaced(here, key("Service/gateway"), "metadata ownerReferences", [])
    here = replaced(here, key("Service/runtime"), HASH, "older")
    known = {key("Service/llmproxy"): WANTED["Service/llmproxy"].hash}

    found = {label(child.key) for child in newly_meant(ALL, here, AGENT, known)}

    others = {"Deployment/gateway", "Service/gateway", "Service/runtime", "Service/llmproxy"}
    assert found == {label(one) for one in LIVE} - others


def test_only_a_changed_component_is_applied() -> None:
    later = agent(gateway={"drainSeconds": 60}, llmproxy={"aliases": {"default": "scripted"}})

    steps = plan(wanted(later).values(), LIVE, later)

    assert [(label(s.child.key), s.reason, s.force) for s in steps.apply] == [
        ("Deployment/gateway", "changed", True)
    ]


def test_an_edited_image_is_drift_and_named() -> None:
    child = WANTED["Deployment/gateway"]

    steps = plan(ALL, replaced(LIVE, child.key, IMAGE, "evil"), AGENT)

    path = "/spec/template/spec/containers/gateway/image"
    assert steps == Steps(apply=(Apply(child, "drifted", force=True, drifted=(path,)),))


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("Deployment/gateway", "metadata annotations theirs", "x"),
        ("Deployment/gateway", "metadata labels theirs", "x"),
        (
            "Deployment/gateway",
            "spec template metadata annotations",
            {"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"},
        ),
        ("ServiceAccount", "metadata annotations theirs", "x"),
    ],
    ids=["annotation", "label", "rollout-restart", "account"],
)
def test_what_the_intent_does_not_say_is_left(name: str, path: str, value: Any) -> None:
    assert plan(ALL, replaced(LIVE, key(name), path, value), AGENT).is_empty


def test_a_scale_by_hand_stays() -> None:
    steps = plan(ALL, replaced(LIVE, key("Deployment/gateway"), "spec replicas", 7), AGENT)

    assert (steps.apply, steps.patch, steps.prune) == ((), (), ())


def test_a_lost_child_is_made_again() -> None:
    steps = plan(ALL, without("Service/runtime", "ServiceAccount"), AGENT)

    assert steps == Steps(
        apply=(Apply(WANTED["Service/runtime"], "missing", force=False),),
        create=(WANTED["ServiceAccount"],),
    )


def test_a_changed_account_is_patched() -> None:
    account = "automountServiceAccountToken"
    here = replaced(LIVE, key("ServiceAccount"), account, "true")

    assert plan(ALL, here, AGENT) == Steps(patch=(WANTED["ServiceAccount"],))


def test_secrets_are_made_sure_of_while_pods_are_not_available() -> None:
    here = replaced(LIVE, key("Deployment/runtime"), "status availableReplicas", 0)

    steps = plan(ALL, here, AGENT)

    assert steps == Steps(secrets=(WANTED["Secret/internal"], WANTED["Secret/client"]))


def test_a_child_that_is_being_deleted_is_waited_for() -> None:
    here = replaced(LIVE, key("Service/gateway"), "metadata deletionTimestamp", "now")

    assert plan(ALL, here, AGENT) == Steps(leaving=(key("Service/gateway"),))


def test_a_child_of_an_earlier_agent_of_that_name_is_waited_for() -> None:
    path = "metadata ownerReferences 0 uid"

    steps = plan(ALL, replaced(LIVE, key("ServiceAccount"), path, "earlier"), AGENT)

    assert steps == Steps(leaving=(key("ServiceAccount"),))


def test_an_object_of_another_owner_is_a_conflict_and_stays() -> None:
    others = [{"kind": "Release", "name": "r", "uid": "x", "controller": True}]
    here = replaced(LIVE, key("Service/gateway"), "metadata ownerReferences", others)
    here = replaced(here, key("Service/gateway"), "spec ports", [])

    assert plan(ALL, here, AGENT) == Steps(conflicts=(key("Service/gateway"),))


def test_an_object_without_owner_is_claimed_but_never_by_force() -> None:
    service, account = WANTED["Service/gateway"], WANTED["ServiceAccount"]
    here = replaced(LIVE, service.key, "metadata ownerReferences", [])
    here = replaced(here, account.key, "metadata ownerReferences", [])

    steps = plan(ALL, here, AGENT)

    path = (f"/metadata/ownerReferences/{UID}",)
    assert steps == Steps(
        apply=(Apply(service, "drifted", force=False, drifted=path),), patch=(account,)
    )


def test_an_older_object_without_owner_is_not_taken_by_force_either() -> None:
    service = WANTED["Service/gateway"]
    here = replaced(LIVE, service.key, "metadata ownerReferences", [])
    here = replaced(here, service.key, "metadata annotations codelab.dev/hash", "0")

    assert plan(ALL, here, AGENT) == Steps(apply=(Apply(service, "changed", force=False),))


def test_what_is_wanted_no_more_is_pruned() -> None:
    rest = [child for child in ALL if child.key.kind != "ServiceMonitor"]

    steps = plan(rest, LIVE, AGENT)

    assert [label(one) for one in steps.prune] == [
        "ServiceMonitor/gateway",
        "ServiceMonitor/runtime",
        "ServiceMonitor/llmproxy",
    ]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata ownerReferences", []),
        ("metadata ownerReferences 0 uid", "earlier"),
        ("metadata labels codelab.dev/agent", "other"),
        ("metadata labels app.kubernetes.io/managed-by", "Helm"),
        ("metadata deletionTimestamp", "now"),
    ],
    ids=["no-owner", "other-uid", "other-agent", "other-manager", "going"],
)
def test_what_is_not_surely_ours_is_never_pruned(path: str, value: Any) -> None:
    name = "ServiceMonitor/gateway"
    rest = [child for child in ALL if label(child.key) != name]

    assert plan(rest, replaced(LIVE, key(name), path, value), AGENT).prune == ()


def test_an_old_configuration_is_pruned_when_the_new_one_has_settled() -> None:
    old = next(child for child in ALL if child.key.kind == "ConfigMap")
    later = agent(llmproxy={"aliases": {"default": "other"}})
    children = wanted(later)
    rolled = observed(children.values()) | {old.key: live(old)}
    proxy = children["Deployment/llmproxy"].key

    rolling = plan(children.values(), replaced(rolled, proxy, "status updatedReplicas", 0), later)
    settled = plan(children.values(), rolled, later)

    assert (rolling.prune, settled.prune) == ((), (old.key,))


def test_secrets_are_never_pruned() -> None:
    secret = WANTED["Secret/client"]
    rest = [child for child in ALL if child.key != secret.key]

    assert plan(rest, LIVE | {secret.key: live(secret)}, AGENT).prune == ()


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param({}, 3, id="left-to-others"),
        pytest.param({"autoscaling": {"maxReplicas": 6}}, 3, id="autoscaled"),
        pytest.param({"replicas": 5}, None, id="still-ours"),
    ],
)
def test_pods_are_held_on_to_when_we_stop_to_count_them(now: Any, expected: int | None) -> None:
    before = agent(gateway={"replicas": 2})
    here = observed(wanted(before).values())
    deployment = wanted(before)["Deployment/gateway"].key
    here = replaced(here, deployment, "spec replicas", 3)
    later = agent(gateway=now)

    steps = plan(wanted(later).values(), here, later)

    applied = {label(step.child.key): step for step in steps.apply}["Deployment/gateway"]
    assert (applied.reason, applied.handover) == ("changed", expected)


def test_pods_that_were_never_counted_need_no_holding() -> None:
    later = agent(gateway={"drainSeconds": 60})

    steps = plan(wanted(later).values(), observed(wanted(agent()).values()), later)

    assert [step.handover for step in steps.apply] == [None]


def test_steps_can_leave_objects_alone() -> None:
    children = (WANTED["Service/gateway"], WANTED["ServiceAccount"], WANTED["Secret/client"])
    steps = Steps(
        apply=(Apply(children[0], "missing", force=False),),
        create=(children[1],),
        patch=(children[1],),
        secrets=(children[2],),
        prune=(key("Service/runtime"),),
        conflicts=(key("Service/llmproxy"),),
    )

    left = steps.without([*(child.key for child in children), key("Service/runtime")])

    assert left == Steps(conflicts=(key("Service/llmproxy"),))
    assert steps.without([]) == steps


NAMES = st.sets(st.sampled_from(sorted(WANTED)))


@settings(max_examples=200)
@given(NAMES, NAMES)
def test_what_is_missing_is_made_and_nothing_else_is_deleted(
    there: set[str], asked: set[str]
) -> None:
    here = observed(WANTED[name] for name in there)

    steps = plan([WANTED[name] for name in sorted(asked)], here, AGENT)

    made = {step.child.key for step in steps.apply} | {child.key for child in steps.create}
    visible = {key(name) for name in asked if not name.startswith("Secret")}
    assert made == visible - set(here)
    assert set(steps.prune) <= set(here) - visible
    assert (steps.conflicts, steps.leaving, steps.patch) == ((), (), ())
