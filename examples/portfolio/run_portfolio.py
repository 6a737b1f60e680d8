#!/usr/bin/env python3
"""Races SAT solvers on CNF files by `fanmill-broker run --race`, checks all answers, and tells what the race was worth.

    make_instances.py cnf
    run_portfolio.py cnf

First all solvers race: the first answer to an instance ends the others. Then each runs alone over the same list, on
as many slots. Each model is checked against its formula, and all answers to an instance against each other. Raced are
those of the solvers below that are installed, or those named: --solver cadical --solver 'mine=./my_solver --fast {}'.
A solver needs no wrapper if it exits with 10 or 20 and prints its model.

Exit status: 0, 1 if an answer is wrong or a solver breaks, 2 if there is nothing to race.
"""

import argparse
import csv
import json
import os
import re
import resource
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from answers import STATUS, check_answer, read_formula

# minisat writes its model into the file of its second argument, the others print it.
KNOWN = {
    "minisat": "minisat -verb=0 {} /dev/stdout",
    "cadical": "cadical -q {}",
    "picosat": "picosat {}",
    "glucose": "glucose -model {}",
    "cryptominisat5": "cryptominisat5 --verb 0 {}",
}
INSTALL = "apt-get install minisat cadical picosat"
OURS = Path(__file__).resolve().parents[2] / "build" / "release" / "bin" / "fanmill-broker"


class Run:
    """One run of the broker over all instances: with several solvers a race, with one that solver alone."""

    def __init__(self, options, files, solvers, folder):
        self.solvers = solvers
        joblog = Path(folder) / f"joblog-{'-'.join(solvers)}.tsv"
        races = [word for command in solvers.values() for word in ("--race", command)]
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        # A line of text that is JSON may hold any file name.
        ended = subprocess.run(
            [options.broker, "run", "--quiet", "--json", "--local", str(options.local), "--until", "exit:10,20",
             "--time-limit", options.time_limit, "--joblog", joblog, *races],
            input="".join(json.dumps(str(file)) + "\n" for file in files), capture_output=True, text=True, check=False)
        self.wall = time.monotonic() - started
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        self.ends = dict(zip(files, map(json.loads, ended.stdout.splitlines())))
        if len(self.ends) != len(files):
            raise SystemExit(f"the broker ended early, with status {ended.returncode}:\n{ended.stderr}")
        with open(joblog, encoding="utf-8") as file:
            self.log = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))

    def winner(self, file):
        """The name of the solver that answered; None if none did in time."""
        command = self.ends[file].get("command")
        return command and next(name for name, template in self.solvers.items()
                                if shlex.split(template.replace("{}", shlex.quote(str(file)))) == shlex.split(command))

    def answer(self, file):
        return STATUS.get(self.ends[file].get("exit"))

    def waited(self):
        """Seconds from the first start of a command of each instance to its end, summed up: what somebody would have
        waited who needs the answers one after the other."""
        span = {}
        for line in self.log:
            start, took = float(line["Starttime"]), float(line["JobRuntime"])
            if start > 0:  # a command that never began has no start
                first, last = span.get(line["Seq"], (start, start))
                span[line["Seq"]] = min(first, start), max(last, start + took)
        return sum(last - first for first, last in span.values())

    def solved(self):
        return sum("exit" in end for end in self.ends.values())

    def findings(self, formulas):
        """What is wrong, a line each. That the time did not suffice is not."""
        for file, end in self.ends.items():
            name = self.winner(file)
            if name:
                wrong = check_answer(formulas[file], end["exit"], end["output"])
                if wrong:
                    yield f"{file}: {name}: {wrong}"
            elif len(re.findall(r": time limit on \S+", end["error"])) != len(self.solvers):
                yield f"{file}: {end['error']}"
        # A solver that breaks must not hide behind one that wins: those that did not answer were ended by signal 9.
        for line in self.log:
            file = list(self.ends)[int(line["Seq"]) - 1]
            if self.winner(file) and (line["Exitval"], line["Signal"]) not in (("10", "0"), ("20", "0"), ("-1", "9")):
                yield f"{file}: exit {line['Exitval']}, signal {line['Signal']}: {line['Command']}"


def disagreements(files, runs):
    for file in files:
        said = {name: run.answer(file) for name, run in runs.items() if run.answer(file)}
        if len(set(said.values())) > 1:
            yield f"{file}: " + ", ".join(f"{name} says {answer}" for name, answer in said.items())


def family(file):
    return re.sub(r"-\d+$", "", file.stem)


def show(rows):
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print("    " + "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip())
    print()


def show_tables(files, race, alone):
    wins = Counter(race.winner(file) for file in files)
    show([["", "solved", "waited for answers", "whole list", "of processors", "races won"],
          *([name, str(run.solved()), f"{run.waited():.1f} s", f"{run.wall:.1f} s", f"{run.cpu:.1f} s",
             str(wins[name]) if name in alone else ""] for name, run in {**alone, "the race": race}.items())])
    columns = [*alone, *([None] if wins[None] else [])]
    by_family = Counter((family(file), race.winner(file)) for file in files)
    show([["races won, by family", "of", *(name or "nobody" for name in columns)],
          *([kind, str(count), *(str(by_family[kind, name] or "-") for name in columns)]
            for kind, count in Counter(map(family, files)).items())])
    # More solved comes first: a solver's time for what it gave up is only the limit.
    best = max(alone, key=lambda name: (alone[name].solved(), -alone[name].waited()))
    print(f"The best single solver is {best}, with {alone[best].solved()} solved; the race solves {race.solved()}. "
          f"To wait for an answer\n{saving(alone[best].waited(), race.waited())}; the whole list "
          f"{saving(alone[best].wall, race.wall)}.")


def saving(alone, race):
    return f"takes {abs(race - alone) / alone:.0%} {'less' if race < alone else 'more'} ({race:.1f} s, not {alone:.1f} s)"


def chosen_solvers(names):
    """{name: command} of the solvers to race."""
    if not names:
        return {name: command for name, command in KNOWN.items() if shutil.which(name)}
    unknown = [name for name in names if "=" not in name and name not in KNOWN]
    if unknown:
        raise SystemExit(f"no solver is known as {unknown[0]}: give its command, --solver '{unknown[0]}=... {{}}'")
    return {name.partition("=")[0]: name.partition("=")[2] or KNOWN[name] for name in names}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path, help="where the *.cnf files are")
    parser.add_argument("--solver", action="append", metavar="NAME[=COMMAND]", help="may be given several times")
    parser.add_argument("--local", type=int, help="slots (default: one for each solver; with fewer, the last of them "
                        "would hardly ever begin)")
    parser.add_argument("--time-limit", default="10s", help="for each attempt (default: 10s)")
    parser.add_argument("--broker", default=shutil.which("fanmill-broker") or str(OURS))
    options = parser.parse_args()

    solvers = chosen_solvers(options.solver)
    if len(solvers) < 2:
        print(f"A race needs two solvers; found here: {', '.join(solvers) or 'none'}. Known are {', '.join(KNOWN)}. "
              f"Try: {INSTALL}", file=sys.stderr)
        return 2
    files = sorted(options.folder.glob("*.cnf"))
    if not files:
        print(f"There are no *.cnf files in {options.folder}. Make some: make_instances.py {options.folder}",
              file=sys.stderr)
        return 2
    options.local = options.local or len(solvers)
    formulas = {file: read_formula(file.read_text()) for file in files}

    with tempfile.TemporaryDirectory() as folder:
        race = Run(options, files, solvers, folder)
        alone = {name: Run(options, files, {name: command}, folder) for name, command in solvers.items()}

    runs = {"the race": race, **alone}
    findings = [finding for run in runs.values() for finding in run.findings(formulas)]
    findings += disagreements(files, runs)
    print(f"{len(files)} instances in {options.folder}, {options.local} slots on {os.cpu_count()} cores, limit "
          f"{options.time_limit}\n")
    show_tables(files, race, alone)
    killed = sum(line["Signal"] == "9" for line in race.log if race.winner(list(race.ends)[int(line["Seq"]) - 1]))
    models = sum(run.answer(file) == "SATISFIABLE" for run in runs.values() for file in files)
    print(f"{killed} commands were ended or not begun, as another had won. {models} models were checked; ", end="")
    print("all answers agree." if not findings else f"{len(findings)} findings:")
    for finding in findings:
        print(f"  {finding}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
