"""Secrets and signatures stay out of everything that people read."""

from __future__ import annotations

import re

_QUERY = re.compile(r"(https?://[^\s?\"'<>\\]+)\?[^\s\"'<>\\]*", re.IGNORECASE)
_BEARER = re.compile(r"(bearer\s+)[^\s\"',;]+", re.IGNORECASE)
_KEY = re.compile(r"\bsk-[A-Za-z0-9_-]{4,}")
_USERINFO = re.compile(r"(https?://)[^/\s@\"']+@", re.IGNORECASE)


class Secret(str):
    """A text whose repr does not show it, so that no log, repr or traceback with locals does."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


def redact(text: str | None, *secrets: str) -> str:
    """`text` without the queries of URLs, bearer tokens, keys and the `secrets` named."""
    if text is None:
        return "None"
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    text = _QUERY.sub(r"\1?***", text)
    text = _USERINFO.sub(r"\1***@", text)
    return _KEY.sub("sk-***", _BEARER.sub(r"\1***", text))
