import pytest

from codelab_operator.children import Offering
from codelab_operator.component_status import component_entries, component_verdicts, workloads
from codelab_operator.findings import Findings, Health
from codelab_operator.plan import Steps
from codelab_operator.rollout import Wave
from codelab_operator.verdicts import Verdict
from codelab_operator.workloads import Workload
from fakes.children import agent, observed, wanted

FINE = Workload("Available", "", 2, 2, 2, "0.1.0", "image", "0123456789abcdef")
DOWN = Workload("NotEnoughPods", "", 2, 1, 2)
UNKNOWN = Verdict("RedisReady", "Unknown", "NotReady", "The runtime has not reported yet.")
ALL = dict.fromkeys(("gateway", "runtime", "llmproxy", "redis"), FINE)


def test_states_are_told_by_component() -> None:
    children = tuple(wanted(agent()).values())
    findings = Findings(children, observed(children), Wave(Steps()), Offering())

    states = workloads(findings)

    assert {name: state.progress for name, state in states.items()} == dict.fromkeys(
        ("redis", "gateway", "runtime", "llmproxy"), "Available"
    )


def test_every_component_has_a_verdict() -> None:
    made = component_verdicts(ALL | {"runtime": DOWN}, Health())

    assert made == [
        Verdict("GatewayReady", "True", "Available"),
        Verdict("RuntimeReady", "False", "NotEnoughPods", "1 of 2 pods available, 2 updated."),
        Verdict("LLMProxyReady", "True", "Available"),
        Verdict("RedisReady", "True", "Available"),
    ]


def test_the_controllers_words_are_passed_on() -> None:
    late = Workload("ProgressDeadlineExceeded", "has timed out", 2, 1, 1)

    made = component_verdicts(ALL | {"gateway": late, "redis": DOWN}, Health())

    assert made[0].message == "1 of 2 pods available, 1 updated: has timed out"
    assert made[3] == Verdict(
        "RedisReady", "False", "NotReady", "1 of 2 pods available, 2 updated."
    )


def test_a_component_that_nothing_is_known_of_was_not_created() -> None:
    made = component_verdicts({}, Health({"redis": "ok"}))

    assert [one.reason for one in made] == ["NotCreated", "NotCreated", "NotCreated", "Available"]


@pytest.mark.parametrize(
    ("health", "verdict"),
    [
        (Health(), UNKNOWN),
        (Health({}), UNKNOWN),
        (
            Health({"redis": "timeout"}),
            Verdict("RedisReady", "False", "Unreachable", "The runtime says: timeout"),
        ),
        (
            Health({"redis": "error: WRONGPASS"}),
            Verdict("RedisReady", "False", "AuthFailed", "The runtime says: error: WRONGPASS"),
        ),
        (
            Health({"redis": "error: FileNotFoundError"}),
            Verdict(
                "RedisReady",
                "False",
                "AuthFailed",
                "The runtime says: error: FileNotFoundError. A Secret or a key in it that the"
                " specification names is not there.",
            ),
        ),
    ],
)  # fmt: skip
def test_external_redis_is_what_the_runtime_says(health: Health, verdict: Verdict) -> None:
    states = {name: state for name, state in ALL.items() if name != "redis"}

    assert component_verdicts(states, health)[3] == verdict


def test_entries_leave_out_what_is_not_known() -> None:
    made = component_entries({"gateway": FINE})

    numbers = {"desired": 0, "ready": 0, "updated": 0, "summary": "0/0"}
    assert made == [
        {
            "name": "gateway",
            "version": "0.1.0",
            "image": "image",
            "hash": "0123456789abcdef",
            "desired": 2,
            "ready": 2,
            "updated": 2,
            "summary": "2/2",
        },
        {"name": "runtime"} | numbers,
        {"name": "llmproxy"} | numbers,
        {"name": "redis", "summary": "external"},
    ]
