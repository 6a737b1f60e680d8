#!/usr/bin/env python3
"""`fanmill-worker command`: what a task may ask for, which limits count, and how tasks that do harm end.

Every run has tasks beside the one that it is about; they get their results whatever that one does.
"""

import os
import socket
import sys
import unittest
from pathlib import Path

from worker_rig import MIB, WorkerTest
from farm_process import Farm, wait_until

OK = {"command": "echo ok"}


class Payload(WorkerTest):
    def result(self, task, **options):
        work = self.command(task, **options)
        self.assertEqual(work.errors, {})
        return work.results[0]

    def test_a_result_tells_what_was_measured(self):
        result = self.result({"command": "echo out; echo err >&2"})
        self.assertEqual(set(result), {"exit", "output", "errors", "host", "started", "wall", "cpu", "memory"})
        self.assertEqual((result["exit"], result["output"], result["errors"], result["host"]),
                         (0, "out\n", "err\n", socket.gethostname()))
        for name in ("started", "wall", "cpu", "memory"):
            self.assertGreater(result[name], 0, name)

    def test_each_key(self):
        for task, output in [
            ({"command": ["printf", "%s;", "a b", "$HOME", ""]}, "a b;$HOME;;"),
            ({"command": "printf '%s;' 'a b' $((1 + 1))"}, "a b;2;"),
            ({"command": {"$bytes": "ZWNobyD/"}}, {"$bytes": "/wo="}),  # echo \377
            ({"command": "cat"}, ""),
            ({"command": "cat", "input": "x\ny"}, "x\ny"),
            ({"command": "cat", "input": {"$bytes": "AP8="}}, {"$bytes": "AP8="}),
            ({"command": "pwd", "directory": "/"}, "/\n"),
            ({"command": "echo $A $HOME", "environment": {"A": "1", "HOME": "2"}}, "1 2\n"),
        ]:
            with self.subTest(task):
                self.assertEqual(self.result(task)["output"], output)

    def test_until_says_what_success_is(self):
        for script, until, status in [("exit 3", "any", 3), ("exit 3", {"exit": [2, 3]}, 3), ("exit 0", "exit-zero", 0),
                                      ("echo abc; echo def; exit 4", {"match": "^d[a-e]+f$"}, 4)]:
            self.assertEqual(self.result({"command": script, "until": until})["exit"], status)
        for script, until, pattern in [("exit 3", "exit-zero", "exit 3$"), ("exit 0", {"exit": [3]}, "exit 0$"),
                                       ("echo abc; echo no >&2", {"match": "^b"}, "no match: no$"),
                                       ("echo abc", {"match": "("}, 'bad pattern: "[(]" is no extended regular')]:
            self.check_failure(self.command({"command": script, "until": until}), 0, f"failed.*: {pattern}")

    def test_a_pattern_that_takes_too_long_costs_its_task_alone(self):
        pattern = "(((((a{0,255}){0,255}){0,255}){0,255}){0,255})b"
        work = self.command({"command": "echo " + "a" * 100, "until": {"match": pattern}}, OK)
        self.check_failure(work, 0, "bad pattern")
        self.assertEqual(work.results[1]["output"], "ok\n")

    def test_output_beyond_its_limit_is_kept_in_a_file(self):
        with Farm() as farm:
            result = self.result({"command": "seq 1000", "output_max": 10}, TMPDIR=str(farm.folder))
            self.assertEqual((result["output"], result["output_bytes"]), ("1\n2\n3\n4\n5\n", 3893))
            self.assertEqual(Path(result["output_file"]).parent, farm.folder)
            self.assertEqual(Path(result["output_file"]).read_text(), "".join(f"{n}\n" for n in range(1, 1001)))
            self.assertNotIn("output_file", self.result({"command": "seq 1000"}, TMPDIR=str(farm.folder)))
            self.assertEqual(len(list(farm.folder.glob("fanmill-out*"))), 1, "only where it is needed")

    def test_a_program_that_cannot_be_run(self):
        for task, words in [({"command": ["/no/such"]}, "can't start /no/such: No such file"),
                            ({"command": "true", "directory": "/no/such"}, "its working directory /no/such: No such file")]:
            self.check_failure(self.command(task), 0, f"failed: could not start: .*{words}")

    def test_what_makes_no_sense_is_a_bad_task(self):
        whole = 'is a map with "command" in it, got '
        wrong = [(task, whole + got) for task, got in [(1, "integer 1"), (None, "null"), ([], "list of 0"), ("x", 'text "x"')]]
        wrong += [({}, 'has no "command"'), ({"command": "x", "nope": 1}, 'unknown key "nope"; known are command, input, dir')]
        wrong += [({"command": value}, words) for value, words in [
            (5, '"command" must be text for the shell, or a list of texts'), ([], '"command" must be text for the shell'),
            ([1], '"command" must be text or bytes, got integer 1'), (["", "x"], "the program is empty"),
            ("a\0b", '"command" has a NUL in it')]]
        wrong += [({"command": "true", key: value}, words) for key, value, words in [
            ("input", 5, '"input" must be text or bytes'), ("directory", 5, '"directory" must be text or bytes'),
            ("environment", 5, '"environment" must be a map'), ("environment", {"A": 5}, '"environment.A" must be text'),
            ("environment", {"": "x"}, 'the name "", which'), ("environment", {"A=B": "x"}, 'the name "A=B", which'),
            ("limits", 5, '"limits" must be a map'), ("limits", {"walls": 1}, 'unknown key "walls"; known are wall, cpu'),
            ("limits", {"wall": "5"}, '"limits.wall" must be a number of seconds, got text'),
            ("limits", {"wall": 0}, '"limits.wall" must be more than 0 s'), ("limits", {"cpu": -1}, '"limits.cpu" must be more'),
            ("limits", {"wall": 1e300}, "at most ten years"), ("limits", {"memory": 1.5}, '"limits.memory" must be an integer'),
            ("limits", {"processes": -1}, '"limits.processes" must be an integer from 0'),
            ("limits", {"files": "9"}, '"limits.files" must be'), ("limits", {"core": []}, '"limits.core" must be'),
            ("limits", {"nice": 20}, '"limits.nice" must be 0 to 19'), ("until", "x", '"until" must be "exit-zero", "any"'),
            ("until", 5, '"until" must be "exit-zero", "any"'), ("until", {"exits": []}, 'unknown key "exits"; known are exit'),
            ("until", {"exit": 1}, '"until.exit" must be a list'), ("until", {"exit": ["1"]}, '"until.exit" must be an integer'),
            ("until", {"match": 1}, '"until.match" must be text'), ("output_max", -1, '"output_max" must be an integer'),
            ("output_max", "x", '"output_max" must be an integer')]]
        work = self.command(*(task for task, _ in wrong), OK)
        for number, (task, words) in enumerate(wrong):
            with self.subTest(task):
                self.assertRegex(work.errors[number], "^attempt 1 on [^;]* failed: bad task: ")
                self.assertIn(words, work.errors[number])
        self.assertEqual(work.results[-1]["output"], "ok\n", "the worker has survived them all")
        self.check_stayed(work)


class Environment(WorkerTest):
    SCRIPT = 'echo "$FANMILL_ITEM $FANMILL_TASK $FANMILL_ATTEMPT $FANMILL_ENDPOINT $FANMILL_JOIN"'

    def test_a_task_knows_who_it_is_and_where_its_manager_is(self):
        """Also where the worker was told by --connect, whatever else its own environment names."""
        for environment in ({}, {"FANMILL_ENDPOINT": "tcp://127.0.0.1:1", "FANMILL_JOIN": "/no/such/file"}):
            with Farm() as farm:
                tasks = [{"command": self.SCRIPT}] * 2
                work = self.ended(*self.start(farm, ["command"], tasks, "--function", "command", **environment))
                told = [result["output"].split() for result in work.results]
                self.assertEqual([(item, attempt, *rest) for item, _, attempt, *rest in told],
                                 [("0", "1", farm.endpoint), ("1", "1", farm.endpoint)])
                self.assertNotEqual(told[0][1], told[1][1])

    def test_the_next_attempt_knows_its_number(self):
        work = self.command({"command": 'echo "$FANMILL_ATTEMPT"; [ "$FANMILL_ATTEMPT" = 3 ] || kill -9 $$'})
        self.assertEqual(work.results[0]["output"], "3\n")


class Limits(WorkerTest):
    SHOW = {"command": "ulimit -n; ulimit -c; nice"}

    def test_the_tighter_counts(self):
        looser, tighter = {"files": 50, "core": 2048, "nice": 2}, {"files": 20, "core": 0, "nice": 5}
        for worker, task in ((looser, tighter), (tighter, looser), (tighter, {}), ({}, tighter)):
            options = [word for name, value in worker.items() for word in (f"--{name}", value)]
            work = self.command(self.SHOW | {"limits": task}, options=options)
            self.assertEqual(work.results[0]["output"].split(), ["20", "0", str(os.nice(0) + 5)], work.errors)

    def test_wall_time(self):
        # A worker's own limit holds for each task, also for one that is only slow to start: no other runs under that.
        for limits, options, others in [({"wall": 0.2}, ("--wall", 1000), [OK]), ({"wall": 1000}, ("--wall", 0.2), []),
                                        ({}, ("--wall", 0.2), [])]:
            work = self.command({"command": "echo so far >&2; sleep 1000", "limits": limits}, *others, options=options)
            self.check_failure(work, 0, "failed.*: time limit: its limit of wall time passed")
            self.assertEqual([result["output"] for result in work.results[1:]], ["ok\n"] * len(others))

    def test_processor_time(self):
        for limits, options in [({"cpu": 0.5}, ()), ({"cpu": 1000}, ("--cpu", 1))]:
            work = self.command({"command": "while :; do :; done", "limits": limits}, OK, options=options)
            self.check_failure(work, 0, "failed.*: time limit: its limit of cpu time passed$")
            self.assertEqual(work.results[1]["output"], "ok\n")

    def test_processor_time_counts_for_who_ignores_the_signal(self):
        script = "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass"
        work = self.command({"command": [sys.executable, "-c", script], "limits": {"cpu": 1}}, OK)
        self.check_failure(work, 0, "failed.*: time limit: its limit of cpu time passed$")

    def test_memory(self):
        """Where a cgroup counts it, the kernel ends the task; else it is refused more."""
        for limits, options in [({"memory": 300 * MIB}, ("--memory", "8G")), ({"memory": 8 << 30}, ("--memory", "300M"))]:
            task = {"command": [sys.executable, "-c", "x = b'x' * (600 << 20)"], "limits": limits}
            work = self.command(task, OK, options=options)
            attempts = 3 if "out of memory" in work.errors[0] else 1
            self.check_failure(work, 0, "crashed.*: out of memory|failed.*: exit 1: (.*\n)*MemoryError$", attempts=attempts)
            self.assertEqual(work.results[1]["output"], "ok\n")


class Harm(WorkerTest):
    SHORT = {"wall": 0.3}  # a task's own limit: those beside it may take the time that they need
    GRADES = ("group", "subreaper", "cgroup")

    def check_harm(self, task, *options):
        """The task beside two others, of which one runs after it in its slot."""
        work = self.command(OK, task, OK, OK, options=options)
        self.assertEqual([result and result["output"] for result in work.results if result != work.results[1]], ["ok\n"] * 3)
        self.check_stayed(work)
        return work

    def test_a_crash(self):
        work = self.check_harm({"command": "echo last words >&2; kill -SEGV $$"})
        self.check_failure(work, 1, r"crashed.*: signal 11 \(SIGSEGV\): last words$", attempts=3)

    def test_a_fork_loop(self):
        """Where nothing counts its processes, its time limit ends it. (A cgroup, or for users other than root
        the kernel, lets the shell fail at its next fork.)"""
        for grade in self.GRADES:
            with self.subTest(grade):
                work = self.check_harm({"command": "while :; do sleep 1000 & done", "limits": self.SHORT}, "--containment", grade,
                                       "--processes", 50)
                self.check_failure(work, 1, "failed.*: (time limit: its limit of wall|exit 2: (.*\n)*.*fork)")

    def test_children_that_flee(self):
        """From their process group and from their parent. The lowest grade lets them live until their worker ends."""
        flee = ("for i in 1 2 3 4 5; do setsid sh -c 'sleep 1000 & touch {0}/fled-'$i'; sleep 1000' & done; "
                "until [ -e {0}/fled-1 -a -e {0}/fled-2 -a -e {0}/fled-3 -a -e {0}/fled-4 -a -e {0}/fled-5 ]; do sleep 0.01; done; "
                "echo ok")
        for grade, left in (("group", 10), ("subreaper", 0), ("cgroup", 0)):
            with self.subTest(grade), Farm() as farm:
                wait = f"touch {farm.folder}/on; until [ -e {farm.folder}/go-on ]; do sleep 0.01; done"
                worker = ["command", "--containment", grade]
                processes = self.start(farm, worker, [{"command": flee.format(farm.folder)}, {"command": wait}], "--function", "command")
                wait_until((farm.folder / "on").exists, "the second task")
                wait_until(lambda: sum(line == "sleep 1000" for line in farm.processes().values()) == left, farm.processes)
                (farm.folder / "go-on").touch()
                self.assertEqual([result["output"] for result in self.ended(*processes).results], ["ok\n", ""])

    def test_a_flood_of_output(self):
        with Farm() as farm:
            work = self.command({"command": "head -c 200000000 /dev/zero"}, OK, OK, TMPDIR=str(farm.folder))
            flood, *rest = work.results
            self.assertEqual((flood["output_bytes"], len(flood["output"])), (200000000, 65536))
            self.assertEqual(Path(flood["output_file"]).stat().st_size, 200000000)
            self.assertEqual([result["output"] for result in rest], ["ok\n"] * 2)

    def test_a_flood_of_words_on_standard_error(self):
        work = self.check_harm({"command": "head -c 50000000 /dev/zero | tr '\\0' x >&2; echo end >&2; exit 1"})
        self.check_failure(work, 1, "failed.*: exit 1: x*end$")
        self.assertLess(len(work.errors[1]), 6000)

    def test_one_that_closes_its_output_and_lingers(self):
        work = self.check_harm({"command": "exec >&- 2>&-; sleep 1000", "limits": self.SHORT})
        self.check_failure(work, 1, "failed.*: time limit")

    def test_one_whose_child_keeps_its_output_open(self):
        """The task ends with its own process; what that has left behind is ended."""
        work = self.check_harm({"command": "sleep 1000 & echo ok"})
        self.assertEqual(work.results[1]["output"], "ok\n")

    def test_one_that_stops_itself_or_ignores_what_would_end_it(self):
        for script in ("kill -STOP $$", "trap '' TERM INT HUP QUIT; while :; do sleep 1000; done"):
            work = self.check_harm({"command": script, "limits": self.SHORT})
            self.check_failure(work, 1, "failed.*: time limit")

    def test_one_that_kills_its_parent(self):
        """Its keeper: the attempt is lost, the slot gets another keeper, and the run goes on."""
        work = self.check_harm({"command": "kill -9 $PPID; sleep 1000"})
        self.check_failure(work, 1, "crashed", attempts=3)


if __name__ == "__main__":
    unittest.main()
