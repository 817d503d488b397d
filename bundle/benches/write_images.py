#!/usr/bin/env python3
"""How long making an image takes, and how large it becomes: bundle-image beside mksquashfs and backhand.

    cargo build --release --examples -p bundle-image
    bundle/benches/write_images.py DIRECTORY [ROUNDS [LEVEL_MAX]] > table.md

Makes an image of the directory each way, with two threads and blocks of 128 KiB, all ways in turn in each round. Medians of wall time, and of
processor time in brackets; the images go to memory (/dev/shm), and the directory has been read once before.
"""

import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "target/release/examples"
WAYS = [("zstd", level) for level in (3, 6, 9, 12, 15, 19)] + [("gzip", 6), ("gzip", 9), ("lz4", 12), ("lzo", None)]


def ours(top, image, codec, level):
    if codec in ("zstd", "gzip", "lz4"):
        return [EXAMPLES / "make_image", top, image, codec, str(level), "131072", "2"]
    return None


def mksquashfs(top, image, codec, level):
    options = ["-comp", codec]
    if codec == "lz4":
        options.append("-Xhc")
    elif level is not None:
        options += ["-Xcompression-level", str(level)]
    return ["mksquashfs", top, image, *options, "-b", "128K", "-processors", "2", "-no-progress", "-noappend", "-quiet"]


def backhand(top, image, codec, level):
    if codec == "zstd":
        return [EXAMPLES / "backhand", top, image, codec, str(level), "131072"]
    return None


WRITERS = {"ours": ours, "mksquashfs": mksquashfs, "backhand": backhand}


def seconds(command):
    """Wall time and processor time."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    wall_s, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    if len(sys.argv) not in (2, 3, 4):
        sys.exit(__doc__)
    top = sys.argv[1]
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    level_max = int(sys.argv[3]) if len(sys.argv) > 3 else 22
    ways = [(codec, level) for codec, level in WAYS if (level or 0) <= level_max]
    subprocess.run(["tar", "-cf", "-", top], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    times, sizes = {}, {}
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        image = os.path.join(directory, "image")
        for _ in range(rounds):
            for codec, level in ways:
                for name, writer in WRITERS.items():
                    command = writer(top, image, codec, level)
                    if command is None:
                        continue
                    times.setdefault((codec, level, name), []).append(seconds(command))
                    sizes[codec, level, name] = os.path.getsize(image) / 1e6
                    os.unlink(image)
    print(f"| codec, level | {' | '.join(f'{name}, s' for name in WRITERS)} | {' | '.join(f'{name}, MB' for name in WRITERS)} |")
    print("| --- |" + " --- |" * 2 * len(WRITERS))
    for codec, level in ways:
        keys = [(codec, level, name) for name in WRITERS]
        medians = [[statistics.median(kind) for kind in zip(*times[key])] if key in times else None for key in keys]
        cells = [f"{pair[0]:.1f} ({pair[1]:.1f})" if pair else "" for pair in medians]
        cells += [f"{sizes[key]:.1f}" if key in sizes else "" for key in keys]
        print(f"| {codec}{'' if level is None else f' {level}'} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
