#!/usr/bin/env python3
"""bench against numpy: the article's script and ours, interleaved, at the same n, type and number of threads.

    harness/benches/against_numpy.py ./bench.run [--quick] [--rounds N]

numpy is the newest that pip finds, in a virtual environment of its own below target/. Each round runs both programs
once, in alternating order; each program warms up once and then takes its samples. The table gives the median GFLOPS of
all samples of each, and the ratio ours/numpy as the median of the rounds' ratios with the least and the greatest.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import venv

ROOT = pathlib.Path(__file__).resolve().parents[2]
ENVIRONMENT = ROOT / "target" / "numpy"

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

n, dtype, repeats = int(sys.argv[1]), np.dtype(sys.argv[2]), int(sys.argv[3])
run_np_norm(n, dtype)
for _ in range(repeats):
    print(run_np_norm(n, dtype)[2])
"""

# n, repeats of a round, rounds
CASES = [(100, 300, 7), (1000, 20, 7), (5000, 3, 5), (10000, 2, 3)]
QUICK_CASES = [(100, 300, 5), (1000, 10, 3), (2000, 5, 3)]


def python_with_numpy():
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        venv.create(ENVIRONMENT, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--upgrade", "numpy"], check=True)
    return python


def measure_numpy(python, n, dtype, repeats, threads):
    variables = ["OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"]
    environment = dict(os.environ, **{name: str(threads) for name in variables})
    name = {"f64": "float64", "f32": "float32"}[dtype]
    command = [python, "-c", NUMPY_SCRIPT, str(n), name, str(repeats)]
    output = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    return [float(line) for line in output.split()]


def measure_bench(bench, n, dtype, repeats, threads):
    command = [bench, "--size", n, "--dtype", dtype, "--threads", threads, "--repeats", repeats, "--output", "-"]
    output = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout
    samples = json.loads(output)["cases"][0]["samples"]
    if not all(sample["verification"]["passed"] for sample in samples):
        sys.exit(f"against_numpy: a sample of {command} failed its verification")
    return [sample["gflops"] for sample in samples]


def compare(bench, python, n, dtype, repeats, rounds, threads):
    ours, theirs, ratios = [], [], []
    for index in range(rounds):
        sides = [
            lambda: measure_bench(bench, n, dtype, repeats, threads),
            lambda: measure_numpy(python, n, dtype, repeats, threads),
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
    parser.add_argument("--rounds", type=int, help="rounds of every case")
    arguments = parser.parse_args()
    bench = arguments.bench.resolve()
    python = python_with_numpy()
    version = subprocess.run(
        [python, "-c", "import numpy; print(numpy.__version__)"], check=True, capture_output=True, text=True
    ).stdout.strip()
    cpus = len(os.sched_getaffinity(0))
    print(f"{bench.name} against numpy {version}, median GFLOPS")
    print(f"{'n':>6} {'type':>5} {'threads':>7} {'bench':>9} {'numpy':>9} {'ratio':>7} {'least':>7} {'greatest':>9}")
    for n, repeats, rounds in QUICK_CASES if arguments.quick else CASES:
        for dtype in ("f64", "f32"):
            for threads in (1, 2)[: min(2, cpus)]:
                ours, theirs, ratios = compare(
                    bench, python, n, dtype, repeats, arguments.rounds or rounds, threads
                )
                print(
                    f"{n:>6} {dtype:>5} {threads:>7} {ours:>9.1f} {theirs:>9.1f}"
                    f" {statistics.median(ratios):>7.3f} {min(ratios):>7.3f} {max(ratios):>9.3f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
