"""Brokers, workers and examples as processes under test.

A Farm starts them, gives them private folders, and marks them and all that they start in their environment; so it
finds whoever is left, whatever process group or session it fled to. Leaving a Farm waits until nobody is left and
its folder of sockets is empty, and fails otherwise. Nothing here waits by the clock: each wait is for a line, an
exit or a state of a process, with a limit that only a hang reaches.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

BIN = Path(os.environ["FANMILL_BIN"])
SOURCE = Path(os.environ.get("FANMILL_SOURCE") or Path(__file__).resolve().parent.parent)
BROKER = str(BIN / "fanmill-broker")
WORKER = str(BIN / "fanmill-worker")
PATIENCE = 60.0
SIGINT_BIT = 1 << (signal.SIGINT - 1)


def wait_until(is_true, what, limit=PATIENCE):
    """Returns what `is_true` returned as soon as that is true; for what can only be asked again and again."""
    deadline = time.monotonic() + limit
    while not (found := is_true()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain: {what() if callable(what) else what}")
        time.sleep(0.005)
    return found


def clean_environment(**extra):
    """Ours without what would lead a worker to some real manager."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FANMILL_")}
    return kept | extra


def values(output):
    """What stands in the lines of a broker's output."""
    return [json.loads(line) for line in output.splitlines()]


def status_of(pid):
    """The fields of /proc/PID/status; none if there is no such process."""
    try:
        return dict(re.findall(r"^(\w+):\t(.*)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE))
    except OSError:
        return {}


def stop(pid):
    """SIGSTOP; returns when the process stands still, or is gone."""
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: status_of(pid).get("State", "Z")[0] in "TZX", f"process {pid} to stop")


class Process:
    """One started program. Its output is read as it comes, by threads."""

    def __init__(self, arguments, environment, stdin, stdout, terminal):
        # A process group of its own, as a shell gives it; or a session, with a terminal or without.
        apart = {"process_group": 0} if terminal is None else {"start_new_session": True}
        if terminal:  # becomes the controlling one of the session that opens it
            apart["preexec_fn"] = lambda: os.close(os.open(terminal, os.O_RDWR))
        self.popen = subprocess.Popen(arguments, env=environment, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, **apart)
        self.pid = self.popen.pid
        self.text = {"out": b"", "err": b""}
        self.changed = threading.Condition()
        self.may_read = {"out": threading.Event(), "err": threading.Event()}
        self.readers = []
        for name, stream in (("out", self.popen.stdout), ("err", self.popen.stderr)):
            self.may_read[name].set()
            if stream is None:
                continue
            self.readers.append(threading.Thread(target=self._read, args=(name, stream), daemon=True))
            self.readers[-1].start()

    def _read(self, name, stream):
        while True:
            self.may_read[name].wait()
            chunk = os.read(stream.fileno(), 1 << 16)
            with self.changed:
                self.text[name] += chunk
                self.changed.notify_all()
            if not chunk:
                return

    @property
    def out(self):
        return self.text["out"].decode(errors="replace")

    @property
    def err(self):
        return self.text["err"].decode(errors="replace")

    def lines(self, count):
        """Waits for so many complete lines of standard output; returns all that are there."""
        self._wait(lambda: self.text["out"].count(b"\n") >= count, f"{count} lines of output")
        return self.out.splitlines()

    def says(self, pattern, count=1):
        """Waits until standard error has `count` matches of the pattern; returns all matches."""
        found = []

        def is_there():
            found[:] = re.findall(pattern, self.err, re.MULTILINE)
            return len(found) >= count
        self._wait(is_there, f"{count} times {pattern!r}")
        return found

    def _wait(self, is_there, what):
        deadline = time.monotonic() + PATIENCE
        with self.changed:
            while not is_there():
                over = not any(reader.is_alive() for reader in self.readers)
                if over and not is_there() or not self.changed.wait(min(1.0, max(0.0, deadline - time.monotonic()))) \
                        and time.monotonic() > deadline:
                    raise AssertionError(f"waited in vain for {what}; so far:\n{self.out[-2000:]}\n{self.err[-4000:]}")

    def write(self, text):
        self.popen.stdin.write(text.encode())
        self.popen.stdin.flush()

    def close_input(self):
        self.popen.stdin.close()

    def signal(self, number):
        self.popen.send_signal(number)

    def ctrl_c(self):
        """As a terminal sends it: to the whole process group. Returns when the program has taken it."""
        os.killpg(self.pid, signal.SIGINT)
        wait_until(lambda: not int(status_of(self.pid).get("ShdPnd", "0"), 16) & SIGINT_BIT, "SIGINT to be taken")

    def is_running(self):
        return self.popen.poll() is None

    def wait(self):
        """Waits for its end, whatever is done with its standard input; returns the status."""
        try:
            return self.popen.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"does not end; so far:\n{self.out[-2000:]}\n{self.err[-4000:]}") from None

    def end(self):
        """Waits for its end and that of all who share its output; returns (status, output, error output)."""
        if self.popen.stdin and not self.popen.stdin.closed:
            self.popen.stdin.close()
        status = self.wait()
        for reader in self.readers:
            reader.join(PATIENCE)
            if reader.is_alive():
                raise AssertionError("ended, but somebody still holds its output open:\n" + self.err[-4000:])
        return status, self.out, self.err

    def close(self):
        for event in self.may_read.values():
            event.set()
        for reader in self.readers:
            reader.join(PATIENCE)
        for stream in (self.popen.stdin, self.popen.stdout, self.popen.stderr):
            try:
                if stream:
                    stream.close()
            except OSError:
                pass


class Farm:
    """All the processes of one test. To be used by `with`."""

    def __init__(self):
        # In /tmp: a Unix socket's name holds only 107 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="fm.", dir="/tmp"))
        self.started = []
        for name in ("run", "state"):
            (self.folder / name).mkdir(mode=0o700)
        self.mark = f"FARM_UNDER_TEST={self.folder.name}"
        self.endpoint = f"ipc://{self.folder}/farm"  # free for sure, as no port number is

    def environment(self, **extra):
        name, value = self.mark.split("=")
        own = {name: value, "XDG_RUNTIME_DIR": str(self.folder / "run"),
               "XDG_STATE_HOME": str(self.folder / "state"), "PATH": f"{BIN}:{os.environ['PATH']}"}
        return clean_environment(**own) | extra

    def start(self, *arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, terminal=None, **extra):
        """`terminal`: the path of its controlling terminal, or "" for none; without it, that of this process, if any."""
        process = Process([str(argument) for argument in arguments], self.environment(**extra), stdin, stdout, terminal)
        self.started.append(process)
        return process

    def broker(self, *arguments, **options):
        """`fanmill-broker run`, its standard input open."""
        return self.start(BROKER, "run", *arguments, **options)

    def run(self, *arguments, items=""):
        """`fanmill-broker run` from start to end; returns (status, output, error output)."""
        path = self.folder / "items"
        path.write_bytes(items if isinstance(items, bytes) else items.encode())
        with open(path, "rb") as file:
            process = self.broker(*arguments, stdin=file)
        process.wait()
        # Local workers end before their broker does, not some time after it. (What a killed one has started ends moments
        # after it; that it does end, leaving the Farm proves.)
        left = [line for pid, line in self.processes().items()
                if line.startswith(WORKER) and status_of(pid).get("Name") == Path(WORKER).name]
        assert not left, f"the broker has ended, not so its workers: {left}"
        return process.end()

    def worker(self, *arguments, endpoint=None):
        return self.start(WORKER, "--connect", endpoint or self.endpoint, *arguments, stdin=subprocess.DEVNULL)

    def processes(self):
        """{pid: command line} of all living processes of this farm."""
        found = {}
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            try:
                if self.mark.encode() in (folder / "environ").read_bytes().split(b"\0"):
                    found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            except OSError:
                pass  # somebody else's, or gone meanwhile
        return found

    def sockets(self):
        return sorted(str(path.relative_to(self.folder)) for path in (self.folder / "run").rglob("*"))

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        try:
            if failure is None:
                wait_until(lambda: not self.processes(), lambda: f"processes to end: {self.processes()}")
                assert self.sockets() == [], f"left behind: {self.sockets()}"
        finally:
            while left := self.processes():  # again and again: a supervisor may have started one more
                for pid in left:
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
            for process in self.started:
                process.popen.wait()
                process.close()
            shutil.rmtree(self.folder, ignore_errors=True)


def collatz(start):
    """[start, steps to 1, highest number on the way], by the definition."""
    number, steps, peak = start, 0, start
    while number != 1:
        number = number // 2 if number % 2 == 0 else 3 * number + 1
        steps, peak = steps + 1, max(peak, number)
    return [start, steps, peak]
