#!/usr/bin/env python3
"""bench against numpy: the article's script and ours, interleaved, at the same n, type and number of threads.

    harness/benches/against_numpy.py ./bench.run [--quick] [--only N] [--rounds N] [--python PYTHON]

numpy is the newest that pip finds for the Python given, in a virtual environment of its own below target/. Each round
runs both programs once, in alternating order; each program warms up (not at n = 10000, where that is lost in the noise
and takes minutes) and then takes its samples. The table gives the median GFLOPS of all samples of each and their ratio;
and, since the machine's speed drifts from round to round, the ratio in each round: the median of those, the least, the
greatest.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# The article's function, its sizes replaced by n; then its loop, without the first repetition.
NUMPY_SCRIPT = """
import sys, time
import numpy as np

def run_np_norm(n, dtype):
    A = np.array(np.random.rand(n,n),dtype=dtype)
    B = np.array(np.random.rand(n,n),dtype=dtype)

    start_time = time.time()
    the_norm = np.linalg.norm(A@B)
    run_time = time.time() - start_time

    ops = 2E-9 * (n**3 + n**2)
    gflops = ops/run_time

    return the_norm, run_time, gflops

n, dtype, repeats, warmup = int(sys.argv[1]), np.dtype(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
for _ in range(warmup):
    run_np_norm(n, dtype)
for _ in range(repeats):
    print(run_np_norm(n, dtype)[2])
"""

# n, repeats of a round, warm-ups before them, rounds
CASES = [(100, 300, 1, 11), (1000, 30, 1, 15), (5000, 3, 1, 5), (10000, 2, 0, 3)]
QUICK_CASES = [(100, 300, 1, 5), (1000, 10, 1, 3), (2000, 5, 1, 3)]


def python_with_numpy(base):
    version = subprocess.run([base, "--version"], check=True, capture_output=True, text=True).stdout.split()[1]
    environment = ROOT / "target" / f"numpy-{version}"
    python = environment / "bin" / "python"
    if not python.exists():
        subprocess.run([base, "-m", "venv", environment], check=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--upgrade", "numpy"], check=True)
    return python


def measure_numpy(python, n, dtype, repeats, warmup, threads):
    variables = ["OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"]
    environment = dict(os.environ, **{name: str(threads) for name in variables})
    name = {"f64": "float64", "f32": "float32"}[dtype]
    command = [python, "-c", NUMPY_SCRIPT, str(n), name, str(repeats), str(warmup)]
    output = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    return [float(line) for line in output.split()]


def measure_bench(bench, n, dtype, repeats, warmup, threads):
    command = [bench, "--size", n, "--dtype", dtype, "--threads", threads, "--repeats", repeats]
    command += ["--warmup", warmup, "--output", "-"]
    output = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout
    samples = json.loads(output)["cases"][0]["samples"]
    if not all(sample["verification"]["passed"] for sample in samples):
        sys.exit(f"against_numpy: a sample of {command} failed its verification")
    return [sample["gflops"] for sample in samples]


def compare(bench, python, n, dtype, repeats, warmup, rounds, threads):
    ours, theirs, ratios = [], [], []
    for index in range(rounds):
        sides = [
            lambda: measure_bench(bench, n, dtype, repeats, warmup, threads),
            lambda: measure_numpy(python, n, dtype, repeats, warmup, threads),
        ]
        order = [0, 1] if index % 2 == 0 else [1, 0]
        samples = {side: sides[side]() for side in order}
        ours += samples[0]
        theirs += samples[1]
        ratios.append(statistics.median(samples[0]) / statistics.median(samples[1]))
    return statistics.median(ours), statistics.median(theirs), ratios


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bench", type=pathlib.Path, help="bench.run, or the program bench")
    parser.add_argument("--quick", action="store_true", help="small sizes only: a minute instead of half an hour")
    parser.add_argument("--only", type=int, metavar="N", help="this n alone")
    parser.add_argument("--rounds", type=int, help="rounds of every case")
    parser.add_argument("--python", default=sys.executable, help="the Python to install numpy for: newer ones get newer ones")
    arguments = parser.parse_args()
    bench = arguments.bench.resolve()
    python = python_with_numpy(arguments.python)
    version = subprocess.run(
        [python, "-c", "import numpy; print(numpy.__version__)"], check=True, capture_output=True, text=True
    ).stdout.strip()
    cpus = len(os.sched_getaffinity(0))
    print(f"{bench.name} against numpy {version}, median GFLOPS")
    print(f"{'n':>6} {'type':>5} {'threads':>7} {'bench':>9} {'numpy':>9} {'ratio':>7} {'paired':>7} {'least':>7} {'greatest':>9}")
    cases = QUICK_CASES if arguments.quick else CASES
    for n, repeats, warmup, rounds in [case for case in cases if arguments.only in (None, case[0])]:
        for dtype in ("f64", "f32"):
            for threads in (1, 2)[: min(2, cpus)]:
                ours, theirs, ratios = compare(
                    bench, python, n, dtype, repeats, warmup, arguments.rounds or rounds, threads
                )
                print(
                    f"{n:>6} {dtype:>5} {threads:>7} {ours:>9.1f} {theirs:>9.1f}"
                    f" {ours / theirs:>7.3f} {statistics.median(ratios):>7.3f} {min(ratios):>7.3f} {max(ratios):>9.3f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
