#!/usr/bin/env python3
"""SIGKILL at random moments, to a random process of a run: whoever it hits, nothing of the run is left.

    bundle/benches/kills.py [--bundle target/release/bundle] [--image FILE.sqsh] [--count 500] [--seed N] [--rungs 1,2,3,4]

The bundles: a shell of the host, packed as a program; with --image, also that image, whose /bin/sh is run. `--count` runs for each of
them are shared out evenly among the rungs that hold, for root and for an ordinary user. Each run reads something, says that it is
ready, and waits. After a random time, between nothing and twice the usual time to being ready, one of its processes gets
SIGKILL: the one that was started, one of its helpers, or the payload, with the same chance for each. Then, without any help, within
ten seconds there must be no process of the run, no mount, no loop device and no directory. What was hit is counted.
"""

import argparse
import collections
import os
import pathlib
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import runs

WORDS = ["-c", "echo ready; read line; exit 7"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=pathlib.Path, default=pathlib.Path("target/release/bundle"))
    parser.add_argument("--image", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**9)
    parser.add_argument("--rungs", default=",".join(runs.RUNGS))
    flags = parser.parse_args()
    runs.enter_private_mounts()
    chance = random.Random(flags.seed)
    print(f"seed {flags.seed}\n")
    print("| bundle | who | rung | kills | of the first process | of a helper | of the payload | too late | left behind |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    broken = 0
    with tempfile.TemporaryDirectory(prefix="benchrun-kills-") as directory:
        os.chmod(directory, 0o755)
        for kind, bundle, prefix in runs.shells(flags.bundle, flags.image, pathlib.Path(directory)):
            ways = []
            for user_id in runs.everybody():
                site = runs.make_site(pathlib.Path(directory, f"{kind}-{user_id}"), user_id)
                holding, _ = runs.holding_rungs([bundle, *prefix, "-c", "exit 0"], user_id, flags.rungs.split(","), site)
                ways += [(user_id, rung, site) for rung in holding]
            for user_id, rung, site in ways:
                count = -(-flags.count // len(ways))
                broken += kills(count, chance, kind, [bundle, *prefix, *WORDS], user_id, rung, site)
    sys.exit(f"{broken} runs left something behind" if broken else 0)


def kills(count, chance, kind, command, user_id, rung, site):
    """Starts and kills `count` runs one after the other. Prints a row of the table; returns how many left something."""
    usual_s = statistics.median(until_ready_s(start(command, user_id, rung, site)) for _ in range(5))
    hits, failures = collections.Counter(), []
    for number in range(count):
        run = start(command, user_id, rung, site)
        moment_s = chance.uniform(0, 2 * usual_s)
        time.sleep(moment_s)
        victim = choose(chance, run, site)
        hits[victim] += 1
        run.stdin.close()
        try:
            run.wait(timeout=runs.HANG_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            failures.append(f"run {number} hangs, {moment_s * 1e3:.1f} ms, {victim}")
        if left := runs.what_stays(site):
            failures.append(f"run {number}, killed {victim} after {moment_s * 1e3:.1f} ms: {'; '.join(left)}")
            runs.kill_all(site)
            run.wait()
        run.stdout.close()
    shown = " | ".join(str(hits[place]) for place in ["the first process", "a helper", "the payload", "nobody"])
    print(f"| {kind} | {user_id} | {rung} | {count} | {shown} | {len(failures) or 'nothing'} |")
    for line in failures[:10]:
        print(f"  - {line}")
    sys.stdout.flush()
    return len(failures)


def start(command, user_id, rung, site):
    return subprocess.Popen(command, env=runs.environment(rung, site), preexec_fn=runs.as_user(user_id), stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=site / "work")


def until_ready_s(run):
    """Lets a run go through, and returns how long it took to be ready."""
    begin = time.monotonic()
    run.stdout.readline()
    ready_s = time.monotonic() - begin
    run.stdin.close()
    run.wait()
    return ready_s


def choose(chance, run, site):
    """Kills one process of a run and says which."""
    own = os.stat(run.args[0])
    alive = runs.processes(site)
    kinds = {"the first process": [run.pid], "a helper": [], "the payload": []}
    for pid, _, _ in alive:
        if pid != run.pid:
            kinds["a helper" if runs.is_launcher(pid, own) else "the payload"].append(pid)
    kind = chance.choice([kind for kind, pids in kinds.items() if pids])
    victim = chance.choice(kinds[kind])
    # Signalled by number: one that ended meanwhile has been waited for by its own parent at the earliest.
    if victim != run.pid and victim not in [pid for pid, _, _ in runs.processes(site)]:
        return "nobody"
    try:
        os.kill(victim, signal.SIGKILL)
    except ProcessLookupError:
        return "nobody"
    return kind


if __name__ == "__main__":
    main()
