#!/usr/bin/env python3
"""What the steps of the article take, as an ordinary user: import, create, export, pack, and from a bundle to its first output.

    bundle/benches/containers.py IMAGE.sqsh [--bundle target/release/bundle] [--rounds 5]

IMAGE.sqsh is what `tests/article/article.py --keep DIRECTORY` leaves: a Debian with numpy whose /etc/rc runs the article's script. The
peers are the programs that Enroot runs for the same steps (unsquashfs; mksquashfs with Enroot's default options and with zstd), and chroot,
than which nothing can start sooner. Everything of a round is run in turns; medians and the least are printed. Run it as root: the steps are done by
user 1000, and the registry and chroot need root.
"""

import argparse
import importlib.util
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
USER = ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "--"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("image", type=Path)
    parser.add_argument("--bundle", type=Path, default=TOP / "target/release/bundle")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--directory", type=Path, default=Path("/dev/shm"), help="where to work: memory, so that no disk is measured")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("containers.py: run it as root")
    with tempfile.TemporaryDirectory(prefix="containers-", dir=arguments.directory) as directory:
        os.chmod(directory, 0o777)
        measure(Path(directory), arguments)


def measure(directory: Path, arguments: argparse.Namespace) -> None:
    bundle = directory / "bundle"
    shutil.copy(arguments.bundle, bundle)
    image = directory / "np.sqsh"
    shutil.copy(arguments.image, image)
    os.chmod(image, 0o644)
    home = directory / "home"
    home.mkdir()
    os.chown(home, 1000, 1000)
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    sandbox = home / ".local/share/benchrun/np"

    def ours(*words: str) -> float:
        return timed([*USER, bundle, *words], home, environment)

    def theirs(*words) -> float:
        return timed([*USER, *words], home, environment)

    registry, port = serve(directory, image)
    times: dict[str, list[float]] = {}

    def note(name: str, seconds: float) -> None:
        times.setdefault(name, []).append(seconds)

    run = home / "np.run"
    try:
        for _ in range(arguments.rounds):
            for path in [home / ".cache", home / "imported.sqsh", home / "theirs", home / "exported.sqsh", run]:
                remove(path)
            note("import, from a registry on this host", ours("import", "-q", "--allow-http", "-o", "imported.sqsh", f"docker://127.0.0.1:{port}/np:1"))
            remove(home / "imported.sqsh")
            note("import, layers in the cache", ours("import", "-q", "--allow-http", "-o", "imported.sqsh", f"docker://127.0.0.1:{port}/np:1"))
            note("create", ours("create", "-f", "-n", "np", str(image)))
            note("  unsquashfs", theirs("unsquashfs", "-q", "-no-progress", "-user-xattrs", "-d", home / "theirs", image))
            note("export", ours("export", "-o", "exported.sqsh", "np"))
            for name, options in [("lzo -noD", ["-comp", "lzo", "-noD"]), ("zstd", ["-comp", "zstd"])]:
                made = home / f"theirs-{name.split()[0]}.sqsh"
                remove(made)
                note(f"  mksquashfs {name}", theirs("mksquashfs", sandbox, made, "-all-root", "-no-progress", "-quiet", *options))
            note("pack", ours("pack", "-o", "np.run", str(image)))
    finally:
        registry.terminate()
        registry.wait()
    script = ["/opt/numpy/bin/python3", "-c", "import numpy; print('ready', flush=True)"]
    for _ in range(max(15, arguments.rounds * 3)):
        note("first output: the .run", first_line([*USER, run, *script], home, environment))
        note("first output: start of the sandbox", first_line([*USER, bundle, "start", "np", *script], home, environment))
        note("first output: start of the image", first_line([*USER, bundle, "start", str(image), *script], home, environment))
        line = ["chroot", "--userspec=1000:1000", sandbox, "/bin/sh", "/etc/rc", *script]
        note("first output: chroot", first_line(line, home, {"PATH": os.environ["PATH"]}))
    for name, seconds in times.items():
        print(f"{name:<40} {statistics.median(seconds):8.3f} s  (least {min(seconds):.3f})")
    print()
    for name, path in [
        ("image", home / "exported.sqsh"),
        ("image, mksquashfs lzo -noD", home / "theirs-lzo.sqsh"),
        ("image, mksquashfs zstd", home / "theirs-zstd.sqsh"),
        (".run of the given image", run),
    ]:
        print(f"{name:<40} {path.stat().st_size / 1e6:8.1f} MB")
    size = subprocess.run(["du", "-sb", sandbox], stdout=subprocess.PIPE, text=True, check=True).stdout.split()[0]
    count = sum(len(files) for _, _, files in os.walk(sandbox))
    print(f"{'sandbox':<40} {int(size) / 1e6:8.1f} MB, {count} files")


def serve(directory: Path, image: Path) -> tuple[subprocess.Popen, int]:
    """A registry with the image's files in one layer, by the article's own functions."""
    specification = importlib.util.spec_from_file_location("article", TOP / "tests/article/article.py")
    article = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(article)
    rootfs = directory / "rootfs"
    subprocess.run(["unsquashfs", "-q", "-no-progress", "-d", rootfs, image], check=True, stdout=subprocess.DEVNULL)
    archive = directory / "np.tar"
    article.save(rootfs, archive)
    shutil.rmtree(rootfs)
    registry, port = article.start_registry(directory)
    target = f"docker://127.0.0.1:{port}/np:1"
    article.check(["skopeo", "--insecure-policy", "copy", "--dest-tls-verify=false", f"docker-archive:{archive}", target])
    archive.unlink()
    return registry, port


def timed(line: list, directory: Path, environment: dict[str, str]) -> float:
    start = time.monotonic()
    done = subprocess.run(line, cwd=directory, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    seconds = time.monotonic() - start
    if done.returncode != 0:
        sys.exit(f"containers.py: {' '.join(map(str, line))} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return seconds


def first_line(line: list, directory: Path, environment: dict[str, str]) -> float:
    start = time.monotonic()
    process = subprocess.Popen(line, cwd=directory, env={**environment, "OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE, text=True)
    found = process.stdout.readline()
    seconds = time.monotonic() - start
    process.wait()
    process.stdout.close()
    if found != "ready\n":
        sys.exit(f"containers.py: {' '.join(map(str, line))} printed {found!r}")
    return seconds


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
