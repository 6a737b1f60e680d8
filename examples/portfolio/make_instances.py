#!/usr/bin/env python3
"""Writes CNF files for the race of SAT solvers: random 3-SAT, pigeonholes, graph colouring.

    make_instances.py FOLDER [--size small|full] [--seed 1]

The same seed and size give the same files, byte for byte. `full` is 48 instances that take a solver from
milliseconds to some seconds each; `small` is 14 that take a naive one in Python not much longer than its start.
What is known about an instance by the way it was made stands in a line of its own in the file:

    c expected UNSATISFIABLE
"""

import argparse
import random
from itertools import combinations
from pathlib import Path

SATISFIABLE = "SATISFIABLE"
UNSATISFIABLE = "UNSATISFIABLE"

# Clauses per variable at which half of all random 3-SAT formulas are satisfiable, and the hardest are found.
THRESHOLD = 4.26


def random_3sat(random_source, variables, planted=False):
    """(clauses, what is known). A planted formula has a solution: the clauses that it breaks are left out."""
    solution = [random_source.random() < 0.5 for _ in range(variables + 1)]
    clauses = []
    while len(clauses) < round(THRESHOLD * variables):
        chosen = random_source.sample(range(1, variables + 1), 3)
        clause = [variable if random_source.random() < 0.5 else -variable for variable in chosen]
        if not planted or any(solution[abs(literal)] == (literal > 0) for literal in clause):
            clauses.append(clause)
    return clauses, SATISFIABLE if planted else None


def pigeonhole(random_source, pigeons, holes):
    """Each pigeon in a hole, no two in one. With one pigeon too many a short formula that resolution finds hard."""
    # Numbered by lot: a solver's order of variables is not to be told the answer by ours.
    names = list(range(1, pigeons * holes + 1))
    random_source.shuffle(names)

    def sits(pigeon, hole):
        return names[pigeon * holes + hole]
    clauses = [[sits(pigeon, hole) for hole in range(holes)] for pigeon in range(pigeons)]
    clauses += [[-sits(one, hole), -sits(other, hole)]
                for hole in range(holes) for one, other in combinations(range(pigeons), 2)]
    return clauses, SATISFIABLE if pigeons <= holes else UNSATISFIABLE


def colouring(random_source, vertices, colours, edges, planted=False):
    """A random graph's vertices in so many colours, no edge between equals. A planted graph has such a colouring."""
    colour_of = [random_source.randrange(colours) for _ in range(vertices)]
    chosen = set()
    while len(chosen) < edges:
        one, other = sorted(random_source.sample(range(vertices), 2))
        if not planted or colour_of[one] != colour_of[other]:
            chosen.add((one, other))

    def has(vertex, colour):
        return vertex * colours + colour + 1
    clauses = [[has(vertex, colour) for colour in range(colours)] for vertex in range(vertices)]
    clauses += [[-has(one, colour), -has(other, colour)] for one, other in sorted(chosen) for colour in range(colours)]
    return clauses, SATISFIABLE if planted else None


# name -> (how it is made, its arguments, how many of it)
SMALL = {
    "random-20": (random_3sat, {"variables": 20}, 4),
    "planted-30": (random_3sat, {"variables": 30, "planted": True}, 2),
    "hole-4": (pigeonhole, {"pigeons": 5, "holes": 4}, 2),
    "pigeons-5": (pigeonhole, {"pigeons": 5, "holes": 5}, 1),
    "colour3-10": (colouring, {"vertices": 10, "colours": 3, "edges": 24}, 3),
    "coloured3-12": (colouring, {"vertices": 12, "colours": 3, "edges": 24, "planted": True}, 2),
}
# Chosen so that some are easy for one solver and hard for another; which, is a matter of luck for the satisfiable ones.
FULL = {
    "random-200": (random_3sat, {"variables": 200}, 6),
    "random-240": (random_3sat, {"variables": 240}, 6),
    "planted-500": (random_3sat, {"variables": 500, "planted": True}, 6),
    "hole-8": (pigeonhole, {"pigeons": 9, "holes": 8}, 3),
    "hole-9": (pigeonhole, {"pigeons": 10, "holes": 9}, 2),
    "pigeons-40": (pigeonhole, {"pigeons": 40, "holes": 40}, 1),
    "colour3-300": (colouring, {"vertices": 300, "colours": 3, "edges": 690}, 6),
    "colour3-500": (colouring, {"vertices": 500, "colours": 3, "edges": 1150}, 6),
    "colour4-200": (colouring, {"vertices": 200, "colours": 4, "edges": 840}, 6),
    "coloured3-600": (colouring, {"vertices": 600, "colours": 3, "edges": 1380, "planted": True}, 6),
}
SIZES = {"small": SMALL, "full": FULL}


def dimacs(clauses, known):
    """The formula as a DIMACS CNF file's text."""
    variables = max(abs(literal) for clause in clauses for literal in clause)
    lines = [f"c expected {known}"] if known else []
    lines.append(f"p cnf {variables} {len(clauses)}")
    lines += [" ".join(map(str, [*clause, 0])) for clause in clauses]
    return "\n".join(lines) + "\n"


def instances(size, seed):
    """(file name, text) of each, in the order in which they are to be solved: mixed, easy and hard."""
    made = []
    for name, (make, arguments, count) in SIZES[size].items():
        for number in range(1, count + 1):
            # A source of chance for each: a changed table leaves the others as they are.
            source = random.Random(f"{seed} {name} {number}")
            made.append((f"{name}-{number}.cnf", dimacs(*make(source, **arguments))))
    return made


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path, help="where the files go; made if it is not there")
    parser.add_argument("--size", choices=sorted(SIZES), default="full")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    made = instances(options.size, options.seed)
    for name, text in made:
        (options.folder / name).write_text(text)
    print(f"{len(made)} instances in {options.folder}")


if __name__ == "__main__":
    main()
