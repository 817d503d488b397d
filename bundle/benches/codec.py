#!/usr/bin/env python3
"""What a bundle's compression costs: file size and start for each zstd level and block size.

    bundle/benches/codec.py target/release/bundle target/release/bench

Packs the program each way, then times `--version` from exec to exit: 40 rounds, all ways in turn in each, on rungs 1, 2 and 4 as this
user, and on rung 2 as an ordinary user (when this one is root). Medians, with the least in brackets.
"""

import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

WAYS = [(3, "128K"), (3, "1M"), (19, "64K"), (19, "128K"), (19, "256K"), (19, "512K"), (19, "1M")]
ROUNDS = 40


def seconds(command, environment):
    start = time.perf_counter()
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def as_user(command):
    return ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", *command]


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    bundle, program = sys.argv[1:]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("BENCHRUN_")}
    kinds = {f"rung {rung}": (list, plain | {"BENCHRUN_FORCE_RUNG": rung}) for rung in "124"}
    if os.geteuid() == 0:
        kinds["rung 2, user"] = (as_user, plain | {"BENCHRUN_FORCE_RUNG": "2"})
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        files = {}
        for level, block_size in WAYS:
            files[level, block_size] = file = pathlib.Path(directory, f"{level}-{block_size}.run")
            options = ["--level", str(level), "--block-size", block_size, "--exe", program, "-o", str(file)]
            subprocess.run([bundle, "pack", *options], check=True)
        times = {(way, kind): [] for way in WAYS for kind in kinds}
        for round_index in range(-2, ROUNDS):
            for (way, kind), samples in times.items():
                wrap, environment = kinds[kind]
                sample = seconds(wrap([str(files[way]), "--version"]), environment)
                if round_index >= 0:
                    samples.append(sample * 1e3)
        print(f"| level, block size | file, MB | {' | '.join(f'{kind}, ms' for kind in kinds)} |")
        print("| --- | --- |" + " --- |" * len(kinds))
        for way in WAYS:
            cells = [f"{statistics.median(times[way, kind]):.0f} ({min(times[way, kind]):.0f})" for kind in kinds]
            size_mb = files[way].stat().st_size / 1e6
            print(f"| {way[0]}, {way[1]} | {size_mb:.2f} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
