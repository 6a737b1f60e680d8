#!/usr/bin/env python3
"""fanmill-broker's command line: what goes in, what comes out, what it says, and that nothing stays behind.

Leaving a Farm (tests/farm_process.py) proves the last: no process, no socket.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from farm_process import BROKER, PATIENCE, WORKER, Farm, collatz, values, wait_until  # noqa: E402

COLLATZ = ("--", WORKER, "collatz")
ECHO = ("--", WORKER, "echo")
SLEEP = ("--", WORKER, "sleep")


class BrokerTest(unittest.TestCase):
    def check_run(self, *arguments, items, status=0):
        """One run from start to end; returns (results, standard error)."""
        with Farm() as farm:
            ended, output, errors = farm.run(*arguments, items=items)
        self.assertEqual(ended, status, errors)
        return values(output), errors

    def check_refused(self, *arguments, words=(), items=""):
        with Farm() as farm:
            status, output, errors = farm.run(*arguments, items=items)
        self.assertEqual((status, output), (1, ""), errors)
        for word in words:
            self.assertIn(word, errors)
        return errors


class HelpAndVersion(unittest.TestCase):
    def run_broker(self, *arguments):
        return subprocess.run([BROKER, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=PATIENCE)

    def test_help_shows_examples(self):
        for arguments, words in [(["--help"], ["Examples:", "fanmill-broker run", "--version"]),
                                 (["run", "--help"], ["Examples:", "seq 1 10 |", "--keep-going", "--join-file",
                                                      "exit status", "Ctrl-C"])]:
            done = self.run_broker(*arguments)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            for word in words:
                self.assertIn(word, done.stdout)

    def test_version_names_program_protocol_and_libraries(self):
        done = self.run_broker("--version")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"^fanmill-broker \d+\.\d+\.\d+\n")
        for word in ("libzmq", "Cap'n Proto", "protocol 1"):
            self.assertIn(word, done.stdout)

    def test_command_lines_that_make_no_sense(self):
        for arguments, word in [([], "subcommand"), (["run", "--nope"], "--nope"), (["nope"], "subcommand"),
                                (["run", "--verbose", "3"], "--verbose"), (["run", "--local", "0"], "--local"),
                                (["run", "--prefetch", "many"], "--prefetch"),
                                (["run", "--lookahead", "0"], "--lookahead"),
                                (["run", "--lookahead-bytes", "0"], "at least 1"),
                                (["run", "--lookahead-bytes", "12 potatoes"], "bytes, or a number"),
                                (["run", "--spin", "1000001"], "--spin"),
                                (["run", "--time-limit", "-1"], "--time-limit")]:
            with self.subTest(arguments=arguments):
                done = self.run_broker(*arguments)
                self.assertNotIn(done.returncode, (0, 2))  # 2 would say Ctrl-C
                self.assertEqual(done.stdout, "")
                self.assertIn(word, done.stderr)


class Lists(BrokerTest):
    def test_results_stand_in_the_order_of_the_items(self):
        numbers = [(i * 7919) % 1000 + 1 for i in range(1000)]
        results, _ = self.check_run("--local", "4", *COLLATZ, items="".join(f"{n}\n" for n in numbers))
        self.assertEqual(results, [collatz(n) for n in numbers])

    def test_unordered_results_name_item_and_line(self):
        results, _ = self.check_run("--unordered", "--keep-going", "--local", "3", *COLLATZ,
                                    items='5\n\n"six"\n7\n', status=1)
        by_item = {result.pop("item"): result for result in results}
        self.assertEqual(by_item[0], {"line": 1, "result": collatz(5)})
        self.assertEqual(by_item[2], {"line": 4, "result": collatz(7)})
        self.assertEqual(by_item[1]["line"], 3)
        self.assertIn("expected an integer", by_item[1]["error"])
        self.assertNotIn("result", by_item[1])

    def test_any_json_goes_there_and_back(self):
        items = [0, -1, 1.5, True, None, "", "\u00fc\U0001f600\n", [], [[1, [2]]], {}, {"a": {"b": [1, None]}}]
        results, _ = self.check_run("--local", "1", *ECHO, items="".join(json.dumps(item) + "\n" for item in items))
        self.assertEqual(results, items)

    def test_blank_lines_are_skipped_and_the_last_needs_no_newline(self):
        results, _ = self.check_run("--local", "1", *ECHO, items="\n1\n  \n\r\n\t\n2\r\n3")
        self.assertEqual(results, [1, 2, 3])

    def test_an_empty_list_has_an_empty_result(self):
        for items in ("", "\n\n"):
            self.assertEqual(self.check_run("--local", "1", *ECHO, items=items)[0], [])

    def test_a_list_may_come_from_a_file(self):
        with Farm() as farm:
            (farm.folder / "list").write_text("1\n2\n")
            process = farm.broker("--input", farm.folder / "list", "--local", "1", *ECHO, stdin=subprocess.DEVNULL)
            status, output, _ = process.end()
            self.assertEqual((status, output), (0, "1\n2\n"))

    def test_an_input_that_cannot_be_read(self):
        self.check_refused("--input", "/no/such/list", words=["/no/such/list", "No such file"])
        # A folder can be opened but not read: that is no empty list.
        self.check_refused("--input", "/", words=["--input /", "Is a directory"])

    def test_a_function_by_name(self):
        results, _ = self.check_run("--function", "collatz", "--local", "2", *ECHO, "collatz", items="6\n")
        self.assertEqual(results, [collatz(6)])


    def test_a_function_that_no_worker_has_is_told_of(self):
        with Farm() as farm:
            process = farm.broker("--local", "1", "--function", "nope", *COLLATZ)
            process.write("1\n2\n")
            process.says(r"^tasks wait that no worker takes: \d tasks? for the function nope; "
                         r"the workers that are here offer collatz$")
            process.ctrl_c()
            self.assertEqual(process.end()[:2], (2, ""))


class Failures(BrokerTest):
    def test_a_malformed_line_ends_the_run_with_its_number_and_what_was_expected(self):
        with Farm() as farm:
            process = farm.broker("--local", "2", *COLLATZ)
            process.write("6\n")
            process.lines(1)
            process.write("[1,\n7\n")
            status, output, errors = process.end()
            self.assertEqual((status, values(output)), (1, [collatz(6)]))
            self.assertRegex(errors, r"fanmill-broker: line 2: .*column.*expected")
            self.assertIn("--keep-going", errors)

    def test_keep_going_puts_null_in_its_place(self):
        results, errors = self.check_run("--keep-going", "--local", "2", *COLLATZ, items="6\n{]\n7\n", status=1)
        self.assertEqual(results, [collatz(6), None, collatz(7)])
        self.assertRegex(errors, r"fanmill-broker: line 2: .*expected")
        self.assertIn("3 items (1 failed)", errors)

    def test_a_failing_item_ends_the_run(self):
        for item, word in [('"six"', "expected an integer"), ("0", "from 1"), ("-3", "-3"), ("[1]", "integer")]:
            with self.subTest(item=item):
                errors = self.check_run("--local", "1", *COLLATZ, items=f"\n\n{item}\n7\n", status=1)[1]
                self.assertIn("line 3: no result", errors)
                self.assertIn(word, errors)

    def test_keep_going_runs_the_other_items(self):
        results, errors = self.check_run("--keep-going", "--local", "2", *COLLATZ, items='6\n"six"\n0\n7\n', status=1)
        self.assertEqual(results, [collatz(6), None, None, collatz(7)])
        for word in ("line 2: no result", "line 3: no result", "got 0", "(2 failed)"):
            self.assertIn(word, errors)

    def test_the_summary_of_a_failed_run_counts_its_failure(self):
        _, errors = self.check_run("--local", "1", *COLLATZ, items='"six"\n', status=1)
        self.assertIn("(1 failed)", errors)

    def test_an_item_that_is_too_large(self):
        for size in (1 << 20, 3 << 20):
            large = '"' + "x" * size + '"'
            with self.subTest(size=size):
                results, errors = self.check_run("--keep-going", "--local", "1", *ECHO, items=f"1\n{large}\n2\n",
                                                 status=1)
                self.assertEqual(results, [1, None, 2])
                self.assertIn("line 2: ", errors)
                self.assertIn("1048576", errors)
                self.assertLess(len(errors), 4000)  # not the item itself
        at_the_limit = '"' + "x" * ((1 << 20) - 2) + '"'
        self.assertEqual(len(self.check_run("--local", "1", *ECHO, items=at_the_limit)[0][0]), (1 << 20) - 2)

    def test_retries(self):
        _, errors = self.check_run("--retries", "2", "--verbose", "2", "--local", "1", *COLLATZ, items='"six"\n',
                                   status=1)
        self.assertEqual(errors.count("task 1 of group 1 goes to"), 3, errors)
        for attempt in (1, 2, 3):
            self.assertIn(f"attempt {attempt} on", errors)

    def test_a_time_limit(self):
        _, errors = self.check_run("--time-limit", "0.1", "--local", "1", *SLEEP, items="1000\n", status=1)
        self.assertIn("time limit of 100 ms", errors)


class Starting(BrokerTest):
    def test_a_port_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            endpoint = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
            self.check_refused("--bind", endpoint, words=[endpoint, "taken", "another port"])

    def test_endpoints_that_are_none(self):
        for endpoint in ("http://127.0.0.1:5557", "tcp://127.0.0.1:x", "tcp://127.0.0.1:99999", "ipc:///no/such/farm",
                         "tcp://no-such-host.invalid:5557"):
            with self.subTest(endpoint=endpoint):
                self.check_refused("--bind", endpoint, words=["fanmill-broker: ", endpoint])

    def test_plaintext_at_an_endpoint_that_others_can_reach(self):
        errors = self.check_refused("--insecure-plaintext", "--bind", "tcp://0.0.0.0:*",
                                    words=["tcp://0.0.0.0:*", "other hosts", "encrypted", "twice"])
        # Who types a command can't set a field of a C++ struct.
        self.assertNotIn("ManagerOptions", errors)

    def test_local_and_command_belong_together(self):
        self.check_refused("--local", "2", words=["--local 4 -- fanmill-worker collatz"])
        self.check_refused(*COLLATZ, words=["--local"])

    def test_a_command_that_is_not_there(self):
        self.check_refused("--local", "2", "--", "no-such-program", items="1\n",
                           words=["no-such-program", "No such file"])

    def test_a_command_that_ends_at_once(self):
        self.check_refused("--local", "2", "--", "sh", "-c", "echo no such library >&2; exit 127", items="1\n",
                           words=["no worker is left", "status 127", "no such library"])

    def test_a_join_file_is_private_and_removed_at_the_end(self):
        with Farm() as farm:
            path = farm.folder / "join"
            process = farm.broker("--join-file", path)
            process.says("waiting for workers")
            self.assertEqual(path.stat().st_mode & 0o7777, 0o600)
            worker = farm.start(WORKER, "--join", path, "echo", stdin=subprocess.DEVNULL)
            process.write("1\n")
            process.lines(1)
            self.assertEqual(process.end()[:2], (0, "1\n"))
            self.assertFalse(path.exists())
            self.assertEqual(worker.end()[0], 5)


class Streams(BrokerTest):
    def test_input_is_read_as_it_comes(self):
        with Farm() as farm:
            process = farm.broker("--local", "2", *COLLATZ)
            for number in range(1, 6):
                process.write(f"{number}\n")
                self.assertEqual(values(process.lines(number)[-1]), [collatz(number)])
            self.assertEqual(process.end()[0], 0)

    def fill(self, process, first, text_after):
        """Writes numbered items until the pipe stays full; returns the bytes written."""
        pipe = process.popen.stdin.fileno()
        os.set_blocking(pipe, False)
        written, number = 0, first
        # A pipe that is full for a second only by the load makes this a weaker test, not a wrong one.
        while select.select([], [pipe], [], 1.0)[1]:
            try:
                written += os.write(pipe, f'[{number},"{text_after}"]\n'.encode())
                number += 1
            except BlockingIOError:
                pass
            self.assertLess(written, 256 << 20, "an endless input is read without bound")
        return written

    def test_an_endless_input_without_workers_is_read_only_so_far(self):
        with Farm() as farm:
            process = farm.broker("--bind", farm.endpoint)
            process.says("waiting for workers")
            self.assertGreater(self.fill(process, 0, "x" * 2000), 0)
            process.ctrl_c()
            self.assertEqual(process.end()[0], 2)

    def test_a_slow_reader_of_the_results_holds_up_the_input(self):
        with Farm() as farm:
            process = farm.broker("--local", "2", *ECHO)
            process.may_read["out"].clear()
            self.assertGreater(self.fill(process, 0, "x" * 2000), 0)
            process.ctrl_c()
            process.may_read["out"].set()
            status, output, errors = process.end()
            self.assertEqual(status, 2, errors)
            numbers = [value[0] for value in values(output)]
            self.assertGreater(len(numbers), 0)
            self.assertEqual(numbers, list(range(len(numbers))))

    def test_a_reader_that_goes_away_ends_the_run(self):
        with Farm() as farm:
            reader, writer = os.pipe()
            process = farm.broker("--local", "2", *ECHO, stdout=writer)
            os.close(writer)
            process.write("1\n")
            self.assertEqual(os.read(reader, 100), b"1\n")
            os.close(reader)
            process.write("2\n")
            self.assertNotEqual(process.wait(), 0)


class Telling(BrokerTest):
    def test_verbose_1_tells_of_workers_only(self):
        _, errors = self.check_run("--verbose", "1", "--local", "1", *COLLATZ, items="1\n2\n")
        self.assertRegex(errors, r"(?m)^worker \S+:\d+ at (pid \d+|[\d.]+:\d+) joined: fanmill \S+, 1 slot, collatz, kills reach .+$")
        self.assertRegex(errors, r"(?m)^worker \S+:\d+ at (pid \d+|[\d.]+:\d+) left: ")
        self.assertNotRegex(errors, r"task \d|group \d")

    def test_a_worker_that_joins_by_tcp_is_named_with_host_and_port(self):
        with Farm() as farm:
            process = farm.broker("--bind", "tcp://127.0.0.1:*", "--verbose", "1")
            endpoint = process.says(r"waiting for workers at (tcp://127\.0\.0\.1:\d+)$")[0]
            farm.worker("echo", endpoint=endpoint)
            process.says(r"^worker \S+ at 127\.0\.0\.1:\d+ joined")
            self.assertEqual(process.end()[0], 0)

    def test_verbose_2_tells_of_each_task_and_group(self):
        _, errors = self.check_run("--verbose", "2", "--local", "1", *COLLATZ, items="6\n")
        for pattern in (r"task 1 of group 1 goes to \S+:\d+: 6",
                        r"task 1 of group 1 ended on \S+:\d+, result: \[6, 8, 16\]",
                        r"group 1 complete, ending 0 other workers"):
            self.assertRegex(errors, rf"(?m)^{pattern}$")

    def test_timestamps(self):
        _, errors = self.check_run("--verbose", "2", "--timestamps", "--local", "1", *COLLATZ, items="6\n")
        for words in (r"worker \S+ at .* joined", "task 1 of group 1 goes", "group 1 complete",
                      r"worker \S+ at .* left"):
            self.assertRegex(errors, rf"(?m)^\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{{3}} {words}")

    def test_a_summary_unless_quiet(self):
        pattern = (r"(?m)^3 items \(0 failed\), 3 tasks, 0 kills, [1-9] workers joined, \d lost, \d+\.\d\d s, "
                   r"workers busy \d+ % of the time that they were there, kills reach \w.*$")
        self.assertRegex(self.check_run("--local", "2", *COLLATZ, items="1\n2\n3\n")[1], pattern)
        self.assertNotIn("items", self.check_run("--quiet", "--local", "2", *COLLATZ, items="1\n2\n3\n")[1])


class Interrupts(BrokerTest):
    def test_ctrl_c_once_finishes_what_has_begun(self):
        with Farm() as farm:
            process = farm.broker("--local", "2", "--verbose", "2", *SLEEP)
            process.write("0.31\n0.32\n")
            process.says("goes to", 2)
            process.ctrl_c()
            # Standard input stays open: its end must not be needed.
            process.wait()
            status, output, errors = process.end()
            self.assertEqual((status, output), (2, "0.31\n0.32\n"), errors)

    def test_ctrl_c_once_drops_what_no_worker_has(self):
        with Farm() as farm:
            process = farm.broker("--local", "1", "--prefetch", "0", "--verbose", "2",
                                  "--unordered", "--keep-going", *SLEEP)
            # The last needs no worker: when its error is there, the manager knows those before it.
            process.write("1000\n1001\n1002\nnonsense\n")
            self.assertIn("error", process.lines(1)[0])
            process.says("goes to")
            process.ctrl_c()
            process.says(r"group [23] given up \(its run is drained\), .*, dropping 1 queued task", 2)
            self.assertTrue(process.is_running())
            process.ctrl_c()
            self.assertEqual(process.end()[0], 2)

    def test_ctrl_c_once_ends_when_the_last_worker_has_gone(self):
        with Farm() as farm:
            process = farm.broker("--bind", farm.endpoint, "--verbose", "2")
            worker = farm.worker("sleep")
            process.write("1000\n")
            process.says("goes to")
            process.ctrl_c()
            process.says("finishing what workers have")
            worker.signal(signal.SIGKILL)
            self.assertEqual(process.end()[:2], (2, ""))

    def test_ctrl_c_once_while_nothing_runs_ends_the_run(self):
        with Farm() as farm:
            process = farm.broker("--bind", farm.endpoint)
            process.says("waiting for workers")
            process.ctrl_c()
            process.wait()
            self.assertEqual(process.end()[:2], (2, ""))

    def test_ctrl_c_twice_stops_at_once(self):
        for second in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(second=second), Farm() as farm:
                process = farm.broker("--local", "2", "--verbose", "2", *SLEEP)
                process.write("0\n1000\n1001\n1002\n")
                self.assertEqual(process.lines(1), ["0"])
                process.says("goes to", 3)
                process.ctrl_c()
                self.assertTrue(process.is_running())
                process.signal(second)
                process.wait()
                self.assertEqual(process.end()[:2], (2, "0\n"))

    def test_kill_9_of_the_broker_leaves_no_worker(self):
        with Farm() as farm:
            process = farm.broker("--local", "3", "--verbose", "2", *SLEEP)
            process.write("1000\n1001\n1002\n")
            process.says("goes to", 3)
            process.signal(signal.SIGKILL)
            wait_until(lambda: not farm.processes(), farm.processes)
            # Its sockets could not be removed; the next one does it, which is looked at in the end.
            self.assertNotEqual(farm.sockets(), [])
            self.assertEqual(farm.run("--local", "1", *COLLATZ, items="6\n")[0], 0)


if __name__ == "__main__":
    unittest.main()
