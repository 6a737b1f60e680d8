#!/usr/bin/env python3
"""Any program, and any shared library, as a worker: fanmill-worker run, pipe and --plugin."""

import shutil
import subprocess
import sys
import unittest
from pathlib import Path

from worker_rig import MIB, SOURCE, WorkerTest
from farm_process import Farm, WORKER, clean_environment

# One line of JSON in, one out; it counts what it was given, and does as it is told. It hangs once: a time limit that
# is passed by mistake, as the program took long to start, is tried again like the one that must be.
RESIDENT = r"""
import json, os, sys, time
count = 0
hung = os.environ["TMPDIR"] + "/hung"
for line in sys.stdin:
    item = json.loads(line)
    count += 1
    if item == "error":
        answer = {"$error": "deep trouble", "$type": "ValueError"}
    elif item == "hang" and not os.path.exists(hung):
        open(hung, "w").close()
        time.sleep(1000)
    elif item == "exit":
        print("last words", file=sys.stderr)
        sys.exit(3)
    elif item == "crash":
        os.kill(os.getpid(), 11)
    elif item == "environment":
        answer = sorted(name for name in os.environ if name.startswith("FANMILL_"))
    else:
        answer = [item, count]
    print("no JSON" if item == "garbage" else json.dumps(answer), flush=True)
"""

PLUGIN = r"""
#include <fanmill/plugin.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int is(const char* in, size_t in_size, const char* word) {
  return in_size == strlen(word) + 2 && memcmp(in + 1, word, in_size - 2) == 0;
}

static int is_first(void) {
  char path[200];
  snprintf(path, sizeof path, "%s/hung", getenv("TMPDIR"));
  return open(path, O_CREAT | O_EXCL, 0600) >= 0;
}

int fanmill_run(const char* in, size_t in_size, char** out, size_t* out_size) {
  static int count = 0;
  ++count;
  if (is(in, in_size, "crash")) raise_it();
  if (is(in, in_size, "exit")) exit(9);
  if (is(in, in_size, "hang") && is_first()) for (;;) {}
  if (is(in, in_size, "silent")) return 7;
  const char* words = is(in, in_size, "junk") ? "{" : "deep trouble";
  if (is(in, in_size, "fail") || is(in, in_size, "junk")) {
    *out = strdup(words);
    *out_size = strlen(words);
    return is(in, in_size, "fail");
  }
  *out = malloc(in_size + 32);
  *out_size = (size_t)sprintf(*out, "[%.*s, %d]", (int)in_size, in, count);
  return 0;
}
""".replace("raise_it()", "*(volatile int*)0 = 1")


class HangTest(WorkerTest):
    def check_hanging(self, worker, items, words, *broker):
        """The one that hangs once is ended with these words, and what it ran in; then all get their results."""
        work = self.work(worker, items, "--verbose", "2", "--retries", "20", *broker)
        number = items.index("hang") + 1
        self.assertRegex(work.told, rf"(?m)^task 1 of group {number} ended on \S+, {words}$")
        self.assertEqual([item for item, _ in work.results], items)
        # Had one process gone on with all of them, it would have counted further.
        self.assertLessEqual(max(count for _, count in work.results), 2)


class Run(WorkerTest):
    """A program for each item."""

    ITEMS = [1, "a b", {"x": [1, None]}, None, {"$bytes": "/w=="}, {"$int": "123456789012345678901234567890"}]

    def test_the_item_takes_the_place_of_each_brace(self):
        self.assertEqual(self.work(["run", "--", "echo", "{}"], self.ITEMS).results, self.ITEMS)
        self.assertEqual(self.work(["run", "--", "echo", "[{},{},", "{}]"], [1, "x"]).results, [[1, 1, 1], ["x"] * 3])

    def test_without_one_it_is_on_standard_input(self):
        self.assertEqual(self.work(["run", "--", "cat"], self.ITEMS).results, self.ITEMS)

    def test_what_is_no_json_is_text_and_what_is_no_text_bytes(self):
        for output, result in [("two words\\n\\n", "two words"), ("", ""), ("\\377", {"$bytes": "/w=="}), ("[1,\\n2]", [1, 2])]:
            self.assertEqual(self.work(["run", "--", "printf", output], [0]).results, [result])

    def test_another_exit_status_is_a_failure_with_the_end_of_standard_error(self):
        work = self.work(["run", "--", "sh", "-c", "echo deep trouble >&2; exit {}"], [3, 0])
        self.check_failure(work, 0, "failed.*: exit 3: deep trouble$")
        self.assertEqual(work.results, [None, ""])

    def test_a_signal_is_a_crash_and_three_are_the_end(self):
        work = self.work(["run", "--", "sh", "-c", "[ {} = 1 ] || kill -SEGV $$"], [0, 1])
        self.check_failure(work, 0, r"crashed.*: signal 11 \(SIGSEGV\)$", attempts=3)
        self.assertEqual(work.results, [None, ""])

    def test_a_program_that_cannot_be_run(self):
        with Farm() as farm:
            script = farm.folder / "script"
            script.write_text("#!/bin/sh\n")
            for program, words in [("/no/such/program", "No such file"), ("no-such-program", "No such file or directory .looked for in PATH="),
                                   (script, "Permission denied.*chmod"), ("/", "Permission denied")]:
                self.check_failure(self.work(["run", "--", program], [0]), 0,
                                   f"failed: could not start: can't start {program}: {words}")

    def test_too_much_output_is_kept_where_it_was_written(self):
        with Farm() as farm:
            work = self.work(["run", "--", "sh", "-c", "head -c {} /dev/zero | tr '\\0' x"], [2 * MIB, 1000], TMPDIR=str(farm.folder))
            self.check_failure(work, 0, f"too much output: {2 * MIB} bytes, at most .* all of it is in {farm.folder}/")
            self.assertEqual(work.results, [None, "x" * 1000])
            self.assertEqual(Path(work.errors[0].split()[-1]).read_bytes(), b"x" * 2 * MIB)

    def test_its_arguments_are_its_own(self):
        words = ["[a,b]", "[]", "--slots", "--", ":::", "", "{"]
        work = self.work(["run", "--", sys.executable, "-c", "import json, sys; print(json.dumps(sys.argv[1:]))", *words], [0])
        self.assertEqual(work.results, [words])

    def test_several_at_a_time(self):
        """Each waits for the others."""
        with Farm() as farm:
            script = f"echo >{farm.folder}/on-{{}}; until [ $(ls {farm.folder} | grep -c on-) = 3 ]; do sleep 0.01; done; echo {{}}"
            self.assertEqual(self.work(["run", "--slots", "3", "--", "sh", "-c", script], [1, 2, 3]).results, [1, 2, 3])


class Pipe(HangTest):
    """A program that stays and answers line for line."""

    WORKER = ["pipe", "--", sys.executable, "-c", RESIDENT]

    def test_it_keeps_its_state_between_items(self):
        self.assertEqual(self.work(self.WORKER, [7, "x", {"a": None}]).results, [[7, 1], ["x", 2], [{"a": None}, 3]])

    def test_an_error_of_its_own_is_a_failure_and_no_end(self):
        work = self.work(self.WORKER, [7, "error", 8])
        self.check_failure(work, 1, "failed.*: ValueError: deep trouble$")
        self.assertEqual(work.results, [[7, 1], None, [8, 3]])

    def test_a_hanging_line_is_ended_and_the_next_item_works(self):
        self.check_hanging(self.WORKER, ["hang", 8], "time_limit: ended at its time limit of 300 ms", "--timeout", "300ms")
        self.check_hanging(["pipe", "--wall", "0.3", *self.WORKER[1:]], ["hang", 8],
                           "failed: time limit: its limit of wall time passed")

    def test_a_program_that_exits_is_started_again(self):
        work = self.work(self.WORKER, [7, "exit", 8])
        self.check_failure(work, 1, "failed.*: exit 3: last words$")
        self.assertEqual(work.results, [[7, 1], None, [8, 1]])

    def test_a_program_that_crashes_is_started_again(self):
        work = self.work(self.WORKER, [7, "crash", 8])
        self.check_failure(work, 1, r"crashed.*: signal 11 \(SIGSEGV\)$", attempts=3)
        self.assertEqual(work.results, [[7, 1], None, [8, 1]])

    def test_garbage_is_a_failure(self):
        work = self.work(self.WORKER, [7, "garbage", 8])
        self.check_failure(work, 1, "failed.*: no JSON: the program's answer: JSON, column ")
        self.assertEqual(work.results, [[7, 1], None, [8, 1]], "its word is not trusted any more")

    def test_a_line_without_an_end_is_a_failure(self):
        work = self.work(["pipe", "--", "sh", "-c", "while read x; do [ $x = 1 ] || cat /dev/zero; echo $x; done"], [1, 2, 1])
        self.check_failure(work, 1, "failed.*: no JSON: the program's answer: a line of more than 16 MiB$")
        self.assertEqual(work.results, [1, None, 1])

    def test_a_line_too_many_is_no_answer_to_the_next_item(self):
        """Else all results from there on would be those of the items before."""
        script = r'while read x; do printf "[$x,$$]\n\"debug\"\n"; done'
        results = self.work(["pipe", "--", "sh", "-c", script], list(range(20))).results
        self.assertEqual([number for number, _ in results], list(range(20)))
        self.assertEqual(len({pid for _, pid in results}), 20, "it was started again each time")

    def test_a_greeting_is_noticed(self):
        work = self.work(["pipe", "--", "sh", "-c", "echo hello; cat"], [1, 2])
        self.assertEqual(work.results, [None, None])
        self.check_failure(work, 1, "no JSON")

    def test_an_item_as_long_as_a_result_may_be(self):
        item = "x" * 1000000
        self.assertEqual(self.work(["pipe", "--", "cat"], [item, 1]).results, [item, 1])

    def test_it_does_not_know_its_items_by_the_environment(self):
        """That would be the first one's for ever."""
        self.assertEqual(self.work(self.WORKER, ["environment"]).results, [["FANMILL_ENDPOINT"]])


@unittest.skipUnless(shutil.which("cc"), "there is no C compiler")
class Plugin(HangTest):
    @classmethod
    def setUpClass(cls):
        farm = cls.enterClassContext(Farm())
        cls.library = cls.compile(farm.folder, "plugin", PLUGIN)
        cls.empty = cls.compile(farm.folder, "empty", "int nothing;\n")
        cls.source = farm.folder / "plugin.c"

    @staticmethod
    def compile(folder, name, text):
        source, library = folder / f"{name}.c", folder / f"{name}.so"
        source.write_text(text)
        subprocess.run(["cc", "-shared", "-fPIC", f"-I{SOURCE}/lib/include", source, "-o", library], check=True)
        return library

    def test_it_gives_results(self):
        for options in ((), ("--in-process",)):
            work = self.work(["--plugin", self.library, *options], [1, "x", {"a": None}])
            self.assertEqual(work.results, [[1, 1], ["x", 2], [{"a": None}, 3]])

    def test_it_fails_in_words(self):
        for item, words in [("fail", "deep trouble"), ("silent", "fanmill_run returned 7"),
                            ("junk", "what fanmill_run gave: JSON, column 1")]:
            work = self.work(["--plugin", self.library], [1, item, 2])
            self.check_failure(work, 1, f"failed.*: {words}")
            self.assertEqual(work.results, [[1, 1], None, [2, 3]])

    def test_it_crashes_alone(self):
        for item, pattern in [("crash", r"signal 11 \(SIGSEGV\)$"), ("exit", "exit 9$")]:
            work = self.work(["--plugin", self.library], [1, item, 2])
            self.check_failure(work, 1, f"crashed.*: {pattern}", attempts=3)
            self.assertEqual(work.results, [[1, 1], None, [2, 1]])

    def test_it_hangs_alone(self):
        self.check_hanging(["--plugin", self.library], [1, "hang", 2], "time_limit: ended at its time limit of 300 ms",
                           "--timeout", "300ms")

    def test_what_is_no_plugin(self):
        for file, words in [(self.empty, "exports no function fanmill_run; see fanmill/plugin.h"),
                            (self.source, "invalid ELF header"), ("no-such.so", "No such file")]:
            done = subprocess.run([WORKER, "--connect", "tcp://127.0.0.1:1", "--plugin", file], capture_output=True,
                                  text=True, env=clean_environment())
            self.assertEqual(done.returncode, 5)
            self.assertIn(f"--plugin {file}: ", done.stderr)
            self.assertIn(words, done.stderr)


class Options(unittest.TestCase):
    def test_what_makes_no_sense_is_refused(self):
        for line, words in [
            ("run", "PROGRAM"), ("pipe", "PROGRAM"),
            ("command echo", "command can't be served beside other functions"),
            ("command --in-process", "leave --in-process and --monitored out"),
            ("--plugin ./x.so echo", "--plugin is in place of a FUNCTION"),
            ("echo --memory -5", "--memory: -5 is below 0"), ("echo --processes -1", "--processes: -1 is below 0"),
            ("echo --files -1", "--files: -1"), ("echo --core -1", "--core: -1"), ("echo --memory many", "--memory: many"),
            ("echo --wall 0", "--wall"), ("echo --cpu -1", "--cpu"), ("echo --nice 20", "--nice"), ("echo --nice -1", "--nice"),
            ("echo --containment all", "all is none of group, subreaper, cgroup"),
            ("echo --in-process --wall 1", "leave --in-process and --monitored out, or the limits"),
            ("echo run -- true", "FUNCTION means nothing to `run`"), ("--in-process pipe -- true", "--in-process means nothing"),
            ("--slots 2 supervise -- true", "--slots means nothing to `supervise`"),
            ("--join x run --connect y -- true", "--connect excludes --join"),
        ]:
            with self.subTest(line):
                done = subprocess.run([WORKER, *line.split()], capture_output=True, text=True,
                                      env=clean_environment(FANMILL_GIVE_UP_AFTER="0.1"))
                self.assertEqual((done.returncode, done.stdout), (5, ""), done.stderr)
                self.assertIn(words, done.stderr)


if __name__ == "__main__":
    unittest.main()
