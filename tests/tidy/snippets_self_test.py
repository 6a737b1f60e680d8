#!/usr/bin/env python3
"""A check that never fails is untested: plants a fault of each kind that snippets_test.py looks for into
a small tree and sees exactly that one found; and plants what is allowed and sees nothing found."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import snippets_test  # noqa: E402

SOURCE = """// One idea.
int main() {
  int x = 1;

  if (x) {
    x = 2;
  }
  return x;
}
"""
MARK = "<!-- from: examples/01_x.cpp -->\n"


def block(code, mark=MARK, language="cpp"):
    return f"Words.\n\n{mark}```{language}\n{code}```\n"


def findings_of(guide):
    with tempfile.TemporaryDirectory() as root:
        for name, text in {"README.md": "# x\n", "docs/guide.md": guide, "examples/01_x.cpp": SOURCE,
                           "lib/x.cpp": SOURCE}.items():
            path = Path(root) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return list(snippets_test.findings(Path(root)))


class Snippets(unittest.TestCase):
    def test_what_is_allowed_is_not_found(self):
        for guide in (
            "no code\n",
            block(SOURCE),
            block("int x = 1;\n\nif (x) {\n  x = 2;\n}\n"),
            block("  int x = 1;\n"),
            block("int main() {\n  // ...\n  return x;\n}\n"),
            block("int x = 1;\n// ...\nreturn x;\n"),
            block("\nint x = 1;\n\n"),
            block("whatever\n", "", "sh"),
            block("whatever\n", "", ""),
            block("whatever\n", "<!-- not compiled: it shows what a compiler refuses -->\n"),
        ):
            with self.subTest(guide):
                self.assertEqual(findings_of(guide), [])

    def test_each_planted_fault_is_found_and_nothing_else(self):
        for words, guide in {
            "docs/guide.md:4: nobody knows": block("int x = 1;\n", ""),
            "docs/guide.md:5: nobody knows": block("int x = 1;\n", "<!-- not compiled: -->\n"),
            "docs/guide.md:6: nobody knows": block("int x = 1;\n", MARK + "Words.\n"),
            "examples/02_y.cpp is no file": block("int x = 1;\n", "<!-- from: examples/02_y.cpp -->\n"),
            "lib/x.cpp is no file in examples/": block("int x = 1;\n", "<!-- from: lib/x.cpp -->\n"),
            "docs/guide.md:5: `int y = 1;`": block("int y = 1;\n"),
            "docs/guide.md:6: `if (x) {`": block("int x = 1;\nif (x) {\n"),
            "docs/guide.md:6: `x = 2;`": block("if (x) {\nx = 2;\n}\n"),
            "`int x = 1;` does not follow in examples/01_x.cpp behind line 8":
                block("return x;\n// ...\nint x = 1;\n"),
            "docs/guide.md:5: the snippet is empty": block("// ...\n"),
            "3 snippets are not compiled": block("x\n", "<!-- not compiled: so -->\n") * 3,
            "docs/guide.md:5: `cmake": block("cmake_minimum_required(VERSION 3.25)\n", language="cmake"),
        }.items():
            with self.subTest(words):
                found = findings_of(guide)
                self.assertEqual(len(found), 1, found)
                self.assertIn(words, found[0])
                self.assertIn("; ", found[0], "a finding says what to do")


if __name__ == "__main__":
    unittest.main()
