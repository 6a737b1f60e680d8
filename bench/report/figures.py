"""What is measured, by which program, and what each figure must show."""

from dataclasses import dataclass
from typing import Callable, Optional

QUICK_ROUNDS = 3
ROUNDS = 5


@dataclass
class Row:
    """Something to run. `parts` are run one after the other, each for a minute or two."""
    name: str
    what: str
    parts: list  # of argument lists; {rounds} and {quick} are filled in
    kind: str = "samples"  # what it prints: samples, google (JSON of Google Benchmark), text


def farm(name, what):
    return Row(name, what, [["bench_farm", "--rounds", "{rounds}", "{quick}", name]])


ROWS = [
    Row("core", "the manager's state machine alone, no sockets",
        [["bench_core", "--benchmark_repetitions={rounds}"]], "google"),
    Row("codec", "each hot message through the codec",
        [["bench_codec", "--benchmark_repetitions={rounds}", "--benchmark_min_time=0.1"]], "google"),
    farm("empty", "empty tasks on two workers"),
    farm("plain-peers", "the same with workers that take no batches"),
    farm("payload", "8 bytes, 4 KiB and 1 MiB there and back"),
    farm("round-trip", "one task at a time"),
    farm("duration", "tasks of 0 to 10 ms on 2 and 64 workers"),
    farm("tasks", "the rate from 10^4 to 10^7 tasks, and the memory"),
    farm("queued", "10^6 and 10^7 tasks queued before a worker comes"),
    farm("workers", "1 to 4,000 workers: rate, and heartbeats"),
    farm("groups", "groups of five, the first answer decides"),
    farm("keys", "ipc, tcp in plaintext, and tcp with keys"),
    Row("json-lines", "JSON lines through fanmill-broker run", [["json-lines"]]),
    Row("peers", "other tools that are installed", [["peers"]]),
    Row("commands", "commands beside posix_spawn, xargs and GNU parallel",
        [["bench_commands", "--rounds", "{rounds}", "--commands", "4000"]], "text"),
    Row("kill", "from a decision to the end of the losers' processes",
        [["bench_kill", "--kills", "{few}", "--few", "10"]], "text"),
    Row("departure", "from kill -9 of a worker to its task being queued again",
        [["bench_departure"]], "text"),
    Row("object", "payloads of values and values of payloads", [["bench_object"]], "text"),
    Row("channel", "objects through a channel and back", [["bench_channel"]], "text"),
]


@dataclass
class Figure:
    """One line of the table of what must be shown. `value` is "ROW METRIC"; with `over`, round by
    round over that one."""
    what: str
    short: str  # in the chart
    value: str
    must: float
    aim: float
    unit: str = ""  # "", "%" (of a share), "bytes", "M/s"
    over: Optional[str] = None
    less_is_better: bool = False


FIGURES = [
    Figure("empty tasks, 2 workers, tcp with keys: over bare plain ROUTER/DEALER, window 256",
           "empty tasks, tcp with keys", "empty/tcp ratio", 1.0, 3.5),
    Figure("the same by ipc", "empty tasks, ipc", "empty/ipc ratio", 1.0, 3.5),
    Figure("peers without `batch` over the bare two-frame rate, plain", "workers without batches, plain",
           "plain-peers/plain ratio", 0.7, 0.9),
    Figure("the same, CURVE", "workers without batches, CURVE", "plain-peers/curve ratio", 0.7, 0.9),
    Figure("round trip median over a bare pair with a hand-over thread on each side, tcp, free",
           "round trip, free", "round-trip/tcp/free ratio", 1.25, 1.0, less_is_better=True),
    Figure("the same, pinned to one core", "round trip, pinned to one core",
           "round-trip/tcp/pinned ratio", 1.25, 1.0, less_is_better=True),
    Figure("round trip with a spinning wait over TCP's blocking round trip",
           "round trip, spinning, over TCP", "round-trip/spin/free over_tcp", 1.0, 0.5, less_is_better=True),
    Figure("4 KiB over the bare rate, plain", "4 KiB there and back", "payload/4KiB/plain ratio", 0.85, 1.0),
    Figure("1 MiB over the bare rate, plain", "1 MiB there and back", "payload/1MiB/plain ratio", 0.85, 1.0),
    Figure("10 ms sleeps, 2 workers, efficiency", "10 ms sleeps, 2 workers",
           "duration/10ms/2 done", 0.98, 0.99, "%"),
    Figure("10 ms sleeps, 64 workers, efficiency", "10 ms sleeps, 64 workers",
           "duration/10ms/64 done", 0.98, 0.99, "%"),
    Figure("tasks of 100 us, 2 workers on 2 cores: busy share of the workers",
           "100 us of computing, 2 workers busy", "duration/100us/2 busy", 0.85, 0.95, "%"),
    Figure("manager CPU per empty task over the bare batched ROUTER's", "manager's CPU for an empty task",
           "empty/tcp cpu_ratio", 12, 5, less_is_better=True),
    Figure("memory per queued 8-byte task, the manager's process", "memory of a queued task, process",
           "queued/1e6 bytes", 160, 80, "bytes", less_is_better=True),
    Figure("memory per queued 8-byte task, the core alone", "memory of a queued task, core alone",
           "core/memory bytes/task", 160, 80, "bytes", less_is_better=True),
    Figure("rate at 10^7 tasks over rate at 10^5", "10^7 tasks over 10^5",
           "tasks/1e7 rate", 0.95, 1.0, over="tasks/1e5 rate"),
    Figure("rate with 1,000 workers over rate with 10", "1,000 workers over 10", "workers/1000 rate", 0.7, 0.9,
           over="workers/10 rate"),
    Figure("manager CPU for 4,000 idle workers' heartbeats at 2 s both ways",
           "heartbeats of 4,000 idle workers", "workers/4000 idle_cpu", 0.05, 0.03, "%", less_is_better=True),
    Figure("core alone, tasks per second, 10^4 queued, 2 sessions",
           "core alone, tasks a second", "core/tasks/queued:10000/sessions:2 rate", 3e6, 8e6, "M/s"),
]
