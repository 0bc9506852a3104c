"""The names of the app's providers, for readers of the OpenAPI document."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine, Iterable
from typing import Annotated, Any, TypeAlias

from fastapi import Path, Response

Handler: TypeAlias = Callable[..., Coroutine[Any, Any, Response]]


def naming(handler: Handler, names: Iterable[str]) -> Handler:
    """`handler`, whose path parameter `provider` is documented as one of `names`: each router has its own."""
    known = list(names)
    told = Path(description="one of the app's providers", examples=known[:1], json_schema_extra={"enum": known})

    @functools.wraps(handler)
    async def named(*args: Any, **given: Any) -> Response:
        return await handler(*args, **given)

    signature = inspect.signature(handler)
    parameters = [
        each.replace(annotation=Annotated[str, told]) if each.name == "provider" else each
        for each in signature.parameters.values()
    ]
    named.__dict__["__signature__"] = signature.replace(parameters=parameters)
    return named
