from codelab_core.error_codes import KINDS, Code
from codelab_llmproxy.scopes import NO_TARGET, SCOPES, STAYS, Scope

PROVIDERS = [Code.PROVIDER_ERROR, Code.PROVIDER_AUTH, Code.PROVIDER_TIMEOUT]


def test_every_failure_of_a_provider_leads_somewhere_but_the_deadline() -> None:
    """S-09."""
    classes = {reason for code in PROVIDERS for reason in KINDS[code].classes.split()}

    assert classes - SCOPES.keys() == {"deadline"}
    assert NO_TARGET in SCOPES


def test_what_is_never_asked_again_does_not_stay() -> None:
    assert not STAYS & {Scope.OTHER_ONLY, Scope.OTHER_FIRST, Scope.LARGER, Scope.NONE}
