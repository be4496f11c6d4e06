"""CloudFormation resources: what stock forgets of a template is applied afterwards."""

from collections.abc import Callable

from ministack.services.cloudformation import provisioners

from local.cloud.typing_aliases import Json, Stock


def apply_after(kind: str, apply: Callable[[str, Json], None]) -> None:
    """Call ``apply`` with the physical id and the properties whenever stock makes or changes one.

    Args:
        kind: CloudFormation's type, such as ``AWS::S3::Bucket``.
        apply: applies what stock has left out.
    """
    handler = provisioners._RESOURCE_HANDLERS[kind]
    create, update = handler["create"], handler["update"]

    def created(logical_id: str, properties: Json, stack: Stock) -> Stock:
        answer = create(logical_id, properties, stack)
        apply(answer[0], properties)
        return answer

    def updated(name: str, old: Json, new: Json, *rest: Stock) -> Stock:
        answer = update(name, old, new, *rest)
        apply(answer[0], new)
        return answer

    handler.update(create=created, update=updated)
