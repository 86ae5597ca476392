"""Whether arguments fit a schema that a client wrote: bounded work, no address opened. Pure.

Left out are the keywords with which a schema could hold up the process: `pattern` and what depends
on it, since a regular expression may take for ever, and `uniqueItems`, which compares all with all.
The client checks its arguments anyway.
"""

from collections.abc import Iterator, Mapping
from itertools import count, islice
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable

MAX_ERRORS: Final = 10
MAX_REFS: Final = 1_000
"""References followed in one check; a schema of 16 KiB can unfold to any size by them."""


class SchemaTooComplexError(Exception):
    """The schema does not come to an end, or not soon, or refers to what is not there."""


def faults(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> list[dict[str, str]]:
    """Where the arguments do not fit, at most ten places; empty when they do.

    Raises `SchemaTooComplexError`.
    """
    validator = _validator_class()(schema, registry=Registry())
    try:
        found = list(islice(validator.iter_errors(arguments), MAX_ERRORS))
    except (RecursionError, Unresolvable) as error:
        raise SchemaTooComplexError(type(error).__name__) from error
    return [
        {"loc": error.json_path.removeprefix("$").removeprefix("."), "msg": error.message[:200]}
        for error in found
    ]


def _validator_class() -> Any:
    """The validator of one check, which counts the references that it follows."""
    followed = count(1)

    def reference(validator: Any, ref: Any, instance: Any, schema: Any) -> Iterator[Any]:
        if next(followed) > MAX_REFS:
            raise SchemaTooComplexError("too many references")
        yield from Draft202012Validator.VALIDATORS["$ref"](validator, ref, instance, schema)

    return extend(  # type: ignore[no-untyped-call]  # the stubs of jsonschema leave it open
        Draft202012Validator,
        {
            "$ref": reference,
            "$dynamicRef": _unchecked,
            "pattern": _unchecked,
            "patternProperties": _unchecked,
            "additionalProperties": _additional,
            "unevaluatedProperties": _unchecked,
            "uniqueItems": _unchecked,
        },
    )


def _unchecked(_validator: Any, _value: Any, _instance: Any, _schema: Any) -> Iterator[Any]:
    """No fault, whatever the arguments are."""
    return iter(())


def _additional(
    validator: Any, value: Any, instance: Any, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    """`additionalProperties`, where it does not depend on patterns."""
    if "patternProperties" not in schema:
        check = Draft202012Validator.VALIDATORS["additionalProperties"]
        yield from check(validator, value, instance, schema)
