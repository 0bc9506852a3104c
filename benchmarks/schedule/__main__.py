"""Policies on workloads, one line for each workload: `python -m benchmarks.schedule --policies economy,fast`.

The three numbers of a policy are its requests per task, its mean lag and its 99th percentile of lags, as ratios to a
fixed interval of 15 s on the same draws; then microseconds of CPU per request, those of the harness (3 or so) included.
A name with ~ is a workload whose answers tell no exact times.
"""

from __future__ import annotations

import argparse
import sys
from fnmatch import fnmatch

from attrs import evolve

from benchmarks.schedule import table
from benchmarks.schedule.hidden import random_workloads
from benchmarks.schedule.scores import POLICIES, measured
from benchmarks.schedule.workloads import Workload, named_workloads


def main() -> None:
    """Run what the command line names."""
    options = _parser().parse_args()
    rows = []
    print(table.header(options.policies))
    for workload in _chosen(options):
        for seed in range(1, options.seeds + 1):
            row = measured(workload, options.policies, seed)
            rows.append(row)
            print(table.line(row), flush=True)
            if workload.steps:
                print(table.after(row), flush=True)
    if len(rows) > 1:
        print("\n".join(table.summary(rows)))


def _chosen(options: argparse.Namespace) -> list[Workload]:
    everything = [*named_workloads().values(), *random_workloads(options.random_seed, options.random)]
    if options.random and not options.workloads:
        everything = everything[-options.random :]
    wanted = options.workloads or ["*"]
    chosen = [each for each in everything if any(fnmatch(each.name, one) or each.family == one for one in wanted)]
    if not chosen:
        sys.exit(f"no such workload; there are {', '.join(named_workloads())}")
    times = {"exact": (True,), "none": (False,), "both": (True, False)}.get(options.times)
    if times is None:
        return chosen
    return [evolve(workload, times=each) for workload in chosen for each in times]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.schedule", description=__doc__)
    parser.add_argument("--workloads", type=_names, help="names, patterns (queue*) or families, with commas between")
    parser.add_argument("--policies", type=_policies, default=["economy", "fast"], help=", ".join(POLICIES))
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="as many runs of each workload")
    parser.add_argument("--times", choices=("exact", "none", "both"), help="whether answers tell when a task ended")
    parser.add_argument("--random", type=int, default=0, metavar="N", help="so many workloads drawn at random instead")
    parser.add_argument("--random-seed", type=int, default=1, metavar="SEED", help="for other ones")
    return parser


def _names(text: str) -> list[str]:
    return text.split(",")


def _policies(text: str) -> list[str]:
    names = text.split(",")
    unknown = set(names) - set(POLICIES)
    if unknown:
        raise argparse.ArgumentTypeError(f"no policy {', '.join(sorted(unknown))}; there are {', '.join(POLICIES)}")
    return names


if __name__ == "__main__":
    main()
