#!/usr/bin/env python3
"""Pauses, with the times that everybody gets who changes none: 6 s of silence make a suspect, 20 s a dead worker.

The one test in which real seconds must pass. Both pauses are in one run, so that they pass once.
"""

import signal
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from farm_process import Farm, stop  # noqa: E402

PAUSE = 5.0  # below both limits, so nobody may be declared dead for it


class Liveness(unittest.TestCase):
    def test_a_short_pause_changes_nothing_and_a_long_one_no_result(self):
        with Farm() as farm:
            broker = farm.broker("--bind", farm.endpoint, "--prefetch", "0", "--verbose", "2", "--unordered")
            short, long, heir = [farm.worker("sleep") for _ in range(3)]
            broker.says(" joined", 3)

            # One item for each; who has which is told by the lines. Long enough to be paused in their middle.
            broker.write("8.1\n8.2\n8.3\n")
            item_of = {int(pid): item for pid, item in broker.says(r"goes to \S+:(\d+): (8\.\d)$", 3)}
            group_of = {item: group for group, item in broker.says(r"of group (\d+) goes to \S+: (8\.\d)$", 3)}
            # A slow start may have cost one a second greeting; what counts comes behind the pause.
            returns = rf"^worker \S+:{long.pid} .*(is back|joined: .*)"
            joined, before = len(broker.says(returns)), len(broker.err)
            stop(long.pid)
            stop(short.pid)
            time.sleep(PAUSE)
            short.signal(signal.SIGCONT)
            broker.says(rf"ended on \S+:{short.pid}, result: {item_of[short.pid]}$")

            # Its task goes to whoever is free, and ends there, while it still stands still.
            broker.says(rf"^worker \S+:{long.pid} .*left: silent for \d+ s")
            taker, = broker.says(rf"task 1 of group {group_of[item_of[long.pid]]} ended on \S+:(\d+), result")
            self.assertIn(int(taker), (short.pid, heir.pid))
            long.signal(signal.SIGCONT)
            broker.says(returns, joined + 1)

            # It is one of them again: of three items at once each gets one.
            broker.write("3.1\n3.2\n3.3\n")
            broker.says(r"goes to \S+: 3\.\d$", 3)
            broker.says(rf"ended on \S+:{long.pid}, result: 3\.\d$")
            status, output, errors = broker.end()

            self.assertEqual(status, 0, errors)
            results = sorted(line.split('"result":')[1].rstrip("}") for line in output.splitlines())
            self.assertEqual(results, ["3.1", "3.2", "3.3", "8.1", "8.2", "8.3"], errors)
            # The short pause: no loss, no second greeting, one try.
            of_short = [line for line in errors[before:].splitlines() if f":{short.pid} " in line]
            departures = [line for line in of_short if " left: " in line]
            self.assertEqual([line for line in departures if "farm is closed" not in line], [], errors)
            self.assertEqual([line for line in of_short if "is back" in line or "joined" in line], [], errors)
            self.assertEqual(errors.count(f": {item_of[short.pid]}\n"), 2, errors)  # goes to, ended on
            self.assertEqual(errors.count(" left: silent for "), 1, errors)
            for worker in (short, long, heir):
                self.assertEqual(worker.end()[0], 5)


if __name__ == "__main__":
    unittest.main()
