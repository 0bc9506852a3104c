"""How things are measured: fresh processes, interleaved repetitions, medians, ratios inside one run."""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from attrs import frozen

PART_LIMIT = 120.0
"""Seconds that one measured process may take."""

Values = Mapping[str, float]


@frozen
class Figure:
    """One result. `target` is the most it may be, None for what is only reported."""

    name: str
    reached: float
    unit: str = ""
    target: float | None = None
    note: str = ""

    def __str__(self) -> str:
        reached = f"{_short(self.reached)}{self.unit and ' '}{self.unit}"
        if self.target is None:
            verdict = ""
        else:
            share = self.reached / self.target
            verdict = f"target <= {_short(self.target)}  {share:4.2f} of it  {'ok' if share <= 1 else 'NOT REACHED'}"
        return f"{self.name:<44} {reached:>14}   {verdict:<40}  {self.note}".rstrip()


def run(part: Callable[..., Any], *, uvloop: bool = False, **arguments: Any) -> Any:
    """What the coroutine function `part` returns in a fresh process, on a fresh event loop."""
    name = f"{part.__module__}:{part.__qualname__}"
    command = [sys.executable, "-m", "benchmarks.measure", name, json.dumps(arguments), *(["--uvloop"] * uvloop)]
    environ = {**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=PART_LIMIT, check=False)
    if done.returncode:
        raise RuntimeError(f"{name} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def interleaved(parts: Mapping[str, Callable[[], Any]], repetitions: int) -> dict[str, list[Any]]:
    """The results of all `parts`, taken in turns so that a noisy minute hurts all alike."""
    results: dict[str, list[Any]] = {name: [] for name in parts}
    for repetition in range(repetitions):
        order = list(parts)
        for name in order if repetition % 2 == 0 else reversed(order):
            results[name].append(parts[name]())
    return results


def median_of(results: Sequence[Values], key: str) -> float:
    """The median of one value over repetitions."""
    return statistics.median(result[key] for result in results)


def median_ratio(ours: Sequence[Values], theirs: Sequence[Values], key: str) -> float:
    """The median of the ratios of neighbours in time."""
    return statistics.median(our[key] / their[key] for our, their in zip(ours, theirs, strict=True))


def percentile(values: Sequence[float], percent: float) -> float:
    """The value below which `percent` of `values` lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


class Cpu:
    """CPU seconds of this process, both kinds, over a `with` block. Memory is settled before."""

    seconds = 0.0

    def __enter__(self) -> Self:
        gc.collect()
        self._start = time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.process_time() - self._start


def resident() -> int:
    """Bytes of memory that this process has now."""
    return _memory("VmRSS")


def forget_peak() -> None:
    """Let the peak of resident memory begin anew (Linux)."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_resident() -> int:
    """The most bytes of memory that this process had since `forget_peak`."""
    return _memory("VmHWM")


def _memory(key: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(key)


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("part")
    parser.add_argument("arguments", type=json.loads)
    parser.add_argument("--uvloop", action="store_true")
    options = parser.parse_args()
    module, name = options.part.split(":")
    part = getattr(importlib.import_module(module), name)
    with asyncio.Runner(loop_factory=_loop_factory(options.uvloop)) as runner:
        print(json.dumps(runner.run(part(**options.arguments))))


def _loop_factory(uvloop: bool) -> Callable[[], asyncio.AbstractEventLoop] | None:
    return importlib.import_module("uvloop").new_event_loop if uvloop else None


if __name__ == "__main__":
    _main()
