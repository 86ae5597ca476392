from codelab_operator.verdicts import LONGEST_MESSAGE, Verdict, as_conditions

NOW = "2026-01-01T00:10:00Z"
BEFORE = "2026-01-01T00:00:00Z"


def test_conditions_have_a_fixed_order_and_a_message() -> None:
    verdicts = [
        Verdict("RedisReady", "Unknown", "NotReady", "own words"),
        Verdict("Ready", "True", "Available"),
    ]

    made = as_conditions(verdicts, {}, NOW)

    assert made == [
        {
            "type": "Ready",
            "status": "True",
            "reason": "Available",
            "message": "Every component runs the wanted version and configuration.",
            "lastTransitionTime": NOW,
        },
        {
            "type": "RedisReady",
            "status": "Unknown",
            "reason": "NotReady",
            "message": "own words",
            "lastTransitionTime": NOW,
        },
    ]


def test_the_time_moves_only_with_the_status() -> None:
    def stored(status: str) -> dict[str, object]:
        return {"conditions": [{"type": "Ready", "status": status, "lastTransitionTime": BEFORE}]}

    verdict = Verdict("Ready", "False", "RollingOut")
    times = [
        as_conditions([verdict], previous, NOW)[0]["lastTransitionTime"]
        for previous in (stored("False"), stored("True"), stored("Unknown"), {"conditions": None})
    ]

    assert times == [BEFORE, NOW, NOW, NOW]


def test_a_stored_condition_without_a_time_gets_one() -> None:
    previous = {"conditions": [{"type": "Ready", "status": "True"}]}

    made = as_conditions([Verdict("Ready", "True", "Available")], previous, NOW)

    assert made[0]["lastTransitionTime"] == NOW


def test_endless_words_are_cut() -> None:
    made = as_conditions([Verdict("Ready", "False", "Forbidden", "x" * 9999)], {}, NOW)

    assert made[0]["message"] == "x" * LONGEST_MESSAGE


def test_only_true_holds() -> None:
    verdicts = [
        Verdict("Ready", "True", "Available"),
        Verdict("Ready", "False", "RollingOut"),
        Verdict("Ready", "Unknown", "Pending"),
    ]

    assert [one.holds for one in verdicts] == [True, False, False]
