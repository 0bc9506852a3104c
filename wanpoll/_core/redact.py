"""Secrets and signatures stay out of everything that people read.

Every pattern takes linear time: what it reads was written by strangers, up to a megabyte of it.
"""

from __future__ import annotations

import re
from urllib.parse import quote

# Each takes a whole word, so that no character is looked at from two starting points. Slashes may be escaped
# ("https:\/\/"), and a whole link may be quoted inside another ("https%3A%2F%2F").
_LINK = re.compile(r":(?:\\?/){2}[^\s\"'<>]*|%3a%2f%2f[^\s\"'<>]*", re.IGNORECASE)
_QUERY = re.compile(r"(?:\?|%3f)[^\s\"'<>]*", re.IGNORECASE)
_QUERY_START = re.compile(r"\?|%3f", re.IGNORECASE)
_EQUALS = re.compile(r"=|%3d", re.IGNORECASE)
_USERINFO = re.compile(r"^(:\\?/\\?/)[^/\\@?]*@")
_NAMED = re.compile(
    r"((?:signature|security-token|accesskeyid|credential|access_token|api_?key)(?:=|%3d))[^\s&\"'<>,;]+", re.IGNORECASE
)
_BEARER = re.compile(r"(bearer(?:\s|%20)+)[^\s\"',;<>]+", re.IGNORECASE)
_KEY = re.compile(r"(?<![A-Za-z0-9])sk-[A-Za-z0-9_-]{4,}")


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
            text = text.replace(secret, "***").replace(quote(secret, safe=""), "***")
    text = _QUERY.sub(_without_values, _LINK.sub(_without_query, text))
    text = _NAMED.sub(r"\1***", _BEARER.sub(r"\1***", text))
    return _KEY.sub("sk-***", text)


def _without_query(link: re.Match[str]) -> str:
    text = _USERINFO.sub(r"\1***@", link[0])
    mark = _QUERY_START.search(text)
    return text if mark is None else f"{text[: mark.start()]}?***"


def _without_values(query: re.Match[str]) -> str:
    return "?***" if _EQUALS.search(query[0]) else query[0]
