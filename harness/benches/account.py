#!/usr/bin/env python3
"""What a product's distance from the machine's peak consists of: an account by sampling, without counters of cycles.

    harness/benches/account.py target/release/bench [--library LIBRARY] [--sizes 5000,10000] [--threads 2] [--repeats 5]

perf samples the program by a timer (cpu-clock, which needs no hardware counters) while it visits fma-peak and matmul-norm in turns.
The library has to be a shared one that names its kernels (Debian's OpenBLAS does), loaded by bench itself. Of each n, in per cent
of the peak, which is the best burst of 2 ms:

    machine   what multiply-adds out of registers lose when they go on for half a second: clock, interrupts, other tenants
    kernel    what the library's innermost kernel loses against those
    packing   time of copying blocks of A and B into the order that the kernel reads
    rest      the norm, waiting for the slower thread, and everything else between the two readings of the clock
    reached   what is left: the figure that bench prints

Times are CPU seconds of samples of the named functions over all threads; they occur within the timed region only, but for the
warm-up, whose share is taken off by its flops.
"""

import argparse
import collections
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

RATE_HZ = 997
DEBIAN = "/usr/lib/x86_64-linux-gnu/openblas-pthread/libopenblas.so.0"


def record(bench, library, n, threads, repeats, directory):
    """The record of the run, and how many samples fell into each function of the library."""
    data = pathlib.Path(directory) / "perf.data"
    command = ["perf", "record", "--quiet", "--event", "cpu-clock", "--freq", str(RATE_HZ), "--output", data, "--"]
    command += [bench, "--kernel", "fma-peak,matmul-norm", "--size", n, "--threads", threads, "--blas", library]
    command += ["--repeats", repeats, "--warmup", 1, "--output", "-"]
    output = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout
    script = subprocess.run(
        ["perf", "script", "--input", str(data), "--fields", "ip,sym"], check=True, capture_output=True, text=True
    ).stdout
    counts = collections.Counter(line.split()[-1] for line in script.splitlines() if line.strip())
    return json.loads(output), counts


def account(run, counts, threads):
    cases = {case["kernel"]: case for case in run["cases"]}
    case = cases["matmul-norm"]
    peak = case["peak"]["gflops"]
    times_s = [sample["run_time_s"] for sample in case["samples"]]
    flop = case["flop"] * len(times_s)
    # Warm-up repetitions call the same functions.
    share = len(times_s) / (len(times_s) + len(case["warmup_samples"]))
    function_s = lambda *parts: share / RATE_HZ * sum(
        count for name, count in counts.items() if "gemm_" in name and any(part in name for part in parts)
    )
    kernel_s = function_s("gemm_kernel")
    packing_s = function_s("copy", "gemm_beta")
    timed_s = threads * sum(times_s)
    sustained = statistics.median(sample["gflops"] for sample in cases["fma-peak"]["samples"])
    # CPU time at the peak would be ideal_s; what each part takes beyond it, in per cent of the time that was taken.
    ideal_s = flop / 1e9 / (peak / threads)
    machine_s = flop / 1e9 / (sustained / threads) - ideal_s
    lost_s = {
        "machine": machine_s,
        "kernel": kernel_s - ideal_s - machine_s,
        "packing": packing_s,
        "rest": timed_s - kernel_s - packing_s,
    }
    return peak, {name: 100 * seconds / timed_s for name, seconds in lost_s.items()}, 100 * ideal_s / timed_s


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bench", type=pathlib.Path, help="the program bench")
    parser.add_argument("--library", default=DEBIAN)
    parser.add_argument("--sizes", default="5000,10000")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    for n in map(int, arguments.sizes.split(",")):
        with tempfile.TemporaryDirectory() as directory:
            run, counts = record(
                arguments.bench.resolve(), arguments.library, n, arguments.threads, arguments.repeats, directory
            )
        if not any("gemm_kernel" in name for name in counts):
            sys.exit(f"account: {arguments.library} does not name its kernels (try Debian's libopenblas0-pthread)")
        peak, lost, reached = account(run, counts, arguments.threads)
        parts = "".join(f"  {name} {percent:5.1f} %" for name, percent in lost.items())
        print(f"n={n}, {arguments.threads} threads: peak {peak:.1f} GFLOPS{parts}  reached {reached:5.1f} %", flush=True)


if __name__ == "__main__":
    main()
