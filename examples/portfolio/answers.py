"""What SAT solvers print, read and checked against the formula that they were given.

A model is checked clause by clause, so "satisfiable" is certain. "Unsatisfiable" is believed unless another solver, or
the way in which the instance was made, says otherwise; who needs more has the solvers write proofs.
"""

from collections import namedtuple

SATISFIABLE = "SATISFIABLE"
UNSATISFIABLE = "UNSATISFIABLE"
STATUS = {10: SATISFIABLE, 20: UNSATISFIABLE}
# The solvers of the competitions write `s ...`; minisat writes a line of its own, and SAT or UNSAT into its result file.
VERDICTS = {"s SATISFIABLE": SATISFIABLE, "s UNSATISFIABLE": UNSATISFIABLE, "SATISFIABLE": SATISFIABLE,
            "UNSATISFIABLE": UNSATISFIABLE, "SAT": SATISFIABLE, "UNSAT": UNSATISFIABLE}

Formula = namedtuple("Formula", "variables clauses expected")


def read_formula(text):
    """A DIMACS CNF file, with the line `c expected ...` of make_instances.py if it is there."""
    variables, expected, numbers = 0, None, []
    for line in text.splitlines():
        if line.startswith("c"):
            words = line.split()
            expected = words[2] if words[1:2] == ["expected"] else expected
        elif line.startswith("p"):
            variables = int(line.split()[2])
        else:
            numbers += map(int, line.split())
    clauses, clause = [], []
    for number in numbers:
        if number:
            clause.append(number)
        else:
            clauses.append(clause)
            clause = []
    return Formula(variables, clauses, expected)


def read_answer(output):
    """(the set of verdicts in a solver's output, the literals of its model). Anything else in it is talk."""
    verdicts, model, follows = set(), set(), False
    for line in output.splitlines():
        line = line.strip()
        if line in VERDICTS:
            verdicts.add(VERDICTS[line])
        elif line.startswith("v ") or follows:
            model.update(int(word) for word in line.removeprefix("v ").split())
        follows = line == "SAT"
    return verdicts, model - {0}


def check_answer(formula, status, output):
    """What is wrong with an answer; None if nothing is."""
    claimed = STATUS.get(status)
    if claimed is None:
        return f"exit {status} is no answer"
    try:
        verdicts, model = read_answer(output)
    except ValueError as error:
        return f"the model can't be read: {error}"
    if verdicts != {claimed}:
        return f"exit {status} means {claimed}, but the output says {' and '.join(sorted(verdicts)) or 'nothing'}"
    if formula.expected not in (None, claimed):
        return f"{claimed}, but it was made to be {formula.expected}"
    if claimed == UNSATISFIABLE:
        return None
    both = sorted(literal for literal in model if -literal in model and literal > 0)
    if both:
        return f"the model has {both[0]} and {-both[0]}"
    broken = [clause for clause in formula.clauses if model.isdisjoint(clause)]
    return f"the model breaks {len(broken)} clauses, the first is {broken[0]}" if broken else None
