"""Runs the benchmarks and prints their figures."""

from __future__ import annotations

import argparse
import importlib
import platform
import time

NAMES = (
    "cpu_per_poll",
    "whole_job",
    "bytes_per_task",
    "gc_pause",
    "idle",
    "lateness",
    "wakeup",
    "start",
    "batching",
    "decoding",
    "quota",
    "schedule",
    "sockets",
    "handlers",
)


def main() -> None:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter repetitions; noisier")
    parser.add_argument("--only", action="append", choices=NAMES, metavar="NAME", help=", ".join(NAMES))
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, {platform.system()}, {'quick' if options.quick else 'full'} run")
    for name in options.only or NAMES:
        start = time.perf_counter()
        figures = importlib.import_module(f"benchmarks.{name}").figures(options.quick)
        print(f"\n{name} ({time.perf_counter() - start:.0f} s)")
        for figure in figures:
            print(f"  {figure}", flush=True)


if __name__ == "__main__":
    main()
