#!/usr/bin/env python3
"""Whether bench's own plan is the best there is: no options against every number of threads, affinity and driver.

    harness/benches/best_plan.py ./bench.run [--sizes 100,1000,2000,5000] [--dtypes f64,f32] [--rounds 12]

A round visits every setting once, the default first, in the middle and last, in an order that is shuffled anew; a setting's figure
in a round is the median of its samples, and its ratio is to the mean of the default's in that round. A setting that comes out as the
default's own plan (the same threads, CPUs and driver) is not visited; one that is below 0.9 in each of three rounds is not visited again.
For each size and type the settings are printed with the median of their ratios and its 95 % interval by order statistics:

    worse       the whole interval is below 1.02: the default is within 2 % of this setting
    better      the whole interval is above 1.02: the default is not the best
    undecided   the rounds were too few, or the machine too restless
"""

import argparse
import json
import math
import os
import pathlib
import random
import statistics
import subprocess
import sys

REPEATS = {100: 300, 1000: 15, 2000: 5}
TOLERANCE = 1.02
HOPELESS = 0.9


def measure(bench, n, dtype, options):
    """The median of the samples, and what was planned."""
    command = [bench, "--size", n, "--dtype", dtype, "--repeats", REPEATS.get(n, 2), "--warmup", 1]
    command += ["--no-peak", "--output", "-", *options]
    output = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout
    case = json.loads(output)["cases"][0]
    if not all(sample["verification"]["passed"] for sample in case["samples"]):
        sys.exit(f"best_plan: a sample of {command} failed its verification")
    plan = case["threads_used"], case["driver"], case.get("cpus")
    return statistics.median(sample["gflops"] for sample in case["samples"]), plan


def settings(cpus):
    for threads in range(1, cpus + 1):
        for driver in ("team", "library"):
            for affinity in ("compact", "scatter", "none"):
                # Where the library shares out, nothing is bound.
                if driver == "team" or affinity == "none":
                    yield ("--threads", threads, "--driver", driver, "--affinity", affinity)


def interval(values):
    """The median's 95 % interval by order statistics; all of the values where they are too few for one."""
    values, count = sorted(values), len(values)
    left_out, tail = 0, 0.0
    while left_out < count // 2:
        tail += math.comb(count, left_out) / 2**count
        if 2 * tail > 0.05:
            break
        left_out += 1
    return (values[left_out - 1], values[count - left_out]) if left_out else (-math.inf, math.inf)


def verdict(low, high):
    if high <= TOLERANCE:
        return "worse"
    return "better" if low > TOLERANCE else "undecided"


def ratios_of_rounds(bench, n, dtype, rounds):
    """The default's figures, and the ratios of each setting that differs from it."""
    planned = {}
    for options in settings(len(os.sched_getaffinity(0))):
        planned.setdefault(repr(measure(bench, n, dtype, options)[1]), options)
    defaults, ratios = [], {}
    own = repr(measure(bench, n, dtype, ())[1])
    live = [options for plan, options in planned.items() if plan != own]
    for _ in range(rounds):
        order = random.sample(live, len(live))
        middle = len(order) // 2
        default = [measure(bench, n, dtype, ())[0]]
        figures = {options: measure(bench, n, dtype, options)[0] for options in order[:middle]}
        default.append(measure(bench, n, dtype, ())[0])
        figures |= {options: measure(bench, n, dtype, options)[0] for options in order[middle:]}
        default.append(measure(bench, n, dtype, ())[0])
        defaults += default
        for options, figure in figures.items():
            ratios.setdefault(options, []).append(figure / statistics.mean(default))
        live = [options for options in live if len(ratios[options]) < 3 or max(ratios[options]) > HOPELESS]
    return defaults, ratios


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bench", type=pathlib.Path, help="bench.run, or the program bench")
    parser.add_argument("--sizes", default="100,1000,2000,5000")
    parser.add_argument("--dtypes", default="f64,f32")
    parser.add_argument("--rounds", type=int, default=12)
    arguments = parser.parse_args()
    bench = arguments.bench.resolve()
    verdicts = []
    for n in map(int, arguments.sizes.split(",")):
        for dtype in arguments.dtypes.split(","):
            defaults, ratios = ratios_of_rounds(bench, n, dtype, arguments.rounds)
            print(f"n={n} {dtype}: default {statistics.median(defaults):.1f} GFLOPS")
            for options, of_rounds in sorted(ratios.items(), key=lambda item: -statistics.median(item[1])):
                hopeless = max(of_rounds) <= HOPELESS
                low, high = (min(of_rounds), max(of_rounds)) if hopeless else interval(of_rounds)
                verdicts.append(verdict(low, high))
                print(
                    f"    {statistics.median(of_rounds):.3f} ({low:.3f} to {high:.3f}, {len(of_rounds)} rounds)"
                    f" {verdicts[-1]:>9}  {' '.join(map(str, options))}",
                    flush=True,
                )
    counted = ", ".join(f"{verdicts.count(name)} {name}" for name in ("worse", "better", "undecided"))
    print(f"settings against the default: {counted}")
    sys.exit(1 if "better" in verdicts else 0)


if __name__ == "__main__":
    main()
