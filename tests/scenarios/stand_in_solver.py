#!/usr/bin/env python3
"""A SAT solver for tests where none is installed: right, slow, and on request wrong in one way.

    stand_in_solver.py FILE [WAY...]

Ways: `last` branches on the last variable first; `minisat` prints as that does; `flipped` turns a variable of each model
that a clause needs; `never` says that all is unsatisfiable; `dies` by a signal; `lingers FOLDER` starts a process that
flees to a session of its own and ignores SIGTERM, makes a file in FOLDER and never ends; `after FOLDER` answers when
that file is there.
"""

import os
import signal
import sys
import time
from pathlib import Path


def solve(clauses, model, pick):
    """A model of the clauses that contains `model`; None if there is none. By unit propagation and branching."""
    while True:
        left = [[literal for literal in clause if -literal not in model]
                for clause in clauses if model.isdisjoint(clause)]
        if not all(left):
            return None
        unit = next((clause[0] for clause in left if len(clause) == 1), None)
        if unit is None:
            break
        model = model | {unit}
    if not left:
        return model
    variable = pick(abs(literal) for clause in left for literal in clause)
    for literal in (variable, -variable):
        found = solve(left, model | {literal}, pick)
        if found is not None:
            return found
    return None


def read_clauses(path):
    numbers = [int(word) for line in Path(path).read_text().splitlines() if line[:1] not in "cp" for word in line.split()]
    clauses = [[]]
    for number in numbers:
        if number:
            clauses[-1].append(number)
        else:
            clauses.append([])
    return clauses[:-1]


def flip_needed(model, clauses):
    """The model with a variable turned of which some clause has nothing else."""
    needed = next(literal for clause in clauses for literal in clause if model.intersection(clause) == {literal})
    return model - {needed} | {-needed}


def linger(folder):
    if os.fork() == 0:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        Path(folder, "lingers").touch()
    while True:
        time.sleep(1000)


def main():
    path, *ways = sys.argv[1:]
    if "dies" in ways:
        os.kill(os.getpid(), signal.SIGKILL)
    if "lingers" in ways:
        linger(ways[-1])
    if "after" in ways:
        while not Path(ways[-1], "lingers").exists():
            time.sleep(0.005)
    clauses = read_clauses(path)
    model = None if "never" in ways else solve(clauses, frozenset(), max if "last" in ways else min)
    if model is not None and "flipped" in ways:
        model = flip_needed(model, clauses)
    words = " ".join(map(str, sorted(model or (), key=abs)))
    if "minisat" in ways:
        print("WARNING: talk\nUNSATISFIABLE" if model is None else f"SAT\n{words} 0\nSATISFIABLE")
    else:
        print("c talk\ns UNSATISFIABLE" if model is None else f"c talk\ns SATISFIABLE\nv {words}\nv 0")
    return 20 if model is None else 10


if __name__ == "__main__":
    sys.exit(main())
