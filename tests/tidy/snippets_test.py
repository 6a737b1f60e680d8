#!/usr/bin/env python3
"""The code in README.md and docs/guide.md is cut out of files that are built and run, so that it can't rot.

Each fenced block of a language in LANGUAGES stands behind a mark, the last line before it that is not
empty:

    <!-- from: examples/05_x.cpp -->     its lines stand so in that file, one after the other, however
                                         far they are indented there; `// ...` stands for lines left out
    <!-- not compiled: reason -->        it stands in no file, for this reason

Usage: snippets_test.py [TREE]   (default: $FANMILL_SOURCE, else the tree this file lies in)
snippets_self_test.py plants a fault of each kind and sees it found.
"""

import os
import re
import sys
import textwrap
from pathlib import Path

DOCUMENTS = ("README.md", "docs/guide.md")
LANGUAGES = ("cpp", "cmake", "capnp")
# What a snippet is cut out of must be built by somebody: these folders are.
FOLDERS = ("examples/", "tests/")
FROM = re.compile(r"<!-- from: (\S+) -->")
NOT_COMPILED = re.compile(r"<!-- not compiled: \S.* -->")
# In all documents. A snippet that nobody compiles is right only on the day on which it is written.
NOT_COMPILED_MAX = 2
LEFT_OUT = re.compile(r"\s*(//|#) \.\.\.")


def blocks(text):
    """(line number of its first line, mark or "", lines) of each fenced block in one of LANGUAGES."""
    lines = text.split("\n")
    found = []
    mark = ""
    at = 0
    while at < len(lines):
        line = lines[at].strip()
        if line.startswith("```"):
            end = at + 1
            while end < len(lines) and lines[end].strip() != "```":
                end += 1
            if line[3:].split(" ")[0] in LANGUAGES:
                found.append((at + 2, mark, lines[at + 1:end]))
            mark = ""
            at = end
        elif line:
            mark = line
        at += 1
    return found


def parts(lines):
    """The runs of lines between those that stand for something left out: (index of the first, lines)."""
    runs = [(0, [])]
    for at, line in enumerate(lines):
        if LEFT_OUT.fullmatch(line):
            runs.append((at + 1, []))
        else:
            runs[-1][1].append(line.rstrip())
    for first, run in runs:
        while run and not run[0]:
            run.pop(0)
            first += 1
        while run and not run[-1]:
            run.pop()
        if run:
            yield first, textwrap.dedent("\n".join(run)).split("\n")


def indentation(line):
    return len(line) - len(line.lstrip(" "))


def lines_alike(part, source, at):
    """How many lines of the part stand in the source from line `at` on, all indented by as much more."""
    shift = " " * (indentation(source[at]) - indentation(part[0]))
    count = 0
    for wanted, line in zip(part, source[at:]):
        if line != (shift + wanted if wanted else ""):
            break
        count += 1
    return count


def check_block(document, number, lines, name, source):
    """What is wrong with a block that is said to be cut from the file `name`, whose lines are `source`."""
    begin = 0
    for first, part in parts(lines):
        alike = [lines_alike(part, source, at) for at in range(begin, len(source))]
        best = max(alike, default=0)
        if best < len(part):
            where = "" if begin == 0 else f" behind line {begin}, where the part before it ends"
            yield (f"{document}:{number + first + best}: `{part[best].strip()}` does not follow in {name}{where}; cut "
                   "the snippet anew, or put `// ...` where lines are left out")
            return
        begin += alike.index(best) + best
    if begin == 0:
        yield f"{document}:{number}: the snippet is empty; cut it from {name} or take it out"


def findings(tree):
    not_compiled = []
    for document in DOCUMENTS:
        for number, mark, lines in blocks((tree / document).read_text(encoding="utf-8")):
            cut = FROM.fullmatch(mark)
            if cut and cut[1].startswith(FOLDERS) and (tree / cut[1]).is_file():
                source = [line.rstrip() for line in (tree / cut[1]).read_text(encoding="utf-8").splitlines()]
                yield from check_block(document, number, lines, cut[1], source)
            elif cut:
                yield (f"{document}:{number}: {cut[1]} is no file in {' or '.join(FOLDERS)}; mend the name, or cut the "
                       "snippet from another")
            elif NOT_COMPILED.fullmatch(mark):
                not_compiled.append(f"{document}:{number}")
            else:
                yield (f"{document}:{number}: nobody knows where this code is from; put `<!-- from: "
                       "examples/NN_name.cpp -->` before it, or `<!-- not compiled: reason -->`")
    if len(not_compiled) > NOT_COMPILED_MAX:
        yield (f"{not_compiled[-1]}: {len(not_compiled)} snippets are not compiled ({', '.join(not_compiled)}), the "
               f"most is {NOT_COMPILED_MAX}; cut this one from an example")


def main():
    default = os.environ.get("FANMILL_SOURCE", Path(__file__).resolve().parents[2])
    found = list(findings(Path(sys.argv[1] if len(sys.argv) > 1 else default)))
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
