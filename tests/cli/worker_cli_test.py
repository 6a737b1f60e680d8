#!/usr/bin/env python3
"""fanmill-worker's command line: help, versions, usage errors, and supervision by exit status.

No waiting by the clock: each test waits for a line, an end of file or an exit, with a limit that
only a hang reaches. A Lifeline is a named pipe held open by the processes under test: its end of
file says that the last of them is gone, whoever started it.
"""

import contextlib
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from farm_process import BROKER, PATIENCE, WORKER, clean_environment  # noqa: E402

# Stays until it is ended, in order at SIGTERM; $LINE is its lifeline.
OBEDIENT = 'exec 9>"$LINE"; trap "exit 5" TERM; echo $$ >&9; while :; do sleep 1000 & wait; done'
# Stays until it is killed.
DEAF = 'exec 9>"$LINE"; trap "" TERM INT HUP; echo $$ >&9; exec sleep 1000'


def run(*arguments, **extra):
    return subprocess.run([WORKER, *arguments], env=clean_environment(**extra), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=PATIENCE)


@contextlib.contextmanager
def nobody():
    """An endpoint at which nobody listens: it is taken, so that nobody else comes to."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"tcp://127.0.0.1:{taken.getsockname()[1]}"


class Lifeline:
    def __init__(self):
        self.folder = tempfile.mkdtemp()
        self.path = os.path.join(self.folder, "pipe")
        os.mkfifo(self.path)
        self.reader = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        self.text = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.reader)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _read_more(self):
        with selectors.DefaultSelector() as selector:
            selector.register(self.reader, selectors.EVENT_READ)
            if not selector.select(PATIENCE):
                raise AssertionError("nothing happened at the lifeline")
        chunk = os.read(self.reader, 4096)
        self.text += chunk
        return bool(chunk)

    def lines(self, count):
        """Waits until the processes have written so many lines, and returns them."""
        while self.text.count(b"\n") < count:
            if not self._read_more():
                raise AssertionError(f"gone before line {count}: {self.text!r}")
        return self.text.decode().splitlines()

    def wait_until_alone(self):
        while self._read_more():
            pass


class Supervised:
    """A running `fanmill-worker supervise`, ended at the end of the test in any case."""

    def __init__(self, script, *options, line):
        # A file and not a pipe: what a failed test leaves behind must not keep an end of file away.
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [WORKER, "supervise", *options, "--", "sh", "-c", script], env=clean_environment(LINE=line.path),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.errors)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.errors.close()

    def signal(self, number):
        self.process.send_signal(number)

    def end(self):
        """Waits for its end; returns (status, standard error)."""
        status = self.process.wait(PATIENCE)
        self.errors.seek(0)
        return status, self.errors.read()


class HelpAndVersion(unittest.TestCase):
    def test_help_shows_examples_and_exit_statuses(self):
        done = run("--help")
        self.assertEqual(done.returncode, 0)
        for word in ("Examples:", "--connect", "--join", "supervise", "echo", "sleep", "collatz", "Exit status"):
            self.assertIn(word, done.stdout)
        self.assertEqual(done.stderr, "")

    def test_help_of_supervise_shows_an_example(self):
        done = run("supervise", "--help")
        self.assertEqual(done.returncode, 0)
        self.assertIn("fanmill-worker supervise --copies 4 -- ./my_worker", done.stdout)

    def test_version_names_program_protocol_and_libraries(self):
        done = run("--version")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"^fanmill-worker \d+\.\d+\.\d+\nprotocol \d+")
        self.assertIn("libzmq", done.stdout)
        self.assertIn("Cap'n Proto", done.stdout)


class UsageErrors(unittest.TestCase):
    """Each ends with 5, so that a loop around the program does not spin, and says what is wrong."""

    def check(self, arguments, *words, **extra):
        done = run(*arguments, **extra)
        self.assertEqual(done.returncode, 5, done)
        self.assertEqual(done.stdout, "")
        for word in words:
            self.assertIn(word, done.stderr)
        return done

    def test_command_lines_that_make_no_sense(self):
        for arguments, word in [
            (["nope"], "nope not in {echo,sleep,collatz,command}"),
            (["--nope", "echo"], "--nope"),
            (["--slots", "0", "echo"], "--slots"),
            (["--slots", "many", "echo"], "--slots"),
            (["--verbose", "3", "echo"], "--verbose"),
            (["--give-up-after", "0", "echo"], "--give-up-after"),
            (["--spin", "1000001", "echo"], "--spin"),
            (["--connect", "node3:5557", "--join", "x", "echo"], "excludes"),
            (["--connect", "tcp://127.0.0.1:5557", "--monitored", "--slots", "2", "echo"], "slots"),
            (["--connect", "tcp://127.0.0.1:5557"], "FUNCTION"),
            ([], "fanmill-worker echo"),
            (["supervise"], "COMMAND"),
            (["supervise", "--copies", "0", "--", "true"], "--copies"),
        ]:
            with self.subTest(arguments=arguments):
                self.check(arguments, word)

    def test_without_a_manager_it_says_where_it_looked_and_what_to_type(self):
        with tempfile.TemporaryDirectory() as empty:
            self.check(["echo"], "FANMILL_ENDPOINT", empty, "--connect tcp://HOST:5557", XDG_STATE_HOME=empty)

    def test_a_join_file_that_is_not_there(self):
        self.check(["--join", "/no/such/join", "echo"], "/no/such/join", "No such file")

    def test_a_join_file_that_others_can_read(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "join")
            Path(path).write_text("fanmill-join = 1\nendpoint = tcp://127.0.0.1:5557\n")
            os.chmod(path, 0o644)
            self.check(["--join", path, "echo"], path, "chmod 600")

    def test_endpoints_that_are_none(self):
        for endpoint in ("http://127.0.0.1", "tcp://127.0.0.1:x", "tcp://127.0.0.1:99999", "tcp://:5557"):
            with self.subTest(endpoint=endpoint):
                self.check(["--connect", endpoint, "echo"], endpoint)

    def test_an_unknown_host(self):
        self.check(["--connect", "tcp://no-such-host.invalid:5557", "--give-up-after", "5", "echo"],
                   "no-such-host.invalid")


def have_keys():
    """This user has had a manager, so that a worker has keys for an endpoint that is typed."""
    subprocess.run([BROKER, "keys", "init"], env=clean_environment(), stdout=subprocess.DEVNULL, check=True)


class GivingUp(unittest.TestCase):
    def setUp(self):
        have_keys()

    def test_a_worker_without_a_manager_says_why(self):
        with nobody() as endpoint, subprocess.Popen([WORKER, "--connect", endpoint, "echo"], env=clean_environment(),
                                                    stderr=subprocess.PIPE, text=True) as process:
            self.assertIn("nobody listens at " + endpoint, process.stderr.readline())
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(PATIENCE), 5)

    def test_it_gives_up(self):
        with nobody() as endpoint:
            done = run("--connect", endpoint, "--give-up-after", "1", "echo")
        self.assertEqual(done.returncode, 5)
        # Why, it says once, if it has noticed by then.
        self.assertRegex(done.stderr, r"^(.* nobody listens at .*\n)?.* no manager for 1 s.*\n$")

    def test_the_endpoint_may_come_from_the_environment(self):
        with nobody() as endpoint:
            done = run("echo", FANMILL_ENDPOINT=endpoint, FANMILL_GIVE_UP_AFTER="0.2")
        self.assertEqual(done.returncode, 5)
        self.assertIn("manager", done.stderr)

    def test_sigterm_ends_a_waiting_worker_with_5(self):
        # A manager that accepts and never says a word: the connection tells that the worker is up.
        with socket.create_server(("127.0.0.1", 0)) as silent:
            silent.settimeout(PATIENCE)
            endpoint = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
            with subprocess.Popen([WORKER, "--connect", endpoint, "echo"], env=clean_environment(),
                                  stderr=subprocess.PIPE) as process:
                connection, _ = silent.accept()
                process.send_signal(signal.SIGTERM)
                self.assertEqual(process.wait(PATIENCE), 5)
                connection.close()


class Supervision(unittest.TestCase):
    def test_exit_status_5_is_the_end(self):
        with Lifeline() as line, Supervised('echo life >"$LINE"; exit 5', "--copies", "3", line=line) as supervised:
            status, errors = supervised.end()
            self.assertEqual((status, errors), (0, ""))
            self.assertEqual(line.lines(3), ["life"] * 3)
            line.wait_until_alone()
            self.assertEqual(line.text, b"life\n" * 3)

    def test_other_statuses_and_signals_start_it_again(self):
        for end, word in [("exit 7", "status 7"), ("exit 1", "status 1"), ("kill -SEGV $$", "SIGSEGV")]:
            with self.subTest(end=end), Lifeline() as line:
                script = f'[ -e "$LINE.mark" ] && exit 5; : >"$LINE.mark"; {end}'
                with Supervised(script, line=line) as supervised:
                    status, errors = supervised.end()
                self.assertEqual(status, 0, errors)
                self.assertIn(word, errors)
                self.assertIn("started again", errors)

    def test_a_killed_task_starts_it_again_without_a_word(self):
        with Lifeline() as line:
            script = '[ -e "$LINE.mark" ] && exit 5; : >"$LINE.mark"; exit 6'
            with Supervised(script, line=line) as supervised:
                self.assertEqual(supervised.end(), (0, ""))
            with Supervised("exit 5", "--verbose", line=line) as supervised:
                status, errors = supervised.end()
            self.assertEqual(status, 0)
            self.assertIn("runs as process", errors)
            self.assertIn("exit status 5", errors)

    def test_a_program_that_never_comes_up_is_given_up_with_5(self):
        with Lifeline() as line, Supervised("echo no such library >&2; exit 127", line=line) as supervised:
            status, errors = supervised.end()
        self.assertEqual(status, 5)
        self.assertIn("5 times in a row", errors)
        self.assertIn("no such library", errors)

    def test_a_program_that_is_not_there(self):
        done = run("supervise", "--", "./no-such-worker", "--its-option")
        self.assertEqual(done.returncode, 5)
        self.assertEqual(done.stderr, "fanmill-worker: can't start ./no-such-worker: No such file or directory\n")

    def test_signals_end_all_copies_in_order(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            with self.subTest(number=number), Lifeline() as line:
                with Supervised(OBEDIENT, "-n", "3", "--term-grace", "3600", line=line) as supervised:
                    line.lines(3)
                    supervised.signal(number)
                    self.assertEqual(supervised.end(), (0, ""))
                    line.wait_until_alone()

    def test_a_signal_that_was_ignored_from_the_start_ends_nothing(self):
        """As under nohup."""
        with Lifeline() as line:
            before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
            supervised = Supervised(OBEDIENT, "--verbose", line=line)
            signal.signal(signal.SIGHUP, before)
            between_lives = os.open(line.path, os.O_WRONLY)  # no end of file there
            with supervised:
                copy = int(line.lines(1)[0])
                supervised.signal(signal.SIGHUP)
                # Had it counted, no new life would follow this one.
                os.kill(copy, signal.SIGKILL)
                line.lines(2)
                supervised.signal(signal.SIGTERM)
                status, errors = supervised.end()
            os.close(between_lives)
            self.assertEqual(status, 0)
            self.assertIn("started again", errors)

    def test_a_deaf_program_is_killed_after_the_grace(self):
        with Lifeline() as line, Supervised(DEAF, "-n", "2", "--term-grace", "0.05", line=line) as supervised:
            line.lines(2)
            supervised.signal(signal.SIGTERM)
            self.assertEqual(supervised.end(), (0, ""))
            line.wait_until_alone()

    def test_a_second_signal_does_not_wait_for_the_grace(self):
        # Tells that the first signal has come before the second is sent: equal ones would merge.
        script = 'exec 9>"$LINE"; trap "echo asked >&9" TERM; echo $$ >&9; while :; do sleep 1000 & wait; done'
        with Lifeline() as line, Supervised(script, "--term-grace", "3600", line=line) as supervised:
            line.lines(1)
            supervised.signal(signal.SIGINT)
            self.assertEqual(line.lines(2)[1], "asked")
            supervised.signal(signal.SIGINT)
            self.assertEqual(supervised.end(), (0, ""))
            line.wait_until_alone()

    def test_kill_9_of_the_supervisor_leaves_nothing(self):
        with Lifeline() as line, Supervised(DEAF, "-n", "3", line=line) as supervised:
            line.lines(3)
            supervised.signal(signal.SIGKILL)
            line.wait_until_alone()

    def test_copies_are_out_of_reach_of_the_terminals_ctrl_c(self):
        with Lifeline() as line, Supervised(OBEDIENT, line=line) as supervised:
            copy = int(line.lines(1)[0])
            self.assertEqual(os.getpgid(copy), copy)
            self.assertEqual(os.getpgid(supervised.process.pid), os.getpgid(0))
            supervised.signal(signal.SIGTERM)
            self.assertEqual(supervised.end(), (0, ""))

    def test_arguments_behind_the_dashes_are_the_programs_own(self):
        done = run("supervise", "--copies", "1", "--", "sh", "-c", 'echo "$@" >&2; exit 5', "sh", "--copies", "7",
                   "--help", "--", "supervise")
        self.assertEqual((done.returncode, done.stderr), (0, "--copies 7 --help -- supervise\n"))

    def test_a_worker_that_gives_up_is_not_started_again(self):
        have_keys()
        with nobody() as endpoint:
            done = run("supervise", "--", WORKER, "--connect", endpoint, "--give-up-after", "0.2", "echo")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(done.stderr.count("no manager for"), 1, done.stderr)
        self.assertNotIn("started again", done.stderr)


if __name__ == "__main__":
    # Started in the background or under nohup we would hand ignored signals on.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    unittest.main()
