"""What the benchmark and attack scripts share: who runs a bundle, on which rung, how long that takes, and what is left of it."""

import multiprocessing
import os
import pathlib
import signal
import subprocess
import sys
import time

RUNGS = ["1", "2", "3", "4"]
USER_ID = 1000
PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
FUSE_DEVICE = "/dev/fuse"
# Ends in seconds for whatever ends by itself: a janitor, a namespace's last process.
SETTLE_TIMEOUT_S = 10.0
# Taken to hang after so long.
HANG_TIMEOUT_S = 60.0


def enter_private_mounts():
    """Goes on in a mount namespace of its own, where nothing that is mounted can stay behind, and where every user may open
    /dev/fuse, as on ordinary hosts (some give it to root alone). Root only; anyone else stays where they are. What is temporary
    is removed also when the script is told to end."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if os.geteuid() != 0 or os.environ.get("BENCHRUN_PRIVATE_MOUNTS"):
        return
    node_directory = "/run"
    script = f"""mount -t tmpfs tmpfs {node_directory} && mknod -m 666 {node_directory}/fuse c 10 229 &&
        {{ [ ! -e {FUSE_DEVICE} ] || mount --bind {node_directory}/fuse {FUSE_DEVICE}; }} && exec "$@" """
    words = ["unshare", "--mount", "sh", "-euc", script, "sh", sys.executable, *sys.argv]
    os.execvpe(words[0], words, os.environ | {"BENCHRUN_PRIVATE_MOUNTS": "1"})


def everybody():
    """The user ids that this script can run a bundle as."""
    return [0, USER_ID] if os.geteuid() == 0 else [os.geteuid()]


def environment(rung="", site=None):
    """An environment that asks for nothing but a rung, and keeps a run's traces in `site`."""
    # Python must not write what it has compiled into a tree that others are compared with.
    plain = {"PATH": PATH, "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
    if rung:
        plain["BENCHRUN_FORCE_RUNG"] = rung
    if site:
        plain |= {"SITE": str(site), "HOME": f"{site}/home", "XDG_CACHE_HOME": f"{site}/cache", "TMPDIR": f"{site}/tmp"}
    return plain


def as_user(user_id):
    """What a child does to become this user (for `preexec_fn`)."""
    def become():
        if os.geteuid() != user_id:
            os.setgroups([])
            os.setresgid(user_id, user_id, user_id)
            os.setresuid(user_id, user_id, user_id)
    return become


def holding_rungs(command, user_id, rungs, site=None):
    """Tries a bundle on each of these rungs as this user. Returns the rungs that hold, and a reason for each that does not."""
    holding, reasons = [], {}
    for rung in rungs:
        run = subprocess.run(command, env=environment(rung, site), preexec_fn=as_user(user_id), stdin=subprocess.DEVNULL,
                             capture_output=True, text=True, timeout=HANG_TIMEOUT_S)
        if run.returncode == 0:
            holding.append(rung)
        else:
            reasons[rung] = run.stderr.strip().splitlines()[-1:] or [f"exit code {run.returncode}"]
    return holding, {rung: reason[0] for rung, reason in reasons.items()}


class Stopwatch:
    """A process of some user's that starts commands and says how long they took from exec to exit, in seconds. It becomes that
    user once, so that no `setpriv` or `sudo` is timed."""

    def __init__(self, user_id):
        self._here, there = multiprocessing.Pipe()
        self._process = multiprocessing.Process(target=_serve_stopwatch, args=(there, user_id), daemon=True)
        self._process.start()

    def time_s(self, command, variables):
        """Runs a command once, its output thrown away."""
        self._here.send((command, variables))
        seconds, status = self._here.recv()
        if status != 0:
            raise RuntimeError(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
        return seconds


def _serve_stopwatch(pipe, user_id):
    as_user(user_id)()
    null = os.open(os.devnull, os.O_RDWR)
    actions = [(os.POSIX_SPAWN_DUP2, null, fd) for fd in (0, 1, 2)]
    parent = os.getppid()
    while True:
        # Other processes hold the pipe's far end too, so its end says nothing.
        while not pipe.poll(0.5):
            if os.getppid() != parent:
                os._exit(0)
        command, variables = pipe.recv()
        begin = time.perf_counter()
        pid = os.posix_spawnp(command[0], command, variables, file_actions=actions)
        _, status = os.waitpid(pid, 0)
        pipe.send((time.perf_counter() - begin, status))


def make_site(directory, user_id):
    """The directories that a run may use, below a fresh one that its processes' environment names."""
    site = pathlib.Path(directory)
    site.mkdir(exist_ok=True)
    site.chmod(0o755)
    for name in ["work", "home", "home/.cache", "cache", "tmp"]:
        (site / name).mkdir(exist_ok=True)
        os.chown(site / name, user_id, user_id)
    return site


def shells(bundle, image, directory):
    """Packs a shell of the host's and, if there is one, an image with a shell. Returns for each a name, the bundle, and the words that
    begin a command line for the shell."""
    made = [("program", pack(bundle, directory / "program.run", "--exe", "/bin/sh"), [])]
    if image:
        made.append(("image", pack(bundle, directory / "image.run", "--image", image), ["/bin/sh"]))
    return made


def pack(bundle, file, *options):
    """Packs a bundle and returns its path."""
    packed = subprocess.run([bundle, "pack", *options, "-o", file], capture_output=True, text=True)
    if packed.returncode:
        fail(f"cannot pack {options[1]}: {packed.stderr.strip()}")
    return file


def processes(site):
    """The processes of runs in this site, by number: [(pid, parent's pid, path of its program)]."""
    marker = str(site).encode()
    found = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            environ = pathlib.Path(entry.path, "environ").read_bytes()
            line = pathlib.Path(entry.path, "cmdline").read_bytes()
            if marker not in environ and marker not in line:
                continue
            stat = pathlib.Path(entry.path, "stat").read_text().rsplit(") ", 1)[1].split()
            program = os.readlink(f"{entry.path}/exe")
        except OSError:
            # It has ended meanwhile.
            continue
        found.append((int(entry.name), int(stat[1]), program))
    return sorted(found)


def is_launcher(pid, own):
    """Does this process still run the bundle's own file (or a sealed copy of it), not the payload?"""
    try:
        path = f"/proc/{pid}/exe"
        program = os.stat(path)
        return (program.st_dev, program.st_ino) == (own.st_dev, own.st_ino) or os.readlink(path).startswith("/memfd:")
    except OSError:
        return False


def leftovers(site):
    """All that is left of runs in this site: processes, mounts, loop devices, directories."""
    left = [f"process {pid} ({program})" for pid, _, program in processes(site)]
    mounts = pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
    left += [f"mount {line}" for line in mounts if str(site) in line or " bundle " in line]
    for backing in pathlib.Path("/sys/block").glob("loop*/loop/backing_file"):
        try:
            if str(site) in backing.read_text():
                left.append(f"loop device {backing.parts[3]}")
        except OSError:
            # Detached meanwhile.
            continue
    for place in ["cache", "tmp", "home", "home/.cache", "work", "/tmp", "/var/tmp", "/dev/shm"]:
        directory = site / place
        if directory.is_dir():
            left += [f"directory {path}" for path in directory.glob(".benchrun-*") if place[0] != "/" or is_new(path, site)]
    return left


def is_new(path, site):
    """Was this made after the site? Elsewhere on the host others may run bundles too."""
    try:
        return path.stat().st_mtime >= site.stat().st_ctime
    except OSError:
        return False


def what_stays(site):
    """What is left and does not go by itself soon."""
    deadline = time.monotonic() + SETTLE_TIMEOUT_S
    while (left := leftovers(site)) and time.monotonic() < deadline:
        time.sleep(0.005)
    return left


def kill_all(site):
    """Ends what a failed check has left, so that the next one starts clean."""
    for pid, _, _ in processes(site):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def fail(message):
    """Ends the script with a message."""
    sys.exit(f"{os.path.basename(sys.argv[0])}: {message}")
