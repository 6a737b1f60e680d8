"""One worker of any kind and a broker that gives it items: for the tests of fanmill-worker."""

import json
import re
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from farm_process import SOURCE, WORKER, Farm, values  # noqa: E402, F401

MIB = 1 << 20


class Work:
    """A run that has ended: `results` by item (None if it has failed), `errors` by number from 0."""

    def __init__(self, output, errors, said):
        self.results = values(output)
        self.told = errors  # by the broker, on its standard error
        found = re.findall(r"^fanmill-broker: line (\d+): no result; (.*(?:\n(?!fanmill-broker: |\d+ items ).*)*)", errors,
                           re.MULTILINE)
        self.errors = {int(line) - 1: text for line, text in found}
        self.said = said  # the worker, on its standard error


class WorkerTest(unittest.TestCase):
    maxDiff = None

    def start(self, farm, worker, items, *broker, **environment):
        """A broker with these items and a worker for them; returns both."""
        path = farm.folder / "items"
        path.write_text("".join(json.dumps(item) + "\n" for item in items))
        with open(path) as file:
            process = farm.broker("--bind", farm.endpoint, "--keep-going", *broker, stdin=file)
        # A worker that is killed leaves its folder for long outputs behind.
        environment = {"TMPDIR": str(farm.folder)} | environment
        return process, farm.start(WORKER, "--connect", farm.endpoint, *worker, stdin=subprocess.DEVNULL, **environment)

    def ended(self, broker, worker):
        """What it was, when both have ended by themselves."""
        _, output, errors = broker.end()
        status, _, said = worker.end()
        self.assertEqual(status, 5, said)
        return Work(output, errors, said)

    def work(self, worker, items, *broker, **environment):
        """From start to end. Nothing is left of it, or leaving the Farm fails."""
        with Farm() as farm:
            return self.ended(*self.start(farm, worker, items, *broker, **environment))

    def check_failure(self, work, item, pattern, attempts=1):
        """The item has failed so often and no more, the last time with this."""
        self.assertIn(item, work.errors, work.results)
        tried = re.split(r"; (?=attempt \d+ on )", work.errors[item])
        self.assertEqual(len(tried), attempts, tried)
        self.assertRegex(tried[-1], pattern)

    def check_stayed(self, work):
        """It was welcomed once and for all. (The summary counts one that greeted again, as its Welcome was late, twice.)"""
        self.assertEqual(work.said.count("welcome, session"), 1, work.said)

    def command(self, *tasks, options=(), **more):
        return self.work(["command", "--slots", "2", *options], tasks, "--function", "command", **more)
