#!/usr/bin/env python3
"""Tests use keys wherever they use tcp. Those that don't are few, say so in their names, and stand in docs/testing.md
("Plaintext") with the reason: this compares that list with the tree.

Plaintext is what mentions the word, a bare peer told to show no keys, and a bare ZeroMQ socket that listens on tcp
without CURVE. The word in a test's code needs the tag [plaintext] (C++) or the word in the method's name (Python); a fixture that uses it has
it in its name, so that whoever uses that says it, too.
"""

import os
import re
import sys
import unittest
from pathlib import Path

SOURCE = Path(os.environ.get("FANMILL_SOURCE") or Path(__file__).resolve().parent.parent.parent)
TESTS = SOURCE / "tests"

CASE = re.compile(r'^TEST_CASE\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)(?:,\s*"([^"]*)")?\s*\)', re.MULTILINE)
METHOD = re.compile(r"^ +def (test_\w+)\(", re.MULTILINE)
WORD = re.compile(r"plaintext|\.keys = \{\}", re.IGNORECASE)
BARE_LISTENER = re.compile(r'\bbind(?:_to_random_port)?\(\s*f?"tcp:')
USE = re.compile(r"Plaintext::allowed|insecure[_-]plaintext|InsecurePlaintext|\.keys = \{\}", re.IGNORECASE)
DEFINITION = re.compile(r"^(?:\w.*| *(?:def|class) .*)$", re.MULTILINE)
ROW = re.compile(r'^\| `([\w/]+)`: (?:"([^"]+)"|`(test_\w+)`) \| (.+) \|$', re.MULTILINE)


def without_comments(text, mark):
    """Lines that are comments, and the ends of others, are left out; a mark within a text is rare, and then it is kept."""
    return re.sub(rf'^([^"\n]*?){mark}[^\n]*$', r"\1", text, flags=re.MULTILINE)


def cases(path):
    """(name, whether it says plaintext itself, its code) for each test of a file; first what stands outside of all."""
    text = path.read_text()
    text = without_comments(text, "//" if path.suffix != ".py" else "#")
    heads = list((CASE if path.suffix == ".cpp" else METHOD).finditer(text))
    yield "", False, text[:heads[0].start()] if heads else text
    for head, following in zip(heads, heads[1:] + [None]):
        code = text[head.end():following.start() if following else len(text)]
        if path.suffix == ".py":
            yield head[1], "plaintext" in head[1], code
        else:
            yield "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', head[1])), "[plaintext]" in (head[2] or ""), code


def files():
    for path in sorted(TESTS.rglob("*")):
        if path.suffix in (".cpp", ".hpp", ".py") and path.parent != TESTS / "tidy" and "build" not in path.parts:
            yield path


def listed():
    text = (SOURCE / "docs/testing.md").read_text()
    section = text.split("\n## Plaintext\n")[1].split("\n## ")[0]
    return {(match[1], match[2] or match[3]) for match in ROW.finditer(section)}


class Plaintext(unittest.TestCase):
    def test_each_test_in_plaintext_says_so(self):
        for path in files():
            for name, says_so, code in cases(path):
                if name and not says_so:
                    with self.subTest(file=str(path.relative_to(TESTS)), test=name):
                        self.assertIsNone(WORD.search(code))

    def test_each_fixture_in_plaintext_says_so(self):
        for path in files():
            for name, _, code in cases(path):
                for use in USE.finditer(code) if not name else ():
                    line_end = code.find("\n", use.start())
                    holder = [match[0] for match in DEFINITION.finditer(code[:line_end])][-1]
                    with self.subTest(file=str(path.relative_to(TESTS)), fixture=holder):
                        self.assertIn("plaintext", holder.lower())

    def test_bare_listeners_on_tcp_have_keys(self):
        for path in files():
            for name, says_so, code in cases(path):
                # A fixture and its use may stand in two pieces of a Python file, but not of a C++ one.
                has_curve = "curve_server" in (code if path.suffix == ".cpp" else path.read_text())
                if BARE_LISTENER.search(code) and not says_so and not has_curve:
                    self.fail(f"{path.relative_to(TESTS)}: {name}: a socket listens on tcp in plaintext")

    def test_the_list_is_complete_and_holds_nothing_else(self):
        found = {(str(path.relative_to(TESTS).with_suffix("")), name)
                 for path in files() for name, says_so, _ in cases(path) if says_so}
        self.assertEqual(found, listed(), "docs/testing.md, Plaintext")
        self.assertTrue(found)


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
