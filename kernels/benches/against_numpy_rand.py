#!/usr/bin/env python3
"""Setting up both matrices of `small` (n = 10000, f64): numpy's rand, as the article's script calls it, against ours.

    kernels/benches/against_numpy_rand.py [--rounds N] [--python PYTHON]

numpy is the newest that pip finds for the Python given, in a virtual environment of its own below target/; ours is
`cargo bench -p kernels --bench random -- small`. Both sides run in turns, in the order A B B A. "again" fills memory that was used
before, "the first time" new memory, as numpy always does. Prints the medians over all visits, and of the ratios of the
rounds (ours / numpy) the median, the least, and the greatest.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]

# What the article's script does before it takes the time.
NUMPY_SCRIPT = """
import time
import numpy as np

n = 10000
start_time = time.time()
A = np.array(np.random.rand(n,n),dtype=np.float64)
B = np.array(np.random.rand(n,n),dtype=np.float64)
print(time.time() - start_time)
"""

OURS = ["again", "the first time"]


def python_with_numpy(base):
    version = subprocess.run([base, "--version"], check=True, capture_output=True, text=True).stdout.split()[1]
    environment = ROOT / "target" / f"numpy-{version}"
    python = environment / "bin" / "python"
    if not python.exists():
        subprocess.run([base, "-m", "venv", environment], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "numpy"], check=True)
    return python


def build_bench():
    command = ["cargo", "bench", "--package", "kernels", "--bench", "random", "--no-run", "--message-format=json"]
    output = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    programs = [json.loads(line).get("executable") for line in output.splitlines() if line.startswith("{")]
    return [program for program in programs if program][-1]


def measure_numpy(python):
    output = subprocess.run([python, "-c", NUMPY_SCRIPT], check=True, capture_output=True, text=True).stdout
    return {"numpy": float(output)}


def measure_ours(program):
    """The medians of ten samples each, in seconds."""
    with tempfile.TemporaryDirectory() as home:
        command = [program, "--bench", "small", "--noplot", "--warm-up-time", "0.2", "--measurement-time", "1"]
        environment = dict(os.environ, CRITERION_HOME=home)
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        figures = {}
        for estimates in pathlib.Path(home).glob("*/*/new/estimates.json"):
            name = estimates.parent.parent.name
            figures[name] = 1e-9 * json.loads(estimates.read_text())["median"]["point_estimate"]
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--python", default=sys.executable, help="the Python to install numpy for: newer ones get newer ones")
    arguments = parser.parse_args()
    python = python_with_numpy(arguments.python)
    program = build_bench()
    rounds = []
    for index in range(arguments.rounds):
        visits = {}
        for side in "ABBA" if index % 2 == 0 else "BAAB":
            figures = measure_ours(program) if side == "A" else measure_numpy(python)
            for name, time_s in figures.items():
                visits.setdefault(name, []).append(time_s)
        rounds.append(visits)
    version = subprocess.run(
        [python, "-c", "import numpy; print(numpy.__version__)"], check=True, capture_output=True, text=True
    ).stdout.strip()
    numpy_s = statistics.median(time_s for visits in rounds for time_s in visits["numpy"])
    print(f"numpy {version}'s rand, both matrices of n = 10000: {numpy_s:.3f} s, {arguments.rounds} rounds")
    for name in OURS:
        ours_s = statistics.median(time_s for visits in rounds for time_s in visits[name])
        ratios = [statistics.median(visits[name]) / statistics.median(visits["numpy"]) for visits in rounds]
        print(
            f"ours, {name}: {ours_s:.3f} s, ratio {statistics.median(ratios):.3f}"
            f" (least {min(ratios):.3f}, greatest {max(ratios):.3f})"
        )


if __name__ == "__main__":
    main()
