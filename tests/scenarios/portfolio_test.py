#!/usr/bin/env python3
"""The SAT portfolio of examples/portfolio: its instances, the check of answers, and races of solvers on them.

Stand-in solvers race in any case, so that the test runs, and can fail, where none is installed; those that are race as
well. Nothing here depends on who wins.
"""

import json
import random
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from farm_process import BIN, SOURCE, Farm, wait_until  # noqa: E402

PORTFOLIO = SOURCE / "examples" / "portfolio"
sys.path.insert(0, str(PORTFOLIO))
from answers import check_answer, read_formula  # noqa: E402
from make_instances import SATISFIABLE, UNSATISFIABLE, colouring, dimacs, pigeonhole  # noqa: E402
from stand_in_solver import solve  # noqa: E402

PYTHON = "/usr/bin/python3"
STAND_IN = Path(__file__).resolve().parent / "stand_in_solver.py"
REAL = [name for name in ("minisat", "cadical", "picosat") if shutil.which(name)]
# Reached by a hang only.
LIMIT = "100s"


def stand_in(*ways):
    return " ".join(map(str, [PYTHON, "-S", STAND_IN, "{}", *ways]))


def make(folder, *options, **environment):
    """The files that make_instances.py writes, by name."""
    subprocess.run([PYTHON, PORTFOLIO / "make_instances.py", folder, *options], check=True, env=environment,
                   stdout=subprocess.DEVNULL)
    return {path.name: path.read_text() for path in sorted(folder.iterdir())}


class Instances(unittest.TestCase):
    def made(self, *options, **environment):
        with tempfile.TemporaryDirectory() as folder:
            return make(Path(folder) / "new", *options, **environment)

    def test_a_seed_gives_the_same_files_and_another_one_others(self):
        for size, count in ("small", 14), ("full", 48):
            with self.subTest(size):
                first = self.made("--size", size, PYTHONHASHSEED="1")
                self.assertEqual(len(first), count)
                self.assertEqual(self.made("--size", size, "--seed", "1", PYTHONHASHSEED="2"), first)
                other = self.made("--size", size, "--seed", "2")
                self.assertEqual(set(other), set(first))
                self.assertEqual([name for name in first if first[name] == other[name]], [])

    def test_each_is_as_its_head_says_and_as_it_was_made_to_be(self):
        answers = set()
        for name, text in self.made("--size", "small").items():
            with self.subTest(name):
                formula = read_formula(text)
                self.assertIn(f"p cnf {formula.variables} {len(formula.clauses)}\n", text)
                self.assertLessEqual(max(abs(lit) for clause in formula.clauses for lit in clause), formula.variables)
                found = solve(formula.clauses, frozenset(), min)
                answer = UNSATISFIABLE if found is None else SATISFIABLE
                self.assertIn(formula.expected, (None, answer))
                answers.add((formula.expected, answer))
        self.assertEqual(answers, {(known, answer) for answer in (SATISFIABLE, UNSATISFIABLE)
                                   for known in (None, answer)})


class CheckOfAnswers(unittest.TestCase):
    """A check that never fails is untested."""

    FORMULA = read_formula("c expected SATISFIABLE\np cnf 3 3\n1 -2 0 2\n3 0\n-1 -3 0\n")

    def test_right_answers_in_each_way_of_writing_them(self):
        self.assertEqual(self.FORMULA, (3, [[1, -2], [2, 3], [-1, -3]], SATISFIABLE))
        for output in ("s SATISFIABLE\nv 1 2 -3 0\n", "c 1\ns SATISFIABLE\nv 1\nv 2 -3\nv 0\n",
                       "SAT\n1 2 -3 0\nWARNING: 3\nSATISFIABLE\n", "SATISFIABLE\nSAT\n1 2 -3 0\n",
                       "s SATISFIABLE\nv -1 -2 3 0\n"):
            with self.subTest(output):
                self.assertIsNone(check_answer(self.FORMULA, 10, output))
        for output in ("s UNSATISFIABLE\n", "UNSAT\nUNSATISFIABLE\n", "WARNING\nUNSATISFIABLE\n"):
            with self.subTest(output):
                self.assertIsNone(check_answer(self.FORMULA._replace(expected=None), 20, output))

    def test_each_planted_fault_is_found(self):
        for words, status, output in [
            ("breaks 1 clauses, the first is [-1, -3]", 10, "s SATISFIABLE\nv 1 2 3 0\n"),
            ("breaks 1 clauses, the first is [2, 3]", 10, "s SATISFIABLE\nv 1 -2 -3 0\n"),
            ("breaks 1 clauses, the first is [2, 3]", 10, "SAT\n1 -2 -3 0\nSATISFIABLE\n"),
            ("breaks 1 clauses, the first is [-1, -3]", 10, "s SATISFIABLE\nv 1 2 0\n"),  # it says nothing about 3
            ("breaks 3 clauses", 10, "s SATISFIABLE\n"),
            ("has 3 and -3", 10, "s SATISFIABLE\nv 1 2 3 -3 0\n"),
            ("made to be SATISFIABLE", 20, "s UNSATISFIABLE\n"),
            ("output says UNSATISFIABLE", 10, "s UNSATISFIABLE\nv 1 2 -3 0\n"),
            ("output says SATISFIABLE", 20, "s SATISFIABLE\nv 1 2 -3 0\n"),
            ("output says SATISFIABLE and UNSATISFIABLE", 10, "s SATISFIABLE\nUNSAT\n"),
            ("output says nothing", 10, "v 1 2 -3 0\n"),
            ("can't be read", 10, "s SATISFIABLE\nv 1 two 0\n"),
            ("no answer", 0, "s SATISFIABLE\nv 1 2 -3 0\n"),
        ]:
            with self.subTest(words, output=output):
                self.assertIn(words, check_answer(self.FORMULA, status, output) or "nothing found")


class Portfolio(unittest.TestCase):
    maxDiff = None

    def run_portfolio(self, *solvers, instances=None, **environment):
        """run_portfolio.py on the small instances, or on these; whatever it starts must be gone when its farm is left."""
        with Farm() as farm:
            folder = farm.folder / "cnf"
            if instances is None:
                make(folder, "--size", "small")
            else:
                folder.mkdir()
                for name, text in instances.items():
                    (folder / name).write_text(text)
            return farm.start(PYTHON, PORTFOLIO / "run_portfolio.py", folder, "--time-limit", LIMIT,
                              *[f"--solver={solver}" for solver in solvers], stdin=subprocess.DEVNULL,
                              PYTHONDONTWRITEBYTECODE="1", **environment).end()

    def check_right(self, names, *solvers):
        status, output, errors = self.run_portfolio(*solvers)
        self.assertEqual(status, 0, output + errors)
        rows = [line.split() for line in output.splitlines()]
        by_name = {row[0]: row[1:] for row in rows if row[:1] and row[0] in names}
        self.assertEqual([by_name[name][0] for name in names], ["14"] * len(names), output)
        self.assertEqual(sum(int(by_name[name][-1]) for name in names), 14, output)
        self.assertIn("all answers agree.", output)
        self.assertIn("the race solves 14", output)

    def test_stand_ins_agree_and_every_race_is_won(self):
        self.check_right(["one", "two", "three"], f"one={stand_in()}", f"two={stand_in('last')}",
                         f"three={stand_in('minisat')}")

    @unittest.skipIf(len(REAL) < 2, f"fewer than two solvers are installed: {REAL}")
    def test_real_solvers_agree_and_every_race_is_won(self):
        self.check_right(REAL, *REAL)

    def test_wrong_answers_are_found_whoever_wins(self):
        with tempfile.TemporaryDirectory() as folder:
            small = make(Path(folder) / "new", "--size", "small")
        few = {name: text for name, text in small.items() if name.startswith("random") or name == "planted-30-1.cnf"}
        for way, words in {"never": r": liar: UNSATISFIABLE, but it was made to be SATISFIABLE$",
                           "flipped": r": liar: the model breaks \d+ clauses",
                           "dies": r"signal 9 \(SIGKILL\)"}.items():
            with self.subTest(way):
                status, output, errors = self.run_portfolio(f"honest={stand_in()}", f"liar={stand_in(way)}",
                                                            instances=few)
                self.assertEqual(status, 1, output + errors)
                self.assertRegex(output, f"(?m)^  .*planted-30-1.cnf{words if way != 'dies' else f': .*{words}'}")
                self.assertNotIn("honest: ", output)
                # Of what nothing is known, only the other solver's answer shows the lie.
                self.assertEqual(" says SATISFIABLE, liar says UNSATISFIABLE" in output, way == "never")

    def test_any_file_name_will_do(self):
        text = {"a b-1.cnf": dimacs([[1, -2], [2]], None), "[1]'$x.cnf": dimacs([[1], [-1]], None)}
        status, output, errors = self.run_portfolio(f"one={stand_in()}", f"two={stand_in('last')}", instances=text)
        self.assertEqual(status, 0, output + errors)
        self.assertIn("the race solves 2.", output)

    def test_fewer_than_two_solvers_or_no_instances_is_told(self):
        status, output, errors = self.run_portfolio(PATH=str(BIN))
        self.assertEqual((status, output), (2, ""))
        self.assertIn("found here: none", errors)
        self.assertIn("apt-get install minisat", errors)
        status, output, errors = self.run_portfolio(f"one={stand_in()}", f"two={stand_in()}", instances={})
        self.assertEqual((status, output), (2, ""))
        self.assertIn("make_instances.py", errors)


class Losers(unittest.TestCase):
    def test_a_loser_and_what_it_started_are_gone_before_the_next_race(self):
        """Its child has fled to a session of its own and ignores SIGTERM."""
        source = random.Random(1)
        with Farm() as farm:
            path = farm.folder / "x.cnf"
            formulas = [dimacs(*pigeonhole(source, 4, 3)), dimacs(*colouring(source, 8, 3, 12, planted=True))]

            def lingerers():
                # The command line of the broker names the way, too, but doesn't begin so.
                return [line for line in farm.processes().values() if line.startswith(PYTHON) and " lingers " in line]

            broker = farm.broker("--local", "2", "--json", "--until", "exit:10,20", "--race",
                                 stand_in("lingers", farm.folder), "--race", stand_in("after", farm.folder))
            for number, text in enumerate(formulas, 1):
                path.write_text(text)
                broker.write(json.dumps(str(path)) + "\n")
                end = json.loads(broker.lines(number)[-1])
                self.assertIsNone(check_answer(read_formula(text), end["exit"], end["output"]))
                wait_until(lambda: not lingerers(), "the loser and its child to be gone")
                (farm.folder / "lingers").unlink()
            status, _, errors = broker.end()
            self.assertEqual(status, 0, errors)
            self.assertIn("2 kills", errors)


if __name__ == "__main__":
    unittest.main()
