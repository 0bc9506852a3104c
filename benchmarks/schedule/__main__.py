"""Policies on workloads, one line for each workload: `python -m benchmarks.schedule --policies economy,fast`.

First what a fixed interval of 15 s needs: requests per task and mean lag. Then, for each policy, requests, mean lag and
99th percentile of lags as ratios to that, on the same draws; and microseconds of CPU per request, the harness included.
A name with ~ is a workload whose answers tell no exact times.
"""

from __future__ import annotations

import argparse
import sys
from fnmatch import fnmatch

from attrs import evolve

from benchmarks.schedule import picture, table
from benchmarks.schedule.hidden import random_workloads
from benchmarks.schedule.scores import POLICIES, REFERENCE, measured
from benchmarks.schedule.workloads import TASKS, Workload, named_workloads

_TIMES = {"exact": (True,), "none": (False,), "both": (True, False)}


def main() -> None:
    """Run what the command line names."""
    options = _parser().parse_args()
    if options.picture:
        print(f"wrote {picture.write()}")
        return
    rows = []
    print(table.header(options.policies, options.against))
    for workload in _chosen(options):
        for seed in range(1, options.seeds + 1):
            rows.append(measured(workload, options.policies, seed, options.against))
            print(table.line(rows[-1]), flush=True)
            if workload.steps:
                print(table.after(rows[-1]), flush=True)
    if len(rows) > 1:
        print("\n".join(table.summary(rows)))


def _chosen(options: argparse.Namespace) -> list[Workload]:
    offered = list(named_workloads().values())
    if options.random:
        offered = random_workloads(options.random_seed, options.random)
    wanted = options.workloads or ["*"]
    chosen = [each for each in offered if any(fnmatch(each.name, one) or each.family == one for one in wanted)]
    if not chosen:
        sys.exit(f"no such workload; there are {', '.join(each.name for each in offered)}")
    chosen = [evolve(workload, tasks=options.tasks) for workload in chosen]
    if options.times is None:
        return chosen
    return [evolve(workload, times=times) for workload in chosen for times in _TIMES[options.times]]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.schedule", description=__doc__)
    parser.add_argument("--workloads", type=_names, help="names, patterns (queue*) or families, with commas between")
    parser.add_argument("--policies", type=_policies, default=["economy", "fast"], help=", ".join(POLICIES))
    parser.add_argument("--against", choices=POLICIES, default=REFERENCE, help="what the ratios are to")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="so many runs of each workload")
    parser.add_argument("--tasks", type=int, default=TASKS, metavar="N", help="so many tasks in each run")
    parser.add_argument("--times", choices=_TIMES, help="whether answers tell when a task ended")
    parser.add_argument("--random", type=int, default=0, metavar="N", help="so many workloads drawn at random instead")
    parser.add_argument("--random-seed", type=int, default=1, metavar="SEED", help="other ones")
    parser.add_argument("--picture", action="store_true", help="draw benchmarks/schedule.svg instead")
    return parser


def _names(text: str) -> list[str]:
    return text.split(",")


def _policies(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - set(POLICIES):
        raise argparse.ArgumentTypeError(f"no policy {', '.join(sorted(unknown))}; there are {', '.join(POLICIES)}")
    return names


if __name__ == "__main__":
    main()
