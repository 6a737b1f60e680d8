#!/usr/bin/env python3
"""Ten thousand mutated handshakes on raw sockets while a farm works: it completes its run, and nothing of them is left."""

import collections
import random
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from strangers import MIB, SANITIZED, Cost, Keys, Relay, check_untouched, mib, mutations, seed, visit  # noqa: E402
from farm_process import WORKER, Farm, wait_until  # noqa: E402

CONNECTIONS_MIN = 10_000
LIVE = 300  # handshakes of a true client, changed on their way
WAVE = 1000
# What ten thousand connections may leave in a manager: the allocator's and libzmq's free lists.
GROWTH_MAX = 32 * MIB


class Handshakes(unittest.TestCase):
    def test_ten_thousand_mutated_handshakes_cost_a_farm_nothing(self):
        source = random.Random(seed())
        with Farm() as farm:
            join_file = farm.folder / "farm.join"
            manager = farm.broker("--bind", "tcp://127.0.0.1:*", "--join-file", join_file, "--verbose", "1")
            manager.says(r"waiting for workers at (tcp://127\.0\.0\.1:\d+)$")
            farm.start(WORKER, "--join", join_file, "collatz", stdin=subprocess.DEVNULL)
            manager.says(r"^worker \S+ at \S+ joined")
            keys, cost, items = Keys(join_file), Cost(manager.pid), 0

            def work():
                nonlocal items
                manager.write("".join(f"{items + i + 1}\n" for i in range(50)))
                items += 50
            work()
            manager.lines(items)
            with Relay(keys) as relay:
                record = relay.handshake()
                self.assertGreater(len(record), 400)
                strangers = mutations(record, source)
                self.assertGreaterEqual(len(strangers), CONNECTIONS_MIN)
                held, before = cost.held(), cost.memory()
                cost.forget_peak()
                for first in range(0, len(strangers), WAVE):
                    work()  # the run goes on meanwhile
                    visit(keys.address, strangers[first:first + WAVE])
                for _ in range(LIVE):
                    size = 1 + source.randrange(len(record))
                    change = {source.randrange(size): 1 << source.randrange(8) for _ in range(source.randrange(3))}
                    relay.handshake(size, change)
                work()
                manager.lines(items)
            wait_until(lambda: cost.held() == held, lambda: f"{cost.held()} (descriptors, threads) to be {held} again")
            after, peak = cost.memory(), cost.peak()
            kinds = collections.Counter(stranger.kind for stranger in strangers)
            print(f"{len(strangers)} connections: {dict(kinds)}; and {LIVE} live ones")
            print(f"memory: {mib(before)} before, {mib(after)} after, {mib(peak)} at most; (descriptors, threads): {held}")
            if not SANITIZED:
                self.assertLess(after, before + GROWTH_MAX)
            # It is said that there were such, but not of each.
            said = manager.says(r"connections that did not get in: (\d+) ended in the handshake, \d+ showed a key")
            self.assertGreater(int(said[0]), 0)
            self.assertLess(len(manager.err.splitlines()), 60, manager.err[-4000:])
            check_untouched(self, manager, items)


if __name__ == "__main__":
    unittest.main()
