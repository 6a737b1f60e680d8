#!/usr/bin/env python3
"""Keys as users meet them: nothing to configure, one file to hand over, and words for whoever can't come in."""

import ctypes
import os
import re
import signal
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from farm_process import BROKER, SOURCE, WORKER, Farm, collatz, values  # noqa: E402

PYTHON = "/usr/bin/python3"
PYTHON_WORKER = SOURCE / "examples/workers/python/collatz_worker.py"
KEY = re.compile(r'"([^"]{40})"')


def python(program, *arguments):
    return subprocess.run([PYTHON, "-c", program, *map(str, arguments)], capture_output=True, text=True, check=True).stdout


class KeysTest(unittest.TestCase):
    def start(self, farm, *arguments, **options):
        """A manager on tcp; (process, endpoint, path of its join file)."""
        join_file = farm.folder / "farm.join"
        process = farm.broker("--bind", "tcp://127.0.0.1:*", "--join-file", join_file, *arguments, **options)
        endpoint = process.says(r"waiting for workers at (tcp://127\.0\.0\.1:\d+)$")[0]
        return process, endpoint, join_file

    def stranger(self, farm):
        """The environment of another user."""
        folder = farm.folder / "other"
        folder.mkdir(mode=0o700, exist_ok=True)
        return {"XDG_STATE_HOME": str(folder)}

    def check_list(self, process):
        process.write("6\n7\n")
        status, output, errors = process.end()
        self.assertEqual((status, values(output)), (0, [collatz(6), collatz(7)]), errors)

    def check_refused(self, farm, words, *arguments, ends=False):
        """A worker that can't come in says why; it goes on trying, or ends at once."""
        process = farm.start(WORKER, *arguments, "echo", stdin=subprocess.DEVNULL, **self.stranger(farm))
        process.says(re.escape(words))
        if not ends:
            process.signal(signal.SIGTERM)
        status, _, errors = process.end()
        self.assertEqual(status, 5, errors)
        self.assertEqual("goes on trying" in errors, not ends, errors)

    def changed(self, join_file, **keys):
        """A copy of the join file with other keys in it."""
        text = join_file.read_text()
        for name, key in keys.items():
            name = name.replace("_", "-")
            text = re.sub(rf'{name} = ".*"', lambda _, line=f'{name} = "{key}"': line, text)
        copy = join_file.parent / "changed.join"
        copy.write_text(text)
        copy.chmod(0o600)
        return copy


class Keys(KeysTest):
    def test_this_user_needs_nothing(self):
        with Farm() as farm:
            process, endpoint, _ = self.start(farm)
            farm.worker("collatz", endpoint=endpoint)
            self.check_list(process)

    def test_another_user_needs_the_join_file_and_nothing_else(self):
        with Farm() as farm:
            process, _, join_file = self.start(farm)
            self.assertEqual(join_file.stat().st_mode & 0o777, 0o600)
            farm.start(WORKER, "--join", join_file, "collatz", **self.stranger(farm))
            self.check_list(process)

    def test_a_worker_in_another_language_reads_the_same_file(self):
        with Farm() as farm:
            process, _, join_file = self.start(farm)
            farm.start(PYTHON, PYTHON_WORKER, join_file, **self.stranger(farm))
            self.check_list(process)

    def test_pyzmq_takes_the_join_file_for_a_certificate(self):
        with Farm() as farm:
            process, _, join_file = self.start(farm)
            loaded = python("import sys, zmq.auth; print(*map(bytes.decode, zmq.auth.load_certificate(sys.argv[1])))",
                            join_file)
            lines = join_file.read_text().splitlines()
            expected = [KEY.search(line)[1] for name in ("public-key", "secret-key") for line in lines if name in line]
            self.assertEqual(loaded.split(), expected)
            self.assertEqual(process.end()[0], 0)

    def test_czmq_takes_the_join_file_for_a_certificate(self):
        try:
            czmq = ctypes.CDLL("libczmq.so.4")
        except OSError as missing:
            self.skipTest(str(missing))
        czmq.zcert_load.restype = ctypes.c_void_p
        with Farm() as farm:
            process, _, join_file = self.start(farm)
            certificate = ctypes.c_void_p(czmq.zcert_load(str(join_file).encode()))
            self.assertTrue(certificate.value)
            for function, name in ((czmq.zcert_public_txt, "public-key"), (czmq.zcert_secret_txt, "secret-key")):
                function.restype = ctypes.c_char_p
                key = function(certificate).decode()
                self.assertIn(f'{name} = "{key}"', join_file.read_text())
            self.assertEqual(process.end()[0], 0)

    def test_who_has_no_key_or_another_is_told_so(self):
        with Farm() as farm:
            process, endpoint, join_file = self.start(farm)
            public, secret = python("import zmq; print(*map(bytes.decode, zmq.curve_keypair()))").split()
            self.check_refused(farm, f"{endpoint}: without keys nobody can tell who answers there", "--connect", endpoint,
                               ends=True)
            self.check_refused(farm, "its server key is not the one in this worker's join file", "--join",
                               self.changed(join_file, server_key=public))
            self.check_refused(farm, "does not know this worker's key", "--join",
                               self.changed(join_file, public_key=public, secret_key=secret))
            self.check_refused(farm, "does not belong to its public-key", "--join", self.changed(join_file, public_key=public),
                               ends=True)
            # Nobody else is disturbed.
            farm.worker("collatz", endpoint=endpoint)
            self.check_list(process)

    def test_a_worker_in_plaintext_is_told_that_keys_are_wanted(self):
        with Farm() as farm:
            process, endpoint, _ = self.start(farm)
            self.check_refused(farm, f"{endpoint} broke off the handshake: it wants keys", "--connect", endpoint,
                               "--insecure-plaintext")
            self.assertEqual(process.end()[0], 0)

    def test_a_join_file_that_others_can_read_is_refused(self):
        with Farm() as farm:
            process, _, join_file = self.start(farm)
            copy = self.changed(join_file)
            copy.chmod(0o640)
            self.check_refused(farm, f"chmod 600 {copy}", "--join", copy, ends=True)
            self.assertEqual(process.end()[0], 0)

    def test_a_key_that_was_taken_back_is_refused(self):
        with Farm() as farm:
            process, _, join_file = self.start(farm)
            kept = self.changed(join_file)
            self.assertEqual(process.end()[0], 0)
            authorized = farm.folder / "state/fanmill/keys/authorized"
            lines = authorized.read_text().splitlines()
            authorized.write_text("".join(line + "\n" for line in lines if line.startswith("#")))
            process, endpoint, _ = self.start(farm)
            kept.write_text(re.sub("tcp://[^\"]*", endpoint, kept.read_text()))
            self.check_refused(farm, "does not know this worker's key", "--join", kept)
            self.assertEqual(process.end()[0], 0)

    @unittest.skipIf(os.environ.get("FANMILL_SANITIZE"), "a sanitizer's memory is too large to be looked through")
    def test_no_task_finds_a_key(self):
        with Farm() as farm:
            process, _, join_file = self.start(farm)
            secret = KEY.search(next(line for line in join_file.read_text().splitlines() if "secret-key" in line))[1]
            # The task's keeper is a copy of its worker: all the memory that it has. Keys are there as text or as bytes.
            look = ("import os, sys\n"
                    "def parent(pid): return int(open(f'/proc/{pid}/stat').read().rsplit(')', 1)[1].split()[1])\n"
                    "def has_key(pid):\n"
                    "    found = False\n"
                    "    for part in open(f'/proc/{pid}/maps'):\n"
                    "        span, rights, *_ = part.split()\n"
                    "        if 'r' not in rights or '[v' in part: continue\n"
                    "        begin, end = (int(x, 16) for x in span.split('-'))\n"
                    "        with open(f'/proc/{pid}/mem', 'rb', 0) as memory:\n"
                    "            memory.seek(begin)\n"
                    "            bytes_there = memory.read(end - begin)\n"
                    "            found = found or any(bytes.fromhex(each) in bytes_there for each in sys.argv[1:])\n"
                    "    return found\n"
                    "for line in sys.stdin:\n"
                    "    keeper = os.getppid()\n"
                    "    warden = parent(keeper)\n"
                    "    try: told = [has_key(keeper), has_key(warden), has_key(parent(warden))]\n"
                    "    except OSError as error: told = [str(error)]\n"
                    "    print(str(told).lower().replace(\"'\", '\"'), flush=True)\n")
            raw = python("import sys, zmq.utils.z85; print(zmq.utils.z85.decode(sys.argv[1].encode()).hex())", secret)
            farm.start(WORKER, "--join", join_file, "pipe", "--", PYTHON, "-c", look, secret.encode().hex(), raw.strip(),
                       **self.stranger(farm))
            process.write("1\n")
            status, output, errors = process.end()
            # The worker itself has it, or this test could find nothing.
            self.assertEqual((status, output), (0, "[false, false, true]\n"), errors)

    def test_plaintext_only_when_said_and_with_a_warning(self):
        with Farm() as farm:
            process, endpoint, join_file = self.start(farm, "--insecure-plaintext")
            process.says(r"^warning: without keys.* any user of this host may join at " + re.escape(endpoint))
            self.assertNotIn("curve", join_file.read_text())
            for arguments, environment in ((["--connect", endpoint, "--insecure-plaintext"], {}),
                                           ([], {"FANMILL_ENDPOINT": endpoint, "FANMILL_INSECURE_PLAINTEXT": "1"})):
                worker = farm.start(WORKER, *arguments, "collatz", **self.stranger(farm), **environment)
                process.write("6\n")
                process.lines(1 if arguments else 2)
                worker.signal(signal.SIGTERM)
                self.assertEqual(worker.end()[0], 5)
            self.assertEqual(values(process.end()[1]), 2 * [collatz(6)])


class HangUp(KeysTest):
    """SIGHUP, which a service manager sends on reload, and the kernel when a terminal has gone."""

    def authorized(self, farm):
        return farm.folder / "state/fanmill/keys/authorized"

    def test_without_a_terminal_the_keys_are_read_again(self):
        with Farm() as farm:
            process, endpoint, _ = self.start(farm, terminal="")
            process.signal(signal.SIGHUP)
            process.says(r"^fanmill-broker: the keys were read again: 1 may connect$")
            with self.authorized(farm).open("a") as file:
                file.write("worker " + python("import zmq; print(zmq.curve_keypair()[0].decode())").strip() + " node7\n")
            process.signal(signal.SIGHUP)
            process.says(r"^fanmill-broker: the keys were read again: 2 may connect$")
            good = self.authorized(farm).read_text()
            self.authorized(farm).write_text(good + "nonsense\n")
            process.signal(signal.SIGHUP)
            process.says(r"^fanmill-broker: the keys stay as they were: \S+/authorized, line 5: .*nonsense")
            farm.worker("collatz", endpoint=endpoint)
            self.check_list(process)

    def test_a_manager_without_keys_goes_on_too(self):
        with Farm() as farm:
            process = farm.broker("--bind", farm.endpoint, terminal="")
            process.says("waiting for workers")
            process.signal(signal.SIGHUP)
            process.says("no keys to read")
            farm.worker("collatz")
            self.check_list(process)

    def test_a_terminal_that_is_closed_ends_the_run(self):
        with Farm() as farm, Terminal() as terminal:
            process, endpoint, _ = self.start(farm, "--verbose", "2", terminal=terminal.path)
            worker = farm.worker("sleep", endpoint=endpoint)
            process.write("1000\n")
            process.says("goes to")
            terminal.close()
            self.assertEqual(process.wait(), 2)
            self.assertEqual(worker.wait(), 5)
            self.assertNotIn("read again", process.end()[2])

    def test_what_nohup_ignores_stays_ignored(self):
        for has_terminal in (True, False):
            with self.subTest(has_terminal=has_terminal), Farm() as farm, Terminal() as terminal:
                process = farm.start("nohup", BROKER, "run", "--bind", farm.endpoint,
                                     terminal=terminal.path if has_terminal else "")
                process.says("waiting for workers")
                terminal.close()
                process.signal(signal.SIGHUP)
                farm.worker("collatz")
                self.check_list(process)
                self.assertNotIn("keys", process.err)


class Terminal:
    def __init__(self):
        self.master, self.slave = os.openpty()
        self.path = os.ttyname(self.slave)

    def close(self):
        """As a user closes a window: those whose controlling terminal it is get SIGHUP."""
        for descriptor in (self.slave, self.master):
            os.close(descriptor)
        self.master = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.master is not None:
            self.close()


class Command(unittest.TestCase):
    def keys(self, farm, *words, status=0):
        """What `fanmill-broker keys` prints; standard error if it is to fail."""
        process = farm.start(BROKER, "keys", *words, stdin=subprocess.DEVNULL)
        ended, output, errors = process.end()
        self.assertEqual(ended, status, errors)
        return errors if status else output

    def test_init_makes_keys_once(self):
        with Farm() as farm:
            first = self.keys(farm, "init")
            self.assertRegex(first, r"^server key: \S{40}\nfolder: .*/fanmill/keys\n")
            self.assertEqual(self.keys(farm, "init"), first)
            self.assertEqual(self.keys(farm, "show"), first)
            self.assertRegex(self.keys(farm, "list"), r"^worker  \S{40}  worker\n$")

    def test_a_key_that_was_added_comes_in_and_goes_when_revoked(self):
        with Farm() as farm:
            join_file = farm.folder / "node7.join"
            process = farm.broker("--bind", "tcp://127.0.0.1:*", "--verbose", "1")
            endpoint = process.says(r"waiting for workers at (tcp://127\.0\.0\.1:\d+)$")[0]
            self.assertIn("wrote", self.keys(farm, "add", "node7", "--sessions", "2", "--endpoint", endpoint, "--output",
                                             join_file))
            self.assertRegex(self.keys(farm, "list"), r"(?m)^worker  \S{40}  node7  sessions=2$")
            self.assertEqual(join_file.stat().st_mode & 0o777, 0o600)
            worker = farm.start(WORKER, "--join", join_file, "collatz", XDG_STATE_HOME=str(farm.folder))
            process.says(r"^worker \S+ at 127\.0\.0\.1:\d+ joined")
            self.assertEqual(self.keys(farm, "revoke", "node7"), "")
            status, _, errors = worker.end()
            self.assertEqual(status, 5)
            self.assertIn("the key of this worker was revoked", errors)
            self.assertEqual(process.end()[0], 0)

    def test_what_makes_no_sense_is_refused_in_words(self):
        with Farm() as farm:
            file = farm.folder / "a.join"
            self.keys(farm, "add", "a", "--output", file)
            before = self.keys(farm, "list")
            for words, said in ((("add", "a", "--output", farm.folder / "b.join"), "the name a is there already"),
                                (("add", "b", "--output", file), "is there already; remove it"),
                                (("add", "b/c", "--output", farm.folder / "c.join"), "letters, digits"),
                                (("add", 'b"c', "--output", farm.folder / "c.join"), "letters, digits"),
                                (("add", "b", "--role", "boss", "--output", farm.folder / "d.join"), "a role is worker"),
                                (("add", "b", "--endpoint", "udp://x", "--output", farm.folder / "e.join"), "udp"),
                                (("revoke", "nobody"), "no key called nobody"), ((), "subcommand"),
                                (("add",), "name"), (("nope",), "--help")):
                with self.subTest(words=words):
                    self.assertIn(said, self.keys(farm, *words, status=1))
            self.assertEqual(self.keys(farm, "list"), before)
            self.assertEqual(sorted(path.name for path in farm.folder.glob("*.join")), ["a.join"])

    def test_an_observer_is_no_worker(self):
        with Farm() as farm:
            process = farm.broker("--bind", "tcp://127.0.0.1:*")
            endpoint = process.says(r"waiting for workers at (tcp://127\.0\.0\.1:\d+)$")[0]
            file = farm.folder / "desk.join"
            self.keys(farm, "add", "desk", "--role", "observe", "--endpoint", endpoint, "--output", file)
            status, _, errors = farm.start(WORKER, "--join", file, "collatz").end()
            self.assertEqual(status, 5)
            self.assertIn('the key "desk" may observe, not worker', errors)
            self.assertEqual(process.end()[0], 0)


if __name__ == "__main__":
    unittest.main()
