#!/usr/bin/python3
"""The worker in Python against docs/protocol.md: how it comes, stays and leaves."""
import os
import signal
import subprocess
import sys
import time
import unittest

from python_worker_rig import (
    CLOSED, DRAIN, DROP, ECHO, ENDED, FEATURE_KILL, GOODBYE, HEARTBEAT, HELLO, IF_UNSTARTED, JSON, KEEP, KILLED, LONG,
    NONE, PATIENCE, REFUSE, RESULT, RUNNING, TASK, WORKER, WorkerTest, build)


class Greeting(WorkerTest):
    def test_hello_is_well_formed(self):
        hello = self.start(welcome=False)
        self.assertEqual(hello.ident, 0)
        self.assertEqual((hello.protocolMin, hello.protocolMax), (1, 1))
        self.assertEqual(hello.slots, 1)
        self.assertLessEqual(hello.containment, 5)
        self.assertEqual(hello.features, FEATURE_KILL)
        self.assertTrue(hello.encodings >> JSON & 1)
        self.assertFalse(hello.encodings & ~(1 << NONE | 1 << JSON))
        self.assertTrue(hello.uuidLow or hello.uuidHigh)
        self.assertEqual((hello.farm, hello.incarnation), (0, 0))
        self.assertEqual(hello.pid, self.worker.pid)
        self.assertEqual(hello.greeting, 1)
        self.assertLessEqual(hello.prefetch, 4096)
        self.assertTrue(hello.software and hello.host)
        self.assertEqual((hello.functions, hello.labels, hello.cookie), ("collatz", "", ""))
        self.assertIsNone(hello.payload)
        self.assertLessEqual(len(hello.frames[0]), 4096)

    def test_endpoint_from_the_environment_over_ipc(self):
        endpoint = "ipc://" + os.path.join(self.directory.name, "socket")
        self.router.bind(endpoint)
        self.start(environment={"FANMILL_ENDPOINT": endpoint})
        self.expect_result(self.task(27), 27)

    def test_argument_beats_the_environment(self):
        self.start(self.join_file, environment={"FANMILL_ENDPOINT": "ipc://" + self.directory.name + "/nobody"})
        self.expect_result(self.task(27), 27)

    def test_later_hellos_name_farm_incarnation_and_session_and_keep_the_uuid(self):
        first = self.start()
        self.who(2, {})
        self.assertEqual((self.hello.farm, self.hello.incarnation), (0xC0FFEE, 3))
        self.assertEqual((self.hello.uuidLow, self.hello.uuidHigh), (first.uuidLow, first.uuidHigh))
        self.assertEqual(self.hello.functions, "collatz")

    def test_says_hello_again_on_a_fresh_socket_if_no_welcome_comes(self):
        began = time.monotonic()
        first = self.start(welcome=False)
        self.hello = self.expect(HELLO)
        self.assertGreater(time.monotonic() - began, 1.5)
        self.assertEqual(self.hello.greeting, 2)
        self.assertNotEqual(self.hello.peer, first.peer)
        self.welcome()
        self.expect_result(self.task(6), 6)

    def test_who_has_greeted_again_meanwhile_is_told_all_once_more(self):
        """No claim about the worker: the other tests would fail whenever this host stalls, if the rig did not do this."""
        self.start(welcome=False)
        self.assertTrue(self.something_there(1000 * PATIENCE))  # its second Hello; nobody reads the first socket any more
        self.welcome()
        self.expect_result(self.task(6), 6)
        self.assertEqual(self.repeated, 1)
        self.who(2, {self.attempt_next - 1: ENDED})

    def test_ignores_a_welcome_of_another_greeting_and_a_second_one(self):
        self.start(welcome=False)
        self.welcome(session=77, greeting=2)
        self.welcome(session=78, greeting=0)
        self.welcome()
        self.welcome(session=79)
        self.nothing_but_heartbeat()  # in the session of the right one
        attempt = self.task(6)
        self.expect_result(attempt, 6)
        self.welcome(session=80)  # would end the attempt, if it counted
        self.nothing_but_heartbeat()
        self.who(2, {attempt: ENDED})

    def test_ignores_all_but_welcome_and_refuse_before_welcome(self):
        self.start(welcome=False)
        lost = self.task(27)
        self.kill(lost)
        self.kill(12345)
        self.send(HEARTBEAT, 55, flags=ECHO)
        self.send(HEARTBEAT, 0, flags=ECHO)
        self.send(GOODBYE, 0, flags=CLOSED)
        self.send(GOODBYE, 0, flags=DRAIN)
        self.ask_who()
        self.welcome()
        self.assertEqual(self.nothing_but_heartbeat().started, 0)
        self.expect_result(self.task(6), 6)

    def test_who_is_answered_once_until_welcome(self):
        self.start()
        for _ in range(5):
            self.ask_who()
        self.expect_greeting(2, {})
        self.task(27)  # of the former session
        self.welcome()
        self.assertEqual(self.nothing_but_heartbeat().started, 0)
        self.who(3, {})

    def test_silence_ends_the_session(self):
        first = self.start(heartbeatMs=20, suspectMs=100, deadMs=300)
        self.expect_greeting(2, {})
        self.assertNotEqual(self.hello.peer, first.peer)
        self.welcome()
        self.expect_result(self.task(6), 6)

    def test_result_that_ended_without_a_session_waits_for_welcome(self):
        self.start(held=True)
        long = self.task(LONG)
        self.wait_started(1)
        self.who(2, {long: RUNNING})
        self.let_go()
        for greeting in range(3, 6):  # without a Welcome: the next Hello comes by itself, when the task has ended
            self.hello = self.expect(HELLO)
            self.assertEqual((self.hello.greeting, set(self.hello.held)), (greeting, {long}))
            if self.hello.held == {long: ENDED}:
                break
        self.assertEqual(self.hello.held, {long: ENDED})
        self.welcome({long: KEEP})
        self.expect_result(long, LONG)


class Refusals(WorkerTest):
    WORDS = "the cookie is wrong:\n\task for the right one, \u00e4\u20ac"

    def refuse(self, session=0, **fields):
        values = dict(code=4, protocolMin=1, protocolMax=1, words=self.WORDS)
        self.send(REFUSE, session, **{**values, **fields})

    def expect_refused(self):
        self.session = 0
        errors = self.expect_exit()
        self.assertIn("the cookie is wrong:", errors)
        self.assertIn("ask for the right one", errors)

    def test_refused_hello(self):
        self.start(welcome=False)
        self.refuse(greeting=1)
        self.expect_refused()

    def test_refused_without_greeting_before_welcome(self):
        self.start(welcome=False)
        self.refuse(greeting=0, session=0)
        self.expect_refused()

    def test_refused_session(self):
        self.start()
        self.refuse(session=self.session, code=7)
        self.expect_refused()

    def test_unknown_code_and_later_version(self):
        self.start(welcome=False)
        self.refuse(greeting=1, code=999, version=7, protocolMin=5, protocolMax=7, extra_words=2, extra_texts=3)
        self.expect_refused()

    def test_refusals_of_others_are_ignored(self):
        self.start(welcome=False)
        self.refuse(greeting=2)
        self.refuse(greeting=0, session=77)
        self.welcome()
        self.refuse(greeting=7, session=self.session)
        self.refuse(greeting=0, session=self.session + 1)
        self.refuse(greeting=0, session=0)
        self.nothing_but_heartbeat()
        self.expect_result(self.task(27), 27)

    def test_control_characters_in_the_words(self):
        self.start(welcome=False)
        header = bytearray(build(REFUSE, 0, greeting=1, code=6, words="go away"))
        header[header.index(b"away")] = 0xFF  # no UTF-8
        header[header.index(b"way")] = 0x1B
        self.send_frames(bytes(header))
        errors = self.expect_exit()
        self.assertIn("go ", errors)
        self.assertIn("ay", errors)
        self.assertNotIn("\x1b", errors)

    def test_tries_again_later(self):
        self.start(held=True)
        done, running = self.task(1), self.task(LONG)
        self.expect_result(done, 1)
        self.wait_started(2)
        peer, began = self.peer, time.monotonic()
        self.refuse(session=self.session, code=6, retryMs=400)
        self.session = 0
        self.hello = self.expect(HELLO)
        self.assertGreaterEqual(time.monotonic() - began, 0.4)
        self.assertEqual(self.hello.greeting, 2)
        self.assertNotEqual(self.hello.peer, peer)
        self.assertEqual(set(self.hello.held), {done, running})
        self.assertEqual(self.hello.held[done], ENDED)
        self.welcome({done: DROP, running: KEEP})
        self.let_go()
        self.expect_result(running, LONG)

    def test_refused_hello_tries_again_later(self):
        first = self.start(welcome=False)
        self.refuse(greeting=1, code=6, retryMs=50)
        self.hello = self.expect(HELLO)
        self.assertEqual(self.hello.greeting, 2)
        self.assertNotEqual(self.hello.peer, first.peer)
        self.welcome()
        self.expect_result(self.task(27), 27)


class Liveness(WorkerTest):
    def test_heartbeats(self):
        self.start()
        for _ in range(3):
            self.heartbeat()  # which asks for no answer
        self.assertEqual(self.nothing_but_heartbeat().started, 0)
        self.expect_result(self.task(27), 27)
        self.assertEqual(self.nothing_but_heartbeat().started, 1)
        self.heartbeat(ECHO, session=self.session + 1)
        self.nothing_but_heartbeat()
        self.nothing_but_heartbeat()

    def test_heartbeat_while_it_computes(self):
        self.start("--slow", "0.1")
        attempt = self.task(27)
        self.wait_started(1)
        self.assertEqual(self.nothing_but_heartbeat().started, 1)
        self.kill(attempt)
        self.expect(KILLED, attempt)

    def test_kinds_that_no_manager_sends_and_unknown_ones_are_ignored(self):
        self.start()
        for kind in (RESULT, KILLED, 11, 12, 13, 14, 15, 20, 99, 65535):
            for version in (1, 2):
                if kind <= GOODBYE and version == 2:
                    continue  # malformed
                for frames in ([], [b"payload"]):
                    header = bytearray(build(TASK, self.session, version=version))
                    header[12:14] = kind.to_bytes(2, "little")
                    self.send_frames(bytes(header), *frames)
        self.nothing_but_heartbeat()
        self.expect_result(self.task(27), 27)


class Leaving(WorkerTest):
    def leave(self, acknowledged=0):
        """Answers Heartbeats, and acknowledges what comes, until the worker's Goodbye; returns the kinds and ids of all
        else."""
        found = []
        while True:
            message = self.receive()
            if message.kind == RESULT:
                acknowledged += 1
                self.heartbeat(acknowledged=acknowledged)
            elif message.kind == HEARTBEAT and message.flags & ECHO:
                self.heartbeat(acknowledged=acknowledged)
            elif message.kind == GOODBYE:
                self.assertEqual((message.flags, message.detail, message.reserved), (0, 5, 0))
                self.expect_exit()
                return found
            if message.kind != HEARTBEAT:
                found.append((message.kind, message.ident))

    def silent_exit(self):
        errors = self.expect_exit()
        while self.something_there(200):
            self.assertEqual((self.receive().kind, self.session), (HELLO, 0), "it said something")
        return errors

    def test_drain_of_an_idle_worker(self):
        self.start()
        self.send(GOODBYE, self.session, flags=DRAIN, words="enough")
        self.assertEqual(self.leave(), [])

    def test_drain_finishes_what_is_held(self):
        self.start(held=True)
        running, waiting, killed = self.task(LONG), self.task(6), self.task(7)
        self.wait_started(1)
        self.send(GOODBYE, self.session, flags=DRAIN)
        self.kill(killed, IF_UNSTARTED)
        self.expect(KILLED, killed)
        self.let_go()
        self.assertEqual(self.leave(), [(RESULT, running), (RESULT, waiting)])

    def test_drain_outlives_its_session(self):
        self.start(held=True)
        done, long = self.task(1), self.task(LONG)
        self.expect_result(done, 1)
        self.wait_started(2)
        self.send(GOODBYE, self.session, flags=DRAIN)
        self.who(2, {done: ENDED, long: RUNNING})
        self.welcome({done: KEEP, long: KEEP})
        self.assertEqual(self.expect(GOODBYE).flags, DRAIN)
        self.let_go()
        self.assertEqual(self.leave(), [(RESULT, done), (RESULT, long)])

    def test_drain_is_told_to_a_manager_that_has_forgotten_it(self):
        self.start(held=True)
        long = self.task(LONG)
        self.wait_started(1)
        self.send(GOODBYE, self.session, flags=DRAIN)
        self.who(2, {long: RUNNING})
        self.welcome({long: KEEP})
        new = self.task(6)
        told = self.expect(GOODBYE)
        self.assertEqual(told.flags, DRAIN)
        self.nothing_but_heartbeat()  # it has the new one
        self.let_go()
        self.assertEqual(sorted(self.leave()), sorted([(RESULT, long), (RESULT, new)]))

    def test_closed_ends_it_without_an_answer(self):
        for flags in (CLOSED, CLOSED | DRAIN):
            with self.subTest(flags=flags):
                self.start("--slow", "0.1")
                self.task(27)
                self.wait_started(1)
                self.send(GOODBYE, self.session, flags=flags, words="the farm is closed")
                self.silent_exit()
                self.session = 0

    def test_goodbye_without_flags_ends_it_without_an_answer(self):
        self.start()
        self.nothing_but_heartbeat()
        self.send(GOODBYE, self.session)
        self.silent_exit()

    def test_goodbye_of_another_session_is_ignored(self):
        self.start()
        for flags in (0, DRAIN, CLOSED):
            self.send(GOODBYE, self.session + 1, flags=flags)
        self.nothing_but_heartbeat()
        self.expect_result(self.task(27), 27)

    def test_sigterm(self):
        self.start("--slow", "0.1")
        done = self.task(1)
        self.expect_result(done, 1)
        self.heartbeat(acknowledged=1)
        self.task(27), self.task(6)
        self.wait_started(2)
        self.worker.send_signal(signal.SIGTERM)
        self.assertEqual(self.leave(1), [])

    def test_sigterm_before_welcome(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            self.start(welcome=False)
            self.worker.send_signal(number)
            self.silent_exit()

    def test_usage(self):
        for arguments in ([], ["nonsense"], ["tcp://127.0.0.1:1", "--slow"], ["tcp://127.0.0.1:1", "--slow", "x"],
                          ["tcp://127.0.0.1:1", "--what"], ["tcp://127.0.0.1:1", "more"]):
            environment = {name: value for name, value in os.environ.items() if name not in ("FANMILL_ENDPOINT", "FANMILL_JOIN")}
            done = subprocess.run([sys.executable, WORKER] + arguments, stdin=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, timeout=PATIENCE, env=environment, check=False)
            self.assertEqual(done.returncode, 5, arguments)
            self.assertTrue(done.stderr, arguments)

    @unittest.skipUnless(os.environ.get("FANMILL_SLOW_TESTS"), "takes a minute; set FANMILL_SLOW_TESTS")
    def test_gives_up(self):
        self.start(welcome=False)
        began = time.monotonic()
        self.assertEqual(self.worker.wait(PATIENCE + 60), 5)
        self.assertGreater(time.monotonic() - began, 55)
        self.assertLess(time.monotonic() - began, 80)


if __name__ == "__main__":
    unittest.main(verbosity=2)
