#!/usr/bin/env python3
"""The article about Enroot bundles, step by step, with `bundle` alone.

A Debian root file system is served by a registry on the loopback interface. An ordinary user imports it, makes a sandbox,
installs numpy in it as root, adds the benchmark from the host, edits /etc/rc, exports, packs, and runs the bundle in an empty root
directory. What each step took is printed. Run as root: debootstrap, the registry and the empty root need it; every step of
`bundle` is done as user 1000.

    tests/article/article.py [--bundle target/release/bundle] [--rootfs DIRECTORY] [--keep DIRECTORY]
"""

import argparse
import ctypes
import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
USER = 1000
LINE = re.compile(r"norm: (\d+\.\d\d)\t Run time: \d+\.\d{5} seconds\t GFLOPS: \d+$")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", default=HERE.parents[1] / "target/release/bundle", type=Path)
    parser.add_argument("--rootfs", type=Path, help="a Debian root file system; made by debootstrap unless given")
    parser.add_argument("--keep", type=Path, help="leave the image and the bundle in this directory")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("article.py: run it as root")
    with tempfile.TemporaryDirectory(prefix="article-", dir="/var/tmp") as directory:
        os.chmod(directory, 0o755)
        Article(Path(directory), arguments).run()


class Article:
    def __init__(self, directory: Path, arguments: argparse.Namespace) -> None:
        self.directory = directory
        self.keep = arguments.keep
        self.rootfs = arguments.rootfs
        self.home = directory / "home"
        self.home.mkdir()
        os.chown(self.home, USER, USER)
        # Nothing but the program: no Enroot, Docker, squashfs-tools, tar, curl or jq on its PATH.
        self.bundle = directory / "bundle"
        shutil.copy(arguments.bundle, self.bundle)
        self.device = directory / "fuse"
        os.mknod(self.device, 0o20666, os.makedev(10, 229))
        os.chmod(self.device, 0o666)
        self.sandbox = self.home / ".local/share/benchrun/np-openblas"

    def run(self) -> None:
        if self.rootfs is None:
            self.rootfs = self.directory / "rootfs"
            step("debootstrap", lambda: check(["debootstrap", "--variant=minbase", "bookworm", self.rootfs]))
        archive = self.directory / "debian.tar"
        step("docker save (by hand)", lambda: save(self.rootfs, archive))
        registry, port = start_registry(self.directory)
        try:
            target = f"docker://127.0.0.1:{port}/debian:bookworm"
            copy = ["skopeo", "--insecure-policy", "copy", "--dest-tls-verify=false"]
            step("skopeo push", lambda: check([*copy, f"docker-archive:{archive}", target]))
            step("import", lambda: self.user("import", "--allow-http", "-o", "debian.sqsh", target))
        finally:
            registry.terminate()
            registry.wait()
        step("create", lambda: self.user("create", "--name", "np-openblas", "debian.sqsh"))
        self.install()
        script = self.sandbox / "usr/local/bin/np-norm-openblas.py"
        shutil.copy(HERE / "np-norm-openblas.py", script)
        os.chmod(script, 0o755)
        step("start, the command", lambda: self.measure("start", "np-openblas", "np-norm-openblas.py"))
        rc = self.sandbox / "etc/rc"
        text = rc.read_text()
        head, found, tail = text.rpartition("    exec ")
        assert found and "'/bin/sh'" in tail, text
        rc.write_text(head + found + tail.replace("'/bin/sh'", "'np-norm-openblas.py'"))
        step("start, by rc", lambda: self.measure("start", "np-openblas"))
        step("start, one thread", lambda: self.measure("start", "--env", "OMP_NUM_THREADS=1", "np-openblas"))
        step("export", lambda: self.user("export", "-o", "np-norm-openblas.sqsh", "np-openblas"))
        step("pack", lambda: self.user("pack", "np-norm-openblas.sqsh"))
        packed = self.home / "np-norm-openblas.run"
        for name, size_bytes in [
            ("debian.sqsh", (self.home / "debian.sqsh").stat().st_size),
            ("sandbox", int(check(["du", "-sb", self.sandbox]).split()[0])),
            ("np-norm-openblas.sqsh", (self.home / "np-norm-openblas.sqsh").stat().st_size),
            ("np-norm-openblas.run", packed.stat().st_size),
        ]:
            print(f"{name:<24} {size_bytes / 1e6:8.1f} MB", flush=True)
        step("run in an empty root", lambda: expect_lines(self.empty_root(packed, [])))
        step("the same, one thread", lambda: expect_lines(self.empty_root(packed, ["--env", "OMP_NUM_THREADS=1"])))
        if self.keep:
            for name in ["np-norm-openblas.sqsh", "np-norm-openblas.run"]:
                shutil.copy(self.home / name, self.keep / name)

    def install(self) -> None:
        apt = "apt-get update && apt-get install -y --no-install-recommends python3-venv && rm -rf /var/lib/apt/lists/*"
        step("apt-get install", lambda: self.user("start", "--root", "--rw", "np-openblas", "sh", "-ec", apt))
        # Whoever has certificates of his own on the host needs them inside, too.
        certificates = Path("/etc/ssl/certs/ca-certificates.crt")
        options = []
        if certificates.exists():
            options = ["-m", f"{certificates}:/tmp/certificates:x-create=file,bind,ro", "-e", "PIP_CERT=/tmp/certificates"]
        pip = "python3 -m venv /opt/numpy && /opt/numpy/bin/pip install --no-cache-dir numpy"
        step("pip install numpy", lambda: self.user("start", "--root", "--rw", *options, "np-openblas", "sh", "-ec", pip))

    def measure(self, *words: str) -> None:
        expect_lines(self.user(*words))

    def user(self, *words: str) -> str:
        """Runs `bundle` as the ordinary user, on a host where everybody may use /dev/fuse and PATH has nothing."""
        script = 'mount --bind "$1" /dev/fuse; shift; exec setpriv --reuid=1000 --regid=1000 --clear-groups -- env -i "$@"'
        environment = [f"HOME={self.home}", "PATH=/nonexistent", "LC_ALL=C.UTF-8", "USER=reviewer"]
        line = ["unshare", "--mount", "sh", "-euc", script, "sh", self.device, *environment, self.bundle, *words]
        return check(line, self.home)

    def empty_root(self, packed: Path, words: list[str]) -> str:
        """Runs the bundle as the ordinary user in a root file system that has nothing but it, /proc and /dev."""
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            os.dup2(write, 1)
            enter_empty_root(self.directory / "empty", packed, self.device)
            os.setgroups([])
            os.setresgid(USER, USER, USER)
            os.setresuid(USER, USER, USER)
            os.execve("/bundle.run", ["/bundle.run", *words], {})
        os.close(write)
        with os.fdopen(read) as pipe:
            text = pipe.read()
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0, text
        return text


def enter_empty_root(place: Path, packed: Path, device: Path) -> None:
    libc = ctypes.CDLL(None, use_errno=True)

    def call(name: str, *arguments) -> None:
        if getattr(libc, name)(*arguments) != 0:
            raise OSError(ctypes.get_errno(), name)

    private, recursive, bind = 1 << 18, 1 << 14, 1 << 12
    os.unshare(os.CLONE_NEWNS) if hasattr(os, "unshare") else call("unshare", 0x20000)
    call("mount", None, b"/", None, private | recursive, None)
    place.mkdir(exist_ok=True)
    call("mount", b"empty", str(place).encode(), b"tmpfs", 0, None)
    for name in ["proc", "dev"]:
        (place / name).mkdir()
        call("mount", f"/{name}".encode(), str(place / name).encode(), None, bind | recursive, None)
    call("mount", str(device).encode(), str(place / "dev/fuse").encode(), None, bind, None)
    shutil.copy(packed, place / "bundle.run")
    os.chmod(place / "bundle.run", 0o755)
    os.chdir(place)
    call("pivot_root", b".", b".") if hasattr(libc, "pivot_root") else call("syscall", 155, b".", b".")
    call("umount2", b".", 2)
    os.chdir("/")
    assert sorted(os.listdir("/")) == ["bundle.run", "dev", "proc"]


def save(rootfs: Path, archive: Path) -> None:
    """Makes an archive as `docker save` does, of one layer."""
    layer = archive.with_name("layer.tar")
    check(["tar", "--numeric-owner", "--xattrs", "-C", rootfs, "-cf", layer, "."])
    with layer.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    config = json.dumps({
        "architecture": {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine],
        "os": "linux",
        "config": {"Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], "Cmd": ["/bin/sh"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    })
    manifest = json.dumps([{"Config": "config.json", "RepoTags": ["debian:bookworm"], "Layers": ["layer.tar"]}])
    config_file, manifest_file = archive.with_name("config.json"), archive.with_name("manifest.json")
    config_file.write_text(config)
    manifest_file.write_text(manifest)
    with tarfile.open(archive, "w") as tar:
        for path in [config_file, manifest_file, layer]:
            tar.add(path, path.name)
    layer.unlink()


def start_registry(directory: Path) -> tuple[subprocess.Popen, int]:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    config = directory / "registry.yml"
    config.write_text(json.dumps({
        "version": 0.1,
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(directory / "registry")}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }))
    log = (directory / "registry.log").open("w")
    registry = subprocess.Popen(["docker-registry", "serve", config], stdout=log, stderr=log)
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return registry, port
        time.sleep(0.1)
    registry.kill()
    sys.exit(f"article.py: the registry does not answer: {(directory / 'registry.log').read_text()}")


def check(line: list, directory: Path | None = None) -> str:
    done = subprocess.run(line, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"article.py: {' '.join(map(str, line))} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def step(name: str, do) -> None:
    start = time.monotonic()
    do()
    print(f"{name:<24} {time.monotonic() - start:8.2f} s", flush=True)


def expect_lines(text: str) -> None:
    """The article's lines, three times, with norms that such matrices have."""
    lines = text.splitlines()
    assert lines[0::2] == ["running numpy norm test"] * 3 and len(lines) == 6, text
    for line in lines[1::2]:
        match = LINE.match(line)
        # The mean of the elements' squares is (n/4)^2 and some more: the norm is close to n^2/4.
        assert match and abs(float(match[1]) / (5000**2 / 4) - 1) < 0.01, line


if __name__ == "__main__":
    main()
