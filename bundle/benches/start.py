#!/usr/bin/env python3
"""How fast bundles start, and what that takes in memory: from exec to exit, beside the same trees run natively and by peers.

    bundle/benches/start.py FILE.run                     `FILE.run --version` on each rung, as root and as an ordinary user
    bundle/benches/start.py FILE.run --images DIRECTORY  also /bin/true and numpy from images of three sizes (made on demand)

Options: --bundle PROGRAM (default target/release/bundle, for the images), --rounds N (40), --cold-rounds N (10),
--only NAME[,NAME...] (images: small, medium, large), --image-rungs N[,N...] (rungs that images are forced on: all).

Every figure is a median over rounds, with the least in brackets; in each round every way has its turn, so that a slow spell hits
all of them. What takes longer than a second has three rounds only, and longer than five seconds one. Warm: nothing else is done
between rounds. Cold: as root, all clean caches of the kernel are dropped before each start, and the host's own programs that the
way needs are then run once, so that what is cold is the image or tree; otherwise only the file's pages are dropped.

Peers, when they are installed: squashfuse_ll and the kernel's squashfs over a loop device, each mounted, run by chroot and
unmounted, as a launcher would that uses them (one `sh` does it). They check no digests.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import images
import runs

PAYLOADS = {"/bin/true": ["/bin/true"], "import numpy": ["/usr/bin/python3", "-c", "import numpy"]}
SLOW_S = 1.0
SLOW_ROUNDS = 3
VERY_SLOW_S = 5.0
# Programs of the host that a way needs: what they take when cold is no bundle's doing.
HOST_TOOLS = "sh -c : ; chroot / /bin/true; mount --version; umount --version; squashfuse_ll --help; fusermount -V"
# Enroot is not run here: it wants an installation of its own.
ENROOT = """\
For scale: Enroot 4.1's own bundle of a Debian with numpy (283 MB, 12,829 files), measured on such a machine at another time,
took 3050 ms (zstd 3600 ms) from exec to exit, and `enroot start` 370 ms from an unpacked sandbox and 650 ms from a .sqsh file."""


class Way:
    """One way of running something: its command, who runs it, and the file that is cold in a cold start."""

    def __init__(self, name, command, user_id=None, rung="", file=None):
        self.name, self.command, self.file = name, [str(word) for word in command], file
        self.user_id = os.geteuid() if user_id is None else user_id
        self.environment = runs.environment(rung)
        self.rung = rung


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=pathlib.Path, metavar="FILE.run")
    parser.add_argument("--images", type=pathlib.Path, metavar="DIRECTORY")
    parser.add_argument("--bundle", type=pathlib.Path, default=pathlib.Path("target/release/bundle"))
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--cold-rounds", type=int, default=10)
    parser.add_argument("--only", default=",".join(images.NAMES), metavar="NAME,...")
    parser.add_argument("--image-rungs", default=",".join(runs.RUNGS), metavar="N,...")
    flags = parser.parse_args()
    runs.enter_private_mounts()
    watches = {user_id: runs.Stopwatch(user_id) for user_id in runs.everybody()}
    program(flags, watches)
    if flags.images:
        # Images are only made when they are not there: that takes minutes.
        subprocess.run([sys.executable, images.__file__, flags.images], check=True, stdout=sys.stderr)
        for name in flags.only.split(","):
            image(flags, watches, name)
        print(ENROOT)


def program(flags, watches):
    """`FILE.run --version`: times and memory on each rung."""
    file = flags.file.resolve()
    command = [str(file), "--version"]
    print(f"### `{file.name} --version`, {file.stat().st_size / 1e6:.2f} MB\n")
    ways = bundle_ways(command, file, runs.RUNGS)
    native = file.parent / "target/release/bench"
    if native.exists():
        ways.insert(0, Way("the program itself", [native, "--version"]))
    warm = interleaved(ways, watches, flags.rounds, before=lambda way: None)
    cold = interleaved(ways, watches, flags.cold_rounds, before=chill)
    table(ways, warm, cold)
    memory([way for way in ways if way.file], count=20)


def image(flags, watches, name):
    """A container image of one size: /bin/true and numpy, warm and cold, beside natively and the peers."""
    squashed = images.image_path(flags.images, name, "zstd")
    size_bytes, count = images.extent(flags.images / name)
    with tempfile.TemporaryDirectory(dir=flags.images) as directory:
        os.chmod(directory, 0o755)
        bundle = pathlib.Path(directory, f"{name}.run")
        packed = subprocess.run([flags.bundle, "pack", "--image", squashed, "-o", bundle], capture_output=True, text=True)
        if packed.returncode:
            runs.fail(f"cannot pack {squashed}: {packed.stderr.strip()}")
        for payload, words in PAYLOADS.items():
            print(f"### {payload} in `{name}`: {size_bytes / 1e6:.0f} MB, {count:,} files; bundle {bundle.stat().st_size / 1e6:.0f} MB\n")
            ways = peer_ways(flags.images / name, squashed, pathlib.Path(directory), words)
            ways += bundle_ways([str(bundle), *words], bundle, flags.image_rungs.split(","))
            warm = interleaved(ways, watches, flags.rounds, before=lambda way: None)
            cold = interleaved(ways, watches, flags.cold_rounds, before=chill)
            table(ways, warm, cold)
        memory([way for way in ways if way.file == bundle], count=5)
        for codec in images.CODECS[name][1:]:
            other_codec(flags, watches, name, codec, bundle)


def other_codec(flags, watches, name, codec, bundle):
    """The same tree with another codec beside the first one."""
    other = bundle.with_name(f"{name}.{codec}.run")
    subprocess.run([flags.bundle, "pack", "--image", images.image_path(flags.images, name, codec), "-o", other], check=True)
    for payload, words in PAYLOADS.items():
        print(f"### {payload} in `{name}`, {codec} ({other.stat().st_size / 1e6:.0f} MB) beside zstd\n")
        ways = [Way(label, [file, *words], file=file) for label, file in [("zstd", bundle), (codec, other)]]
        warm = interleaved(ways, watches, flags.rounds, before=lambda way: None)
        table(ways, warm, interleaved(ways, watches, flags.cold_rounds, before=chill))


def bundle_ways(command, file, rungs):
    """The bundle as it chooses by itself, and on each of these rungs that holds, for everybody; says which do not hold."""
    ways = []
    for user_id in runs.everybody():
        user = "root" if user_id == 0 else "user"
        holding, reasons = runs.holding_rungs(command, user_id, rungs)
        ways.append(Way(f"bundle, {user}", command, user_id, file=file))
        ways += [Way(f"bundle, {user}, rung {rung}", command, user_id, rung, file) for rung in holding]
        for rung, reason in reasons.items():
            print(f"- rung {rung} does not hold for {user}: {reason}")
    print()
    return ways


def peer_ways(tree, squashed, directory, words):
    """The tree run natively, and by whatever peers there are. Only root can run these."""
    if os.geteuid() != 0:
        print("- natively and peers: only as root\n")
        return []
    mount_point = directory / "mnt"
    mount_point.mkdir(exist_ok=True)

    def mounted(mount, unmount):
        script = f'{mount} && {{ chroot {mount_point} "$@"; code=$?; {unmount} {mount_point}; exit $code; }}'
        return ["sh", "-c", script, "sh", *words]

    ways = [Way("natively (chroot)", ["chroot", tree, *words])]
    if shutil.which("squashfuse_ll"):
        ways.append(Way("squashfuse_ll + chroot", mounted(f"squashfuse_ll {squashed} {mount_point}", "umount")))
    loop = Way("kernel squashfs by loop + chroot", mounted(f"mount -t squashfs -o loop,ro {squashed} {mount_point}", "umount"))
    if subprocess.run(loop.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0:
        ways.append(loop)
    return ways


def interleaved(ways, watches, rounds, before):
    """Times all ways in turn in each round, after one that does not count. Returns each way's times in seconds."""
    times = {way: [] for way in ways}
    for round_index in range(-1, rounds):
        for way in ways:
            if len(times[way]) >= round_limit(times[way], rounds):
                continue
            before(way)
            sample = watches[way.user_id].time_s(way.command, way.environment)
            # The first round warms up; who is slowest is not made to repeat it.
            if round_index >= 0 or sample > VERY_SLOW_S:
                times[way].append(sample)
    return times


def round_limit(times, rounds):
    """How many rounds a way has that began with these times."""
    if times and times[0] > VERY_SLOW_S:
        return 1
    return min(rounds, SLOW_ROUNDS) if times and times[0] > SLOW_S else rounds


def chill(way):
    """Makes the next start of a way a cold one."""
    if os.geteuid() == 0:
        os.sync()
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")
        subprocess.run(["sh", "-c", HOST_TOOLS], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # The stopwatch, which is Python and has been read back in by now, and the dynamic loader that it starts programs with.
        subprocess.run(["true"], env=way.environment)
    elif way.file:
        with open(way.file, "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def table(ways, warm, cold):
    """Prints the times and their ratios to the first way's."""
    base = ways[0]
    print(f"| way | warm, ms | / {base.name} | cold, ms | / {base.name} | rounds |\n| --- | --- | --- | --- | --- | --- |")
    for way in ways:
        cells = []
        for times in (warm, cold):
            middle = statistics.median(times[way])
            cells.append(f"{middle * 1e3:.1f} ({min(times[way]) * 1e3:.1f}) | {middle / statistics.median(times[base]):.2f}")
        print(f"| {way.name} | {' | '.join(cells)} | {len(warm[way])}, {len(cold[way])} |")
    print(flush=True)


def memory(ways, count):
    """The most memory that all processes of the launcher had together while the payload ran, over `count` runs."""
    print("Memory of the launcher's processes together, the payload's not counted: the largest sample of all runs (median of the")
    print("runs' largest), as proportional set size. What is private is the launcher's own; the rest is the mapped file.\n")
    print("| way | Pss, MB | private, MB | samples a run |\n| --- | --- | --- | --- |")
    for way in ways:
        peaks = [peak_memory(way) for _ in range(count)]
        sizes, private, numbers = zip(*peaks)
        shown = " | ".join(f"{max(values) / 1e6:.1f} ({statistics.median(values) / 1e6:.1f})" for values in (sizes, private))
        print(f"| {way.name} | {shown} | {statistics.median(numbers):.0f} |")
    print(flush=True)


def peak_memory(way):
    """Runs a way once and samples its processes as fast as this script can. Returns the largest sums of Pss and of private
    memory in bytes, and the number of samples."""
    own = os.stat(way.file)
    process = subprocess.Popen(way.command, env=way.environment, preexec_fn=runs.as_user(way.user_id),
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ended = threading.Event()
    threading.Thread(target=lambda: (process.wait(), ended.set()), daemon=True).start()
    most, most_private, samples = 0, 0, 0
    while not ended.is_set():
        sizes = [memory_of(pid) for pid in family(process.pid) if runs.is_launcher(pid, own)]
        most = max(most, sum(size for size, _ in sizes))
        most_private = max(most_private, sum(private for _, private in sizes))
        samples += bool(sizes)
        time.sleep(0)
    return most, most_private, samples


def family(pid):
    """A process and all its living descendants, helpers in other sessions included."""
    found = [pid]
    for member in found:
        try:
            for task in os.scandir(f"/proc/{member}/task"):
                found += [int(child) for child in pathlib.Path(task.path, "children").read_text().split()]
        except OSError:
            continue
    return found


def memory_of(pid):
    """A process's proportional set size and private memory in bytes; nothing once it has ended."""
    try:
        fields = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    except OSError:
        return 0, 0
    size = {name: int(value.split()[0]) * 1024 for name, value in fields.items()}
    return size.get("Pss", 0), size.get("Private_Dirty", 0)


if __name__ == "__main__":
    main()
