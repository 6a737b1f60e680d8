"""What was measured: runs the programs, keeps their figures in build/bench/results.json, tells them."""

import json
import os
import platform
import re
import subprocess
import sys
import time
from pathlib import Path

import chart
import tables
from samples import Samples

HERE = Path(__file__).resolve().parent


def machine():
    model = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.M)
    system = re.search(r'^PRETTY_NAME="(.+)"$', Path("/etc/os-release").read_text(), re.M)
    compiler = subprocess.run(["c++", "--version"], capture_output=True, text=True).stdout.split("\n")[0]
    zmq = subprocess.run(["pkg-config", "--modversion", "libzmq"], capture_output=True, text=True).stdout
    return {"cores": len(os.sched_getaffinity(0)),
            "processor": model.group(1) if model else platform.machine(),
            "system": system.group(1) if system else platform.system(),
            "kernel": platform.release().split("-")[0], "compiler": compiler, "libzmq": zmq.strip()}


def program_of(part, programs, rounds, quick, row):
    """The command line for a part of a row."""
    name, *arguments = part
    if name in ("json-lines", "peers"):
        return [sys.executable, str(HERE / "others.py"), name, str(rounds), "quick" if quick else "full",
                str(programs)]
    values = {"{rounds}": str(rounds), "{quick}": "--quick" if quick else "",
              "{few}": "100" if quick else "1000"}
    filled = []
    for argument in arguments:
        for mark, value in values.items():
            argument = argument.replace(mark, value)
        if argument:
            filled.append(argument)
    if row.kind == "google":
        filled.append("--benchmark_format=json")
        if quick:
            filled.append("--benchmark_min_time=0.1")
    return [str(programs / name), *filled]


class Results:
    def __init__(self, root):
        self.root = root
        self.folder = root / "build" / "bench"
        self.file = self.folder / "results.json"
        kept = json.loads(self.file.read_text()) if self.file.exists() else {}
        self.samples = Samples(kept.get("samples"))
        self.texts = kept.get("texts", {})
        self.measured = kept.get("measured", {})  # row -> date, rounds, machine
        self.failed = []

    def measure(self, row, programs, rounds, quick, under):
        print(f"== {row.name}: {row.what}", flush=True)
        outputs = []
        for part in row.parts:
            if part[0].startswith("bench_") and not (programs / part[0]).exists():
                print(f"{row.name}: skipped: {part[0]} was not built (libbenchmark-dev?)")
                return
            command = [*under, *program_of(part, programs, rounds, quick, row)]
            # A manager without workers waits for ever: not so here.
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                  timeout=1800)
            outputs.append(done.stdout)
            if done.returncode != 0:
                print(f"{row.name} failed ({done.returncode}): {' '.join(command)}\n{done.stderr[-2000:]}")
                self.failed.append(row.name)
        self.take(row, outputs)
        self.measured[row.name] = {"date": time.strftime("%Y-%m-%d", time.gmtime()), "rounds": rounds,
                                   "quick": quick, **machine()}
        self.save()

    def take(self, row, outputs):
        self.samples.forget(row.name)
        for output in outputs:
            if row.kind == "text":
                self.texts[row.name] = output.strip()
            elif row.kind == "google" and output.strip():
                self.samples.take_google(row.name, output)
            else:
                self.samples.take_lines(output)

    def save(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        self.file.write_text(json.dumps(
            {"measured": self.measured, "samples": self.samples.rows, "texts": self.texts}, indent=1) + "\n")

    def tell(self):
        print()
        for name, title in tables.TITLES.items():
            text = tables.section(name, self)
            if text:
                print(f"\n## {title}\n\n{text}")
        picture = self.folder / "chart.svg"
        picture.parent.mkdir(parents=True, exist_ok=True)
        picture.write_text(chart.draw(tables.judged(self.samples)))
        print(f"\nWritten: {self.file.relative_to(self.root)} and {picture.relative_to(self.root)}")
        if self.failed:
            sys.exit(f"failed: {', '.join(self.failed)}")

    def write_docs(self):
        """Between <!-- bench:NAME --> and <!-- /bench --> stands the section of that name."""
        page = self.root / "docs" / "performance.md"
        text = page.read_text()
        for name in re.findall(r"<!-- bench:([\w-]+) -->", text):
            section = tables.section(name, self)
            if not section:
                continue  # not measured here: what stands there stays
            text = re.sub(rf"(<!-- bench:{name} -->\n).*?(<!-- /bench -->)",
                          lambda match, section=section: f"{match.group(1)}{section}\n{match.group(2)}",
                          text, flags=re.S)
        page.write_text(text)
        picture = self.root / "docs" / "images" / "performance.svg"
        picture.parent.mkdir(exist_ok=True)
        picture.write_text(chart.draw(tables.judged(self.samples)))
        print(f"Written: {page.relative_to(self.root)}, {picture.relative_to(self.root)}")
