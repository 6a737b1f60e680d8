#!/usr/bin/env python3
"""Counts the instructions of fixed work in core and codec (build/.../bench_counted, under callgrind)
and compares them with tests/bench/counts.txt: a change that makes the core a fifth slower is seen
here, on the busiest machine. No time is measured.

Usage: counts_test.py            compares; exit status 77 (skipped) where the numbers mean nothing
       counts_test.py --renew    writes counts.txt anew (scripts/bench --renew-counts does it for you)

The numbers depend on compiler and libraries, so the file says which ones they were taken with.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

SKIPPED = 77
HERE = Path(__file__).resolve().parent
FILE = HERE / "counts.txt"
RENEW = "scripts/bench --renew-counts"

HEAD = """\
# Instructions of fixed work, as callgrind counts them: see counts_test.py. Written by
#     {renew}
# More than `tolerance` above a number fails the test `bench.counts_test`.
tolerance: {tolerance} %
build: {build}
"""


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIPPED)


def program():
    folder = os.environ.get("FANMILL_BIN", str(HERE.parent.parent / "build" / "release" / "bin"))
    path = Path(folder) / "bench_counted"
    if not path.exists():
        skip(f"there is no {path}; configure with FANMILL_BENCH=ON")
    return str(path)


def output_of(*command, cwd=None):
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def count(counted):
    """Name of each work -> its instructions."""
    with tempfile.TemporaryDirectory() as folder:
        said = output_of("valgrind", "--tool=callgrind", "--zero-before=counted_*",
                         "--dump-before=after_counting", "--callgrind-out-file=out", counted,
                         cwd=folder)
        counts = {}
        for part, name in enumerate(re.findall(r"^(\w+): \d+$", said, re.M), 1):
            text = (Path(folder) / f"out.{part}").read_text(errors="replace")
            counts[name] = int(re.search(r"^(?:totals|summary): (\d+)", text, re.M).group(1))
    return counts


def read_file():
    text = FILE.read_text()
    tolerance = int(re.search(r"^tolerance: (\d+) %$", text, re.M).group(1))
    build = re.search(r"^build: (.+)$", text, re.M).group(1)
    return tolerance, build, {name: int(number) for name, number
                              in re.findall(r"^(\w+) (\d+)$", text, re.M)}


def renew(counted, build):
    tolerance = read_file()[0] if FILE.exists() else 10
    lines = [f"{name} {number}" for name, number in sorted(count(counted).items())]
    FILE.write_text(HEAD.format(renew=RENEW, tolerance=tolerance, build=build) +
                    "\n".join(lines) + "\n")
    print(f"wrote {FILE}:\n" + "\n".join(lines))


def compare(counted, build):
    tolerance, expected_build, expected = read_file()
    if build != expected_build:
        skip("tests/bench/counts.txt was taken with another build, so its numbers say nothing here.\n"
             f"  there: {expected_build}\n  here:  {build}\n"
             f"To take them with this one: {RENEW}")
    measured = count(counted)
    grown, fewer = [], []
    for name in sorted(expected.keys() | measured.keys()):
        was, now = expected.get(name), measured.get(name)
        if was is None or now is None:
            grown.append(f"{name} is {'not in the file' if was is None else 'not counted any more'}")
            continue
        change = 100 * (now / was - 1)
        print(f"{name:22} {was:>12} -> {now:>12} {change:+7.1f} %")
        if change > tolerance:
            grown.append(f"{name} takes {change:.1f} % more instructions ({tolerance} % are allowed)")
        elif change < -tolerance:
            fewer.append(name)
    if fewer:
        print(f"Fewer than before: {', '.join(fewer)}. So that it stays so: {RENEW}")
    if grown:
        print("\n".join(grown))
        sys.exit("If that was not meant, see where they are spent:\n"
                 f"    valgrind --tool=callgrind --toggle-collect=counted_NAME {counted}\n"
                 "    callgrind_annotate --inclusive=yes callgrind.out.PID\n"
                 "If it was, say why in the commit, and take the new numbers into it:\n"
                 f"    {RENEW}")


def main():
    if os.environ.get("FANMILL_SANITIZE"):
        skip("a sanitizer's instructions are not the product's")
    counted = program()
    build = output_of(counted, "--build").strip()
    if not build.endswith(" optimised") or "not optimised" in build:
        skip(f"only an optimised build is counted (preset release); this one is: {build}")
    if subprocess.run(["sh", "-c", "command -v valgrind"], capture_output=True).returncode != 0:
        skip("valgrind is not installed (scripts/setup installs it)")
    if sys.argv[1:] == ["--renew"]:
        renew(counted, build)
    elif not sys.argv[1:]:
        compare(counted, build)
    else:
        sys.exit(__doc__)


main()
