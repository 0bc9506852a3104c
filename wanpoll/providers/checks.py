"""What an account is given, checked: keys, base URLs, names, intervals."""

from __future__ import annotations

import math
import re
from urllib.parse import SplitResult, urlsplit

from wanpoll._core.model import Rate
from wanpoll._core.redact import Secret, redact
from wanpoll.exceptions import UsageError

_LOOPBACK = re.compile(r"localhost|127(\.\d{1,3}){3}|::1")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_URL_TEXT = re.compile(r"[!-\[\]-~]+")  # no spaces, line breaks or backslashes: readers of URLs disagree on them


def checked_name(name: str) -> str:
    """`name`, if it can tell accounts apart. Raises `UsageError`."""
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise UsageError(f"name={name!r}: give a short text that tells accounts apart")
    return name


def checked_interval(interval: float) -> float:
    """`interval`, if it is a number of seconds. Raises `UsageError`."""
    number = isinstance(interval, int | float) and not isinstance(interval, bool)
    if not number or not 0 < interval < math.inf:
        raise UsageError(f"interval={interval!r}: give seconds above zero")
    return interval


def checked_variable(name: str) -> str:
    """`name`, if it can be that of an environment variable. Raises `UsageError`."""
    if not isinstance(name, str) or not _VARIABLE.fullmatch(name):
        raise UsageError(f"KEY_VARIABLE={name!r:.80}: give the name of an environment variable")
    return name


def checked_quota(quota: Rate) -> Rate:
    """`quota`, if it is a `Rate`. Raises `UsageError`."""
    if not isinstance(quota, Rate):
        raise UsageError(f"quota={quota!r:.80}: give a Rate, as in Rate(20, per=1.0)")
    return quota


def checked_key(key: str) -> Secret:
    """`key`, if it can stand in a header; its repr does not show it. Raises `UsageError`."""
    if (
        not isinstance(key, str)
        or not key.strip()
        or not key.isascii()
        or not key.strip().isprintable()
        or " " in key.strip()
    ):
        raise UsageError(
            "api_key: give the key's text; this one is empty, or has a line break or another odd character"
        )
    return Secret(key.strip())


def checked_base(base: str) -> str:
    """`base` without slashes at its end, if a key may travel there. Raises `UsageError`."""
    parts = _split(base)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"base_url={redact(str(base))!r}: give the whole prefix, as in https://host/api/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise UsageError("base_url: give scheme, host and path only; no user, password, query or fragment")
    if parts.scheme == "http" and not _LOOPBACK.fullmatch(parts.hostname):
        raise UsageError(f"base_url=http://{parts.hostname}...: the key would travel in the clear; use https")
    return base.rstrip("/")


def _split(base: str) -> SplitResult | None:
    if not isinstance(base, str) or not _URL_TEXT.fullmatch(base):
        return None
    try:
        parts = urlsplit(base)
        port = parts.port
    except ValueError:
        return None
    return None if port == 0 else parts
