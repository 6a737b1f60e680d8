#!/usr/bin/env python3
"""Commands on items by `fanmill-broker run`: what comes out, who wins, what is kept, what a cut-off run resumes.

What commands do to their workers, and how they are killed, the tests of the worker show.
"""

import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from farm_process import BROKER, PATIENCE, WORKER, Farm, status_of, values, wait_until  # noqa: E402

# Never ends by itself; nobody waits for it.
FOREVER = "sleep 1000"


class CommandTest(unittest.TestCase):
    def check_run(self, *arguments, items="", status=0, slots=2):
        """One run from start to end; returns (standard output, standard error)."""
        with Farm() as farm:
            ended, output, errors = farm.run("--local", str(slots), *arguments, items=items)
        self.assertEqual(ended, status, errors)
        return output, errors

    def ends(self, *arguments, **options):
        """The JSON lines of a run."""
        return values(self.check_run("--json", *arguments, **options)[0])


class Output(CommandTest):
    def test_output_comes_as_it_is_in_the_order_of_the_items(self):
        output, _ = self.check_run("--", "printf", "%s\\n.", "{}", items="".join(f"{n}\n" for n in range(50)))
        self.assertEqual(output, "".join(f"{n}\n." for n in range(50)))

    def test_without_a_number_of_slots_there_is_one_for_each_core(self):
        with Farm() as farm:
            self.assertEqual(farm.run("--", "echo", "{}", ":::", "a", "b")[:2], (0, "a\nb\n"))

    def test_unordered_output_comes_as_items_end(self):
        with Farm() as farm:
            go_on = farm.folder / "go-on"
            process = farm.broker("--local", "2", "--unordered", "--race", "until [ -e {} ]; do sleep 0.01; done; echo {/}",
                                  ":::", go_on, "/usr")
            self.assertEqual(process.lines(1), ["usr"])
            go_on.touch()
            self.assertEqual(process.end()[:2], (0, "usr\ngo-on\n"))

    def test_tag_names_the_item_on_each_line(self):
        self.assertEqual(self.check_run("--tag", "--race", "printf 'x\\ny'; echo {}", ":::", "a", "b c")[0],
                         "a\tx\na\tya\nb c\tx\nb c\tyb c\n")

    def test_json_tells_all_of_each_item(self):
        first, second, failed = self.ends("--race", "printf 'x\\n'; exit {}", "--until", "exit:0,3",
                                          items='"0"\n3\n4\n', status=1)
        self.assertEqual(set(first), {"item", "seq", "command", "exit", "output", "wall", "cpu", "memory", "host"})
        self.assertEqual((first["item"], first["seq"], first["exit"], first["output"]), ("0", 1, 0, "x\n"))
        self.assertEqual(first["host"], socket.gethostname())
        self.assertEqual((second["item"], second["exit"], second["command"]), (3, 3, "printf 'x\\n'; exit 3"))
        self.assertEqual({key: failed[key] for key in ("item", "seq")}, {"item": 4, "seq": 3})
        self.assertRegex(failed["error"], r"^printf .*; exit 4: exit 4 on \S+:\d+$")
        self.assertEqual(set(failed), {"item", "seq", "error"})

    def test_bytes_that_are_no_text_come_as_they_are(self):
        with Farm() as farm:
            process = farm.broker("--local", "1", "--", "printf", "\\377\\n", ":::", "x")
            process.wait()
            self.assertEqual(process.end()[0], 0)
            self.assertEqual(process.text["out"], b"\xff\n")
        self.assertEqual(self.ends("--", "printf", "\\377", ":::", "x")[0]["output"], {"$bytes": "/w=="})

    def test_a_long_output_is_cut_and_the_rest_named(self):
        group = {"item": "x", "command": "seq 1000", "output_max": 10}
        output, errors = self.check_run("--commands", items=json.dumps(group))
        self.assertEqual(output, "1\n2\n3\n4\n5\n")
        path = Path(re.search(r"item 1 \(x\): only the beginning .* on \S+ in (\S+)$", errors, re.MULTILINE)[1])
        self.assertEqual(path.read_text(), "".join(f"{n}\n" for n in range(1, 1001)))
        path.unlink()


class Inputs(CommandTest):
    def test_pipe_puts_the_item_on_standard_input(self):
        self.assertEqual(self.check_run("--pipe", "--", "cat", items='a b\n"c\\td"\n[1, 2]\n')[0], "a b\nc\td\n[1,2]\n")

    def test_without_it_standard_input_is_at_its_end(self):
        self.assertEqual(self.check_run("--race", "cat; echo {}", ":::", "a")[0], "a\n")

    def test_a_shell_sees_the_item_as_one_word(self):
        items = ["$(echo no)", "a'b", "; exit 3", "-", "\u00fc"]
        self.assertEqual(self.check_run("--race", "echo {} | cat", ":::", *items)[0], "".join(f"{i}\n" for i in items))

    def test_words_in_brackets_are_no_lists(self):
        self.assertEqual(self.check_run("--", "echo", "[a,b]", "{}", ":::", "[1,2]", "[]")[0], "[a,b] [1,2]\n[a,b] []\n")

    def test_folder_and_environment(self):
        self.assertEqual(self.check_run("--workdir", "/", "--env", "A=1", "--env", "B=x y", "--race",
                                        'pwd; echo "$A $B" {}', ":::", "z")[0], "/\n1 x y z\n")

    def test_a_command_knows_its_item_and_task(self):
        self.assertRegex(self.check_run("--race", 'echo "$FANMILL_ITEM $FANMILL_TASK $FANMILL_ATTEMPT" {#}', ":::", "x")[0],
                         r"^\d+ \d+ \d+ 1\n$")


class Races(CommandTest):
    def test_the_first_to_succeed_wins_and_the_others_are_ended(self):
        output, errors = self.check_run("--race", f"{FOREVER} {{#}}", "--race", "echo won {}", ":::", "a", "b", "c")
        self.assertEqual(output, "won a\nwon b\nwon c\n")
        self.assertIn("3 items (0 failed), 6 tasks", errors)

    def test_until_says_what_success_is(self):
        for until, won in [("exit-zero", "0"), ("exit:3,4", "3"), ("match:^o[ne]+$", "one")]:
            with self.subTest(until=until):
                race = [f"--race=sh -c 'echo {word}; exit {status}' {{}}"
                        for word, status in [("0", 0), ("3", 3), ("one", 0)] if word == won or until != "match:^o[ne]+$"
                        and word != "one"]
                end, = self.ends("--until", until, *race, ":::", "x")
                self.assertEqual(end["output"], f"{won}\n")

    def test_any_end_is_a_success_if_that_is_said(self):
        self.assertEqual([end["exit"] for end in self.ends("--until", "any", "--race", "exit {}", ":::", "0", "7")], [0, 7])

    def test_stages_give_more_time_until_solved(self):
        with Farm() as farm:
            log = farm.folder / "log"
            process = farm.broker("--local", "1", "--stages", "0.2s,1h", "--joblog", log, "--verbose", "2", "--race",
                                  f"until [ -e {farm.folder}/{{}} ]; do sleep 0.01; done; echo {{}}", ":::", "a", "b")
            for number, item in enumerate("ab", 1):
                process.says(rf"^task \d+ of group {number} goes to", 2)  # is in its second stage
                (farm.folder / item).touch()
            status, output, errors = process.end()
            self.assertEqual((status, output), (0, "a\nb\n"), errors)
            rows = [line.split("\t") for line in log.read_text().splitlines()[1:]]
            self.assertEqual([(row[0], row[6], row[7]) for row in rows],
                             [("1", "0", "0"), ("1", "-1", "9"), ("2", "0", "0"), ("2", "-1", "9")])

    def test_an_item_that_no_stage_solves_fails(self):
        errors = self.check_run("--stages", "0.05s,0.1s", "--race", f"{FOREVER} {{#}}", ":::", "a", status=1)[1]
        self.assertEqual(errors.count("time limit"), 2, errors)

    def test_policies_of_groups(self):
        groups = [{"item": "all", "policy": "all", "tasks": ["echo a {}", "echo b {}"]},
                  {"item": "k", "policy": {"k": 2}, "tasks": [FOREVER, "echo c", "echo d"]},
                  {"item": "stages", "policy": "stages", "tasks": ["exit 1", "echo e", "echo f"]}]
        lines = "".join(json.dumps(group) + "\n" for group in groups)
        every, several, stages = self.ends("--commands", items=lines, slots=3)
        self.assertEqual([result["output"] for result in every["results"]], ["a all\n", "b all\n"])
        self.assertEqual({result["output"] for result in several["results"]}, {"c\n", "d\n"})
        self.assertEqual((stages["output"], "results" in stages), ("e\n", False))

    def test_a_group_that_can_no_longer_be_solved_fails_at_once(self):
        group = {"item": 1, "policy": {"k": 2}, "tasks": ["exit 1", FOREVER]}
        self.assertIn("exit 1", self.ends("--commands", items=json.dumps(group), status=1)[0]["error"])

    def test_of_all_each_runs_and_one_failure_counts(self):
        group = {"item": 1, "policy": "all", "tasks": ["exit 1", "echo a"]}
        end, = self.ends("--commands", items=json.dumps(group), status=1)
        self.assertRegex(end["error"], "^exit 1: exit 1 on ")
        self.assertEqual([result["output"] for result in end["results"]], ["a\n"])


class Failures(CommandTest):
    def test_the_run_goes_on_and_says_what_was_wrong(self):
        output, errors = self.check_run("--race", "echo out; echo deep trouble >&2; exit {}", ":::", "0", "3", "0", status=1)
        self.assertEqual(output, "out\nout\n")
        self.assertRegex(errors, r"(?m)^fanmill-broker: item 2 \(3\): echo .*: exit 3 on \S+:\d+\n  deep trouble$")
        self.assertIn("3 items (1 failed)", errors)

    def test_each_loser_of_a_lost_race_is_named(self):
        errors = self.check_run("--race", "exit 3", "--race", "kill -9 $$", "--race", "/no/such/solver", ":::", "x",
                                status=1)[1]
        for pattern in (r"exit 3 x: exit 3 on ", r"kill -9 \$\$ x: .*signal 9 \(SIGKILL\)", r"/no/such/solver x: could not start"
                        r".*No such file"):
            self.assertRegex(errors, pattern)

    def test_halt_stops_at_the_first(self):
        output, errors = self.check_run("--halt", "--race", f"[ {{}} = a ] && exit; [ {{}} = b ] && exit 1; {FOREVER}",
                                        ":::", "a", "b", "c", status=1)
        self.assertEqual(output, "")
        self.assertIn("--halt", errors)

    def test_a_bad_line_fails_alone(self):
        output, errors = self.check_run("--", "echo", "{}", items='a\n{"item":1,"nope":2}\nb\n', status=1)
        self.assertEqual(output, "a\nb\n")
        self.assertRegex(errors, r'fanmill-broker: item 2 \(1\): line 2: "nope": unknown')

    def test_retries(self):
        with Farm() as farm:
            race = f"echo x >> {farm.folder}/{{}}; [ $(wc -l < {farm.folder}/{{}}) -gt 2 ]"
            self.assertEqual(farm.run("--local", "1", "--retries", "2", "--race", race, ":::", "a")[0], 0)
            status, _, errors = farm.run("--local", "1", "--retries", "1", "--race", race, ":::", "b")
            self.assertEqual(status, 1)
            self.assertIn(", 2 attempts", errors)

    def test_a_time_limit(self):
        self.assertIn("time limit on", self.check_run("--timeout", "100ms", "--", "sleep", "{}", ":::", "1000", status=1)[1])

    def test_an_item_that_is_too_large(self):
        output, errors = self.check_run("--pipe", "--", "cat", items=f"a\n{'x' * (1 << 20)}\nb\n{'x' * (2 << 20)}\n", status=1)
        # The second goes in parts; of what its command writes 64 KiB come back.
        self.assertRegex(output, r"^a\nx{65000,65536}\n?b\n$")
        self.assertIn("item 4: line 4: an item has at most 1048576 bytes", errors)
        self.assertLess(len(errors), 4000)


class Progress(CommandTest):
    def test_a_terminal_is_told_how_many_of_how_many_and_the_time_left(self):
        with Farm() as farm:
            terminal, end = os.openpty()
            race = f"touch {farm.folder}/on-{{}}; until [ -e {farm.folder}/gate-{{}} ]; do sleep 0.01; done"
            broker = subprocess.Popen([BROKER, "run", "--local", "2", "--race", race, ":::", "a", "b"], stderr=end,
                                      env=farm.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            os.close(end)
            wait_until(lambda: len(list(farm.folder.glob("on-*"))) == 2, "both to run")
            (farm.folder / "gate-a").touch()
            shown = b""
            while b"left" not in shown:
                shown += os.read(terminal, 4096)
            self.assertRegex(shown.decode(), r"\r1 of 2 items done, 0 failed, \d+ a second, 0:\d\d:\d\d left")
            (farm.folder / "gate-b").touch()
            self.assertEqual(broker.wait(), 0)
            os.close(terminal)


class Keeping(CommandTest):
    def test_results_are_kept_by_number(self):
        with Farm() as farm:
            results = farm.folder / "a" / "results"
            status, output, _ = farm.run("--local", "2", "--results", results, "--race", "echo {}; echo e >&2; exit {}", ":::",
                                         "0", "3")
            self.assertEqual((status, output), (1, "0\n"))
            texts = {str(path.relative_to(results)): path.read_text() for path in results.rglob("*") if path.is_file()}
        self.assertEqual(json.loads(texts.pop("1/outcome.json"))["exit"], 0)
        self.assertIn("exit 3", json.loads(texts.pop("2/outcome.json"))["error"])
        self.assertEqual(texts, {"1/stdout": "0\n", "1/stderr": "e\n", "2/stdout": "", "2/stderr": "e\n"})

    def test_results_that_cannot_be_kept(self):
        errors = self.check_run("--results", "/dev/null", "--", "echo", ":::", "a", status=1)[1]
        self.assertIn("--results: /dev/null/1: ", errors)

    def test_the_job_log_has_a_line_for_each_command(self):
        with Farm() as farm:
            log = farm.folder / "log"
            log.write_text("what was there\n")
            race = f"case {{}} in 1) echo won;; 2) exit 3;; 3) kill -9 $$;; 4) {FOREVER};; esac"
            # Only the last has a limit, which holds for the start of its shell, too.
            groups = [{"item": n, "command": race} | ({"timeout": 2} if n == 4 else {}) for n in range(1, 5)]
            farm.run("--local", "2", "--joblog", log, "--commands", items="\n".join(map(json.dumps, groups)))
            header, *rows = [line.split("\t") for line in log.read_text().splitlines()]
        self.assertEqual(header, "Seq Host Starttime JobRuntime Send Receive Exitval Signal Command".split())
        host = socket.gethostname()
        self.assertEqual([(row[0], row[1], row[4], row[5], row[6], row[7]) for row in rows],
                         [("1", host, "0", "4", "0", "0"), ("2", host, "0", "0", "3", "0"), ("3", host, "0", "0", "0", "9"),
                          ("4", host, "0", "0", "-1", "9")])
        for row in rows:
            self.assertRegex("\t".join(row[2:4]), r"^\d{10}\.\d{3}\t *\d+\.\d{3}$")
        self.assertEqual(rows[1][8], race.replace("{}", "2"))

    def test_killed_losers_stand_behind_their_winner(self):
        with Farm() as farm:
            log = farm.folder / "log"
            farm.run("--local", "2", "--joblog", log, "--race", f"{FOREVER} {{#}}", "--race", "echo won {}", ":::", "a")
            rows = [line.split("\t") for line in log.read_text().splitlines()[1:]]
        self.assertEqual([(row[0], row[6], row[7], row[8]) for row in rows],
                         [("1", "0", "0", "echo won a"), ("1", "-1", "9", f"{FOREVER} 1")])

    def test_a_job_log_that_cannot_be_written(self):
        errors = self.check_run("--joblog", "/no/such/log", "--", "echo", ":::", "a", status=1)[1]
        self.assertIn("--joblog /no/such/log: No such file", errors)


class Resuming(CommandTest):
    def test_a_run_that_was_killed_goes_on_where_its_output_ended(self):
        with Farm() as farm:
            log, gate = farm.folder / "log", farm.folder / "gate"
            # Without prefetch no item waits in a worker, where those that come later may pass it.
            arguments = ["--local", "2", "--prefetch", "0", "--joblog", log, "--race", f"[ {{}} -lt 5 ] || until [ -e {gate} ]; do sleep 0.01; done; "
                         "echo {}", ":::", *map(str, range(10))]
            process = farm.broker(*arguments)
            first = process.lines(5)
            wait_until(lambda: log.read_text().count("\n") == 6, "the job log to follow")
            process.signal(signal.SIGKILL)
            process.wait()
            wait_until(lambda: not farm.processes(), farm.processes)
            with open(log, "a") as file:
                file.write("6\tnode7\t13763")  # and the power failed
            gate.touch()
            status, output, errors = farm.run("--resume", *arguments)
            self.assertEqual(status, 0, errors)
            self.assertIn(f"--joblog {log}: its last line was torn and is cut off", errors)
            self.assertEqual(first + output.splitlines(), [str(n) for n in range(10)])
            rows = [line.split("\t") for line in log.read_text().splitlines()[1:]]
            self.assertEqual([row[0] for row in rows], [str(n) for n in range(1, 11)])

    def test_resume_failed_runs_what_failed_again(self):
        with Farm() as farm:
            log, cured = farm.folder / "log", farm.folder / "cured"
            arguments = ["--local", "2", "--joblog", log, "--race", f"[ {{}} != b ] || [ -e {cured} ] && echo {{}}", ":::",
                         "a", "b", "c"]
            self.assertEqual(farm.run(*arguments)[:2], (1, "a\nc\n"))
            self.assertEqual(farm.run("--resume", *arguments)[:2], (0, ""))
            cured.touch()
            self.assertEqual(farm.run("--resume-failed", *arguments)[:2], (0, "b\n"))
            self.assertEqual(farm.run("--resume-failed", *arguments)[:2], (0, ""))
            self.assertEqual([line[0] for line in log.read_text().splitlines()[1:]], list("1232"))


def gate(farm, name):
    """A named pipe: whoever reads it waits until the test has written."""
    os.mkfifo(farm.folder / name)
    return farm.folder / name


class Relay:
    """Between workers and a manager's Unix socket: a connection that can be cut."""

    def __init__(self, farm):
        self.path = str(farm.folder / "relay")
        self.manager = str(farm.folder / "farm")
        self.ends = []
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(self.path)
        self.server.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                worker = self.server.accept()[0]
            except OSError:
                return
            manager = socket.socket(socket.AF_UNIX)
            manager.connect(self.manager)
            self.ends += [worker, manager]
            for source, sink in ((worker, manager), (manager, worker)):
                threading.Thread(target=self._pass, args=(source, sink), daemon=True).start()

    @staticmethod
    def _pass(source, sink):
        try:
            while chunk := source.recv(1 << 16):
                sink.sendall(chunk)
        except OSError:
            pass
        for end in (source, sink):
            end.close()

    def cut(self):
        ends, self.ends = self.ends, []
        for end in ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        self.cut()


def memory_peaks(farm):
    """The most that each of the farm's processes had resident, in MiB, by its name."""
    found = {}
    for pid in farm.processes():
        status = status_of(pid)
        if "VmHWM" in status:
            name = status["Name"]
            found[name] = max(found.get(name, 0), int(status["VmHWM"].split()[0]) // 1024)
    return found


class Streaming(CommandTest):
    def test_a_line_comes_while_its_command_runs_on(self):
        with Farm() as farm:
            go_on = gate(farm, "go-on")
            process = farm.broker("--local", "1", "--stream", "--", "sh", "-c", f"echo {{}}; printf .; cat {go_on}", ":::", "a")
            self.assertEqual(process.lines(1), ["a"])
            go_on.write_text("b\nc")
            self.assertEqual(process.end()[:2], (0, "a\n.b\nc"))

    def test_lines_of_commands_mix_and_those_of_each_keep_their_order(self):
        with Farm() as farm:
            gates = [gate(farm, name) for name in ("1", "2")]
            process = farm.broker("--local", "2", "--stream", "--tag", "--", "sh", "-c", f"while read x; do echo $x; done < {farm.folder}/{{}}",
                                  ":::", "1", "2")
            writers = [open(each, "w", buffering=1) for each in gates]
            expected = []
            for count, name in enumerate("1221"):
                writers[int(name) - 1].write(f"{count}\n")
                expected.append(f"{name}\t{count}")
                self.assertEqual(process.lines(count + 1), expected)
            for writer in writers:
                writer.close()
            self.assertEqual(process.end()[:2], (0, "".join(line + "\n" for line in expected)))

    def test_results_hold_everything(self):
        with Farm() as farm:
            results = farm.folder / "results"
            status, output, errors = farm.run("--local", "2", "--stream", "--results", results, "--", "sh", "-c",
                                              "seq 100000; exit {}", ":::", "0", "3")
            all_of_it = "".join(f"{n}\n" for n in range(1, 100001))
            self.assertEqual(status, 1, errors)
            self.assertEqual(sorted(output.splitlines()), sorted(2 * all_of_it.splitlines()))
            # Also of the one that failed.
            self.assertEqual([(results / n / "stdout").read_text() for n in "12"], 2 * [all_of_it])
            outcome = json.loads((results / "1" / "outcome.json").read_text())
            self.assertEqual((outcome["output"], outcome["output_bytes"]), (all_of_it[:65536], len(all_of_it)))
            self.assertNotIn("only the beginning", errors)

    def test_a_command_that_writes_nothing(self):
        with Farm() as farm:
            results = farm.folder / "results"
            self.assertEqual(farm.run("--local", "1", "--stream", "--results", results, "--", "true", ":::", "a")[:2], (0, ""))
            self.assertEqual((results / "1" / "stdout").read_text(), "")

    def test_the_job_log_tells_how_much_came(self):
        with Farm() as farm:
            log = farm.folder / "log"
            self.assertEqual(farm.run("--local", "1", "--stream", "--joblog", log, "--", "seq", ":::", "100000")[0], 0)
            self.assertEqual(log.read_text().splitlines()[1].split("\t")[5], "588895")

    def test_200_MB_are_no_matter_of_memory(self):
        with Farm() as farm:
            go_on = gate(farm, "go-on")
            write = f"head -c 200000000 /dev/zero | tr '\\0' x; echo; cat {go_on}"
            process = farm.broker("--local", "1", "--stream", "--", "sh", "-c", write + "; : {}", ":::", "a")
            digest = hashlib.sha256()
            size = 0
            while size < 200_000_001:
                with process.changed:  # what has come is counted and not kept
                    self.assertTrue(process.changed.wait_for(lambda: process.text["out"], PATIENCE))
                    chunk, process.text["out"] = process.text["out"], b""
                digest.update(chunk)
                size += len(chunk)
            peaks = memory_peaks(farm)
            go_on.write_text("")
            status, rest, errors = process.end()
            self.assertEqual((status, rest), (0, ""), errors)
            expected = hashlib.sha256()
            for _ in range(200):
                expected.update(b"x" * 1_000_000)
            expected.update(b"\n")
            self.assertEqual(digest.digest(), expected.digest())
            # A sanitizer keeps what was freed, up to a limit of its own.
            most = 64 if not os.environ.get("FANMILL_SANITIZE") else 1000
            self.assertEqual({name: peak for name, peak in peaks.items() if peak > most}, {}, peaks)

    def test_who_does_not_read_can_still_stop(self):
        with Farm() as farm:
            process = farm.broker("--local", "1", "--stream", "--", "sh", "-c", "echo {}; yes", ":::", "a")
            process.lines(1)
            process.may_read["out"].clear()
            # Until the whole way is full: then it waits in its write.
            yes = wait_until(lambda: [pid for pid, line in farm.processes().items() if line == "yes"], "yes to run")[0]
            written = []

            def stands_still():
                written.append(re.search(r"^wchar: (\d+)$", Path(f"/proc/{yes}/io").read_text(), re.MULTILINE)[1])
                return len(written) > 20 and len(set(written[-20:])) == 1
            wait_until(stands_still, "yes to wait")
            process.ctrl_c()
            process.says("finishing what workers have")
            process.ctrl_c()
            self.assertEqual(process.wait(), 2)
            wait_until(lambda: not farm.processes(), farm.processes)
            process.may_read["out"].set()

    def test_a_second_attempt_begins_its_output_anew(self):
        with Farm() as farm:
            results = farm.folder / "results"
            tries = f"echo x >> {farm.folder}/{{}}; n=$(wc -l < {farm.folder}/{{}}); printf %s try $n; [ $n -gt 1 ]"
            status, output, errors = farm.run("--local", "1", "--stream", "--retries", "1", "--results", results, "--", "sh", "-c",
                                              tries, ":::", "a")
            self.assertEqual((status, output), (0, "try1try2"), errors)
            self.assertIn("item 1 (a): attempt 2 begins its output anew; 4 bytes of attempt 1 were written before", errors)
            self.assertEqual((results / "1" / "stdout").read_text(), "try2")

    def test_what_was_lost_with_a_connection_is_told(self):
        with Farm() as farm, Relay(farm) as relay:
            go_on = gate(farm, "go-on")
            process = farm.broker("--bind", farm.endpoint, "--verbose", "1", "--stream", "--", "sh", "-c",
                                  f"seq 20000; cat {go_on}; seq 20000; : {{}}", ":::", "a")
            process.says("waiting for workers")
            farm.worker("command", "--slots", "1", endpoint=f"ipc://{relay.path}")
            process.lines(20000)
            relay.cut()
            process.says("joined|is back", 2)
            go_on.write_text("")
            status, output, errors = process.end()
            self.assertEqual((status, output.count("\n")), (0, 20000), errors)
            self.assertRegex(errors, r"item 1 \(a\): its output is incomplete, as its worker's connection was lost: "
                                     r"108894 of 217788 bytes are here")

    def test_what_it_cannot_go_with_is_refused(self):
        for words, options in {"--json when its item has ended": ["--json", "--", "echo", "{}"],
                               "leave out --race": ["--race", "echo {}", "--race", "true {}"],
                               "leave out --stages": ["--stages", "1s,2s", "--", "echo", "{}"],
                               "leave out --pipe": ["--pipe", "--", "cat"],
                               "starts nothing that could --stream": ["--dry-run", "--", "echo", "{}"]}.items():
            with self.subTest(words):
                output, errors = self.check_run("--stream", *options, items="a\n", status=1)
                self.assertEqual(output, "")
                self.assertIn(words, errors)
        group = {"item": "x", "tasks": [{"command": "echo a"}, {"command": "echo b"}]}
        errors = self.check_run("--stream", "--commands", items=json.dumps(group), status=1)[1]
        self.assertIn("line 1: --stream would mix the output of the group's commands; it has 2", errors)
        group = {"item": "x", "command": "echo a"}
        self.assertEqual(self.check_run("--stream", "--commands", items=json.dumps(group))[0], "a\n")


class Workers(CommandTest):
    def test_workers_may_join_from_elsewhere(self):
        with Farm() as farm:
            process = farm.broker("--bind", farm.endpoint, "--", "echo", "{}", ":::", "a", "b")
            process.says("waiting for workers")
            farm.worker("command")
            self.assertEqual(process.end()[:2], (0, "a\nb\n"))

    def test_local_workers_and_others_may_work_together(self):
        with Farm() as farm:
            process = farm.broker("--bind", farm.endpoint, "--local", "1", "--", "echo", "{}", ":::", "a", "b")
            self.assertEqual(process.end()[:2], (0, "a\nb\n"))

    def test_ctrl_c_once_finishes_what_has_begun(self):
        with Farm() as farm:
            gate = farm.folder / "gate"
            process = farm.broker("--local", "1", "--prefetch", "0", "--verbose", "2", "--race",
                                  f"until [ -e {gate} ]; do sleep 0.01; done; echo {{}}", ":::", "a", "b", "c")
            process.says("task 1 of group 1 goes to")
            process.signal(signal.SIGINT)
            # The manager itself has been told; the broker's own word comes earlier.
            process.says(r"^group [23] given up \(its run is drained\)", 2)
            gate.touch()
            self.assertEqual(process.end()[:2], (2, "a\n"))

    def test_ctrl_c_twice_ends_the_commands(self):
        with Farm() as farm:
            process = farm.broker("--local", "2", "--verbose", "2", "--", "sleep", "{}", ":::", "1000", "1001", "1002")
            process.says("goes to", 2)
            process.ctrl_c()
            process.says("finishing what workers have")
            process.ctrl_c()
            self.assertEqual(process.end()[0], 2)

    def test_the_worker_beside_the_broker_is_started(self):
        with Farm() as farm:
            process = farm.broker("--local", "3", "--race", "/bin/sleep", ":::", "1000", PATH="/nowhere")
            wait_until(lambda: "/bin/sleep 1000" in farm.processes().values(), farm.processes)
            self.assertIn(f"{WORKER} command --slots 3", farm.processes().values())
            process.ctrl_c()
            process.says("finishing what workers have")
            process.ctrl_c()
            self.assertEqual(process.end()[0], 2)


if __name__ == "__main__":
    unittest.main()
