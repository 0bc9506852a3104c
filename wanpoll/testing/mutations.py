"""What strangers make of an answer: fields dropped, nulled, retyped, reordered, added, and of hostile size."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any, TypeAlias

from wanpoll.providers.rules import is_link
from wanpoll.providers.wire import id_text

Path: TypeAlias = tuple[str | int, ...]

ADDED_LINK = "https://not-listed.example/a.mp4?Signature=canary"
"""A link under a key that no provider documents: it is nobody's result."""

ADDED: dict[str, Any] = {
    "x_not_documented": {"url": ADDED_LINK, "video_url": ADDED_LINK, "status": "x-not-documented", "list": [None]}
}

MISSING: Any = object()


def _deep(levels: int) -> Any:
    value: Any = {}
    for _ in range(levels):
        value = {"a": [value]}
    return value


JUNK: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1.5,
    10**30,
    -(2**63),
    "",
    "x",
    " ",
    "\x00\x1b[31m",
    "\ud83d",
    "9" * 5000,
    "z" * 20_000,
    [],
    [[]],
    ["x"],
    [None] * 500,
    {},
    {"": ""},
    {"x": {"x": None}},
    _deep(25),
)
"""Values that no provider documents: each may stand anywhere, and leaves the rest of an answer readable."""

HOSTILE: tuple[Any, ...] = (*JUNK, _deep(60))

BYTES: tuple[bytes, ...] = (
    b"",
    b" ",
    b"\xff\xfe",
    b"\x00" * 100,
    b"<html><h1>502 Bad Gateway</h1></html>",
    b"NaN",
    b'{"a": Infinity}',
    b'{"a": "\\ud800"}',
    b"\xef\xbb\xbf{}",
    b"[" * 100_000,
    b'{"a":' * 5_000,
    b"9" * 10_000,
    b'{"a": 1e999}',
    b"{'a': 1}",
    b"data: {}\n\n",
)
"""Bodies that are hardly JSON."""


def paths(value: Any, here: Path = ()) -> Iterator[Path]:
    """Where there is something in `value`, below the top."""
    for key, below in _below(value):
        yield (*here, key)
        yield from paths(below, (*here, key))


def _below(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)


def at(document: Any, path: Path) -> Any:
    """What stands at `path`; `MISSING` where nothing does."""
    for key in path:
        try:
            document = document[key]
        except (KeyError, IndexError, TypeError):
            return MISSING
    return document


def replaced(document: Any, path: Path, value: Any) -> Any:
    """A copy of `document` with `value` at `path`, or without what stands there where it is `MISSING`."""
    if not path:
        return value
    key, *rest = path
    copy: Any = dict(document) if isinstance(document, dict) else list(document)
    below = value if not rest else replaced(at(copy, (key,)), tuple(rest), value)
    if below is MISSING:
        del copy[key]
    else:
        copy[key] = below
    return copy


def mutations(document: Any, count: int, seed: int) -> Iterator[Any]:
    """`count` documents, each of which is `document` but for one to three changes."""
    dice = Random(seed)
    for _ in range(count):
        mutated = document
        for _ in range(dice.randint(1, 3)):
            mutated = _mutated(mutated, dice)
        yield mutated


def _mutated(document: Any, dice: Random) -> Any:
    places = tuple(paths(document))
    if not places:
        return dice.choice(HOSTILE)
    path = dice.choice(places)
    value = at(document, path)
    change = dice.choice(("drop", "null", "junk", "junk", "reorder", "double", "wrap", "add"))
    if change == "reorder":
        return reordered(document, dice)
    return replaced(document, path, _changed(value, change, dice))


def _changed(value: Any, change: str, dice: Random) -> Any:
    changes: dict[str, Callable[[], Any]] = {
        "drop": lambda: MISSING,
        "null": lambda: None,
        "junk": lambda: dice.choice(HOSTILE),
        "double": lambda: value * 2 if isinstance(value, list | str) else [value, value],
        "wrap": lambda: {"x": value} if isinstance(value, list) else [value],
        "add": lambda: {**value, **ADDED} if isinstance(value, dict) else value,
    }
    return changes[change]()


def junk(count: int, seed: int, keys: Sequence[str] = ()) -> Iterator[Any]:
    """Documents that have nothing to do with any provider but for some `keys`; the plain junk first."""
    yield from HOSTILE
    dice = Random(seed)
    names = (*keys, "a", "data", "output", "items")
    for _ in range(count):
        yield _random(dice, names, 4)


def _random(dice: Random, names: Sequence[str], levels: int) -> Any:
    if not levels or dice.random() < 0.3:
        return dice.choice(HOSTILE)
    if dice.random() < 0.7:
        return {dice.choice(names): _random(dice, names, levels - 1) for _ in range(dice.randint(0, 4))}
    return [_random(dice, names, levels - 1) for _ in range(dice.randint(0, 3))]


def reordered(value: Any, dice: Random) -> Any:
    """`value` with the keys of its objects in another order."""
    if isinstance(value, dict):
        return {key: reordered(value[key], dice) for key in dice.sample(list(value), len(value))}
    return [reordered(each, dice) for each in value] if isinstance(value, list) else value


def with_more_keys(value: Any) -> Any:
    """`value` with keys that nobody documents in each of its objects, first and last."""
    if isinstance(value, dict):
        return {"a_not_documented": None, **{key: with_more_keys(each) for key, each in value.items()}, **ADDED}
    return [with_more_keys(each) for each in value] if isinstance(value, list) else value


def doubled(document: dict[str, Any]) -> bytes:
    """The body of `document` with each key at its top twice: the last one counts, as all readers of JSON agree."""
    text = json.dumps(document)
    return f"{json.dumps(dict.fromkeys(document))[:-1]}, {text[1:]}".encode() if document else text.encode()


def with_other_links(document: Any) -> Iterator[Any]:
    """`document` with `ADDED_LINK` under keys that nobody documents, and without one of its own links, then all."""
    for path in [each for each in paths(document) if is_link(at(document, each))]:
        for nothing in (MISSING, None, ""):
            yield with_more_keys(replaced(document, path, nothing))
    yield with_more_keys(with_links(document, lambda _: None))
    yield with_more_keys(with_links(document, lambda _: ""))


def with_links(value: Any, change: Callable[[str], Any]) -> Any:
    """`value` with each of its links changed."""
    if isinstance(value, dict):
        return {key: with_links(each, change) for key, each in value.items()}
    if isinstance(value, list):
        return [with_links(each, change) for each in value]
    return change(value) if is_link(value) else value


def unfinished(done: Any, not_done: Any, task_id: str) -> Any:
    """`done` with everything that tells it from `not_done` as it is there, but for its links and its own id."""
    if isinstance(done, dict):
        other = not_done if isinstance(not_done, dict) else {}
        below = {key: unfinished(each, other.get(key, MISSING), task_id) for key, each in done.items()}
        return {**other, **{key: each for key, each in below.items() if each is not MISSING}}
    if isinstance(done, list):
        others = not_done if isinstance(not_done, list) else []
        pairs = ((each, others[n] if n < len(others) else MISSING) for n, each in enumerate(done))
        items = [each for each in (unfinished(*pair, task_id) for pair in pairs) if each is not MISSING]
        return [*items, *others[len(done) :]]
    return done if is_link(done) or id_text(done) == task_id else not_done
