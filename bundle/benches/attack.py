#!/usr/bin/env python3
"""Damages a small bundle in every way that one bit and one cut can, and asserts that no altered byte reaches the payload.

    bundle/benches/attack.py [--bundle target/release/bundle] [--flips 10000] [--seed N] [--rungs 1,2,3,4] [--jobs 2]

The bundle is made for the purpose: a static program that prints the size and a digest of each of its own data files, and says
nothing else. One more file lies in the image that it never reads. On each rung that holds, for root and for an ordinary user, the
bundle is run once for each of `--flips` flipped bits (half of them anywhere in the file, the rest evenly over its parts, most of
which are small) and for each length that is a multiple of 4 KiB. A run must end in one of these ways:

    refused     exit code 125, one line on stderr that begins with `bundle: `, and of the payload's output nothing
    noticed     exit code 125, the same one line, and of the payload's output some first lines, none of them altered
    untouched   exit code 0 and all of the payload's output: only if the bit belongs to the file that is never read

Where the damage is in the launcher itself, it may also fail in any other way before it starts the payload (`crashed`): nothing in
a file can vouch for the code that checks it. Should such a bit spoil nothing but a check, the payload runs as it was packed; that
is counted as `ran` and is not a failure, and more than one in a thousand is.
"""

import argparse
import bisect
import collections
import multiprocessing
import os
import pathlib
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

import runs

# The payload. Silent about errors: what stands on stderr then is the launcher's.
PAYLOAD = r"""
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int by_name(const struct dirent **one, const struct dirent **other) { return alphasort(one, other); }

int main(void) {
    char path[4096];
    const char *root = getenv("BENCHRUN_ROOT");
    snprintf(path, sizeof path, "%s/data", root ? root : "");
    struct dirent **entries;
    int number = scandir(path, &entries, NULL, by_name);
    if (number < 0 || chdir(path) != 0) return 74;
    for (int index = 0; index < number; index++) {
        const char *name = entries[index]->d_name;
        struct stat status;
        if (name[0] == '.' || name[0] == 'u') continue;
        if (lstat(name, &status) != 0) return 74;
        uint64_t digest = 14695981039346656037u;
        char block[65536];
        ssize_t size = 0;
        if (S_ISLNK(status.st_mode)) {
            size = readlink(name, block, sizeof block);
            for (ssize_t at = 0; at < size; at++) digest = (digest ^ (unsigned char)block[at]) * 1099511628211u;
        } else {
            int file = open(name, O_RDONLY);
            if (file < 0) return 74;
            while ((size = read(file, block, sizeof block)) > 0)
                for (ssize_t at = 0; at < size; at++) digest = (digest ^ (unsigned char)block[at]) * 1099511628211u;
            close(file);
        }
        if (size < 0) return 74;
        /* One write for each line: a line is there whole or not at all. */
        dprintf(1, "%s %o %lld %016llx\n", name, status.st_mode, (long long)status.st_size, (unsigned long long)digest);
    }
    return 0;
}
"""
# The same image each time, so that a seed stands for the same damage.
SAME = ["-all-root", "-all-time", "0", "-mkfs-time", "0"]
UNREAD_SIZE_BYTES = 400_000
CUT_STEP_BYTES = 4096
RUN_TIMEOUT_S = 20
# Flips in the launcher that leave a working one without a check: see above.
RAN_SHARE_LIMIT = 1e-3
TRAILER_SIZE_BYTES = 160


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=pathlib.Path, default=pathlib.Path("target/release/bundle"))
    parser.add_argument("--flips", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**9)
    parser.add_argument("--rungs", default=",".join(runs.RUNGS))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    flags = parser.parse_args()
    runs.enter_private_mounts()
    with tempfile.TemporaryDirectory(prefix="benchrun-attack-") as directory:
        site = runs.make_site(directory, 0)
        original, unread = make_bundle(flags.bundle, site)
        parts = layout(original)
        print(f"seed {flags.seed}; {len(original):,} bytes: " + ", ".join(f"{name} {end - begin:,}" for name, (begin, end) in parts.items()))
        failures = 0
        for user_id in runs.everybody():
            holding, reasons = runs.holding_rungs([str(site / "whole.run")], user_id, flags.rungs.split(","), make_site_for(site, user_id))
            for rung, reason in reasons.items():
                print(f"- rung {rung} does not hold for user {user_id}: {reason}")
            for rung in holding:
                failures += attack(flags, site, original, unread, parts, user_id, rung)
    sys.exit(f"{failures} runs broke a rule" if failures else 0)


def make_bundle(bundle, site):
    """Packs the payload with its data. Returns the bundle's bytes, and those of the file that is never read."""
    chance = random.Random(3)
    root = site / "root"
    data = root / "data"
    data.mkdir(parents=True)
    source = site / "payload.c"
    source.write_text(PAYLOAD)
    subprocess.run(["cc", "-O2", "-static", "-s", "-o", root / "payload", source], check=True)
    unread = chance.randbytes(UNREAD_SIZE_BYTES)
    (data / "unread").write_bytes(unread)
    (data / "a-large").write_bytes(chance.randbytes(700_000))
    (data / "b-text").write_text("".join(f"{index} {chance.random()}\n" for index in range(30_000)))
    (data / "c-zeros").write_bytes(bytes(300_000))
    for index in range(40):
        (data / f"d-small-{index}").write_bytes(chance.randbytes(chance.randrange(3000)))
    (data / "e-link").symlink_to("a-large")
    whole = site / "whole.run"
    image = site / "image.sqsh"
    subprocess.run(["mksquashfs", root, image, "-quiet", "-no-progress", "-comp", "zstd", "-b", "128K", *SAME], check=True)
    packed = subprocess.run([bundle, "pack", "--image", image, "-o", whole, "--", "/payload"], capture_output=True, text=True)
    if packed.returncode:
        print(f"- not as an image, but as a program: {packed.stderr.strip().splitlines()[0]}")
        command = [bundle, "pack", "--exe", root / "payload", "--include", f"{data}:data", "--block-size", "128K", "-o", whole]
        subprocess.run(command, check=True)
    return whole.read_bytes(), unread


def make_site_for(site, user_id):
    """A site of this user's, below the common one."""
    own = site / f"site-{user_id}"
    own.mkdir(exist_ok=True)
    return runs.make_site(own, user_id)


def layout(original):
    """The file's parts and where they lie, from its trailer."""
    sizes = dict(zip(["launcher", "image", "hash tree", "manifest", "signature"], struct.unpack_from("<5Q", original, len(original) - 136)))
    image_offset = -(-sizes["launcher"] // 4096) * 4096
    borders = {"launcher": (0, sizes["launcher"]), "padding": (sizes["launcher"], image_offset)}
    begin = image_offset
    for name in ["image", "hash tree", "manifest", "signature"]:
        borders[name] = (begin, begin + sizes[name])
        begin += sizes[name]
    borders["trailer"] = (begin, len(original))
    assert len(original) - begin == TRAILER_SIZE_BYTES, "the trailer is not as FORMAT.md draws it"
    return {name: border for name, border in borders.items() if border[0] < border[1]}


def part_of(parts, offset):
    """The part that a byte belongs to."""
    names = list(parts)
    return names[bisect.bisect_right([parts[name][0] for name in names], offset) - 1]


def damages(flags, size_bytes, parts):
    """All that is done to the bundle: ("flip", offset, bit) and ("cut", length, 0)."""
    chance = random.Random(flags.seed)
    found = [("flip", chance.randrange(size_bytes), chance.randrange(8)) for _ in range(flags.flips // 2)]
    names = list(parts)
    for index in range(flags.flips - len(found)):
        begin, end = parts[names[index % len(names)]]
        found.append(("flip", chance.randrange(begin, end), chance.randrange(8)))
    return found + [("cut", length, 0) for length in range(0, size_bytes, CUT_STEP_BYTES)]


def attack(flags, site, original, unread, parts, user_id, rung):
    """Damages and runs the bundle on one rung as one user; prints a table. Returns the number of runs that broke a rule."""
    begin = time.monotonic()
    expected = subprocess.run([site / "whole.run"], env=runs.environment(rung, site / f"site-{user_id}"), capture_output=True,
                              preexec_fn=runs.as_user(user_id), cwd="/").stdout
    if expected.count(b"\n") != 44:
        runs.fail(f"the whole bundle printed this on rung {rung}: {expected!r}")
    shared = (site, original, unread, parts, user_id, rung, expected)
    with multiprocessing.Pool(flags.jobs, initializer=prepare, initargs=shared) as pool:
        outcomes = pool.map(judge, damages(flags, len(original), parts), chunksize=50)
    counts = collections.Counter((place, outcome) for place, outcome, _ in outcomes)
    broken = [message for _, outcome, message in outcomes if outcome == "BROKEN"]
    ran, launcher_runs = counts["launcher", "ran"], sum(count for (place, _), count in counts.items() if place == "launcher")
    if ran > RAN_SHARE_LIMIT * launcher_runs:
        broken.append(f"{ran} of {launcher_runs} damaged launchers ran")
    user = "root" if user_id == 0 else f"user {user_id}"
    print(f"\n### rung {rung}, {user}: {len(outcomes):,} runs in {time.monotonic() - begin:.0f} s\n")
    kinds = ["refused", "noticed", "untouched", "crashed", "ran", "BROKEN"]
    print(f"| damage to | {' | '.join(kinds)} |\n| --- |" + " --- |" * len(kinds))
    for place in [*parts, "cut"]:
        print(f"| {place} | {' | '.join(str(counts[place, kind]) for kind in kinds)} |")
    for message in broken[:20]:
        print(f"- {message}")
    left = runs.what_stays(site)
    for line in left:
        print(f"- left behind: {line}")
    sys.stdout.flush()
    return len(broken) + len(left)


def prepare(*shared):
    """Gives a worker what all its runs share, and a file of its own to damage."""
    global SITE, ORIGINAL, UNREAD, PARTS, USER_ID, RUNG, EXPECTED, FILE
    SITE, ORIGINAL, UNREAD, PARTS, USER_ID, RUNG, EXPECTED = shared
    FILE = SITE / f"damaged-{os.getpid()}.run"
    shutil.copyfile(SITE / "whole.run", FILE)
    FILE.chmod(0o755)


def judge(damage):
    """Damages the file, runs it, mends it. Returns the part that was damaged, how the run ended, and a message if that is wrong."""
    kind, place, bit = damage
    part = "cut" if kind == "cut" else part_of(PARTS, place)
    inflict(damage)
    status, output, message = run()
    if status == "hung":
        # Or the whole machine was asleep: once more.
        end_lingering()
        status, output, message = run()
    lingering = end_lingering()
    mend(damage)
    described = f"{kind} at {place} ({part}), bit {bit}" if kind == "flip" else f"cut to {place} bytes"
    is_launchers = part == "launcher" or (kind == "cut" and place < PARTS["launcher"][1])
    outcome = classify(status, output, message, is_launchers)
    if lingering:
        # A launcher with broken code may do that, before it has started anything; a whole one may not.
        outcome = "crashed" if is_launchers and not output else "BROKEN"
    if outcome == "untouched" and not (kind == "flip" and is_unread(place)):
        outcome = "ran" if is_launchers and kind == "flip" else "BROKEN"
    if outcome != "BROKEN":
        return part, outcome, ""
    described += f", {lingering} processes linger" if lingering else ""
    shown = re.sub(r"\s+", " ", message.decode(errors="replace"))[:300]
    return part, outcome, f"{described}: status {status}, {len(output)} of {len(EXPECTED)} bytes of output, stderr: {shown}"


def classify(status, output, message, is_launchers):
    """How a run ended, by what can be seen of it."""
    lines = message.splitlines()
    if status == 0 and output == EXPECTED:
        return "untouched"
    is_first_lines = EXPECTED.startswith(output) and (not output or output.endswith(b"\n"))
    # Rung 4 announces itself in a line of its own before it starts anything.
    own = [line for line in lines if not line.startswith(b"bundle: running without a private namespace")]
    if status == 125 and len(own) == 1 and own[0].startswith(b"bundle: ") and is_first_lines:
        return "noticed" if output else "refused"
    if is_launchers and not output and status != 0:
        return "crashed"
    return "BROKEN"


def is_unread(offset):
    """Does this byte belong to the file that the payload never reads? It does not compress, so it lies in the image as it is."""
    begin = PARTS["image"][0]
    # Whole blocks only: its tail may share a fragment with other files.
    block = 128 << 10
    for start in range(0, UNREAD_SIZE_BYTES - block, block):
        found = ORIGINAL.find(UNREAD[start:start + block], begin)
        if found <= offset < found + block and found >= 0:
            return True
    tail = ORIGINAL.find(UNREAD[-(UNREAD_SIZE_BYTES % block):], begin)
    return 0 <= tail <= offset < tail + UNREAD_SIZE_BYTES % block


def inflict(damage):
    kind, place, bit = damage
    if kind == "cut":
        os.truncate(FILE, place)
    else:
        write_at(place, bytes([ORIGINAL[place] ^ 1 << bit]))


def mend(damage):
    kind, place, _ = damage
    if kind == "cut":
        write_at(place, ORIGINAL[place:])
    else:
        write_at(place, ORIGINAL[place:place + 1])


def end_lingering():
    """Waits until nobody runs the file any more: the last process of a run may outlive the first by a moment. Those that stay are
    killed; returns their number."""
    deadline = time.monotonic() + runs.SETTLE_TIMEOUT_S
    killed = set()
    while True:
        try:
            os.close(os.open(FILE, os.O_WRONLY | os.O_CLOEXEC))
            return len(killed)
        except OSError:
            if time.monotonic() > deadline:
                for pid, _, program in runs.processes(SITE):
                    if program == str(FILE):
                        os.kill(pid, signal.SIGKILL)
                        killed.add(pid)
            time.sleep(0.001)


def write_at(offset, content):
    file = os.open(FILE, os.O_WRONLY | os.O_CLOEXEC)
    os.pwrite(file, content, offset)
    os.close(file)


def run():
    """Runs the damaged file. Returns its exit code (or minus a signal's number, or "hung"), its output and its messages."""
    try:
        ended = subprocess.run([FILE], env=runs.environment(RUNG, SITE / f"site-{USER_ID}"), preexec_fn=runs.as_user(USER_ID),
                               stdin=subprocess.DEVNULL, capture_output=True, timeout=RUN_TIMEOUT_S, cwd="/")
        return ended.returncode, ended.stdout, ended.stderr
    except subprocess.TimeoutExpired as expired:
        return "hung", expired.stdout or b"", expired.stderr or b""
    except OSError as error:
        # The kernel does not take it for a program.
        return -1000 - error.errno, b"", str(error).encode()


if __name__ == "__main__":
    main()
