#!/usr/bin/env python3
"""The examples print what the end of their source says, also while their workers are killed."""

import math
import os
import re
import signal
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from farm_process import BIN, SOURCE, Farm, collatz, wait_until  # noqa: E402

NUMBERS = [1, 2, 3, 4, 9, 97, 100, 1001, 1024, 65535, 65537, 1000000, 2147483647, 4294967297, 600851475143,
           1000000007 * 998244353, 999999999989, 2**61 - 1, 2**64 - 1, 2**67 - 1, 10**18 + 9, 3**40, 7**20, 101**7,
           1234567890123456789, 18446744073709551557, 999983 * 1000003, 2 * 3 * 5 * 7 * 11 * 13 * 17 * 19 * 23,
           104729 * 104723 * 104717, 2**53 - 111]


def expected_of(example):
    """The lines behind "// Output..." at the end of the source."""
    source = (SOURCE / "examples" / f"{example}.cpp").read_text()
    return [line.removeprefix("// ").rstrip() for line in source.rpartition("// Output")[2].splitlines()[1:]]


def lines_of(output):
    return [line.rstrip() for line in output.splitlines()]


class ExamplesTest(unittest.TestCase):
    def run_example(self, name, *arguments):
        with Farm() as farm:
            return farm.start(BIN / name, *arguments, stdin=subprocess.DEVNULL).end()

    def run_with_killed_workers(self, name, *arguments):
        """Kills two workers as soon as they are there; two, as a task that loses three has failed.
        Returns (how many it killed before the end, output)."""
        with Farm() as farm:
            process = farm.start(BIN / name, *arguments, stdin=subprocess.DEVNULL)
            killed = set()

            def kill_some():
                for pid, line in farm.processes().items():
                    if line == f"{BIN / name} worker" and len(killed) < 2 and pid not in killed:
                        try:
                            os.kill(pid, signal.SIGKILL)
                        except ProcessLookupError:
                            continue
                        killed.add(pid)
                return len(killed) == 2 or not process.is_running()

            wait_until(kill_some, "two workers to kill")
            hit = len(killed) if process.is_running() else 0
            status, output, errors = process.end()
            self.assertEqual(status, 0, errors)
            return hit, output

    def check_with_killed_workers(self, check, name, *arguments):
        """As often as it takes to hit one in the middle; what it prints is the same each time."""
        for _ in range(30):
            hit, output = self.run_with_killed_workers(name, *arguments)
            check(output)
            if hit > 0:
                return
        self.fail(f"{name} was always over before a worker was killed")


class Hello(ExamplesTest):
    def test_prints_what_its_source_says(self):
        status, output, errors = self.run_example("01_hello")
        self.assertEqual((status, lines_of(output)), (0, expected_of("01_hello")), errors)


class Collatz(ExamplesTest):
    def test_prints_what_its_source_says(self):
        status, output, errors = self.run_example("02_collatz")
        self.assertEqual((status, lines_of(output)), (0, expected_of("02_collatz")), errors)


class CollatzGroups(ExamplesTest):
    def check_output(self, output):
        lines, expected = lines_of(output), expected_of("03_collatz_groups")
        self.assertEqual(len(lines), 3, output)
        self.assertEqual(lines[:2], expected[:2])
        title, words = lines[2].split(":")
        self.assertEqual(title, "high enough")
        results = words.split()
        self.assertEqual(len(results), 10)
        for item, result in enumerate(results, 1):
            with self.subTest(item=item):
                if item in (2, 3, 4, 7):
                    self.assertEqual(result, "false")
                    continue
                peak, start = map(int, re.fullmatch(r"\((\d+),(\d+)\)", result).groups())
                self.assertIn(start, range(100 * item - 99, 100 * item + 1))
                self.assertEqual(collatz(start)[2], peak)
                self.assertGreaterEqual(peak, 6000 * item)

    def test_prints_what_its_source_says(self):
        status, output, errors = self.run_example("03_collatz_groups")
        self.assertEqual(status, 0, errors)
        self.check_output(output)

    def test_decided_groups_end_tasks(self):
        _, _, errors = self.run_example("03_collatz_groups")
        killed, dropped = map(int, re.search(r"(\d+) tasks killed on their workers, (\d+) dropped", errors).groups())
        # A worker may just have ended the last task of each group: then nothing is left to kill, and all is dropped.
        self.assertGreater(killed + dropped, 0, errors)
        # Of the 600 tasks in decided groups, none can have been ended twice.
        self.assertLess(killed + dropped, 600, errors)

    def test_killed_workers_change_nothing(self):
        self.check_with_killed_workers(self.check_output, "03_collatz_groups")


class FactorRace(ExamplesTest):
    def check_factors(self, numbers, output):
        lines = output.split("\n\n")[0].splitlines()
        self.assertEqual(len(lines), len(numbers))
        for number, line in zip(numbers, lines):
            left, right = line.split("=")
            primes = [int(prime) for prime in right.split("x")] if right.strip() else []
            self.assertEqual((int(left), math.prod(primes)), (number, number), line)
            self.assertEqual(primes, sorted(primes), line)
            for prime in primes:
                self.assertTrue(self.is_prime(prime), f"{prime} in {line}")

    def is_prime(self, number):
        """By Miller and Rabin; with these bases it is certain below 3.3e24, and beyond it hardly ever errs."""
        bases = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41)
        if number < 2 or any(number % base == 0 for base in bases):
            return number in bases
        odd, twos = number - 1, 0
        while odd % 2 == 0:
            odd, twos = odd // 2, twos + 1
        for base in bases:
            power = pow(base, odd, number)
            if power not in (1, number - 1) and not any((power := power * power % number) == number - 1
                                                        for _ in range(twos - 1)):
                return False
        return True

    def with_list(self, text, *options):
        with Farm() as farm:
            (farm.folder / "list").write_text(text)
            return farm.start(BIN / "factor_race", farm.folder / "list", *options, stdin=subprocess.DEVNULL).end()

    def test_each_number_is_the_product_of_its_primes(self):
        # Whether anybody is killed over numbers as small as these is a matter of luck; the guide's list asks for it.
        status, output, errors = self.with_list("".join(f"{n}\n" for n in NUMBERS))
        self.assertEqual(status, 0, output + errors)
        self.check_factors(NUMBERS, output)
        self.assertRegex(output, r"\d+ killed on their workers")

    def test_one_worker_is_enough(self):
        status, output, errors = self.with_list("15\n1000000007000000\n", "--workers", "1")
        self.assertEqual(status, 0, output + errors)
        self.check_factors([15, 1000000007000000], output)

    def test_killed_workers_change_nothing(self):
        numbers = [int(line) for line in (SOURCE / "examples" / "data" / "mersenne.txt").read_text().split()]
        self.check_with_killed_workers(lambda output: self.check_factors(numbers, output), "factor_race",
                                       SOURCE / "examples" / "data" / "mersenne.txt")

    def test_too_few_kills_are_a_failure(self):
        status, output, _ = self.with_list("7\n", "--kills-min", "1")
        self.assertEqual(status, 1)
        self.assertIn("too few kills: 0, expected at least 1", output)

    def test_a_malformed_list_is_refused_with_the_line(self):
        for line in ("seven", "-6", "0", "", "0x12", "1.5", "7 8"):
            with self.subTest(line=line):
                status, output, errors = self.with_list(f"15\n77\n{line}\n9\n")
                self.assertEqual((status, output), (1, ""))
                self.assertIn("line 3", errors)
                self.assertIn(f"got '{line}'", errors)

    def test_a_list_that_is_not_there(self):
        status, output, errors = self.run_example("factor_race", "/no/such/list")
        self.assertNotEqual(status, 0)
        self.assertEqual(output, "")
        self.assertIn("/no/such/list", errors)


if __name__ == "__main__":
    unittest.main()
