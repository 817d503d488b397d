#!/usr/bin/env python3
"""Whether bench's own plan is the best there is: no options against every number of threads, affinity and driver.

    harness/benches/best_plan.py ./bench.run [--sizes 100,1000,2000,5000] [--dtypes f64,f32] [--rounds 7]

A round visits every setting once, the default first, in the middle and last, in an order that is shuffled anew; a setting's figure
in a round is the median of its samples, and its ratio is to the mean of the default's in that round. Printed for each size
and type: the three best settings with the median of their ratios. The default holds when the best is not above 1.02.
"""

import argparse
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys

REPEATS = {100: 300, 1000: 15, 2000: 5}


def measure(bench, n, dtype, options):
    command = [bench, "--size", n, "--dtype", dtype, "--repeats", REPEATS.get(n, 2), "--warmup", 1]
    command += ["--no-peak", "--output", "-", *options]
    output = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout
    samples = json.loads(output)["cases"][0]["samples"]
    if not all(sample["verification"]["passed"] for sample in samples):
        sys.exit(f"best_plan: a sample of {command} failed its verification")
    return statistics.median(sample["gflops"] for sample in samples)


def settings(cpus):
    for threads in range(1, cpus + 1):
        for driver in ("team", "library"):
            for affinity in ("compact", "scatter", "none"):
                # Where the library shares out, nothing is bound.
                if driver == "team" or affinity == "none":
                    yield ("--threads", threads, "--driver", driver, "--affinity", affinity)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bench", type=pathlib.Path, help="bench.run, or the program bench")
    parser.add_argument("--sizes", default="100,1000,2000,5000")
    parser.add_argument("--dtypes", default="f64,f32")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    bench = arguments.bench.resolve()
    others = list(settings(len(os.sched_getaffinity(0))))
    holds = True
    for n in map(int, arguments.sizes.split(",")):
        for dtype in arguments.dtypes.split(","):
            ratios = {options: [] for options in others}
            defaults = []
            for _ in range(arguments.rounds):
                order = random.sample(others, len(others))
                middle = len(order) // 2
                default = [measure(bench, n, dtype, ())]
                figures = {options: measure(bench, n, dtype, options) for options in order[:middle]}
                default.append(measure(bench, n, dtype, ()))
                figures |= {options: measure(bench, n, dtype, options) for options in order[middle:]}
                default.append(measure(bench, n, dtype, ()))
                defaults += default
                for options, figure in figures.items():
                    ratios[options].append(figure / statistics.mean(default))
            ranked = sorted(others, key=lambda options: -statistics.median(ratios[options]))
            best = statistics.median(ratios[ranked[0]])
            holds &= best <= 1.02
            print(f"n={n} {dtype}: default {statistics.median(defaults):.1f} GFLOPS")
            for options in ranked[:3]:
                of_rounds = ratios[options]
                print(
                    f"    {statistics.median(of_rounds):.3f} ({min(of_rounds):.3f} to {max(of_rounds):.3f}) "
                    + " ".join(map(str, options)),
                    flush=True,
                )
    print("the default is within 2 % of the best" if holds else "a setting is more than 2 % better than the default")
    sys.exit(0 if holds else 1)


if __name__ == "__main__":
    main()
