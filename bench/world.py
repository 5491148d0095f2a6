"""What the candidates live in: processes, a tgt target, the two regimes of the CPUs, versions."""

import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

IQN = "iqn.2026-11.test.holdfast:bench"
MIB = 1 << 20


class Failed(Exception):
    """One line that says what could not be done."""


def wait_for(what, condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Failed(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.005)


def run(*words, **options):
    """The output of a command that has to succeed."""
    try:
        done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False,
                              **options)
    except subprocess.TimeoutExpired as late:
        raise Failed(f"{Path(str(words[0])).name}: nothing after {late.timeout:.0f} s") from late
    if done.returncode != 0:
        raise Failed(f"{Path(str(words[0])).name}: {(done.stderr or done.stdout).strip()[-400:]}")
    return done.stdout


# --- Being ended: what was begun is undone, wherever that was.

END_SIGNALS = [number for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
               if signal.getsignal(number) != signal.SIG_IGN]  # nohup(1) has its reasons
FOLDERS = []


def heed_signals():
    def end(number, _):
        for other in END_SIGNALS:
            signal.signal(other, signal.SIG_IGN)  # once is enough: from here on it is cleaned up
        sys.exit(128 + number)
    for number in END_SIGNALS:
        signal.signal(number, end)


def forget_signals():
    """In a forked child: the cleaning up is its parent's."""
    for number in END_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, END_SIGNALS)


@contextmanager
def undisturbed():
    """A signal waits until what is begun here is known, and so can be undone."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, END_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def own_folder(place):
    with undisturbed():
        FOLDERS.append(Path(tempfile.mkdtemp(prefix=f"holdfast-bench-{os.getpid()}-", dir=place)))
        return FOLDERS[-1]


def leave_nothing():
    """The last act, after whatever was ended in good order."""
    for process in list(Process.running):
        process.end(signal.SIGKILL)
    for folder in FOLDERS:
        shutil.rmtree(folder, ignore_errors=True)


class Process:
    """A child with its output in a file; ended with everything that it started."""

    running = set()

    def __init__(self, log, *words, env=None):
        self.log = log
        with open(log, "ab") as out, undisturbed():
            self.child = subprocess.Popen(list(map(str, words)), stdin=subprocess.DEVNULL,
                                          stdout=out, stderr=out, start_new_session=True,
                                          env={**os.environ, **(env or {})},
                                          preexec_fn=forget_signals)
            self.running.add(self)
        self.pid = self.child.pid

    def check(self):
        if self.child.poll() is not None:
            words = Path(self.log).read_text(errors="replace").strip()[-400:]
            raise Failed(f"{Path(self.log).stem} ended with status {self.child.returncode}: "
                         f"{words}")
        return True

    def end(self, number=signal.SIGTERM, patience=20):
        if self.child.poll() is None:
            self.child.send_signal(number)
        try:
            self.child.wait(patience)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self.running.discard(self)

    def nanoseconds(self):
        """CPU time of all its threads, those that ended too: the process's own clock."""
        return time.clock_gettime_ns((~self.pid << 3) | 2)  # clock_getcpuclockid(3)

    def peak_mib(self):
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
        return 0.0


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# What tgtd declares instead of 8 KiB, so that a write need not wait for the target's leave.
TAKES_AT_ONCE = 262144  # bytes
# tgtd takes memory for each command, and gives it back. How much of it glibc keeps depends on the
# largest command that the process has seen; where that does not suffice each page is faulted in
# anew, and a write of 128 KiB costs more than twice the CPU time. Left alone, a figure would tell
# who was there before since the target's last start.
KEEPS_MEMORY = "glibc.malloc.mmap_threshold=33554432:glibc.malloc.trim_threshold=268435456"


class Target:
    """Debian's tgt with some LUNs (1, 2 ...); killed and started again at will."""

    def __init__(self, folder, images):
        self.folder, self.images, self.port = Path(folder), images, free_port()
        self.env = {"TGT_IPC_SOCKET": str(self.folder / "tgt.sock"),
                    "GLIBC_TUNABLES": KEEPS_MEMORY}
        self.process = None

    def url(self, lun=1, port=None):
        return f"iscsi://127.0.0.1:{port or self.port}/{IQN}/{lun}"

    def tell(self, *words):
        run("tgtadm", "-C", "0", "--lld", "iscsi", *words, env={**os.environ, **self.env})

    def start(self):
        for old in self.folder.glob("tgt.sock*"):
            old.unlink()
        self.process = Process(self.folder / "tgtd.log", "tgtd", "-f", "-C", "0", "--iscsi",
                               f"portal=127.0.0.1:{self.port}", env=self.env)
        wait_for("tgtd", lambda: self.process.check() and listens(self.port))
        target = ("--mode", "target", "--tid", "1")
        self.tell("--op", "new", *target, "-T", IQN)
        for key in ("MaxRecvDataSegmentLength", "FirstBurstLength"):
            self.tell("--op", "update", *target, "--name", key, "--value", str(TAKES_AT_ONCE))
        for number, image in enumerate(self.images, 1):
            lun = ("--mode", "logicalunit", "--tid", "1", "--lun", str(number))
            self.tell("--op", "new", *lun, "-b", image)
            self.tell("--op", "update", *lun, "--params",
                      f"scsi_sn=bench{number},scsi_id=bench{number}")
        self.tell("--op", "bind", *target, "-I", "ALL")

    def kill(self):
        """As a power failure would; tgtd heeds nothing weaker while it has targets."""
        if self.process:
            self.process.end(signal.SIGKILL)
            self.process = None


class Regime:
    """idle: as it is, and each wake-up pays for leaving the halt. busy: a SCHED_IDLE spinner on
    each CPU, which yields to everybody, and no CPU ever sleeps (JOURNAL.md 4.2)."""

    def __init__(self, name):
        self.name, self.children = name, []

    def __enter__(self):
        if self.name == "busy":
            self.children = [self.spin(cpu) for cpu in sorted(os.sched_getaffinity(0))]
        return self

    @staticmethod
    def spin(cpu):
        parent, pid = os.getpid(), os.fork()
        if pid == 0:
            forget_signals()
            os.sched_setaffinity(0, {cpu})
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
            while True:
                for _ in range(1 << 20):
                    pass
                if os.getppid() != parent:
                    os._exit(0)
        return pid

    def __exit__(self, *_):
        for pid in self.children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def first_line(*words):
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "not installed"
    return ((done.stdout or done.stderr).strip().splitlines() or ["?"])[0]


def package(name):
    return first_line("dpkg-query", "-W", "-f", "${Version}", name)


def versions(holdfast, top):
    commit = first_line("git", "-c", f"safe.directory={top}", "-C", str(top), "describe",
                        "--always", "--dirty")
    cpu = next((line.partition(":")[2].strip() for line in
                Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")),
               platform.machine())
    return {
        "holdfast": f"{first_line(str(holdfast), 'version')}, commit {commit}",
        "qemu": first_line("qemu-nbd", "--version"),
        "tgt": package("tgt"),
        "tgt's settings": f"MaxRecvDataSegmentLength and FirstBurstLength {TAKES_AT_ONCE}, "
                          f"GLIBC_TUNABLES={KEEPS_MEMORY}",
        "libiscsi": package("libiscsi7"),
        "libnbd": package("libnbd0"),
        "nbdkit": package("nbdkit"),
        "socat": package("socat"),
        "kernel": platform.release(),
        "congestion control of the system": Path(
            "/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip(),
        "CPU": f"{os.cpu_count()} x {cpu}",
        "memory": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') // MIB} MiB",
    }


def missing_programs():
    return [name for name in ("tgtd", "tgtadm", "qemu-nbd", "qemu-img", "qemu-storage-daemon",
                              "nbdkit", "socat") if not shutil.which(name)]
