#!/usr/bin/env python3
"""Runs the commands of README.md and docs/guide.md, so that they can't rot.

A fenced ```sh block counts when the last line before it that is not empty is the comment
`<!-- test: run -->`. Each block runs as one bash script (-euo pipefail): from the
source tree, with FANMILL_BIN first in PATH and in place of build/release/bin, and HOME in a temporary
folder. If an indented block follows, it is what standard output must be, unless the mark is
`<!-- test: run, output varies -->`. A block that names scripts/test or scripts/quickstart would run this
test again; of it only the programs named are checked to be there and executable.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

DOCUMENTS = ("README.md", "docs/guide.md")
MARK = "<!-- test: run -->"
MARK_VARIES = "<!-- test: run, output varies -->"
NOT_RUN = re.compile(r"scripts/(?:test|quickstart)\b")
SCRIPT = re.compile(r"(?<![\w/])(?:\./)?((?:scripts|\.ci)/[\w.-]+)")
BLOCK_SECONDS_MAX = 90


def marked_blocks(text):
    """(line number, script, expected output or None) of each marked ```sh block."""
    blocks = []
    lines = text.split("\n")
    marked = ""
    at = 0
    while at < len(lines):
        line = lines[at].strip()
        if line.startswith("```") and line != "```":
            end = at + 1
            while end < len(lines) and lines[end].strip() != "```":
                end += 1
            if marked and line == "```sh":
                expected = indented_block(lines, end + 1) if marked == MARK else None
                blocks.append((at + 2, "\n".join(lines[at + 1:end]), expected))
            marked = ""
            at = end
        elif line:
            marked = line if line in (MARK, MARK_VARIES) else ""
        at += 1
    return blocks


def indented_block(lines, at):
    """The block of lines indented by four that begins at or after line `at`, blank lines aside; else None."""
    while at < len(lines) and not lines[at].strip():
        at += 1
    block = []
    while at < len(lines) and lines[at].startswith("    "):
        block.append(lines[at][4:].rstrip())
        at += 1
    return block or None


def check_scripts(source, place, script):
    """What is wrong with the scripts that a block names, as a list of lines."""
    wrong = []
    for name in sorted(set(SCRIPT.findall(script))):
        path = source / name
        if not path.is_file():
            wrong.append(f"{place}: {name} does not exist; mend the name or add it")
        elif not os.access(path, os.X_OK):
            wrong.append(f"{place}: {name} is not executable; chmod +x it")
    return wrong


def run(source, place, script, expected, environment):
    with tempfile.TemporaryDirectory() as home:
        try:
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", script], cwd=source, timeout=BLOCK_SECONDS_MAX,
                env={**environment, "HOME": home}, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")
        except subprocess.TimeoutExpired:
            return [f"{place}: still running after {BLOCK_SECONDS_MAX} s; show a shorter command"]
    if done.returncode != 0:
        print(done.stdout, done.stderr, sep="")
        return [f"{place}: the block ended with status {done.returncode} (its words are above); mend the "
                "document or the program"]
    printed = [line.rstrip() for line in done.stdout.splitlines()]
    if expected is not None and printed != expected:
        print(done.stdout)
        return [f"{place}: the block printed what stands above, not what the document shows"]
    return []


def main():
    source = Path(os.environ.get("FANMILL_SOURCE", Path(__file__).resolve().parents[2]))
    programs = os.environ.get("FANMILL_BIN", "")
    environment = dict(os.environ)
    environment["PATH"] = os.pathsep.join(p for p in (programs, environment.get("PATH", "")) if p)
    wrong = []
    for name in DOCUMENTS:
        document = source / name
        blocks = marked_blocks(document.read_text(encoding="utf-8")) if document.is_file() else []
        if not blocks:
            wrong.append(f"{name}:1: no ```sh block is preceded by {MARK}; mark those that a reader will type")
        for number, script, expected in blocks:
            place = f"{name}:{number}"
            wrong += check_scripts(source, place, script)
            if NOT_RUN.search(script):
                print(f"{place}: looked at, not run")
                continue
            print(f"{place}: run")
            if programs:
                script = script.replace("build/release/bin", programs)
            wrong += run(source, place, script.replace("$PWD/" + programs, programs), expected, environment)
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
