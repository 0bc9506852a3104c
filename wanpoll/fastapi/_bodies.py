"""Bodies of requests: up to a size, within some seconds, and not after the server was told to stop."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect

from wanpoll.fastapi._problems import Handler, refusal, telling_problems
from wanpoll.fastapi._room import ClientLeft, Room, Stay

MOST_BYTES = 1 << 20
"""Of one body: a batch of the longest ids has a third of it."""

MOST_SECONDS = 30.0
"""In which it comes whole: a connection that sends a byte now and then is not kept."""


async def body_of(request: Request, room: Room, most: int = MOST_BYTES) -> bytes | Response:
    """The body; the answer where it is too large (not a byte more is read then) or too slow.

    Raises `ClientLeft` and `ServerStopping` while it has come in part only.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > most:
        return too_large(f"Give at most {most} bytes.")
    body = bytearray()
    stay = Stay(room, request, watched=False, most=MOST_SECONDS)
    try:
        async with stay, contextlib.aclosing(request.stream()) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) > most:
                    return too_large(f"Give at most {most} bytes.")
    except ClientDisconnect:
        raise ClientLeft from None
    except TimeoutError:
        return refusal(408, "too-slow", f"Send the body within {MOST_SECONDS:g} seconds.", {"Connection": "close"})
    return bytes(body)


def too_large(detail: str) -> Response:
    """The answer to a body that is."""
    return refusal(413, "too-large", detail)


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
                    if isinstance(body, Response):
                        return body
                    request._body = body  # noqa: SLF001 - FastAPI's documentation shows no other place
                return await handler(request)

            return telling_problems(read)

    return ProblemRoute
