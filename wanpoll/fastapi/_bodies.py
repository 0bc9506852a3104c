"""Bodies of requests: up to a size, and not after the server was told to stop."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect

from wanpoll.fastapi._problems import Handler, refusal, telling_problems
from wanpoll.fastapi._room import ClientLeft, Room, Stay

MOST_BYTES = 1 << 20
"""Of one body. Ace's webhook repeats a whole result; a batch of the longest ids has a third of it."""


async def body_of(request: Request, room: Room) -> bytes | None:
    """The body, None where it is too large: not a byte more is read then.

    Raises `ClientLeft` and `ServerStopping` while it has come in part only.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced[:20]) > MOST_BYTES:
        return None
    body = bytearray()
    try:
        async with Stay(room, request, watched=False), contextlib.aclosing(request.stream()) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) > MOST_BYTES:
                    return None
    except ClientDisconnect:
        raise ClientLeft from None
    return bytes(body)


def too_large() -> Response:
    """The answer where `body_of` gave None."""
    return refusal(413, "too-large", f"Give at most {MOST_BYTES} bytes.")


def problem_route(room_of: Callable[[], Room]) -> type[APIRoute]:
    """A route whose errors are problems, wherever it is mounted.

    A body that its handler declares is read here, by `body_of`: FastAPI would read it without an end.
    """

    class ProblemRoute(APIRoute):
        def get_route_handler(self) -> Handler:
            handler = super().get_route_handler()

            async def read(request: Request) -> Response:
                if self.body_field is not None:
                    body = await body_of(request, room_of())
                    if body is None:
                        return too_large()
                    request._body = body  # noqa: SLF001 - FastAPI's documentation shows no other place
                return await handler(request)

            return telling_problems(read)

    return ProblemRoute
