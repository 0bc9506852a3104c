"""What an account is: its key, where it is asked, by which name, how often, and what an id may look like."""

import copy
import re
from collections.abc import Mapping
from typing import ClassVar, Self

from wanpoll._core.model import Rate
from wanpoll._core.redact import redact
from wanpoll.exceptions import InvalidTaskId, UsageError
from wanpoll.providers.checks import (
    checked_base,
    checked_interval,
    checked_key,
    checked_name,
    checked_quota,
    checked_variable,
)

_TASK_ID = re.compile(r"[A-Za-z0-9._:-]{1,256}")


class Settings:
    """The settings of one account; `Provider` says what they mean."""

    NAME: ClassVar[str]
    BASE_URL: ClassVar[str]
    KEY_VARIABLE: ClassVar[str]
    BASE_URL_VARIABLE: ClassVar[str | None] = None
    QUOTA: ClassVar[Rate]
    INTERVAL: ClassVar[float]

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        name: str | None = None,
        quota: Rate | None = None,
        interval: float | None = None,
    ) -> None:
        self.api_key: str | None = None
        self.base_url: str | None = None
        self.name: str = checked_name(self.NAME)
        self.quota: Rate = checked_quota(self.QUOTA)
        self.interval: float = checked_interval(self.INTERVAL)
        checked_variable(self.KEY_VARIABLE)
        self._set(api_key, base_url, name, quota, interval)

    def configured(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        name: str | None = None,
        quota: Rate | None = None,
        interval: float | None = None,
    ) -> Self:
        """A copy of this provider, with what is given in place of what it has: for another account, say."""
        other = copy.copy(self)
        other._set(api_key, base_url, name, quota, interval)  # noqa: SLF001 - our own copy
        return other

    def _set(
        self, api_key: str | None, base_url: str | None, name: str | None, quota: Rate | None, interval: float | None
    ) -> None:
        self.api_key = self.api_key if api_key is None else checked_key(api_key)
        self.base_url = self.base_url if base_url is None else checked_base(base_url)
        self.name = self.name if name is None else checked_name(name)
        self.quota = self.quota if quota is None else checked_quota(quota)
        self.interval = self.interval if interval is None else checked_interval(interval)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r}, base_url={self.base_url!r}, quota={self.quota!r})"

    def bind(self, environ: Mapping[str, str]) -> Self:
        """This provider with its key and base URL filled in from `environ`.

        Raises `UsageError` when there is no key, or when it would travel in the clear.
        """
        bound = copy.copy(self)
        key = self.api_key or environ.get(self.KEY_VARIABLE)
        if not key:
            raise UsageError(f"{self.name}: no API key; pass api_key=... or set {self.KEY_VARIABLE}")
        bound.api_key = checked_key(key)
        given = self.base_url or (self.BASE_URL_VARIABLE and environ.get(self.BASE_URL_VARIABLE))
        bound.base_url = checked_base(given or self.BASE_URL)
        return bound

    def headers(self) -> Mapping[str, str]:
        """What is sent with every question of this account; holds the key."""
        return {"Authorization": f"Bearer {self.api_key}", "Accept": "application/json"}

    def check_id(self, task_id: str) -> str:
        """`task_id`, if it can be one. Raises `InvalidTaskId`."""
        if isinstance(task_id, str) and _TASK_ID.fullmatch(task_id) and task_id not in (".", ".."):
            return task_id
        shown = f"{task_id!r:.80}" if isinstance(task_id, str) else f"of type {type(task_id).__name__}"
        raise InvalidTaskId(
            f"task id {redact(shown)}: give the text that the submission answered, "
            "1 to 256 characters of A-Z a-z 0-9 . _ : -"
        )
