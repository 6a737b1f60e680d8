#!/usr/bin/env python3
"""The examples print what the end of their source says, also while their workers are killed.

The shelf, examples/NN_name.cpp, is read from its folder: a new example needs no edit here. Its source
ends with a comment that is what it prints:

    // Output:
    // 1 4 9

or, where a part is different each time, with that part in angle brackets:

    // Output, where <...> varies: which worker is faster is a matter of luck.
    // 3 tasks, <2> of them killed
"""

import itertools
import math
import os
import re
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from farm_process import BIN, SOURCE, Farm, collatz, wait_until  # noqa: E402

NUMBERS = [1, 2, 3, 4, 9, 97, 100, 1001, 1024, 65535, 65537, 1000000, 2147483647, 4294967297, 600851475143,
           1000000007 * 998244353, 999999999989, 2**61 - 1, 2**64 - 1, 2**67 - 1, 10**18 + 9, 3**40, 7**20, 101**7,
           1234567890123456789, 18446744073709551557, 999983 * 1000003, 2 * 3 * 5 * 7 * 11 * 13 * 17 * 19 * 23,
           104729 * 104723 * 104717, 2**53 - 111]


# The shelf is examples/NN_name.cpp. These numbers begin its blocks; within one there are no gaps.
BLOCKS = (1, 20, 30)
LINES_MIN, LINES_MAX = 40, 80
OUTPUT = re.compile(r"// Output(:|, where <\.\.\.> varies: .+)")
VARYING = re.compile(r"<[^<>]+>")


class Example:
    """One source of the shelf, and what its end says that it prints."""

    def __init__(self, path):
        self.path = path
        self.name = path.stem
        self.number = int(self.name[:2])
        self.lines = path.read_text().splitlines()
        heads = [at for at, line in enumerate(self.lines) if line.startswith("// Output")]
        self.output_at = heads[-1] if heads else len(self.lines)
        self.varies = self.output_at < len(self.lines) and "<...>" in self.lines[self.output_at]
        self.expected = [line[2:].strip() for line in self.lines[self.output_at + 1:]]

    def findings(self):
        """What is wrong with the source, each with what to do."""
        place = f"examples/{self.path.name}"
        if not LINES_MIN <= len(self.lines) <= LINES_MAX:
            yield (f"{place}:{len(self.lines)}: {len(self.lines)} lines; an example shows one idea in "
                   f"{LINES_MIN} to {LINES_MAX}: split it, or show a little more")
        head = list(itertools.takewhile(lambda line: line.startswith("//"), self.lines))
        if f"//     build/release/bin/{self.name}" not in head:
            yield (f"{place}:1: the comment at the top does not say how to run it; add the line "
                   f"//     build/release/bin/{self.name}")
        end = self.lines[self.output_at:]
        if not end:
            yield f"{place}:{len(self.lines)}: no output at its end; add `// Output:` and what it prints"
        elif not OUTPUT.fullmatch(end[0]):
            yield (f"{place}:{self.output_at + 1}: `{end[0]}`; write `// Output:`, or `// Output, where <...> "
                   "varies: ` and why")
        elif len(end) == 1 or not all(line.startswith("// ") for line in end):
            yield (f"{place}:{self.output_at + 1}: the output is not the end of the file, each line behind `// `; "
                   "put it there")
        elif self.varies and not any(VARYING.search(line) for line in self.expected):
            yield f"{place}:{self.output_at + 1}: no line has a <...> that varies; write `// Output:`"

    def prints(self, output):
        """Whether it may print these lines. A <...> stands for anything that is not empty."""
        if not self.varies:
            return output == self.expected
        return len(output) == len(self.expected) and all(
            re.fullmatch(".+?".join(map(re.escape, VARYING.split(expected))), line)
            for expected, line in zip(self.expected, output))


def shelf(folder=SOURCE / "examples"):
    return [Example(path) for path in sorted(folder.glob("[0-9][0-9]_*.cpp"))]


def shelf_findings(folder):
    examples = shelf(folder)
    for example in examples:
        yield from example.findings()
    numbers = [example.number for example in examples]
    for before, example in zip([0, *numbers], examples):
        if example.number != before + 1 and (example.number not in BLOCKS or example.number == before):
            yield (f"examples/{example.path.name}: follows number {before}; renumber, so that there are no gaps and "
                   "no doubles")
    for path in sorted(folder.glob("[0-9]*.cpp")):
        if not re.fullmatch(r"[0-9]{2}_[a-z][a-z0-9_]*\.cpp", path.name):
            yield f"examples/{path.name}: is no name of the shelf; name it NN_name.cpp"


def lines_of(output):
    return [line.rstrip() for line in output.splitlines()]


class ExamplesTest(unittest.TestCase):
    maxDiff = None

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


class Shelf(ExamplesTest):
    def test_each_is_short_and_says_how_to_run_it_and_what_it_prints(self):
        self.assertEqual(list(shelf_findings(SOURCE / "examples")), [])

    def test_each_prints_what_its_source_says(self):
        self.assertNotEqual(shelf(), [])
        for example in shelf():
            with self.subTest(example.name):
                self.assertTrue((BIN / example.name).is_file(), f"{BIN / example.name} is not built")
                status, output, errors = self.run_example(example.name)
                self.assertEqual(status, 0, errors)
                if not example.prints(lines_of(output)):
                    self.assertEqual(lines_of(output), example.expected,
                                     f"mend {example.name}, or what its source says that it prints (a <...> may be "
                                     f"anything); on standard error: {errors}")

    def test_killed_workers_change_nothing(self):
        for example in shelf():
            if example.name in ("02_collatz", "05_update_group"):
                with self.subTest(example.name):
                    self.check_with_killed_workers(
                        lambda output, right=example: self.assertTrue(right.prints(lines_of(output)), output),
                        example.name)


class ShelfCheck(unittest.TestCase):
    """A check that never fails is untested."""

    GOOD = ["// One idea.", "//", "//     build/release/bin/01_x", *["int x;"] * 40, "// Output:", "// 1", "// 2"]

    def findings(self, files):
        with tempfile.TemporaryDirectory() as folder:
            for name, lines in files.items():
                (Path(folder) / name).write_text("".join(f"{line}\n" for line in lines))
            return list(shelf_findings(Path(folder)))

    def good(self, name):
        return [line.replace("01_x", name) for line in self.GOOD]

    def test_what_is_right_is_not_found(self):
        names = ("01_x", "02_y", "20_z", "21_w")
        self.assertEqual(self.findings({f"{name}.cpp": self.good(name) for name in names} | {"other.cpp": []}), [])

    def test_each_planted_fault_is_found_and_nothing_else(self):
        for words, lines in {
            "37 lines": self.GOOD[:3] + ["int x;"] * 31 + self.GOOD[-3:],
            "81 lines": self.GOOD[:3] + ["int x;"] * 35 + self.GOOD[3:],
            "how to run it": ["// One idea.", *self.GOOD[3:]],
            "no output at its end": self.GOOD[:-3],
            "write `// Output:`, or": [*self.GOOD[:-3], "// Output (more or less):", "// 1"],
            "not the end": [*self.GOOD, "int y;"],
            "no line has a <...>": [*self.GOOD[:-3], "// Output, where <...> varies: luck.", "// 1"],
        }.items():
            with self.subTest(words):
                found = self.findings({"01_x.cpp": lines})
                self.assertEqual(len(found), 1, found)
                self.assertIn(words, found[0])
                self.assertIn("01_x.cpp", found[0])

    def test_gaps_doubles_and_misnomers_are_found(self):
        for names in (("02_x",), ("01_x", "03_y"), ("01_x", "01_y"), ("01_x", "21_y"), ("01_x", "20_y", "20_z"),
                      ("01_x", "2_y"), ("01_x", "02-y")):
            with self.subTest(names):
                found = self.findings({f"{name}.cpp": self.good(name) for name in names})
                self.assertEqual(len(found), 1, found)

    def test_only_what_stands_in_brackets_may_vary(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "01_x.cpp"
            path.write_text("// Output, where <...> varies: luck.\n// <3> of 10 (more)\n// end\n")
            varying = Example(path)
            path.write_text("// Output:\n// <3>\n")
            fixed = Example(path)
        self.assertTrue(varying.prints(["17 of 10 (more)", "end"]))
        for output in ([" of 10 (more)", "end"], ["3 of 11 (more)", "end"], ["3 of 10 (more)"],
                       ["3 of 10 (more)", "end", ""]):
            self.assertFalse(varying.prints(output), output)
        self.assertTrue(fixed.prints(["<3>"]))
        self.assertFalse(fixed.prints(["4"]))


class DecidedEarly(ExamplesTest):
    NAME = "06_decided_early"

    def check_output(self, output):
        lines = lines_of(output)
        self.assertEqual(len(lines), 11, output)
        for item, line in enumerate(lines[:10], 1):
            with self.subTest(item=item):
                if item in (2, 3, 4, 7):
                    self.assertEqual(line, "false")
                    continue
                start, peak = map(int, re.fullmatch(r"(\d+) climbs to (\d+)", line).groups())
                self.assertIn(start, range(100 * item - 99, 100 * item + 1))
                self.assertEqual(collatz(start)[2], peak)
                self.assertGreaterEqual(peak, 6000 * item)
        killed, dropped = map(int, re.fullmatch(r"(\d+) tasks killed on their workers, (\d+) dropped from the queue",
                                                lines[10]).groups())
        # A worker may just have ended the last task of each group: then nothing is left to kill, and all is dropped.
        self.assertGreater(killed + dropped, 0, output)
        # Of the 600 tasks in decided groups, none can have been ended twice.
        self.assertLess(killed + dropped, 600, output)

    def test_the_winners_climb_as_high_as_they_say(self):
        status, output, errors = self.run_example(self.NAME)
        self.assertEqual(status, 0, errors)
        self.check_output(output)

    def test_killed_workers_change_nothing(self):
        self.check_with_killed_workers(self.check_output, self.NAME)


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
