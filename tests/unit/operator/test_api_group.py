import re

from codelab_operator import api_group


def test_names_of_the_resource_belong_together() -> None:
    assert api_group.GROUP_VERSION == "codelab.dev/v1beta1"
    assert f"{api_group.KIND.lower()}s" == api_group.PLURAL


def test_our_marks_are_below_our_group_or_the_recommended_ones() -> None:
    marks = [
        text for name, text in vars(api_group).items() if name.endswith(("_LABEL", "_ANNOTATION"))
    ]

    assert all(mark.startswith(api_group.OWN_LABEL_PREFIXES) for mark in marks)
    assert len(set(marks)) == len(marks)


def test_what_is_called_rolls_before_its_caller() -> None:
    called = api_group.ROLL_ORDER

    assert called == ("redis", *reversed(api_group.COMPONENTS))
    assert set(called) == set(api_group.PORTS)
    assert re.fullmatch(r"\d+\.\d+\.\d+", api_group.RELEASE)
