#!/usr/bin/env python3
"""Workers come, go, crash, stand still and come back as they like; the results are those of a quiet run.

What a worker held when it was killed or paused is no accident here: it stands still (SIGSTOP) before the items are
written, so they reach it and wait with it. Which workers it hits, and what becomes of them, is drawn from a seed.
"""

import os
import random
import re
import signal
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from farm_process import SOURCE, WORKER, Farm, collatz, stop, values  # noqa: E402

PYTHON = "/usr/bin/python3"
PYTHON_WORKER = SOURCE / "examples" / "workers" / "python" / "collatz_worker.py"
FIRST_TEN = [[1, 0, 1], [2, 1, 2], [3, 7, 16], [4, 2, 4], [5, 5, 16], [6, 8, 16], [7, 16, 52], [8, 3, 8], [9, 19, 52],
             [10, 6, 16]]
ITEMS = 2000
CHUNK = 100
EXPECTED = [collatz(n) for n in range(1, ITEMS + 1)]


def items(first, last):
    return "".join(f"{n}\n" for n in range(first, last + 1))


class JoiningTest(unittest.TestCase):
    def finish(self, broker):
        status, output, errors = broker.end()
        self.assertEqual(status, 0, errors[-4000:])
        self.assertEqual(values(output), EXPECTED)
        return errors

    def end_workers(self, workers):
        """Those that came when the manager had gone would look for it a minute long."""
        for worker in workers:
            worker.signal(signal.SIGCONT)
            worker.signal(signal.SIGTERM)
            worker.wait()


class Joining(JoiningTest):
    def test_ten_numbers_on_four_workers(self):
        with Farm() as farm:
            status, output, errors = farm.run("--local", "4", "--", WORKER, "collatz", items=items(1, 10))
            self.assertEqual(status, 0, errors)
            self.assertEqual(values(output), FIRST_TEN)

    def test_workers_before_the_broker(self):
        with Farm() as farm:
            workers = [farm.worker("collatz") for _ in range(4)]
            broker = farm.broker("--bind", farm.endpoint, "--verbose", "1")
            broker.says("joined", 4)
            broker.write(items(1, ITEMS))
            self.finish(broker)
            for worker in workers:
                self.assertEqual(worker.end()[0], 5)  # the manager said goodbye

    def test_workers_after_the_broker_and_its_items(self):
        with Farm() as farm:
            broker = farm.broker("--bind", farm.endpoint)
            broker.says("waiting for workers")
            broker.write(items(1, ITEMS))
            broker.close_input()
            workers = [farm.worker("collatz") for _ in range(4)]
            self.finish(broker)
            self.end_workers(workers)

    def test_workers_in_the_middle_of_a_run(self):
        with Farm() as farm:
            broker = farm.broker("--bind", farm.endpoint, "--verbose", "1")
            for worker in range(1, 5):
                farm.worker("collatz")
                broker.says("joined", worker)
                broker.write(items((worker - 1) * 400 + 1, worker * 400))
                broker.lines(worker * 400)
            broker.write(items(1601, ITEMS))
            self.finish(broker)

    def test_workers_and_broker_in_any_order(self):
        for seed in range(3):
            with self.subTest(seed=seed), Farm() as farm:
                chance = random.Random(seed)
                order = ["broker"] + ["worker"] * 4
                chance.shuffle(order)
                broker, workers = None, []
                for kind in order:
                    if kind == "worker":
                        workers.append(farm.worker("collatz", "--slots", chance.choice("123")))
                    else:
                        broker = farm.broker("--bind", farm.endpoint)
                broker.write(items(1, ITEMS))
                self.finish(broker)
                self.end_workers(workers)

    def test_workers_that_leave_in_order_take_nothing_with_them(self):
        with Farm() as farm:
            broker = farm.broker("--bind", farm.endpoint, "--verbose", "1")
            workers = [farm.worker("collatz") for _ in range(3)]
            broker.says("joined", 3)
            heirs = []
            for i, worker in enumerate(workers):
                broker.write(items(i * 500 + 1, i * 500 + 500))
                worker.signal(signal.SIGTERM)
                heirs.append(farm.worker("collatz"))
                self.assertEqual(worker.end()[0], 5)
            broker.write(items(1501, ITEMS))
            self.finish(broker)
            self.end_workers(heirs)


class Faults(JoiningTest):
    def run_with_faults(self, seed, fault):
        """`fault(farm, workers, victims, broker)` is called while the victims stand still and hold tasks."""
        with Farm() as farm:
            chance = random.Random(seed)
            broker = farm.broker("--bind", farm.endpoint, "--verbose", "2", "--prefetch", chance.choice("0123"))
            workers = [farm.worker("collatz") for _ in range(4)]
            for worker in workers:  # a slow start may take two greetings, of which the first is lost
                worker.says("welcome, session")
            begun, hit = len(broker.err), 0
            for first in range(1, ITEMS, CHUNK):
                # At most two at once, so no task can lose the three workers that would quarantine it.
                victims = chance.sample(workers, chance.choice([0, 1, 2]))
                # One that stands still for long before the items come is suspect, and gets none.
                goes_to = [rf"goes to \S+:{victim.pid}: |^worker \S+:{victim.pid} .*is silent" for victim in victims]
                counts = [len(broker.says(pattern, 0)) for pattern in goes_to]
                for victim in victims:
                    broker.says(rf"worker \S+:{victim.pid} at .* joined")
                    stop(victim.pid)
                broker.write(items(first, first + CHUNK - 1))
                for pattern, count in zip(goes_to, counts):
                    broker.says(pattern, count + 1)
                hit += len(victims)
                fault(farm, workers, victims, broker)
                broker.lines(first + CHUNK - 1)
            self.assertGreater(hit, 5)
            errors = self.finish(broker)
            self.end_workers(workers)
            return hit, errors[begun:]

    def lost(self, errors):
        """The process ids of the workers that were lost."""
        return {int(pid) for pid in re.findall(r"^worker \S+:(\d+) at .* left: (?!the farm is closed)", errors, re.MULTILINE)}

    def kill(self, victim):
        victim.signal(signal.SIGKILL)
        victim.wait()

    def replace(self, farm, workers, victim):
        self.kill(victim)
        workers[workers.index(victim)] = farm.worker("collatz")

    def test_workers_killed_while_they_hold_tasks_and_started_again(self):
        killed = set()

        def kill(farm, workers, victims, broker):
            for victim in victims:
                killed.add(victim.pid)
                self.replace(farm, workers, victim)

        for seed in (1, 2):
            with self.subTest(seed=seed):
                killed.clear()
                hit, errors = self.run_with_faults(seed, kill)
                self.assertEqual(len(killed), hit)
                self.assertLessEqual(killed, self.lost(errors))
                self.assertIn("waits again", errors)

    def test_workers_killed_and_not_replaced(self):
        def kill(farm, workers, victims, broker):
            for victim in victims:
                self.kill(victim)
                workers.remove(victim)
            while len(workers) < 3:
                workers.append(farm.worker("collatz", "--slots", "2"))

        self.run_with_faults(3, kill)

    def test_workers_paused_while_they_hold_tasks_and_continued(self):
        def pause(farm, workers, victims, broker):
            for victim in victims:
                victim.signal(signal.SIGCONT)

        _, errors = self.run_with_faults(4, pause)
        self.assertEqual(self.lost(errors), set())

    def test_killed_and_paused_as_it_comes(self):
        chance = random.Random(5)

        def any_fault(farm, workers, victims, broker):
            for victim in victims:
                if chance.random() < 0.5:
                    victim.signal(signal.SIGCONT)
                else:
                    self.replace(farm, workers, victim)

        self.run_with_faults(6, any_fault)


@unittest.skipIf(subprocess.run([PYTHON, "-c", "import zmq"], capture_output=True).returncode != 0, "no pyzmq")
class Languages(JoiningTest):
    def python_worker(self, farm):
        return farm.start(PYTHON, PYTHON_WORKER, farm.endpoint, stdin=subprocess.DEVNULL)

    def test_python_and_cpp_workers_in_one_run(self):
        with Farm() as farm:
            broker = farm.broker("--bind", farm.endpoint, "--verbose", "2")
            of_cpp = [farm.worker("collatz") for _ in range(2)]
            of_python = [self.python_worker(farm) for _ in range(2)]
            broker.says(" joined", 4)
            broker.write(items(1, ITEMS))
            errors = self.finish(broker)
            for worker in of_cpp + of_python:
                self.assertRegex(errors, rf"ended on \S+:{worker.pid}, result: \[")
                self.assertEqual(worker.end()[0], 5)

    def test_each_takes_over_what_a_killed_one_of_the_other_held(self):
        for killed, heir in (("python", "cpp"), ("cpp", "python")):
            with self.subTest(killed=killed), Farm() as farm:
                start = {"cpp": lambda: farm.worker("collatz"),
                         "python": lambda: self.python_worker(farm)}
                broker = farm.broker("--bind", farm.endpoint, "--verbose", "2")
                victim = start[killed]()
                broker.says(" joined", 1)
                stop(victim.pid)
                broker.write(items(1, 10))
                broker.says(rf"goes to \S+:{victim.pid}: ")
                os.kill(victim.pid, signal.SIGKILL)
                start[heir]()
                self.assertEqual(values("\n".join(broker.lines(10))), FIRST_TEN)
                self.assertEqual(broker.end()[0], 0)


if __name__ == "__main__":
    unittest.main()
