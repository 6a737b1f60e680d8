#!/usr/bin/env python3
"""Runs the commands of README.md, so that they can't rot.

A fenced ```sh block counts when the last line before it that is not empty is the comment
`<!-- test: run -->`. Each block runs as one bash script (-euo pipefail): from the
source tree, with FANMILL_BIN first in PATH and HOME in a temporary folder. A block that names
scripts/test or scripts/quickstart would run this test again; of it only the programs named are
checked to be there and executable.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

MARK = "<!-- test: run -->"
NOT_RUN = re.compile(r"scripts/(?:test|quickstart)\b")
SCRIPT = re.compile(r"(?<![\w/])(?:\./)?((?:scripts|\.ci)/[\w.-]+)")
BLOCK_SECONDS_MAX = 90


def marked_blocks(text):
    """(line number, script) of each marked ```sh block."""
    blocks = []
    lines = text.split("\n")
    marked = False
    at = 0
    while at < len(lines):
        line = lines[at].strip()
        if line.startswith("```") and line != "```":
            end = at + 1
            while end < len(lines) and lines[end].strip() != "```":
                end += 1
            if marked and line == "```sh":
                blocks.append((at + 2, "\n".join(lines[at + 1:end])))
            marked = False
            at = end
        elif line:
            marked = line == MARK
        at += 1
    return blocks


def check_scripts(source, number, script):
    """What is wrong with the scripts that a block names, as a list of lines."""
    wrong = []
    for name in sorted(set(SCRIPT.findall(script))):
        path = source / name
        if not path.is_file():
            wrong.append(f"README.md:{number}: {name} does not exist; mend the name or add it")
        elif not os.access(path, os.X_OK):
            wrong.append(f"README.md:{number}: {name} is not executable; chmod +x it")
    return wrong


def run(source, number, script, environment):
    with tempfile.TemporaryDirectory() as home:
        try:
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", script], cwd=source, timeout=BLOCK_SECONDS_MAX,
                env={**environment, "HOME": home}, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        except subprocess.TimeoutExpired:
            return [f"README.md:{number}: still running after {BLOCK_SECONDS_MAX} s; show a shorter command"]
    if done.returncode != 0:
        print(done.stdout)
        return [f"README.md:{number}: the block ended with status {done.returncode} (its words are "
                "above); mend the README or the program"]
    return []


def main():
    source = Path(os.environ.get("FANMILL_SOURCE", Path(__file__).resolve().parents[2]))
    readme = source / "README.md"
    if not readme.is_file():
        print("no README.md: nothing to run")
        return 0
    blocks = marked_blocks(readme.read_text(encoding="utf-8"))
    if not blocks:
        print(f"README.md:1: no ```sh block is preceded by {MARK}; mark those that a reader will type")
        return 1

    environment = dict(os.environ)
    programs = os.environ.get("FANMILL_BIN", "")
    environment["PATH"] = os.pathsep.join(p for p in (programs, environment.get("PATH", "")) if p)
    wrong = []
    for number, script in blocks:
        wrong += check_scripts(source, number, script)
        if NOT_RUN.search(script):
            print(f"README.md:{number}: looked at, not run")
        else:
            print(f"README.md:{number}: run")
            wrong += run(source, number, script, environment)
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
