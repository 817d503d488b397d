#!/usr/bin/env python3
"""A hundred runs of one bundle at once: all end as they should, and nothing of them is left.

    bundle/benches/hundred.py [--bundle target/release/bundle] [--image FILE.sqsh] [--count 100] [--rungs 1,2,3,4]

The bundles: a shell of the host, packed as a program; with --image, also that image, whose /bin/sh is run. Each run waits until
all of them are running, prints a line and ends with a code of its own. That is done on each rung that holds, for root and for an
ordinary user. What is looked for afterwards: processes, mounts, loop devices, directories.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import runs

# Waits for its input to end, so that all of them are alive at once.
WORDS = ["-c", 'echo ready; read line; echo "done $0"; exit $(($0 % 100))']
CODE_COUNT = 100


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=pathlib.Path, default=pathlib.Path("target/release/bundle"))
    parser.add_argument("--image", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--rungs", default=",".join(runs.RUNGS))
    flags = parser.parse_args()
    runs.enter_private_mounts()
    broken = 0
    print("| bundle | who | rung | runs | ended well | all ready after, s | all ended after, s | left behind |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory(prefix="benchrun-hundred-") as directory:
        os.chmod(directory, 0o755)
        for kind, bundle, prefix in runs.shells(flags.bundle, flags.image, pathlib.Path(directory)):
            for user_id in runs.everybody():
                site = runs.make_site(pathlib.Path(directory, f"{kind}-{user_id}"), user_id)
                holding, reasons = runs.holding_rungs([bundle, *prefix, "-c", "exit 0"], user_id, flags.rungs.split(","), site)
                for rung in flags.rungs.split(","):
                    if rung in holding:
                        broken += hundred(flags.count, kind, [bundle, *prefix, *WORDS], user_id, rung, site)
                    else:
                        print(f"| {kind} | {user_id} | {rung} | does not hold: {reasons[rung]} |")
    sys.exit(f"{broken} things went wrong" if broken else 0)


def hundred(count, kind, command, user_id, rung, site):
    """Starts `count` runs at once and lets them end. Prints a row of the table; returns how much went wrong."""
    begin = time.monotonic()
    started = [subprocess.Popen([*command, str(number)], env=runs.environment(rung, site), preexec_fn=runs.as_user(user_id),
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=site / "work")
               for number in range(count)]
    wrong = []
    for number, run in enumerate(started):
        if (line := run.stdout.readline()) != b"ready\n":
            wrong.append(f"run {number} began with {line!r}")
    ready_s = time.monotonic() - begin
    # All inputs end first: a run that waits for another one's would be seen.
    for run in started:
        run.stdin.close()
    for number, run in enumerate(started):
        try:
            output = run.stdout.read()
            code = run.wait(timeout=runs.HANG_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            wrong.append(f"run {number} hangs")
            run.kill()
            continue
        if (code, output) != (number % CODE_COUNT, f"done {number}\n".encode()):
            wrong.append(f"run {number}: code {code}, {output!r}, {run.stderr.read().decode(errors='replace')[:300]}")
    ended_s = time.monotonic() - begin
    left = runs.what_stays(site)
    print(f"| {kind} | {user_id} | {rung} | {count} | {count - len(wrong)} | {ready_s:.1f} | {ended_s:.1f} | {len(left) or 'nothing'} |")
    for line in wrong[:10] + left[:10]:
        print(f"  - {line}")
    sys.stdout.flush()
    if left:
        runs.kill_all(site)
    return len(wrong) + len(left)


if __name__ == "__main__":
    main()
