#!/usr/bin/env python3
"""kill -9 of a worker, of its broker, and of the processes between a worker and its tasks.

Leaving a Farm proves that nothing of a tree is left; a run that goes on gives all its results.
"""

import os
import shutil
import signal
import sys
import unittest

from worker_rig import WorkerTest
from farm_process import Farm, status_of, wait_until

# Deaf to whatever asks it to end, with children that have fled, and a mark that it runs.
STUBBORN = """
trap '' TERM INT HUP
setsid sh -c 'sleep 1000 & sleep 1000' &
touch "$MARKS/$FANMILL_ITEM"
while :; do sleep 1000; done
"""


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


class KilledTest(WorkerTest):
    def start_tasks(self, farm, script, count, *options, slots=2):
        marks = farm.folder / "marks"
        marks.mkdir()
        tasks = [{"command": script, "environment": {"MARKS": str(marks)}}] * count
        processes = self.start(farm, ["command", "--slots", slots, *options], tasks, "--function", "command")
        self.wait_for_marks(farm, min(slots, count))
        # One for each slot, and a spare; as long as that has not run yet it bears its parent's name.
        wait_until(lambda: len(self.named(farm, "fanmill-keeper")) == slots + 1, "all keepers to be there")
        return processes

    @staticmethod
    def wait_for_marks(farm, count):
        marks = farm.folder / "marks"
        wait_until(lambda: len(list(marks.iterdir())) >= count, "tasks to run")

    @staticmethod
    def named(farm, name):
        return [pid for pid in farm.processes() if status_of(pid).get("Name") == name]

    def other_warden(self, farm, last=None):
        """The next one; a keeper that it has just forked bears its name at first."""
        return wait_until(lambda: len(found := self.named(farm, "fanmill-warden")) == 1 and found != [last] and found,
                          "one warden, another than before")[0]

    def check_nothing_left(self, farm):
        wait_until(lambda: not farm.processes(), lambda: f"processes to end: {farm.processes()}")


class Ends(KilledTest):
    GRADES = ("group", "subreaper", "cgroup")

    def test_of_a_killed_worker_nothing_is_left(self):
        for grade in self.GRADES:
            with self.subTest(grade), Farm() as farm:
                broker, worker = self.start_tasks(farm, STUBBORN, 2, "--containment", grade)
                worker.signal(signal.SIGKILL)
                wait_until(lambda: list(farm.processes()) == [broker.pid], farm.processes)
                broker.signal(signal.SIGKILL)

    def test_of_a_killed_broker_nothing_is_left(self):
        """Its worker, which waits for another broker, has to be told."""
        with Farm() as farm:
            broker, worker = self.start_tasks(farm, STUBBORN, 2)
            broker.signal(signal.SIGKILL)
            broker.wait()
            worker.signal(signal.SIGTERM)
            self.assertEqual(worker.wait(), 5)
            self.check_nothing_left(farm)

    def test_of_a_killed_broker_with_its_own_workers_nothing_is_left(self):
        with Farm() as farm:
            marks = farm.folder / "marks"
            marks.mkdir()
            broker = farm.broker("--local", "2", "--env", f"MARKS={marks}", "--race", STUBBORN + ": {}", ":::", "a", "b")
            self.wait_for_marks(farm, 2)
            broker.signal(signal.SIGKILL)
            self.check_nothing_left(farm)
            shutil.rmtree(next((farm.folder / "run").iterdir()))  # its socket; the next broker would remove it

    def test_sigterm_ends_a_worker_and_its_tasks_at_once(self):
        with Farm() as farm:
            broker, worker = self.start_tasks(farm, STUBBORN, 2)
            worker.signal(signal.SIGTERM)
            self.assertEqual(worker.wait(), 5)
            wait_until(lambda: list(farm.processes()) == [broker.pid], farm.processes)
            broker.signal(signal.SIGKILL)

    def test_of_a_resident_program_nothing_is_left(self):
        with Farm() as farm:
            program = [sys.executable, "-c", "import time; input(); time.sleep(1000)"]
            broker, worker = self.start(farm, ["pipe", "--slots", 2, "--", *program], [1, 2])
            wait_until(lambda: sum("time.sleep(1000)" in line for line in farm.processes().values()) >= 3, farm.processes)
            worker.signal(signal.SIGKILL)
            wait_until(lambda: list(farm.processes()) == [broker.pid], farm.processes)
            broker.signal(signal.SIGKILL)


class InBetween(KilledTest):
    """The worker's own processes that stand between it and its tasks."""

    # Waits to be let on, unless an attempt of it was lost already.
    TASK = 'touch "$MARKS/$FANMILL_ITEM"; [ "$FANMILL_ATTEMPT" -gt 1 ] || until [ -e "$MARKS/../go-on" ]; do sleep 0.01; done; echo ok'

    def check_all_results(self, farm, processes, count):
        (farm.folder / "go-on").touch()
        work = self.ended(*processes)
        self.assertEqual(work.errors, {})
        self.assertEqual([result["output"] for result in work.results], ["ok\n"] * count)
        self.check_stayed(work)

    def test_killed_keepers_cost_their_attempts_alone(self):
        for grade in ("group", "subreaper", "cgroup"):
            with self.subTest(grade), Farm() as farm:
                processes = self.start_tasks(farm, self.TASK, 20, "--containment", grade)
                for pid in self.named(farm, "fanmill-keeper")[:2]:
                    kill(pid)
                self.check_all_results(farm, processes, 20)

    def test_all_keepers_killed_at_once(self):
        with Farm() as farm:
            processes = self.start_tasks(farm, self.TASK, 20)
            for pid in self.named(farm, "fanmill-keeper"):
                kill(pid)
            self.check_all_results(farm, processes, 20)

    def test_a_killed_warden_costs_nothing(self):
        with Farm() as farm:
            processes = self.start_tasks(farm, self.TASK, 20)
            warden = self.other_warden(farm)
            for _ in range(3):
                kill(warden)
                warden = self.other_warden(farm, warden)
            self.check_all_results(farm, processes, 20)

    def test_a_killed_warden_and_then_keepers(self):
        with Farm() as farm:
            processes = self.start_tasks(farm, self.TASK, 20)
            warden = self.other_warden(farm)
            kill(warden)
            self.other_warden(farm, warden)
            for pid in self.named(farm, "fanmill-keeper")[:2]:
                kill(pid)
            self.check_all_results(farm, processes, 20)

    def test_all_of_them_killed_at_once_end_the_worker_and_leave_nothing(self):
        """There is nobody left to fork another: a supervisor may start the worker again."""
        with Farm() as farm:
            broker, worker = self.start_tasks(farm, 'touch "$MARKS/$FANMILL_ITEM"; exec sleep 1000', 2)
            # The warden last: at its end the kernel wakes those of its process group that stand still.
            between = self.named(farm, "fanmill-keeper") + self.named(farm, "fanmill-warden")
            for pid in between:
                os.kill(pid, signal.SIGSTOP)
            for pid in between:
                kill(pid)
            self.assertNotEqual(worker.wait(), 0)
            broker.signal(signal.SIGKILL)


if __name__ == "__main__":
    unittest.main()
