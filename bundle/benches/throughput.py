#!/usr/bin/env python3
"""How fast a mounted image is read: our server, squashfuse_ll and the kernel's squashfs on a loop device.

    bundle/benches/throughput.py SERVER TREE [--codec zstd] [--rounds 5] [--only TASK,...] [--realtime]

SERVER is a program that mounts an image and serves it until it is unmounted: `SERVER IMAGE DIRECTORY`
(cargo build --release -p bundle-fuse --example mount). TREE is a directory of a few hundred megabytes, for example a
virtual environment with numpy and scipy beside a copy of /usr/lib/python3 and /usr/share; a file of 256 MB made from
its contents is added. An image of it in blocks of 128 KiB is made with mksquashfs, for each codec (any of mksquashfs's,
separated by commas).

Needs root, mksquashfs and squashfuse_ll. Each sample is taken in a mount of its own, so that the kernel has kept nothing
of its contents; the image itself is in the page cache, but for "first access, cold". All servers take turns in each
round, each beginning as often as the others. Printed are medians, the least in brackets, ratios to ours (more than 1: we
are faster), and the most memory that a server took (VmHWM; the kernel's is not known).

--realtime gives all processes of a measurement precedence over everything else on the machine (SCHED_RR), for one that is
not quiet. It does not reach the kernel's own threads, on which squashfs on a loop device depends.
"""

import argparse
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

BIG_SIZE_BYTES = 256 << 20
RANDOM_READ_COUNT = 4000
BIG_NAME = "big"
SMALL_NAME = "zz first/a/b/c/file"


def run(command, **options):
    return subprocess.run([str(word) for word in command], check=True, **options)


def files_of(tree):
    for directory, _, names in os.walk(tree):
        for name in names:
            path = os.path.join(directory, name)
            if os.path.isfile(path) and not os.path.islink(path):
                yield path


def make_big(tree, path):
    """256 MB of the tree's files, one after the other, in an order that is always the same."""
    files = sorted(files_of(tree))
    random.Random(1).shuffle(files)
    left_bytes = BIG_SIZE_BYTES
    with open(path, "wb") as out:
        while left_bytes > 0:
            before = left_bytes
            for file in files:
                contents = pathlib.Path(file).read_bytes()[:left_bytes]
                left_bytes -= out.write(contents)
                if left_bytes == 0:
                    return
            if left_bytes == before:
                sys.exit(f"there is nothing in {tree}")


def make_image(tree, extra, image, codec):
    options = ["-comp", codec, "-b", "128K", "-quiet", "-no-progress", "-noappend"]
    options += ["-Xhc"] if codec == "lz4" else []
    run(["mksquashfs", *sorted(tree.iterdir()), *sorted(extra.iterdir()), image, *options], stdout=subprocess.DEVNULL)


class Mounted:
    """An image mounted in one of the ways."""

    def __init__(self, way, image, directory, server, wrap):
        self.directory = directory
        self.process = None
        if way == "kernel":
            run(["mount", "-o", "loop,ro", image, directory])
            return
        command = [server, image, directory] if way == "ours" else ["squashfuse_ll", "-f", image, directory]
        self.process = subprocess.Popen([*wrap, *map(str, command)])
        while not os.path.ismount(directory):
            if self.process.poll() is not None:
                sys.exit(f"{command} has ended: {self.process.returncode}")
            time.sleep(0.001)

    def memory_bytes(self):
        if self.process is None:
            return None
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM"))

    def unmount(self):
        run(["umount", self.directory])
        if self.process is not None:
            self.process.wait()


def halves(directory):
    """The names at the top of the tree in two lists with about as many bytes each."""
    sizes = {}
    for name in sorted(os.listdir(directory)):
        if name not in (BIG_NAME, SMALL_NAME.split("/")[0]):
            path = os.path.join(directory, name)
            sizes[name] = sum(os.path.getsize(file) for file in files_of(path)) if os.path.isdir(path) else 0
    lists, totals = ([], []), [0, 0]
    for name in sorted(sizes, key=sizes.get, reverse=True):
        smaller = totals.index(min(totals))
        lists[smaller].append(name)
        totals[smaller] += sizes[name]
    return lists


def tasks(directory, parts):
    """What is timed: for each task the commands that run at the same time."""
    big = f"{directory}/{BIG_NAME}"
    half_blocks = BIG_SIZE_BYTES // 2 >> 17

    def read(*words):
        return ["dd", f"if={big}", "of=/dev/null", "bs=128K", "status=none", *words]

    def archive(names):
        # tar reads nothing if it sees that it writes to /dev/null.
        return ["sh", "-c", 'tar -cf - "$@" | cat', "sh", "-C", directory, "--", *names]

    random_reads = (
        "import os, random, sys\n"
        "next_page = random.Random(3).randrange\n"
        "file = os.open(sys.argv[1], os.O_RDONLY)\n"
        f"for _ in range({RANDOM_READ_COUNT}): os.pread(file, 4096, next_page({BIG_SIZE_BYTES >> 12}) << 12)\n"
    )
    return {
        "sequential, 256 MB": [read()],
        "sequential, 2 readers": [read(f"count={half_blocks}"), read(f"skip={half_blocks}")],
        f"{RANDOM_READ_COUNT} random reads of 4 KiB": [[sys.executable, "-c", random_reads, big]],
        "whole tree": [archive(parts[0] + parts[1])],
        "whole tree, 2 readers": [archive(parts[0]), archive(parts[1])],
        "all attributes": [["find", directory, "-printf", "%s %m\\n"]],
        "all names": [["find", directory, "-name", "no such name"]],
        "first access, cold": [["cat", f"{directory}/{SMALL_NAME}"]],
    }


def sample(task, way, image, directory, parts, arguments, wrap):
    """Seconds, and the server's memory in bytes."""
    if "cold" in task:
        os.sync()
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")
    else:
        with open(image, "rb") as file:
            while file.read(1 << 20):
                pass
    commands = tasks(directory, parts)[task]
    # Mounting counts where the first access does.
    start = time.perf_counter()
    mounted = Mounted(way, image, directory, arguments.server, wrap)
    if "cold" not in task:
        time.sleep(0.05)
        start = time.perf_counter()
    readers = [subprocess.Popen([*wrap, *map(str, command)], stdout=subprocess.DEVNULL) for command in commands]
    codes = [reader.wait() for reader in readers]
    seconds = time.perf_counter() - start
    memory_bytes = mounted.memory_bytes()
    mounted.unmount()
    if any(codes):
        sys.exit(f"{task} failed, {way}: {codes}")
    return seconds, memory_bytes


def measure(image, directory, parts, arguments, wrap):
    ways = ["ours", "squashfuse_ll", "kernel"]
    chosen = [task for task in tasks(directory, parts) if not arguments.only or any(word in task for word in arguments.only.split(","))]
    times = {(task, way): [] for task in chosen for way in ways}
    memory_bytes = {}
    for index in range(arguments.rounds):
        for task in chosen:
            for way in ways[index % len(ways) :] + ways[: index % len(ways)]:
                seconds, memory = sample(task, way, image, directory, parts, arguments, wrap)
                times[task, way].append(seconds)
                if memory is not None:
                    memory_bytes[task, way] = max(memory, memory_bytes.get((task, way), 0))
    print(f"| {', '.join([image.stem, f'{image.stat().st_size / 1e6:.0f} MB'])} | ours, ms | squashfuse_ll, ms | kernel, ms "
          "| squashfuse_ll / ours | kernel / ours | memory, ours / squashfuse_ll, MB |")
    print("| --- |" + " ---: |" * 6)
    for task in chosen:
        median = {way: statistics.median(times[task, way]) * 1e3 for way in ways}
        cells = [f"{median[way]:.0f} ({min(times[task, way]) * 1e3:.0f})" for way in ways]
        cells += [f"{median[way] / median['ours']:.2f}" for way in ways[1:]]
        cells.append(" / ".join(f"{memory_bytes[task, way] / 1e6:.1f}" for way in ways[:2]))
        print(f"| {task} | {' | '.join(cells)} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("server", type=pathlib.Path)
    parser.add_argument("tree", type=pathlib.Path)
    parser.add_argument("--codec", default="zstd")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="")
    parser.add_argument("--realtime", action="store_true")
    parser.add_argument("--images", type=pathlib.Path, help="where to keep the images from one run to the next")
    arguments = parser.parse_args()
    missing = [name for name in ("mksquashfs", "squashfuse_ll", "tar", "find") if shutil.which(name) is None]
    if missing or os.geteuid() != 0:
        sys.exit(f"this takes root and {', '.join(missing or ['nothing else'])} (Debian: squashfs-tools squashfuse)")
    wrap = ["chrt", "-r", "1"] if arguments.realtime else []
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        images = arguments.images or scratch
        images.mkdir(exist_ok=True)
        directory = scratch / "mounted"
        directory.mkdir()
        wanted = {codec: images / f"{codec}.sqsh" for codec in arguments.codec.split(",")}
        if not all(image.exists() for image in wanted.values()):
            extra = scratch / "extra"
            small = extra / SMALL_NAME
            small.parent.mkdir(parents=True)
            small.write_text("the first that is read\n")
            make_big(arguments.tree, extra / BIG_NAME)
        for codec, image in wanted.items():
            if not image.exists():
                make_image(arguments.tree, extra, image, codec)
            measure(image, directory, halves(arguments.tree), arguments, wrap)


if __name__ == "__main__":
    main()
