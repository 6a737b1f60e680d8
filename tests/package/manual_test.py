#!/usr/bin/env python3
"""cmake/manual.py with help texts as older and newer versions of CLI11 print them."""

import os
import sys
import unittest
from pathlib import Path

SOURCE = Path(os.environ.get("FANMILL_SOURCE") or Path(__file__).resolve().parents[2])
sys.dont_write_bytecode = True
sys.path.insert(0, str(SOURCE / "cmake"))
import manual  # noqa: E402

OLDER = """\
mill: grinds what it is given.
Usage: /opt/bin/mill grind [OPTIONS] WHAT...

Positionals:
  WHAT ... REQUIRED           What to grind; the first counts:
                              corn: the usual
                              salt: coarse

Options:
  -h,--help                   Print this help message and exit
  -s,--stones UINT:INT in [1 - 4]=1 Excludes: --fast
                              How many stones
                              to use
  --fast                      Don't wait

.dotted remarks are text, and 'quotes' and \\backslashes too.

Exit status: 0 if all is ground,
1 if not.

Examples:
  mill grind --stones 2 -- corn
"""

NEWER = """\
grinds what it is given.


Usage: mill grind [OPTIONS] [SUBCOMMAND]


OPTIONS:
  -h,     --help              Print this help message and exit
  -s,     --stones UINT       How many stones

SUBCOMMANDS:
  grain                       Only grain
"""


class Manual(unittest.TestCase):
    def test_entries_of_an_older_help(self):
        help = manual.parse_help("mill grind", OLDER)
        self.assertEqual((help.description, help.usage), ("grinds what it is given", "[OPTIONS] WHAT..."))
        stones = help.entries("options")[1]
        self.assertEqual((stones.names, stones.value, stones.summary),
                         (["-s", "--stones"], "UINT in [1 - 4]=1", "How many stones to use"))
        self.assertFalse(help.entries("options")[2].takes_value)
        self.assertEqual(help.entries("positionals")[0].words, ["corn", "salt"])
        self.assertEqual([heading for heading, _ in help.remarks], ["", "Exit status", "Examples"])

    def test_entries_of_a_newer_help(self):
        help = manual.parse_help("mill grind", NEWER)
        self.assertEqual([entry.names for entry in help.entries("options")],
                         [["-h", "--help"], ["-s", "--stones"]])
        self.assertEqual(help.entries("subcommands")[0].summary, "Only grain")

    def test_text_is_never_a_request_of_roff(self):
        page = manual.man_page(manual.parse_help("mill grind", OLDER), "mill 1.0", ["mill"])
        self.assertIn("\n\\&.dotted remarks are text, and \\(aqquotes\\(aq and \\(rsbackslashes too.\n", page)
        self.assertIn("\n.SH EXIT STATUS\n0 if all is ground,\n1 if not.\n", page)
        self.assertIn("\n.nf\nmill grind \\-\\-stones 2 \\-\\- corn\n.fi\n", page)
        self.assertIn("\n.SH SEE ALSO\n\\fBmill\\fR(1)\n", page)

    def test_completions_know_which_options_take_a_value(self):
        completion = manual.bash_completion(manual.parse_help("mill", OLDER))
        self.assertIn("options='-h --help -s --stones --fast'", completion)
        self.assertIn("valued='-s --stones'", completion)
        self.assertIn("words='corn salt'", completion)
        self.assertIn("'(-s --stones)--stones[How many stones to use]:UINT in [1 - 4]:_files'".replace(
            "[1 - 4]", "\\[1 - 4\\]"), manual.zsh_completion(manual.parse_help("mill", OLDER)))

    def test_what_is_no_help_is_refused(self):
        with self.assertRaisesRegex(ValueError, "mill --help has no line that begins with 'Usage:'"):
            manual.parse_help("mill", "What?\n")


if __name__ == "__main__":
    unittest.main()
