#!/usr/bin/env python3
"""What scripts/bench makes of samples: medians and spread, ratios round by round, verdicts, the tables
between the marks of a page, and a chart that is the same for the same figures. Nothing is measured.
"""

import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "bench" / "report"))

import chart  # noqa: E402
import figures  # noqa: E402
import report  # noqa: E402
import tables  # noqa: E402
from samples import Samples  # noqa: E402

LINES = """\
warning: a line that is no sample
empty/tcp\tbare\t1000000
empty/tcp\tfanmill\t2000000
empty/tcp\tratio\t2
empty/tcp\tratio\t0.5
empty/tcp\tratio\t3
tasks/1e5\trate\t100
tasks/1e5\trate\t200
tasks/1e7\trate\t90
tasks/1e7\trate\t190
round-trip/tcp/free\tratio\t1.1
workers/4000\tskipped\tthe limit of open files is too low
"""

GOOGLE = """\
{"benchmarks": [
  {"name": "memory/iterations:1", "run_name": "memory/iterations:1", "run_type": "iteration",
   "cpu_time": 2.0, "time_unit": "ms", "items_per_second": 5.0, "bytes/task": 99.0},
  {"name": "memory_mean", "run_name": "memory/iterations:1", "run_type": "aggregate",
   "cpu_time": 2.0, "time_unit": "ms"}]}
"""


def results_in(folder):
    results = report.Results(Path(folder))
    results.samples.take_lines(LINES)
    results.samples.take_google("core", GOOGLE)
    return results


class Report(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.results = results_in(self.folder.name)
        self.judged = {j.figure.value: j for j in tables.judged(self.results.samples)}

    def test_a_figure_is_the_median_of_its_rounds(self):
        self.assertEqual(self.judged["empty/tcp ratio"].value, 2)
        self.assertEqual(self.judged["empty/tcp ratio"].verdict, "must")
        self.assertIn("2.00 (0.50 to 3.00)", tables.section("must", self.results))

    def test_a_ratio_of_two_rows_is_taken_round_by_round(self):
        self.assertEqual(self.judged["tasks/1e7 rate"].values, [0.9, 0.95])
        self.assertEqual(self.judged["tasks/1e7 rate"].verdict, "**below must**")
        self.assertIn("rate at 10^7 tasks", tables.section("below", self.results))

    def test_less_may_be_better(self):
        self.assertEqual(self.judged["round-trip/tcp/free ratio"].verdict, "must")

    def test_what_was_skipped_says_why(self):
        self.assertEqual(self.judged["workers/4000 idle_cpu"].verdict,
                         "skipped: the limit of open files is too low")

    def test_google_benchmarks_repetitions_are_rounds_and_their_means_are_not(self):
        self.assertEqual(self.results.samples.values("core/memory", "bytes/task"), [99.0])

    def test_a_page_gets_what_was_measured_and_keeps_the_rest(self):
        page = Path(self.folder.name) / "docs" / "performance.md"
        page.parent.mkdir()
        page.write_text("<!-- bench:tasks -->\nold\n<!-- /bench -->\n"
                        "<!-- bench:groups -->\nkept\n<!-- /bench -->\n")
        self.results.write_docs()
        text = page.read_text()
        self.assertNotIn("old", text)
        self.assertIn("| 1e5 |", text)
        self.assertIn("kept\n<!-- /bench -->", text)

    def test_what_a_program_says_before_its_table_is_left_out(self):
        self.results.texts["object"] = "Many words on\ntwo lines.\n\nEncode:\n\n| a |\n\nEnd"
        self.assertEqual(tables.section("object", self.results), "Encode:\n\n| a |\n\nEnd")

    def test_a_chart_is_well_formed_and_the_same_each_time(self):
        drawn = chart.draw(tables.judged(self.results.samples))
        self.assertEqual(drawn, chart.draw(tables.judged(results_in(self.folder.name).samples)))
        dots = ElementTree.fromstring(drawn).findall("{http://www.w3.org/2000/svg}circle")
        self.assertEqual(len(dots), sum(1 for j in self.judged.values() if j.values))

    def test_every_row_has_a_title_and_every_figure_a_row(self):
        rows = {row.name for row in figures.ROWS}
        self.assertLessEqual(rows, set(tables.TITLES))
        for figure in figures.FIGURES:
            self.assertIn(figure.value.split("/")[0], rows)


if __name__ == "__main__":
    unittest.main()
