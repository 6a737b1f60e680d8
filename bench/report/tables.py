"""The figures as tables in Markdown."""

from dataclasses import dataclass
from statistics import median
from typing import Optional

import figures

TITLES = {
    "machine": "Where", "must": "What must be shown", "below": "Below must",
    "empty": "Empty tasks", "plain-peers": "Workers without batches", "payload": "Payloads",
    "round-trip": "Round trips, microseconds", "duration": "Tasks that take time",
    "tasks": "Numbers of tasks", "queued": "Queued before a worker comes", "workers": "Numbers of workers",
    "groups": "Groups of five, policy first", "core": "The core alone", "codec": "The codec alone",
    "keys": "What keys cost", "json-lines": "JSON lines through fanmill-broker run",
    "peers": "Others", "commands": "Commands", "kill": "Kills", "departure": "Departure",
    "object": "Objects", "channel": "Channels",
}


@dataclass
class Judged:
    figure: figures.Figure
    values: list
    why_not: str = ""

    @property
    def value(self) -> Optional[float]:
        return median(self.values) if self.values else None

    def reaches(self, wanted):
        return self.value <= wanted if self.figure.less_is_better else self.value >= wanted

    @property
    def verdict(self):
        if self.value is None:
            return self.why_not or "not measured"
        return "aim" if self.reaches(self.figure.aim) else \
            "must" if self.reaches(self.figure.must) else "**below must**"


def judged(samples):
    result = []
    for figure in figures.FIGURES:
        row, metric = figure.value.rsplit(" ", 1)
        if figure.over:
            values = samples.ratios(row, metric, *figure.over.rsplit(" ", 1))
        else:
            values = samples.values(row, metric)
        why = samples.rows.get(row, {}).get("skipped", "")
        result.append(Judged(figure, values, f"skipped: {why}" if why else ""))
    return result


def number(value):
    """Three digits that mean something."""
    if value is None:
        return ""
    if abs(value) >= 1e6:
        return f"{value / 1e6:.2f} M" if abs(value) < 1e8 else f"{value / 1e6:.0f} M"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 100:
        return f"{value:.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 0.1 or value == 0 else f"{value:.3f}"


def in_unit(value, unit):
    if value is None:
        return ""
    if unit == "%":
        return f"{100 * value:.1f} %"
    if unit == "M/s":
        return f"{value / 1e6:.2f} M/s"
    return number(value) + (f" {unit}" if unit else "")


def spread(values, unit=""):
    if not values:
        return ""
    if len(values) == 1:
        return in_unit(values[0], unit)
    return f"{in_unit(median(values), unit)} ({in_unit(min(values), unit)} to {in_unit(max(values), unit)})"


def table(heads, lines):
    return "\n".join(["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)] +
                     ["| " + " | ".join(line) + " |" for line in lines])


def must(results):
    def limit(figure, value):
        sign = "≤ " if figure.less_is_better else ""
        return sign + (f"{100 * value:.0f} %" if figure.unit == "%" else
                       f"{value / 1e6:.0f} M/s" if figure.unit == "M/s" else
                       f"{value:g}" + (f" {figure.unit}" if figure.unit else ""))
    return table(["figure", "must", "aim", "measured, median (min to max)", "reaches"],
                 [[j.figure.what, limit(j.figure, j.figure.must), limit(j.figure, j.figure.aim),
                   spread(j.values, j.figure.unit), j.verdict] for j in judged(results.samples)])


def below(results):
    missed = [j for j in judged(results.samples) if j.value is not None and not j.reaches(j.figure.must)]
    unknown = [j for j in judged(results.samples) if j.value is None]
    lines = [f"- {j.figure.what}: {in_unit(j.value, j.figure.unit)}" for j in missed]
    lines += [f"- {j.figure.what}: {j.why_not or 'not measured'}" for j in unknown]
    return "\n".join(lines) or "None."


def machine(results):
    if not results.measured:
        return ""
    newest = max(results.measured.values(), key=lambda each: each["date"])
    dates = sorted({each["date"] for each in results.measured.values()})
    rounds = sorted({each["rounds"] for each in results.measured.values()})
    counted = f"{rounds[0]} to {rounds[-1]} rounds" if len(rounds) > 1 else f"{rounds[0]} rounds"
    return (f"Taken on {' and '.join(dates)} on a machine with {newest['cores']} cores ({newest['processor']}, "
            f"{newest['system']}, Linux {newest['kernel']}, libzmq {newest['libzmq']}, {newest['compiler']}), "
            f"{counted} of each row.")


def rows_of(results, prefix):
    rows = results.samples.rows
    return [(name.removeprefix(prefix + "/"), name) for name in rows
            if name == prefix or name.startswith(prefix + "/")]


def metrics(columns, first="", order=None):
    """A table of some metrics: a line for each sub-row. `columns`: (head, metric[, whether with spread])."""
    def make(results, prefix):
        lines = []
        names = rows_of(results, prefix)
        if order:
            names.sort(key=lambda pair: order(pair[0]))
        for short, name in names:
            skipped = results.samples.rows[name].get("skipped")
            if skipped:
                lines.append([short, f"skipped: {skipped}"] + [""] * (len(columns) - 1))
                continue
            line = [short]
            for _, metric, *rest in columns:
                values = results.samples.values(name, metric)
                line.append(spread(values) if rest else number(median(values) if values else None))
            lines.append(line)
        return table([first or prefix, *[column[0] for column in columns]], lines) if lines else ""
    return make


BESIDE_BARE = [("bare tasks/s", "bare"), ("fanmill tasks/s", "fanmill"), ("ratio (min to max)", "ratio", True),
               ("bare: manager's us a task", "bare_us"), ("fanmill's", "fanmill_us")]


def by_scale(name):
    return float(name) if name.replace("e", "").isdigit() else 0


SECTIONS = {
    "empty": metrics(BESIDE_BARE + [("bare, 64 in a message, tasks/s", "batched"),
                                    ("its manager's us", "batched_us")], "transport"),
    "plain-peers": metrics(BESIDE_BARE, "connection"),
    "payload": metrics(BESIDE_BARE, "payload"),
    "round-trip": metrics([("bare", "bare_us"), ("p99", "bare_p99_us"), ("with hand-over", "hand_over_us"),
                           ("p99", "hand_over_p99_us"), ("TCP", "tcp_us"), ("fanmill", "fanmill_us"),
                           ("p99", "fanmill_p99_us"), ("over hand-over (min to max)", "ratio", True),
                           ("over bare", "over_bare"), ("over TCP", "over_tcp")], "way"),
    "duration": metrics([("tasks/s", "rate"), ("done (min to max)", "done", True),
                         ("by bare sockets", "bare_done"), ("within functions", "busy", True)], "a task / workers"),
    "tasks": metrics([("tasks/s (min to max)", "rate", True), ("peak of the manager's process, MiB", "peak_MiB")],
                     "tasks", by_scale),
    "queued": metrics([("bytes a task, the manager's process", "bytes"), ("tasks/s once workers came", "rate"),
                       ("manager's us a task, all in all", "us")], "queued", by_scale),
    "workers": metrics([("tasks/s, 200,000 ahead (min to max)", "rate", True), ("manager's us a task", "us"),
                        ("tasks/s, look-ahead by default", "default_lookahead_rate"),
                        ("idle: share of a core", "idle_cpu"), ("KiB a session", "session_KiB"),
                        ("all joined after s", "joined_s")], "workers", by_scale),
    "groups": metrics([("groups/s (min to max)", "groups", True), ("kills/s", "kills")], "what"),
    "keys": metrics([("empty tasks/s", "rate"), ("manager's us a task", "us"),
                     ("64 KiB there and back, MB/s", "MBps"), ("round trip us", "trip_us")], "transport"),
    "json-lines": metrics([("items/s (min to max)", "rate", True)], "workers"),
    "peers": metrics([("tasks/s (min to max)", "rate", True), ("round trip us", "trip_us")], "tool"),
    "core": metrics([("a second (min to max)", "rate", True), ("kills/s", "kills"), ("bytes a task", "bytes/task")],
                    "what"),
    "codec": metrics([("ns a message", "ns"), ("tasks/s", "rate"), ("bytes", "bytes")], "message"),
}


def section(name, results):
    if name == "must":
        return must(results)
    if name == "below":
        return below(results)
    if name == "machine":
        return machine(results)
    if name in SECTIONS:
        return SECTIONS[name](results, name)
    return without_introduction(results.texts.get(name, ""))


def without_introduction(text):
    """A document has its own words before the first table; a table's short name stays: "Encode:"."""
    blocks = text.split("\n\n")
    for at, block in enumerate(blocks):
        if block.startswith("|"):
            named = at > 0 and len(blocks[at - 1]) < 20 and blocks[at - 1].endswith(":")
            return "\n\n".join(blocks[at - 1 if named else at:])
    return text
