#!/usr/bin/python3
"""The worker in Python against docs/protocol.md: tasks, kills, results, verdicts."""
import json
import unittest

from python_worker_rig import (
    DROP, ECHO, END, ENDED, FAILED, GROUP, HEARTBEAT, HELLO, IF_UNSTARTED, JSON, KEEP, KILLED, LONG, NONE, OBJECT, RAW,
    REJECTED, RESULT, RUNNING, TASK, UNSTARTED, WHO, WorkerTest, build, steps_and_peak)


class Tasks(WorkerTest):
    def test_right_results(self):
        self.start()
        for n in (1, 2, 3, 6, 7, 27, 97, 871, 837799, 2**53 + 1, 2**64, 2**64 + 1, 3**200):
            result = self.expect_result(self.task(n), n)
            self.assertLess(result.busyUs, 60e6)
        self.assertEqual(steps_and_peak(27), [27, 111, 9232])

    def test_result_of_many_chunks(self):
        self.start()
        n = 3**1500 + 2  # some 17000 steps
        self.assertGreater(steps_and_peak(n)[1], 3 * 4096)
        self.expect_result(self.task(n), n)

    def test_failed_items(self):
        self.start()
        for payload in (0, -5, 1.5, 3.0, True, None, "27", [27], {"n": 27}, b"", b"{", b"27 28", b"\xff\xfe\x01",
                        b"NaN", b"1" + b"0" * 6000, b"[" * 100000, json.dumps("\0\ud800\n" * 500).encode(), "x" * 5000):
            payload = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
            result = self.expect(RESULT, self.task(payload))
            self.assertEqual((result.outcome, result.encoding), (FAILED, NONE), payload[:50])
            self.assertTrue(result.errorType and result.errorText, payload[:50])
        self.expect_result(self.task(27), 27)

    def test_what_it_can_not_do_is_rejected(self):
        self.start()
        for payload, fields in ((27, {"function": 1}), (27, {"function": 255}), (b"27", {"encoding": RAW}),
                                (b"27", {"encoding": OBJECT})):
            result = self.expect(RESULT, self.task(payload, **fields))
            self.assertEqual((result.outcome, result.encoding), (REJECTED, NONE))
        self.expect_result(self.task(27), 27)

    def test_task_without_payload_is_one_with_null(self):
        self.start()
        result = self.expect(RESULT, self.task(None))
        self.assertEqual(result.outcome, FAILED)
        self.assertIn("null", result.errorText)

    def test_integers_that_json_can_not_hold(self):
        self.start()
        for n in (2**53, 2**64 + 1, 3**200):
            for text in (str(n), hex(n)):
                self.expect_result(self.task({"$int": text}), n)
        for bad in ("", "x", "-3", "0x", 27, None, "9" * 5000):
            self.assertEqual(self.expect(RESULT, self.task({"$int": bad})).outcome, FAILED)
        self.expect_result(self.task(27), 27)

    def test_many_tasks_in_order(self):
        self.start()
        attempts = [self.task(n) for n in range(1, 301)]
        for n, attempt in enumerate(attempts, 1):
            self.expect_result(attempt, n)
        self.assertEqual(self.nothing_but_heartbeat().started, 300)

    def test_task_of_an_attempt_that_does_not_rise_is_ignored(self):
        self.start(held=True)
        done = self.task(1)
        self.expect_result(done, 1)
        running, waiting = self.task(LONG), self.task(6)
        self.wait_started(2)
        for attempt in (done, running, waiting, done - 1, 7):
            self.task(97, attempt=attempt)
        self.nothing_but_heartbeat()
        self.let_go()
        self.expect_result(running, LONG)
        self.expect_result(waiting, 6)
        self.heartbeat(acknowledged=3)
        for attempt in (done, running, waiting, done - 1, 7):
            self.task(97, attempt=attempt)
        self.expect_result(self.task(2), 2)  # which would come behind theirs
        self.assertEqual(self.nothing_but_heartbeat().started, 4)

    def test_sizes_of_other_versions(self):
        self.start()
        payload = b"27"
        self.send_frames(build(TASK, 901, group=1, encoding=JSON, number=1, extra_words=3, extra_texts=2), payload)
        self.expect_result(901, 27)
        self.send_frames(build(TASK, 902, group=1, encoding=JSON, number=1, cut_words=2), payload)
        self.expect_result(902, 27)
        self.send_frames(build(TASK, 903, group=1, encoding=JSON, number=1, flags=0xFFFF) + b"\x99" * 64, payload)
        self.expect_result(903, 27)
        self.send_frames(build(WHO, 0, version=9, extra_words=1))  # frozen, whatever the version
        self.expect_greeting(2, {901: ENDED, 902: ENDED, 903: ENDED})
        self.welcome({901: KEEP, 902: KEEP, 903: DROP}, extra_words=2, extra_texts=1)
        self.expect_result(901, 27)
        self.expect_result(902, 27)
        self.nothing_but_heartbeat()

    def test_no_more_tasks_are_started_than_may_be_unacknowledged(self):
        self.start(unacknowledgedMax=2)
        attempts = [self.task(n) for n in (5, 6, 7, 8)]
        self.expect_result(attempts[0], 5)
        self.expect_result(attempts[1], 6)
        for _ in range(3):
            self.assertEqual(self.nothing_but_heartbeat().started, 2)
        self.heartbeat(acknowledged=1)
        self.expect_result(attempts[2], 7)
        self.assertEqual(self.nothing_but_heartbeat(1).started, 3)
        self.heartbeat(acknowledged=3)
        self.expect_result(attempts[3], 8)


class Kills(WorkerTest):
    def setUp(self):
        super().setUp()
        self.options = ("--slow", "0.1")  # 27 runs for more than 11 s

    def test_kill_of_a_running_task(self):
        self.start(*self.options)
        attempt = self.task(27)
        self.assertEqual(self.wait_started(1), [])
        self.kill(attempt)
        killed = self.expect(KILLED, attempt)
        self.assertEqual(killed.flags, 0)
        self.assertGreater(killed.busyUs, 0)
        self.kill(attempt)  # not known any more
        killed = self.expect(KILLED, attempt)
        self.assertEqual((killed.flags, killed.busyUs), (0, 0))
        self.expect_result(self.task(2), 2)
        self.who(2, {self.attempt_next - 1: ENDED})

    def test_kill_of_a_running_task_if_unstarted(self):
        self.start(held=True)
        attempt = self.task(LONG)
        self.wait_started(1)
        self.kill(attempt, IF_UNSTARTED)
        # It may say by a Heartbeat of its own that the task is started, and goes on.
        self.heartbeat(ECHO)
        self.heartbeat(ECHO)
        for _ in range(2):
            self.assertEqual(self.expect(HEARTBEAT).started, 1)
        self.let_go()
        message = self.receive()
        while message.kind == HEARTBEAT:
            self.assertEqual(message.started, 1)
            message = self.receive()
        self.assertEqual((message.kind, message.ident), (RESULT, attempt))
        self.assertEqual(json.loads(message.payload), steps_and_peak(LONG))

    def test_feature_not_in_force(self):
        self.start(held=True, features=0)
        attempt, waiting = self.task(LONG), self.task(6)
        self.wait_started(1)
        self.kill(attempt)
        self.kill(attempt, GROUP, attempt)
        self.kill(attempt, IF_UNSTARTED)
        self.kill(waiting, IF_UNSTARTED)
        self.assertEqual(self.expect(KILLED, waiting).flags, 1)
        self.let_go()
        self.expect_result(attempt, LONG)

    def test_kill_of_an_unstarted_task(self):
        self.start(held=True)
        running, first, second, last = self.task(LONG), self.task(6), self.task(7), self.task(2)
        self.wait_started(1)
        self.kill(second)
        killed = self.expect(KILLED, second)
        self.assertEqual((killed.flags, killed.busyUs), (1, 0))
        self.kill(first, IF_UNSTARTED)
        self.assertEqual(self.expect(KILLED, first).flags, 1)
        self.let_go()
        self.expect_result(running, LONG)
        self.expect_result(last, 2)
        self.assertEqual(self.nothing_but_heartbeat().started, 4)

    def test_kill_of_a_group(self):
        self.start(*self.options)
        first, second, third, other = (self.task(27, 500), self.task(97, 500), self.task(6, 500), self.task(2, 501))
        self.wait_started(1)
        self.kill(self.session + 1, GROUP, 500)  # another session's
        self.kill(self.session, GROUP, 499)  # a group of which it holds nothing
        self.nothing_but_heartbeat()
        self.kill(self.session, GROUP, 500)
        killed = [self.expect(KILLED) for _ in range(3)]
        self.assertEqual({message.ident: message.flags for message in killed}, {first: 0, second: 1, third: 1})
        self.expect_result(other, 2)
        self.assertEqual(self.nothing_but_heartbeat().started, 4)

    def test_kill_of_a_group_if_unstarted(self):
        self.start(held=True)
        first, second = self.task(LONG, 500), self.task(6, 500)
        self.wait_started(1)
        self.kill(self.session, GROUP | IF_UNSTARTED, 500)
        message = self.receive_but_heartbeats()
        self.assertEqual((message.kind, message.ident, message.flags), (KILLED, second, 1))
        self.let_go()
        message = self.receive_but_heartbeats()
        self.assertEqual((message.kind, message.ident), (RESULT, first))

    def test_kill_of_an_ended_and_of_an_unknown_task(self):
        self.start()
        attempt = self.task(27)
        self.expect_result(attempt, 27)
        self.kill(attempt)
        self.kill(attempt, IF_UNSTARTED)
        self.kill(self.session, GROUP, attempt)
        self.nothing_but_heartbeat()
        for flags in (0, IF_UNSTARTED):
            self.kill(4711, flags)
            killed = self.expect(KILLED, 4711)
            self.assertEqual((killed.flags, killed.busyUs), (0, 0))
        self.who(2, {attempt: ENDED})  # which the Kills did not change


class Acknowledgement(WorkerTest):
    def three(self):
        self.start()
        attempts = [self.task(n) for n in (5, 6, 7)]
        self.results = [self.expect_result(attempt, n) for attempt, n in zip(attempts, (5, 6, 7))]
        return attempts

    def test_only_what_is_not_acknowledged_is_offered_and_sent_again(self):
        first, second, third = self.three()
        self.heartbeat(acknowledged=1)
        self.nothing_but_heartbeat(1)
        self.who(2, {second: ENDED, third: ENDED})
        self.welcome({second: KEEP, third: KEEP})
        again = [self.expect(RESULT) for _ in range(2)]
        self.assertEqual({message.ident: message.frames for message in again},
                         {second: self.results[1].frames, third: self.results[2].frames})
        self.nothing_but_heartbeat()
        self.heartbeat(acknowledged=1)  # counted anew: the first that was sent again
        self.who(3, {again[1].ident: ENDED})
        self.welcome({again[1].ident: KEEP})
        self.expect(RESULT, again[1].ident)
        self.heartbeat(acknowledged=1)
        self.who(4, {})

    def test_task_acknowledges_too(self):
        first, second, third = self.three()
        fourth = self.task(8, acknowledged=3)
        self.expect_result(fourth, 8)
        self.who(2, {fourth: ENDED})

    def test_late_and_impossible_counts(self):
        first, second, third = self.three()
        for count in (4, 1000, 2**32 - 1, 2**31):
            self.nothing_but_heartbeat(count)
        self.who(2, {first: ENDED, second: ENDED, third: ENDED})
        self.welcome({first: KEEP, second: KEEP, third: KEEP})
        again = [self.expect(RESULT).ident for _ in range(3)]
        for count in (2, 1, 0, 2, 4):
            self.nothing_but_heartbeat(count)
        self.who(3, {again[2]: ENDED})

    def test_heartbeat_of_another_session_acknowledges_nothing(self):
        first, second, third = self.three()
        self.heartbeat(ECHO, 3, session=self.session - 1)
        self.nothing_but_heartbeat()
        self.who(2, {first: ENDED, second: ENDED, third: ENDED})

    def test_who_has_not_recorded_what_drew_it(self):
        self.start()
        self.nothing_but_heartbeat()
        attempt = self.task(27)
        self.ask_who()
        message = self.receive()  # the Result may go before the Who is read
        if message.kind == RESULT:
            self.session, message = 0, self.receive()
        self.assertEqual((message.kind, message.greeting), (HELLO, 2))
        self.assertEqual(set(message.held), {attempt})
        self.hello = message
        self.welcome({attempt: KEEP})
        self.expect_result(attempt, 27)


class Verdicts(WorkerTest):
    def hold(self):
        self.start(held=True)
        self.done = self.task(1)
        self.expect_result(self.done, 1)
        self.running, self.first, self.second, self.third = (self.task(n) for n in (LONG, 6, 7, 2))
        self.assertEqual(self.wait_started(2), [])
        self.who(2, {self.done: ENDED, self.running: RUNNING, self.first: UNSTARTED, self.second: UNSTARTED,
                     self.third: UNSTARTED})

    def test_keep_all(self):
        self.hold()
        self.welcome({self.third: KEEP, self.second: KEEP, self.first: KEEP, self.running: KEEP, self.done: KEEP})
        for attempt in (self.done, self.running, self.first):
            self.task(97, attempt=attempt)  # known already
        last = self.task(4)
        self.expect_result(self.done, 1)
        self.nothing_but_heartbeat()
        self.let_go()
        for attempt, n in ((self.running, LONG), (self.first, 6), (self.second, 7), (self.third, 2),
                           (last, 4)):
            self.expect_result(attempt, n)
        self.assertEqual(self.nothing_but_heartbeat().started, 1)  # those that were kept or repeated don't count

    def test_drop_and_kill(self):
        self.hold()
        self.welcome({self.done: DROP, self.running: END, self.first: DROP, self.second: END, self.third: KEEP})
        killed = {message.ident: message for message in (self.expect(KILLED), self.expect(KILLED))}
        self.assertEqual(set(killed), {self.running, self.second})
        self.assertEqual(killed[self.running].flags, 0)
        self.assertGreater(killed[self.running].busyUs, 0)
        self.assertEqual((killed[self.second].flags, killed[self.second].busyUs), (1, 0))
        self.expect_result(self.third, 2)
        self.nothing_but_heartbeat()
        self.who(3, {self.third: ENDED})

    def test_drop_of_the_running_task(self):
        self.hold()
        self.welcome({self.done: KEEP, self.running: DROP, self.first: DROP, self.second: DROP, self.third: KEEP})
        self.expect_result(self.done, 1)
        self.expect_result(self.third, 2)
        self.nothing_but_heartbeat()

    def test_what_is_not_named_is_ended(self):
        self.hold()
        self.welcome({999999: KEEP, 999998: DROP})
        self.nothing_but_heartbeat()
        self.expect_result(self.task(2), 2)
        self.who(3, {self.attempt_next - 1: ENDED})

    def test_welcome_without_verdicts_ends_all(self):
        self.hold()
        self.welcome()
        self.nothing_but_heartbeat()
        self.who(3, {})

    def test_kill_of_what_has_ended_meanwhile(self):
        self.start()
        attempt = self.task(27)
        self.expect_result(attempt, 27)
        self.who(2, {attempt: ENDED})
        self.welcome({attempt: END})
        self.assertEqual(self.expect(KILLED, attempt).flags, 0)
        self.who(3, {})


if __name__ == "__main__":
    unittest.main(verbosity=2)
