"""Rows that are no program of ours: JSON lines through the broker, and other tools that are installed.

A tool that is not there is skipped by its name. Each prints or is timed with tasks as empty as it can
have them, two workers, and one round trip at a time.
"""

import importlib.util
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from statistics import median

from samples import Samples

MPI_SOURCE = r"""
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
/* A manager that keeps `window` numbers at each worker, which sends them back. */
int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  int rank, size;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  const long tasks = atol(argv[1]), window = atol(argv[2]);
  long number = 0, sent = 0;
  MPI_Status status;
  if (rank != 0) {
    for (;;) {
      MPI_Recv(&number, 1, MPI_LONG, 0, MPI_ANY_TAG, MPI_COMM_WORLD, &status);
      if (status.MPI_TAG == 2) break;
      MPI_Send(&number, 1, MPI_LONG, 0, 1, MPI_COMM_WORLD);
    }
  } else {
    const double begin = MPI_Wtime();
    for (long i = 0; i < window; ++i)
      for (int to = 1; to < size; ++to, ++sent) MPI_Send(&sent, 1, MPI_LONG, to, 1, MPI_COMM_WORLD);
    for (long done = 0, all = sent; done < all; ++done) {
      MPI_Recv(&number, 1, MPI_LONG, MPI_ANY_SOURCE, 1, MPI_COMM_WORLD, &status);
      if (sent < tasks) {
        MPI_Send(&sent, 1, MPI_LONG, status.MPI_SOURCE, 1, MPI_COMM_WORLD);
        ++sent, ++all;
      }
    }
    printf("%.9g\n", MPI_Wtime() - begin);
    for (int to = 1; to < size; ++to) MPI_Send(&sent, 1, MPI_LONG, to, 2, MPI_COMM_WORLD);
  }
  MPI_Finalize();
  return 0;
}
"""


def echo(number):
    return number


def python_pool(samples, rounds, tasks):
    with multiprocessing.Pool(2) as pool:
        for _ in range(rounds):
            begin = time.perf_counter()
            pool.map(echo, range(tasks), chunksize=1)
            samples.add("peers/python3 Pool.map, chunks of 1", "rate", tasks / (time.perf_counter() - begin))
            trips = []
            for number in range(1000):
                begin = time.perf_counter()
                pool.apply(echo, (number,))
                trips.append(time.perf_counter() - begin)
            samples.add("peers/python3 Pool.map, chunks of 1", "trip_us", 1e6 * median(trips))


def mpi(samples, rounds, tasks):
    name = "peers/MPI manager and workers"
    if not (shutil.which("mpicc") and shutil.which("mpirun")):
        samples.rows[name] = {"skipped": "mpicc or mpirun is not installed"}
        return
    with tempfile.TemporaryDirectory() as folder:
        source, program = f"{folder}/farm.c", f"{folder}/farm"
        with open(source, "w", encoding="utf-8") as file:
            file.write(MPI_SOURCE)
        subprocess.run(["mpicc", "-O2", "-o", program, source], check=True)
        run = ["mpirun", "--oversubscribe", "-np", "3", program]
        if os.geteuid() == 0:
            run.insert(1, "--allow-run-as-root")
        for _ in range(rounds):
            for window in (1, 32):
                took = float(subprocess.run([*run, str(tasks), str(window)], check=True,
                                            capture_output=True, text=True).stdout)
                samples.add(f"{name}, window {window}", "rate", tasks / took)


def redis(samples, rounds, tasks):
    name = "peers/redis lists, pipelines of 64"
    if not shutil.which("redis-server"):
        samples.rows[name] = {"skipped": "redis-server is not installed"}
        return
    if importlib.util.find_spec("redis") is None:
        samples.rows[name] = {"skipped": "python3's redis is not installed"}
        return
    import redis as client
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", f"{folder}/redis",
                                   "--save", "", "--daemonize", "no"], stdout=subprocess.DEVNULL)
        try:
            connection = client.Redis(unix_socket_path=f"{folder}/redis")
            while True:
                try:
                    connection.ping()
                    break
                except client.ConnectionError:
                    time.sleep(0.05)
            worker = ("import redis, sys; c = redis.Redis(unix_socket_path=sys.argv[1])\n"
                      "while True:\n"
                      "  got = c.blpop('tasks'); more = c.lpop('tasks', 63) or []\n"
                      "  c.rpush('results', got[1], *more)\n")
            workers = [subprocess.Popen([sys.executable, "-c", worker, f"{folder}/redis"])
                       for _ in range(2)]
            for _ in range(rounds):
                begin = time.perf_counter()
                for start in range(0, tasks, 64):
                    connection.rpush("tasks", *range(start, min(start + 64, tasks)))
                done = 0
                while done < tasks:
                    done += 1 + len(connection.lpop("results", 1000) or []) \
                        if connection.blpop("results") else 0
                samples.add(name, "rate", tasks / (time.perf_counter() - begin))
            for each in workers:
                each.kill()
                each.wait()
        finally:
            server.terminate()
            server.wait()


def shell_tools(samples):
    for program, name in (("xargs", "xargs"), ("parallel", "GNU parallel")):
        if not shutil.which(program):  # else the row `commands` has it
            samples.rows[f"peers/{name}"] = {"skipped": f"{program} is not installed"}


def measure_peers(rounds, quick):
    samples = Samples()
    python_pool(samples, rounds, 20_000 if quick else 100_000)
    mpi(samples, rounds, 100_000 if quick else 1_000_000)
    redis(samples, rounds, 50_000 if quick else 200_000)
    shell_tools(samples)
    return samples


def measure_json_lines(programs, rounds, quick):
    """Items per second from a file to standard output, in order, start and end included."""
    samples = Samples()
    items = 100_000 if quick else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/items.jsonl"
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(f"{number}\n" for number in range(items))
        farm = [f"{programs}/fanmill-broker", "run", "--quiet", "--local", "2", "--input", path, "--",
                f"{programs}/fanmill-worker", "--verbose", "0"]
        ways = {"bare pipes to two processes, 64 lines at a time": [f"{programs}/bench_lines"],
                "in-process": [*farm, "--in-process", "echo"], "forked": [*farm, "echo"]}
        for name in [*ways] * rounds:
            begin = time.perf_counter()
            with open(path, encoding="utf-8") as given, open(f"{folder}/out", "w", encoding="utf-8") as out:
                subprocess.run(ways[name], check=True, stdin=given, stdout=out)
            took = time.perf_counter() - begin
            with open(f"{folder}/out", encoding="utf-8") as out:
                if sum(1 for line in out if json.loads(line) is not None) != items:
                    sys.exit("fanmill-broker run lost items")
            samples.add(f"json-lines/{name}", "rate", items / took)
    return samples


def main():
    """others.py peers|json-lines ROUNDS QUICK PROGRAMS: prints samples as bench/sample.hpp does."""
    what, rounds, quick, programs = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "quick", sys.argv[4]
    samples = (measure_peers(rounds, quick) if what == "peers"
               else measure_json_lines(programs, rounds, quick))
    for row, metrics in samples.rows.items():
        for metric, values in metrics.items():
            for value in values if isinstance(values, list) else [values]:
                print(row, metric, value, sep="\t")


if __name__ == "__main__":
    main()
