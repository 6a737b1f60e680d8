"""Samples: one figure of one round. Kept as {row: {"METRIC": [values]}}, in the order of the rounds."""

import json
from statistics import median


class Samples:
    def __init__(self, rows=None):
        self.rows = rows or {}

    def add(self, row, metric, value):
        self.rows.setdefault(row, {}).setdefault(metric, []).append(value)

    def take_lines(self, text):
        """What bench/sample.hpp prints. Other lines are left."""
        for line in text.splitlines():
            fields = line.split("\t")
            if len(fields) != 3:
                continue
            row, metric, value = fields
            if metric == "skipped":
                self.rows.setdefault(row, {})["skipped"] = value
            else:
                self.add(row, metric, float(value))

    def take_google(self, row, text):
        """The JSON of Google Benchmark: each repetition is a round."""
        usual = {"name", "run_name", "run_type", "repetitions", "repetition_index", "threads",
                 "iterations", "real_time", "cpu_time", "time_unit", "family_index",
                 "per_family_instance_index", "items_per_second"}
        unit = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}
        for each in json.loads(text)["benchmarks"]:
            if each["run_type"] != "iteration":
                continue
            name = f"{row}/{each['run_name'].removesuffix('/iterations:1')}"
            name = name.split("/repeats:")[0].removesuffix("/iterations:1")
            self.add(name, "ns", each["cpu_time"] * unit[each["time_unit"]])
            if "items_per_second" in each:
                self.add(name, "rate", each["items_per_second"])
            for counter, value in each.items():
                if counter not in usual and isinstance(value, (int, float)):
                    self.add(name, counter, value)

    def values(self, row, metric):
        values = self.rows.get(row, {}).get(metric, [])
        return values if isinstance(values, list) else []

    def ratios(self, row, metric, under_row, under_metric):
        return [a / b for a, b in zip(self.values(row, metric), self.values(under_row, under_metric))]

    def median(self, row, metric):
        values = self.values(row, metric)
        return median(values) if values else None

    def forget(self, prefix):
        for row in [r for r in self.rows if r == prefix or r.startswith(prefix + "/")]:
            del self.rows[row]
