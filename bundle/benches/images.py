#!/usr/bin/env python3
"""Makes the root file systems and images that the benchmarks start from.

    bundle/benches/images.py [DIRECTORY]          (as root; default: $TMPDIR/benchrun-images)

In DIRECTORY come, for each of three sizes of the same Debian 12 with python3 and numpy,

    NAME/             the tree: `small` (about 80 MB, as little as numpy runs on), `medium` (500 MB, more than 20,000 files), `large` (2 GB)
    NAME.zstd.sqsh    the tree as a squashfs image in blocks of 128 KiB; `medium` also as NAME.lz4.sqsh and NAME.gzip.sqsh

What is there already is not made again. Sizes and numbers of files are printed at the end. debootstrap fetches Debian, pip
fetches numpy and scipy in the versions below; all that is added to them is the same in every run.
"""

import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

SUITE = "bookworm"
WHEELS = ["numpy==2.4.6", "scipy==1.17.1"]
PYTHON = "3.11"
BLOCK_SIZE = "128K"
# Files are added to a tree until it has this size and this many files.
FILLED = {"medium": (500e6, 21_000), "large": (2000e6, 60_000)}
CODECS = {"small": ["zstd"], "medium": ["zstd", "lz4", "gzip"], "large": ["zstd"]}
CODEC_OPTIONS = {"lz4": ["-Xhc"]}
NAMES = list(CODECS)

# What the small tree takes of the whole one: programs, and the libraries that they ask for.
SMALL_PROGRAMS = ["bin/sh", "bin/true", "bin/cat", "bin/ls", "usr/bin/find", "usr/bin/sha256sum", f"usr/bin/python{PYTHON}"]
# What Python and numpy work without. `_simd` is a module of numpy's own tests.
SMALL_WITHOUT = ["tests", "test", "testing/tests", "distutils", "f2py", "asyncio", "lib2to3", "pydoc_data", "idlelib", "unittest",
                 "ensurepip", "_simd*", "*.pyi", "*.a", "*.h", "config-*", "_ssl.*", "_hashlib.*", "_sqlite3*", "sqlite3", "_dbm.*",
                 "_gdbm.*", "_curses*", "curses", "readline.*", "nis.*", "libgomp*", "pip*", "email/mime", "xml", "xmlrpc", "wsgiref"]


def main():
    if len(sys.argv) > 2 or any(word.startswith("-") for word in sys.argv[1:]):
        sys.exit(__doc__)
    if os.geteuid() != 0:
        sys.exit("images.py: cannot make a root file system: only root can (run it as root)")
    directory = pathlib.Path(sys.argv[1] if len(sys.argv) == 2 else os.path.join(tempfile.gettempdir(), "benchrun-images"))
    directory.mkdir(parents=True, exist_ok=True)
    base = made(directory / "base", make_base)
    made(directory / "small", lambda tree: make_small(base, tree))
    for name, (size_bytes, file_count) in FILLED.items():
        made(directory / name, lambda tree, size=size_bytes, count=file_count: make_filled(base, tree, size, count))
    for name in NAMES:
        for codec in CODECS[name]:
            made(image_path(directory, name, codec), lambda image, name=name, codec=codec: squash(directory / name, image, codec))
    describe(directory)


def image_path(directory, name, codec):
    """Where the image of this tree with this codec lies."""
    return pathlib.Path(directory, f"{name}.{codec}.sqsh")


def made(path, make):
    """Makes what is not there yet, under another name until it is whole."""
    if not path.exists():
        print(f"making {path}", file=sys.stderr)
        draft = path.with_name(path.name + ".draft")
        shutil.rmtree(draft) if draft.is_dir() else draft.unlink(missing_ok=True)
        make(draft)
        draft.rename(path)
    return path


def make_base(tree):
    """Debian with python3, numpy and scipy, and nothing in it that depends on when or where it was made."""
    run("debootstrap", "--variant=minbase", "--include=python3", SUITE, tree, stdout=sys.stderr)
    packages = tree / "usr/local/lib" / f"python{PYTHON}" / "dist-packages"
    # The wheels are made for this Python, whichever runs pip.
    chosen = ["--only-binary=:all:", "--python-version", PYTHON, "--no-compile", "--target", packages]
    run(sys.executable, "-m", "pip", "install", "--quiet", "--root-user-action=ignore", *chosen, *WHEELS)
    for rubbish in ["var/cache/apt", "var/lib/apt/lists", "var/log", "debootstrap"]:
        shutil.rmtree(tree / rubbish, ignore_errors=True)
    # Device nodes come from the host, where there is one.
    for node in (tree / "dev").iterdir():
        shutil.rmtree(node) if node.is_dir() and not node.is_symlink() else node.unlink()
    run("chroot", tree, f"python{PYTHON}", "-m", "compileall", "-q", "/" + str(packages.relative_to(tree)))


def make_small(base, tree):
    """The part of the tree that python3 and numpy need."""
    for link in ["bin", "sbin", "lib", "lib64"]:
        tree.mkdir(exist_ok=True)
        shutil.copy2(base / link, tree / link, follow_symlinks=False)
    for directory in ["dev", "proc", "sys", "tmp", "etc", "root", "usr/bin", "usr/sbin", "usr/lib64"]:
        (tree / directory).mkdir(parents=True, exist_ok=True)
    modules = [f"usr/lib/python{PYTHON}", f"usr/local/lib/python{PYTHON}/dist-packages"]
    for directory in modules:
        ignored = shutil.ignore_patterns(*SMALL_WITHOUT, "scipy*")
        shutil.copytree(base / directory, tree / directory, symlinks=True, ignore=ignored)
    for program in SMALL_PROGRAMS:
        copy_with_libraries(base, tree, program)
    for module in tree.glob("usr/**/python*/**/*.so"):
        copy_with_libraries(base, tree, module.relative_to(tree))
    (tree / "usr/bin/python3").symlink_to(f"python{PYTHON}")
    for name in ["passwd", "group", "nsswitch.conf", "ld.so.cache"]:
        shutil.copy2(base / "etc" / name, tree / "etc" / name)


def copy_with_libraries(base, tree, program):
    """Copies a program and the libraries that the tree's own loader names for it."""
    listed = subprocess.run(["chroot", base, "/lib64/ld-linux-x86-64.so.2", "--list", f"/{program}"], capture_output=True, text=True)
    libraries = [word for line in listed.stdout.splitlines() for word in line.split() if word.startswith("/")]
    for path in [f"/{program}", *libraries]:
        # The place with the links of directories followed (Debian's /lib is one), and the file that it is a link to, if it is.
        place = real_path(base, path.rsplit("/", 1)[0]) + "/" + path.rsplit("/", 1)[1]
        for name in {place.lstrip("/"), real_path(base, path).lstrip("/")}:
            target = tree / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.is_symlink() and not target.exists():
                shutil.copy2(base / name, target, follow_symlinks=False)


def real_path(base, path):
    """A path within a tree, with all links followed as they are from inside."""
    return subprocess.run(["chroot", base, "realpath", path], check=True, capture_output=True, text=True).stdout.strip()


def make_filled(base, tree, size_bytes, file_count):
    """The whole tree, and texts until it has this size and this many files."""
    run("cp", "--archive", base, tree)
    sources = sorted(path for path in (base / "usr").rglob("*") if is_text(path))
    present_size, present_count = extent(tree)
    count = max(0, file_count - present_count)
    room = (size_bytes - present_size) / max(1, count)
    for index in range(count):
        path = tree / "srv/texts" / f"{index // 500:03}" / f"{index:05}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text(sources, index, room))


def is_text(path):
    """Is this a file of readable text that varies enough to be worth compressing?"""
    named = path.suffix in {".py", ".txt", ".pl", ".pm", ".h", ".md"} or path.name in {"copyright", "changelog"}
    return named and path.is_file() and not path.is_symlink() and path.stat().st_size > 500


def text(sources, index, size_bytes):
    """The text with this number: passages of the sources, with a line of its own in each, so that no two files, and no two
    blocks, are the same, while they compress as such texts do. Sizes vary by a factor of nine around `size_bytes`."""
    chance = random.Random(index)
    wanted = int(size_bytes * 3 ** chance.uniform(-1, 1) / 1.21)
    parts, size = [], 0
    while size < wanted:
        source = sources[chance.randrange(len(sources))].read_bytes()
        begin = chance.randrange(max(1, len(source) - 4000))
        part = source[begin:begin + 6000] + b"\n[%d %x]\n" % (index, chance.getrandbits(64))
        parts.append(part)
        size += len(part)
    return b"".join(parts)[:wanted]


def squash(tree, image, codec):
    """Writes an image of a tree, with Debian's own program."""
    options = ["-comp", codec, *CODEC_OPTIONS.get(codec, []), "-b", BLOCK_SIZE, "-noappend", "-quiet", "-no-progress"]
    run("mksquashfs", tree, image, *options)


def extent(tree):
    """The bytes in a tree's regular files, and their number."""
    sizes = [os.lstat(os.path.join(top, name)) for top, _, names in os.walk(tree) for name in names]
    return sum(entry.st_size for entry in sizes), len(sizes)


def describe(directory):
    """Prints what is there."""
    print("| image | tree, MB | files | image, MB |\n| --- | --- | --- | --- |")
    for name in NAMES:
        size_bytes, count = extent(directory / name)
        for codec in CODECS[name]:
            image_size_bytes = image_path(directory, name, codec).stat().st_size
            print(f"| {name}, {codec} | {size_bytes / 1e6:.0f} | {count:,} | {image_size_bytes / 1e6:.0f} |")


def run(*command, stdout=None):
    subprocess.run([str(word) for word in command], check=True, stdout=stdout)


if __name__ == "__main__":
    main()
