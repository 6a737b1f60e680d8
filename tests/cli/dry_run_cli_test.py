#!/usr/bin/env python3
"""Which commands `fanmill-broker run` would run on which items, by --dry-run; and what it refuses before it starts."""

import json
import shlex
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from farm_process import BROKER, PATIENCE, clean_environment  # noqa: E402


def run(*arguments, items=""):
    return subprocess.run([BROKER, "run", *arguments], input=items, capture_output=True, text=True, timeout=PATIENCE,
                          env=clean_environment())


class DryRunTest(unittest.TestCase):
    def commands(self, *arguments, items=""):
        done = run("--dry-run", *arguments, items=items)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.splitlines()

    def check_refused(self, *arguments, words, items=""):
        done = run(*arguments, items=items)
        self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)

    def check_bad_line(self, line, *words):
        done = run("--dry-run", "--", "echo", "{}", items=f"good\n{line}\n")
        self.assertEqual((done.returncode, done.stdout), (1, "echo good\n"))
        for word in ("line 2: ", *words):
            self.assertIn(word, done.stderr)


class Placeholders(DryRunTest):
    def test_each_stands_for_its_part_of_the_item(self):
        for place, values in {"{}": ("a/b.c.d", "x", ".p", "/r"), "{.}": ("a/b.c", "x", ".p", "/r"),
                              "{/}": ("b.c.d", "x", ".p", "r"), "{//}": ("a", ".", ".", "/"),
                              "{/.}": ("b.c", "x", ".p", "r"), "{#}": ("1", "2", "3", "4")}.items():
            with self.subTest(place=place):
                self.assertEqual(self.commands("--", "echo", f"<{place}>", items="a/b.c.d\nx\n.p\n/r\n"),
                                 [f"echo '<{value}>'" for value in values])

    def test_a_dot_in_a_folder_is_no_extension(self):
        self.assertEqual(self.commands("--", "echo", "{.}", ":::", "a.d/b"), ["echo a.d/b"])

    def test_what_is_no_placeholder_stays(self):
        self.assertEqual(self.commands("--", "echo", "{}", "{a}", "{ }", "${}", "{", "{0}", "{..}", ":::", "x"),
                         ["echo x '{a}' '{ }' '${}' '{' '{0}' '{..}'"])

    def test_a_value_is_not_looked_at_again(self):
        self.assertEqual(self.commands("--", "echo", "{}", "{#}", ":::", "{#}{}"), ["echo '{#}{}' 1"])

    def test_arguments_stay_whole(self):
        items = ["a b", "it's", "$HOME", "`id`", "", "*", "-n", "\u00fc"]
        self.assertEqual([shlex.split(line) for line in self.commands("--", "echo", "<{}>", ":::", *items)],
                         [["echo", f"<{item}>"] for item in items])

    def test_a_command_without_one_gets_the_item_at_its_end(self):
        self.assertEqual(self.commands("--", "echo", "hi", ":::", "a b"), ["echo hi 'a b'"])
        self.assertEqual(self.commands("--race", "wc < x |cat", ":::", "a b"), ["wc < x |cat 'a b'"])
        self.assertEqual(self.commands("--pipe", "--", "wc", ":::", "a b"), ["wc"])


class Lines(DryRunTest):
    def test_a_plain_command_line_is_split_at_blanks(self):
        self.assertEqual(self.commands("--race", " minisat\t{}  -v ", ":::", "a b"), ["minisat 'a b' -v"])

    def test_a_shell_gets_what_means_something_to_it_with_the_item_quoted(self):
        for line in ("minisat {} | tail -1", "cat < {}", "x=1 cat {}", "cd {}", "if true; then cat {}; fi", "cat {}*",
                     "echo $HOME {}", "exit {}"):
            with self.subTest(line=line):
                self.assertEqual(self.commands("--race", line, ":::", "a 'b"),
                                 [line.replace("{}", "'a '\\''b'")])

    def test_quotes_around_a_placeholder_would_undo_its_own_and_are_refused(self):
        for line in ("grep '{}' x", 'grep "{}" x', 'x="a{.}b"; y', "sh -c 'cat {1}'", "echo \"'{}'\"", '"$(a) {}"'):
            with self.subTest(line=line):
                self.check_refused("--dry-run", "--race", line, ":::", "a", words=["stands between quotes", "leave them out"])
        for line in ("grep 'x' {}", 'n="$(wc -l < {})"; x', "echo '{a}' {}", 'echo "no {#}" {}', "echo \\' {}", '(a; "b") {}',
                     "case {} in x) y {};; esac", "awk '{print}' {}"):
            with self.subTest(line=line):
                self.assertEqual(len(self.commands("--race", line, ":::", "a")), 1)
        self.check_bad_line('{"item":1,"tasks":["cat \'{}\'"]}', '"tasks[0]": {} stands between quotes')

    def test_a_race_runs_each_on_every_item(self):
        self.assertEqual(self.commands("--race", "a {}", "--race", "b {}", ":::", "1", "2"), ["a 1", "b 1", "a 2", "b 2"])

    def test_stages_run_them_again(self):
        self.assertEqual(self.commands("--stages", "1s,2s", "--race", "a {}", "--race", "b {}", ":::", "1"),
                         ["a 1", "b 1", "a 1", "b 1"])

    def test_an_empty_command_is_none(self):
        """The shell is content with it, and every item would be solved."""
        for line in ("", " \t"):
            for pipe in ((), ("--pipe",)):
                self.check_refused("--dry-run", *pipe, "--race", line, ":::", "a", words=["an empty command"])
            self.check_refused("--dry-run", "--commands", items=json.dumps(line), words=["item 1", "an empty command"])
            self.check_refused("--dry-run", "--commands", ":::", line, words=["item 1", "an empty command"])
            self.check_bad_line(json.dumps({"command": line}), "command")

    def test_commands_are_the_items(self):
        lines = ["ls | wc", "find . -exec x {} ;", "echo {#}", "exit 3"]
        self.assertEqual(self.commands("--commands", items="".join(f"{line}\n" for line in lines)), lines)


class Items(DryRunTest):
    def test_several_lists_are_combined_the_last_changing_fastest(self):
        self.assertEqual(self.commands("--", "echo", "{1}-{2}", "{2}{1}", "{}", ":::", "a", "b", ":::", "1", "2"),
                         [f"echo {a}-{n} {n}{a} '{a} {n}'" for a in "ab" for n in "12"])
        self.assertEqual(self.commands("--", "echo", "{1/.}", "{2.}", "{3}", ":::", "d/a.b", ":::", "c.d"),
                         ["echo a c ''"])

    def test_an_empty_list_has_no_combinations(self):
        self.assertEqual(self.commands("--", "echo", ":::", "a", ":::"), [])

    def test_lines_are_taken_as_they_are(self):
        lines = [" a ", "[1] final.txt", "{", '{"item":', "007", "NaN"]
        self.assertEqual([shlex.split(line)[1] for line in self.commands("--", "echo", "{}", items="\n".join(lines))],
                         lines)

    def test_a_json_text_stands_for_its_characters_and_other_json_is_compact(self):
        for line, text in [('"a\\tb"', "a\tb"), ('[1, 2.50,  "x y"]', '[1,2.50,"x y"]'), (" 1e3 ", "1e3"),
                           ('{"a": {"item": [ ]}}', '{"a":{"item":[]}}'), ("null", "null"),
                           ("123456789012345678901234567890", "123456789012345678901234567890")]:
            with self.subTest(line=line):
                self.assertEqual(shlex.split(self.commands("--", "echo", "{}", items=line)[0]), ["echo", text])

    def test_blank_lines_have_no_number(self):
        self.assertEqual(self.commands("--", "echo", "{#}", "{}", items="\na\n \nb"), ["echo 1 a", "echo 2 b"])


class Groups(DryRunTest):
    def test_a_group_names_its_commands(self):
        group = {"item": "a b", "tasks": ["x {}", "y {} | z", ["w", "<{}>"], {"command": "v {#}"},
                                          {"command": ["u", "{.}"], "input": "in"}]}
        self.assertEqual(self.commands("--commands", items=json.dumps(group)),
                         ["x 'a b'", "y 'a b' | z", "w '<a b>'", "v 1", "u 'a b'"])

    def test_one_command_needs_no_list(self):
        self.assertEqual(self.commands("--commands", items='{"command":["x","1"],"input":"in"}'), ["x 1"])

    def test_a_group_without_tasks_takes_those_of_the_command_line(self):
        self.assertEqual(self.commands("--race", "a {}", "--race", "b {}", items='{"item": [1, 2], "policy": {"k":2}}'),
                         ["a '[1,2]'", "b '[1,2]'"])

    def test_all_that_may_be_said(self):
        task = {"command": "a {}", "input": "in", "directory": "/", "environment": {"A": "1"}, "output_max": "1M",
                "limits": {"wall": "10s", "cpu": 1.5, "memory": "1G", "core": 1024, "processes": 3, "files": 9, "nice": 1},
                "until": {"exit": [10, 20]}}
        group = {"item": 1, "tasks": [task], "policy": "all", "until": {"match": "^s"}, "timeout": 7, "limits": {},
                 "directory": "/", "environment": {}, "output_max": 10}
        self.assertEqual(self.commands("--commands", items=json.dumps(group)), ["a 1"])

    def test_a_group_with_a_policy_of_its_own_has_its_own_stages(self):
        self.assertEqual(self.commands("--stages", "1,2", "--", "a", "{}", items='{"item":1,"policy":"all"}\n2\n'),
                         ["a 1", "a 2", "a 2"])

    def test_what_is_wrong_with_one_is_named(self):
        for group, words in [({"nope": 1}, ['"nope": unknown', "policy"]),
                             ({"tasks": "x"}, ['"tasks": expected a list of commands, got text "x"']),
                             ({"tasks": []}, ['"tasks"', "list of 0"]),
                             ({"tasks": ["x", 7]}, ['"tasks[1]": expected a command', "integer 7"]),
                             ({"tasks": [["x", 7]]}, ['"tasks[0][1]": expected a text']),
                             ({"tasks": [""]}, ['"tasks[0]": expected a command']),
                             ({"tasks": [{"input": "x"}]}, ['"tasks[0]"', '"command"']),
                             ({"tasks": [{"command": "x", "policy": 1}]}, ['"tasks[0].policy": unknown', "output_max"]),
                             ({"command": "x", "tasks": ["y"]}, ['"command"', '"tasks" is there as well']),
                             ({"input": "x"}, ['"input"', '"command"']),
                             ({"policy": "last"}, ['"policy": expected "first", "all", "stages" or {"k":2}', '"last"']),
                             ({"policy": {"k": 0}}, ['"policy.k": expected a number from 1, got integer 0']),
                             ({"policy": {"k": 3}, "tasks": ["x"]}, ['"policy.k"', "1 tasks"]),
                             ({"policy": {"k": 3}}, ["only 1 commands"]),
                             ({"until": "maybe"}, ['"until": expected exit-zero', '"maybe"']),
                             ({"until": {"exit": []}}, ['"until"', "exit status"]),
                             ({"until": {"exit": [300]}}, ['"until"', "0 to 255"]),
                             ({"until": {"match": "("}}, ['"until"', "regular expression"]),
                             ({"until": {"x": 1}}, ['"until": expected "exit-zero", "any"']),
                             ({"until": {}}, ['"until": expected']),
                             ({"timeout": "soon"}, ['"timeout": expected seconds', '"soon"']),
                             ({"timeout": -1}, ['"timeout": expected seconds']),
                             ({"limits": {"time": 1}}, ['"limits.time": unknown', "wall"]),
                             ({"limits": {"memory": "lots"}}, ['"limits.memory": expected bytes']),
                             ({"limits": {"files": "x"}}, ['"limits.files": expected a number']),
                             ({"limits": {"nice": 20}}, ['"limits.nice": expected a niceness, 0 to 19']),
                             ({"limits": 1}, ['"limits": expected an object, got integer 1']),
                             ({"directory": 1}, ['"directory": expected a text']),
                             ({"environment": {"A": 1}}, ['"environment.A": expected a text'])]:
            with self.subTest(group=group):
                self.check_bad_line(json.dumps({"item": "x"} | group), *words)

    def test_a_group_without_any_command(self):
        done = run("--dry-run", "--commands", items='{"item":1}')
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn('line 1: a group without "tasks"', done.stderr)


class CommandLines(DryRunTest):
    def test_options_that_do_not_go_together(self):
        for arguments, words in [
                (["--race", "a", "--", "b", "{}"], ["--race", "not both"]),
                (["--commands", "--race", "a"], ["--commands", "leave out --race"]),
                (["--commands", "--", "a", "{}"], ["--commands", "leave out"]),
                (["--stages", "1s"], ["no command", "--race", "--commands"]),
                (["--resume", "--", "a", "{}"], ["--resume", "--joblog FILE"]),
                (["--resume-failed", "--", "a", "{}"], ["--resume-failed", "--joblog FILE"]),
                (["--input", "x", "--", "a", ":::", "b"], ["--input", ":::", "not both"]),
                (["--dry-run", "--results", "x", "--", "a", "{}"], ["--dry-run", "--results"]),
                (["--tag", "--json", "--", "a", "{}"], ["--tag", "--json"]),
                (["--", "a", "{}", "::::", "x"], ["::::", "--input"]),
                (["--", "a", ":::", "x", ":::+", "y"], [":::+", "not known"]),
                (["--joblog", "x", "--local", "1", "--", "worker"], ["--joblog", "{}", "--pipe"]),
                (["--", "worker"], ["--local", "{}"])]:
            with self.subTest(arguments=arguments):
                self.check_refused(*arguments, words=words)

    def test_values_that_are_none(self):
        for arguments, words in [(["--stages", "1s,,2s"], ["--stages", "10s,100s,1000s"]),
                                 (["--stages", "0"], ["--stages"]), (["--timeout", "10x"], ["--time-limit", "seconds"]),
                                 (["--memory", "big"], ["--memory", "bytes"]), (["--cpu", "0"], ["--cpu", "seconds"]),
                                 (["--nice", "20"], ["--nice", "0 to 19"]), (["--files", "x"], ["--files"]),
                                 (["--processes", "-1"], ["--processes"]), (["--env", "A"], ["--env", "NAME=VALUE"]),
                                 (["--until", "exit:"], ["--until", "exit:10,20"]),
                                 (["--until", "exit:10,"], ["--until", "exit:10,20"]),
                                 (["--until", "exit:256"], ["--until", "0 to 255"]),
                                 (["--until", "match:("], ["--until", "regular expression"])]:
            with self.subTest(arguments=arguments):
                self.check_refused(*arguments, "--", "a", "{}", words=words)

    def test_quantities_with_units(self):
        self.assertEqual(self.commands("--timeout", "1.5h", "--memory", "1.5G", "--cpu", "250ms", "--stages", "1s,2m,3d",
                                       "--", "a", "{}", ":::", "b"), ["a b"] * 3)

    def test_help_tells_when_a_shell_runs(self):
        done = run("--help")
        for words in ("Commands:", "{//}", "/bin/sh runs it", "--race 'minisat {}'", "fanmill-worker command"):
            self.assertIn(words, done.stdout)


class Resuming(DryRunTest):
    HEADER = "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n"

    def resume(self, option, log, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "log"
            path.write_text(log)
            commands = self.commands(option, "--joblog", str(path), *arguments)
            self.assertEqual(path.read_text(), log, "a dry run changes nothing")
            return commands

    @staticmethod
    def line(seq, status, sign=0, command="x"):
        return f"{seq}\tnode7\t1376577364.974\t     0.008\t0\t5\t{status}\t{sign}\t{command}\n"

    def test_resume_leaves_out_what_stands_in_the_log(self):
        log = self.HEADER + self.line(1, 0) + self.line(3, 1, command="a\tb c") + self.line(4, -1, 9)
        self.assertEqual(self.resume("--resume", log, "--", "a", ":::", "1", "2", "3", "4", "5"), ["a 2", "a 5"])

    def test_resume_failed_repeats_what_has_no_winner(self):
        log = self.HEADER + self.line(1, 0) + self.line(2, 1) + self.line(3, -1, 9) + self.line(3, 0) + \
            self.line(4, 0, 11) + self.line(6, 1) + self.line(6, 0)
        self.assertEqual(self.resume("--resume-failed", log, "--race", "a {}", "--race", "b {}", ":::", *"123456"),
                         [f"{name} {item}" for item in "245" for name in "ab"])

    def test_a_winner_is_who_ended_as_until_wants(self):
        log = self.HEADER + self.line(1, 10) + self.line(2, 0) + self.line(3, -1) + self.line(4, 3)
        for until, left in [("exit:10,20", "234"), ("exit-zero", "134"), ("any", "3"), ("match:x", "3")]:
            with self.subTest(until=until):
                self.assertEqual(self.resume("--resume-failed", log, "--until", until, "--", "a", ":::", *"1234"),
                                 [f"a {item}" for item in left])

    def test_a_group_that_needs_several_is_done_with_so_many(self):
        log = self.HEADER + self.line(1, 0) + self.line(1, 1) + self.line(2, 0) + self.line(2, 0)
        groups = '{"item":1,"policy":"all","tasks":["a","b"]}\n{"item":2,"policy":{"k":2},"tasks":["c","d"]}\n'
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "log"
            path.write_text(log)
            self.assertEqual(self.commands("--resume-failed", "--joblog", str(path), "--commands", items=groups),
                             ["a", "b"])

    def test_a_torn_last_line_does_not_count(self):
        log = self.HEADER + self.line(1, 0) + self.line(2, 0)[:-1]
        self.assertEqual(self.resume("--resume", log, "--", "a", ":::", "1", "2"), ["a 2"])

    def test_a_log_that_is_not_there_yet(self):
        self.assertEqual(self.commands("--resume", "--joblog", "/no/such/log", "--", "a", ":::", "1"), ["a 1"])

    def test_a_file_that_is_no_job_log(self):
        for log, number in [("hello\n", 1), (self.HEADER + "hello\n", 2), (self.HEADER + self.line("x", 0), 2),
                            (self.line(1, 0), 1), (self.HEADER + self.line(1, 0) + self.line(2, "") + self.line(3, 0), 3)]:
            with self.subTest(log=log), tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "log"
                path.write_text(log)
                self.check_refused("--resume", "--joblog", str(path), "--", "a", ":::", "1",
                                   words=[f"{path}, line {number} ", "Exitval", "another file"])
                self.assertEqual(path.read_text(), log)

    def test_a_log_that_cannot_be_read(self):
        self.check_refused("--resume", "--joblog", "/", "--", "a", ":::", "1", words=["--joblog /", "Is a directory"])


if __name__ == "__main__":
    unittest.main()
