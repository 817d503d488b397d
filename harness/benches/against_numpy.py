#!/usr/bin/env python3
"""bench against its peers: numpy with the article's script, and any BLAS library, interleaved at the same n, type and threads.

    harness/benches/against_numpy.py ./bench.run [--quick] [--only N] [--dtype f64] [--threads N] [--rounds N] [--python PYTHON]
                                      [--library PATH]... [--no-numpy]

numpy is the newest that pip finds for the Python given, in a virtual environment of its own below target/. A library is
loaded by bench itself, which calls it once for each product with the library's own threads (--driver library), as its users do.
A round visits the sides in the order A B B A, so that a drift of the machine reaches both alike; a side's figure in a round is the
median of both visits' samples. Each visit warms up and then takes its samples. The table gives the median GFLOPS of all
samples of each and, of the ratios of the rounds, the median, the least, and the greatest.
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

# n, repeats of a visit, warm-ups before them, rounds of two visits a side
CASES = [(100, 300, 20, 9), (1000, 20, 2, 9), (2000, 6, 1, 7), (5000, 3, 1, 5), (10000, 1, 0, 3)]
QUICK_CASES = [(100, 300, 20, 5), (1000, 10, 1, 3), (2000, 5, 1, 3)]


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


def measure_bench(bench, n, dtype, repeats, warmup, threads, options=()):
    command = [bench, "--size", n, "--dtype", dtype, "--threads", threads, "--repeats", repeats]
    command += ["--warmup", warmup, "--no-peak", "--quiet", "--output", "-", *options]
    output = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout
    samples = json.loads(output)["cases"][0]["samples"]
    if not all(sample["verification"]["passed"] for sample in samples):
        sys.exit(f"against_numpy: a sample of {command} failed its verification")
    return [sample["gflops"] for sample in samples]


def compare(ours, theirs, rounds):
    """All samples of both sides, and the ratio of the medians in each round of A B B A."""
    all_ours, all_theirs, ratios = [], [], []
    for index in range(rounds):
        order = "ABBA" if index % 2 == 0 else "BAAB"
        visits = {"A": [], "B": []}
        for side in order:
            visits[side] += ours() if side == "A" else theirs()
        all_ours += visits["A"]
        all_theirs += visits["B"]
        ratios.append(statistics.median(visits["A"]) / statistics.median(visits["B"]))
    return statistics.median(all_ours), statistics.median(all_theirs), ratios


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bench", type=pathlib.Path, help="bench.run, or the program bench")
    parser.add_argument("--quick", action="store_true", help="small sizes only: a minute instead of half an hour")
    parser.add_argument("--only", type=int, metavar="N", help="this n alone")
    parser.add_argument("--dtype", choices=("f64", "f32"), help="this type alone")
    parser.add_argument("--threads", type=int, help="this number of threads alone")
    parser.add_argument("--rounds", type=int, help="rounds of every case")
    parser.add_argument("--python", default=sys.executable, help="the Python to install numpy for: newer ones get newer ones")
    parser.add_argument("--library", type=pathlib.Path, action="append", default=[], help="a BLAS to compare with, too")
    parser.add_argument("--no-numpy", action="store_true", help="compare with the libraries only")
    arguments = parser.parse_args()
    bench = arguments.bench.resolve()
    python = python_with_numpy(arguments.python)
    version = subprocess.run(
        [python, "-c", "import numpy; print(numpy.__version__)"], check=True, capture_output=True, text=True
    ).stdout.strip()
    cpus = len(os.sched_getaffinity(0))
    print(f"{bench.name} against numpy {version} and {len(arguments.library)} libraries, median GFLOPS")
    print(f"{'n':>6} {'type':>5} {'threads':>7} {'peer':>24} {'bench':>9} {'peer':>9} {'ratio':>7} {'least':>7} {'greatest':>9}")
    cases = QUICK_CASES if arguments.quick else CASES
    for n, repeats, warmup, rounds in [case for case in cases if arguments.only in (None, case[0])]:
        for dtype in [dtype for dtype in ("f64", "f32") if arguments.dtype in (None, dtype)]:
            for threads in [threads for threads in (1, 2)[: min(2, cpus)] if arguments.threads in (None, threads)]:
                case = (n, dtype, repeats, warmup, threads)
                numpy = {f"numpy {version}": lambda: measure_numpy(python, *case)}
                peers = {} if arguments.no_numpy else numpy
                for library in arguments.library:
                    options = ("--blas", library, "--driver", "library")
                    peers[library.name] = lambda options=options: measure_bench(bench, *case, options)
                for name, peer in peers.items():
                    ours, theirs, ratios = compare(
                        lambda: measure_bench(bench, *case), peer, arguments.rounds or rounds
                    )
                    print(
                        f"{n:>6} {dtype:>5} {threads:>7} {name[:24]:>24} {ours:>9.1f} {theirs:>9.1f}"
                        f" {statistics.median(ratios):>7.3f} {min(ratios):>7.3f} {max(ratios):>9.3f}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
