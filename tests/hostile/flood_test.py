#!/usr/bin/env python3
"""Floods by peers without a key: what they make a manager hold is bounded (docs/security.md), and its run goes on."""

import random
import resource
import subprocess
import sys
import threading
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from strangers import LONG_COMMAND, MIB, SANITIZED, Cost, Keys, Relay, Stranger, check_untouched, frame, mib, seed, visit  # noqa: E402
from farm_process import WORKER, Farm, wait_until  # noqa: E402

CONNECTIONS = 500
TOO_LONG = 100
# docs/security.md, "What strangers can make a manager hold".
PER_CONNECTION = MIB + 64 * 1024  # the largest frame, and libzmq's own objects
ROUNDS = 2  # what one flood left behind the next would add to
ROUNDS_MAX = 20
CONSTANT = 64 * MIB


class Flood(unittest.TestCase):
    def test_memory_before_authentication_is_bounded_by_connections(self):
        source = random.Random(seed())
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
        with Farm() as farm:
            join_file = farm.folder / "farm.join"
            manager = farm.broker("--bind", "tcp://127.0.0.1:*", "--join-file", join_file, "--verbose", "1")
            manager.says(r"waiting for workers at (tcp://127\.0\.0\.1:\d+)$")
            farm.start(WORKER, "--join", join_file, "collatz", stdin=subprocess.DEVNULL)
            manager.says(r"^worker \S+ at \S+ joined")
            keys, cost = Keys(join_file), Cost(manager.pid)
            with Relay(keys) as relay:
                record = relay.handshake()
            # As much as is taken of a stranger: a frame that is one byte short of the largest, and never whole; behind
            # the greeting, or behind a true first command.
            endless = frame(LONG_COMMAND, MIB, source.randbytes(MIB - 1))
            too_long = record[:64] + frame(LONG_COMMAND, 16 * MIB, source.randbytes(8 * MIB))
            manager.write("1\n")
            manager.lines(1)
            items, held, before = 1, cost.held(), cost.memory()
            bound = CONNECTIONS * PER_CONNECTION + CONSTANT
            floods = 0  # rounds in which enough came at once; how much does is a matter of the host's load
            for count in range(1, ROUNDS_MAX + 1):
                strangers = [Stranger("flood", record[:64 if i % 2 else 266] + endless, "stay") for i in range(CONNECTIONS)]
                # Who says that more will come is thrown out before it does.
                strangers += [Stranger("too long", too_long, "stay") for _ in range(TOO_LONG)]
                cost.forget_peak()
                flood = threading.Thread(target=visit, args=(keys.address, strangers, len(strangers)))
                flood.start()
                done = items
                while flood.is_alive():
                    manager.write(f"{items + 1}\n")
                    items += 1
                    manager.lines(items)
                flood.join()
                peak = cost.peak()
                wait_until(lambda: cost.held() == held, lambda: f"{cost.held()} (descriptors, threads) to be {held} again")
                print(f"{CONNECTIONS} connections of {mib(len(endless))} each: {mib(peak)} at most, {mib(before)} before, "
                      f"{mib(cost.memory())} after; bound: {CONNECTIONS} x {PER_CONNECTION >> 10} KiB + {mib(CONSTANT)} = "
                      f"{mib(bound)}; {items - done} items done meanwhile")
                floods += peak > before + CONNECTIONS * MIB // 4
                if not SANITIZED:
                    self.assertLess(peak, bound)
                if count >= ROUNDS and floods > 0:
                    break
            self.assertGreater(floods, 0)
            check_untouched(self, manager, items)


if __name__ == "__main__":
    unittest.main()
