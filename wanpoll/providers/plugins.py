"""Which providers there are: wanpoll's own, and those that other packages offer.

A package offers one by an entry point of the group "wanpoll.providers", which names a class below `Provider` that can
be made without arguments, or a provider that is ready:

    [project.entry-points."wanpoll.providers"]
    mine = "my_package:Mine"

What a provider is called is its own `name`. A package that is broken is a value, too, and harms no other.

(Annotations are evaluated in this file: `typing.get_type_hints` looks them up in the public module.)
"""

import inspect
import traceback
from collections.abc import Container, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from attrs import frozen

from wanpoll._core.redact import redact
from wanpoll.exceptions import UnknownProvider, UsageError
from wanpoll.providers.base import Provider
from wanpoll.providers.checks import checked_interval, checked_name, checked_quota, checked_variable
from wanpoll.providers.rules import ErrorRule

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "wanpoll.providers"
"""The entry points by which packages offer providers."""

_MOST_REASON = 200


@frozen
class BrokenPlugin:
    """A provider that a package offers and that cannot be used: `name` is its entry point, `reason` says why."""

    name: str
    package: str
    reason: str

    def __str__(self) -> str:
        package = f"package {self.package}" if self.package else "a package without a name"
        return f"provider {self.name!r} of {package} {self.reason}; update the package, or uninstall it"


@frozen
class Available:
    """All providers by name, none of them with a key yet, and what could not be used."""

    providers: Mapping[str, Provider]
    broken: tuple[BrokenPlugin, ...] = ()


def available() -> Available:
    """wanpoll's own providers, then those of other packages. (These are imported, and may do what they like then.)"""
    providers, broken = _own(), list[BrokenPlugin]()
    for package, entry in _entries():
        try:
            provider = _untaken(_usable(_loaded(entry)), providers)
        except UsageError as error:
            broken.append(BrokenPlugin(entry.name, package, str(error)))
        else:
            providers[provider.name] = provider
    return Available(providers, tuple(broken))


def find(name: str) -> Provider:
    """The provider called `name`; `.configured(...)` gives it an account.

    Raises `UnknownProvider`, which says why when it is a package's that cannot be used.
    """
    if (provider := _own().get(name)) is not None:
        return provider  # without importing what others offer
    found = available()
    if name in found.providers:
        return found.providers[name]
    if mine := [each for each in found.broken if each.name == name]:
        raise UnknownProvider(str(mine[0]))
    broken = ", ".join(each.name for each in found.broken)
    besides = f" ({broken} cannot be used: see `wanpoll providers`)" if broken else ""
    raise UnknownProvider(f"provider {name!r}: give one of {', '.join(found.providers)}{besides}")


def _own() -> dict[str, Provider]:
    """wanpoll's own, but for those that are nothing before they are told what they are."""
    from wanpoll import providers  # which imports this module

    made = [kind() for kind in (getattr(providers, name) for name in providers.__all__) if _is_complete(kind)]
    return {provider.name: provider for provider in made}


def _is_complete(kind: Any) -> bool:
    """Whether `kind` is a provider class that is somebody: a `JsonProvider` is nobody before it is given data."""
    if not inspect.isclass(kind) or not issubclass(kind, Provider) or inspect.isabstract(kind):
        return False
    return hasattr(kind, "NAME")


def _entries() -> Iterator[tuple[str, "EntryPoint"]]:
    """What all packages offer, each with its package's name; of a package that is there twice, what comes first."""
    from importlib.metadata import distributions  # 17 ms, which those who know their provider need not pay

    seen = set[tuple[str, str]]()
    for distribution in distributions():
        try:
            package = distribution.metadata["Name"] or ""
            entries = tuple(distribution.entry_points.select(group=GROUP))
        except Exception:  # noqa: S112 - what cannot be read offers nothing
            continue
        for entry in entries:
            if (package, entry.name) not in seen:
                seen.add((package, entry.name))
                yield package, entry


def _loaded(entry: "EntryPoint") -> Any:
    try:
        return entry.load()
    except KeyboardInterrupt:
        raise  # the user's
    except BaseException as error:  # whatever a stranger's module raises: SystemExit, CancelledError, its own
        raise UsageError(f"cannot be imported ({_said(error)})") from None


def _usable(offered: Any) -> Provider:
    """`offered` as a provider that can be given an account. Raises `UsageError`."""
    if inspect.isabstract(offered):
        raise UsageError(f"is not complete: {', '.join(sorted(offered.__abstractmethods__))} is missing")
    try:
        provider = offered() if inspect.isclass(offered) and issubclass(offered, Provider) else offered
        if isinstance(provider, Provider):
            _check(provider)
            return provider
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise UsageError(f"cannot be used ({_said(error)})") from None
    raise UsageError("is no provider: name a class below wanpoll.providers.Provider, or a provider that is ready")


def _check(provider: Provider) -> None:
    """Raise `UsageError` for a `provider` that says of itself what makes no sense: others look at all of this."""
    checked_name(provider.name)
    checked_variable(provider.KEY_VARIABLE)
    checked_quota(provider.quota)
    checked_interval(provider.interval)
    for name in ("max_batch", "max_body"):
        if type(value := getattr(provider, name)) is not int or value < 1:
            raise UsageError(f"{name}={value!r:.80}: give a whole number from 1")
    for name in ("can_cancel", "can_refresh"):
        if not isinstance(value := getattr(provider, name), bool):
            raise UsageError(f"{name}={value!r:.80}: give True or False")
    for name, kind in (("ERRORS", ErrorRule), ("ID_PATHS", str)):
        value = getattr(provider, name)
        if not isinstance(value, tuple | list) or not all(isinstance(each, kind) for each in value):
            raise UsageError(f"{name}={value!r:.80}: give a tuple of {kind.__name__}")
    provider.configured().bind({provider.KEY_VARIABLE: "a-key"})


def _untaken(provider: Provider, taken: Container[str]) -> Provider:
    if provider.name in taken:
        raise UsageError(f"calls itself {provider.name!r}, a name that is taken")
    return provider


def _said(error: BaseException) -> str:
    """`error` in one short line, without secrets; also where its own text fails."""
    return redact(traceback.format_exception_only(error)[-1].strip())[:_MOST_REASON]
