#!/usr/bin/python3
"""Plays the manager for examples/workers/python/collatz_worker.py and proves that it keeps docs/protocol.md.

The messages are packed and read here by the tables of the document, apart from the worker's own code. No test sleeps: to know
that the worker has read all that it was told, the manager sends a Heartbeat with flagEcho, as the messages of one
connection keep their order. $FANMILL_SOURCE is the root of the source; status 77 skips.
"""
import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time
import types
import unittest

try:
    import zmq
except ImportError:
    print("skipped: no pyzmq")
    sys.exit(77)

SOURCE = os.environ.get("FANMILL_SOURCE") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
WORKER = os.path.join(SOURCE, "examples", "workers", "python", "collatz_worker.py")
PATIENCE = 60.0  # seconds; no step should take a tenth of it

HELLO, WELCOME, REFUSE, WHO, TASK, RESULT, KILL, KILLED, HEARTBEAT, GOODBYE = range(1, 11)
RUNNING, UNSTARTED, ENDED = 1, 2, 3
KEEP, DROP, END = 1, 2, 3
FEATURE_HEARTBEAT, FEATURE_KILL = 1, 2
NONE, OBJECT, JSON, RAW = range(4)
OK, FAILED, CRASHED, TIME_LIMIT, REJECTED = range(5)
IF_UNSTARTED, GROUP = 1, 2  # flags of Kill
ECHO, DRAIN, CLOSED = 1, 1, 2  # flags of Heartbeat and Goodbye

# kind: (D, {name: (offset, size)}, names of the texts, may it have a payload)
TABLES = {
    HELLO: (12, {"protocolMin": (24, 2), "protocolMax": (26, 2), "slots": (28, 2), "containment": (30, 2),
                 "features": (32, 8), "encodings": (40, 8), "uuidLow": (48, 8), "uuidHigh": (56, 8),
                 "bootLow": (64, 8), "bootHigh": (72, 8), "farm": (80, 8), "pid": (88, 4), "greeting": (92, 4),
                 "incarnation": (96, 4), "prefetch": (100, 4)},
            ("software", "host", "functions", "labels", "cookie"), True),
    WELCOME: (8, {"features": (24, 8), "farm": (32, 8), "incarnation": (40, 4), "greeting": (44, 4),
                  "heartbeatMs": (48, 4), "suspectMs": (52, 4), "deadMs": (56, 4), "frameBytesMax": (60, 4),
                  "unacknowledgedMax": (64, 4)}, (), True),
    REFUSE: (4, {"code": (24, 2), "protocolMin": (26, 2), "protocolMax": (28, 2), "detail": (30, 2),
                 "greeting": (32, 4), "retryMs": (36, 4)}, ("words",), False),
    WHO: (3, {"protocolMin": (24, 2), "protocolMax": (26, 2)}, (), False),
    TASK: (7, {"group": (24, 8), "function": (32, 2), "encoding": (34, 2), "acknowledged": (36, 4),
               "timeLimitMs": (40, 4), "number": (44, 4), "item": (48, 8), "task": (56, 8)}, (), True),
    RESULT: (4, {"outcome": (24, 2), "encoding": (26, 2), "detail": (28, 4), "busyUs": (32, 8)},
             ("errorType", "errorText"), True),
    KILL: (3, {"group": (24, 8)}, (), False),
    KILLED: (3, {"busyUs": (24, 8)}, (), False),
    HEARTBEAT: (3, {"started": (24, 4), "acknowledged": (28, 4)}, (), False),
    GOODBYE: (3, {"detail": (24, 4), "reserved": (28, 4)}, ("words",), False),
}
NAMES = {HELLO: "Hello", WELCOME: "Welcome", REFUSE: "Refuse", WHO: "Who", TASK: "Task", RESULT: "Result", KILL: "Kill",
         KILLED: "Killed", HEARTBEAT: "Heartbeat", GOODBYE: "Goodbye"}


def build(kind, ident, flags=0, version=1, extra_words=0, extra_texts=0, cut_words=0, **values):
    """A header; with the extras as a later version would write it, or cut as an earlier one."""
    words, fields, texts, _ = TABLES[kind]
    data = bytearray(8 * words)
    for offset, size, value in [(8, 2, 0x6D66), (10, 2, version), (12, 2, kind), (14, 2, flags), (16, 8, ident)] + [
            (*fields[name], value) for name, value in values.items() if name in fields]:
        data[offset - 8:offset - 8 + size] = value.to_bytes(size, "little")
    data = bytes(data[:8 * (words - cut_words)]) + b"\xa5" * 8 * extra_words
    words += extra_words - cut_words
    count = len(texts) + extra_texts
    pointers, body = bytearray(8 * count), b""
    for i, name in enumerate(texts + ("later",) * extra_texts):
        text = values.get(name, "of later" if name == "later" else "").encode()
        if text:
            at, start = 8 + 8 * words + 8 * i, 8 + 8 * words + 8 * count + len(body)
            low, high = (start - at - 8) // 8 << 2 | 1, (len(text) + 1) << 3 | 2
            pointers[8 * i:8 * i + 8] = low.to_bytes(4, "little") + high.to_bytes(4, "little")
            body += text + b"\0" * (8 - len(text) % 8)
    return struct.pack("<IHH", 0, words, count) + data + bytes(pointers) + body


def parse(frames):
    """A worker's message, checked as strictly as the document allows."""
    def check(condition, what):
        if not condition:
            raise AssertionError("malformed message from the worker, %s: %r" % (what, frames))

    check(1 <= len(frames) <= 2, "frames")
    header = frames[0]
    check(16 <= len(header) <= 4096 and len(header) % 8 == 0, "size of the header")
    zero, words, count = struct.unpack_from("<IHH", header)
    magic, version, kind, flags, ident = struct.unpack_from("<HHHHQ", header, 8)
    check(zero == 0 and magic == 0x6D66 and version == 1, "prefix")
    check(kind in (HELLO, RESULT, KILLED, HEARTBEAT, GOODBYE), "a kind that a worker may not send")
    own_words, fields, texts, may_have_payload = TABLES[kind]
    check((words, count) == (own_words, len(texts)), "D and P")
    check(flags in {RESULT: (0, 1), KILLED: (0, 1), HEARTBEAT: (0, 1), GOODBYE: (0, 1)}.get(kind, (0,)), "flags")
    check(8 + 8 * words + 8 * count <= len(header), "sections")
    message = types.SimpleNamespace(kind=kind, name=NAMES[kind], flags=flags, ident=ident, frames=frames,
                                    payload=frames[1] if len(frames) == 2 else None)
    for name, (offset, size) in fields.items():
        setattr(message, name, int.from_bytes(header[offset:offset + size], "little"))
    covered = 8 + 8 * words + 8 * count
    for i, name in enumerate(texts):
        at = 8 + 8 * words + 8 * i
        low, high = struct.unpack_from("<iI", header, at)
        text = ""
        if low or high:
            check(low & 3 == 1 and high & 7 == 2 and high >> 3 >= 1, "a list of bytes in " + name)
            start = at + 8 + 8 * (low >> 2)
            end = start + (high >> 3) - 1
            check(covered <= start <= end < len(header) and header[end] == 0, "place of " + name)
            covered = end + 1
            text = header[start:end].decode("utf-8")
            check(len(text.encode()) <= 2048, "length of " + name)
            for character in text:
                allowed = "\n\t" if name in ("words", "errorType", "errorText") else "\n"
                check(character >= " " and character != "\x7f" or character in allowed, "characters of " + name)
        setattr(message, name, text)
    check(len(header) - covered < 8 and not any(header[covered:]), "bytes behind the last text")
    check(message.payload is None or may_have_payload, "a payload")
    if kind == RESULT:
        check(ident and message.outcome <= 4 and message.encoding <= 3, "numbers")
        check((message.payload is None) == (message.encoding == NONE), "payload and encoding")
        check(flags == 0 or message.outcome == OK, "flagNothing")
        check(message.detail == 0 or message.outcome == CRASHED, "detail")
    if kind == HELLO:
        message.held = {}
        if message.payload is not None:
            check(message.payload and len(message.payload) % 16 == 0, "records")
            for attempt, state, reserved in struct.iter_unpack("<QII", message.payload):
                check(attempt and attempt not in message.held and state in (1, 2, 3) and reserved == 0, "a record")
                message.held[attempt] = state
    return message


def steps_and_peak(n):
    first, path = n, [n]
    while n > 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        path.append(n)
    return [first, len(path) - 1, max(path)]


class WorkerTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.context = zmq.Context()
        self.router = self.context.socket(zmq.ROUTER)
        self.router.setsockopt(zmq.LINGER, 0)
        self.router.setsockopt(zmq.SNDHWM, 0)
        self.router.setsockopt(zmq.RCVHWM, 0)
        self.endpoint = "tcp://127.0.0.1:%d" % self.router.bind_to_random_port("tcp://127.0.0.1")
        self.addCleanup(self.context.destroy, linger=0)
        self.worker = self.peer = None
        self.session = 0
        self.session_next, self.attempt_next = (3 << 40) + 1, (3 << 40) + 1000
        self.addCleanup(self.stop)

    # The worker's process

    def start(self, *options, welcome=True, endpoint=None, environment=None, **fields):
        self.errors = tempfile.TemporaryFile(dir=self.directory.name)
        self.addCleanup(self.errors.close)
        where = [endpoint or self.endpoint] if environment is None else []
        self.worker = subprocess.Popen([sys.executable, WORKER, *where, *options], stdin=subprocess.DEVNULL,
                                       stderr=self.errors, env={**os.environ, **(environment or {})})
        self.hello = self.expect(HELLO)
        if welcome:
            self.welcome(**fields)
        return self.hello

    def stop(self):
        if self.worker and self.worker.poll() is None:
            self.worker.kill()
            self.worker.wait()

    def expect_exit(self, status=5):
        self.assertEqual(self.worker.wait(PATIENCE), status)
        self.errors.seek(0)
        return self.errors.read().decode()

    # Messages

    def receive(self, seconds=PATIENCE):
        deadline = time.monotonic() + seconds
        while not self.router.poll(max(0, 1000 * (deadline - time.monotonic()))):
            if time.monotonic() >= deadline:
                status = self.worker.poll()
                raise AssertionError("nothing came from the worker" + ("" if status is None else
                                                                       ", which ended with status %d" % status))
        peer, *frames = self.router.recv_multipart()
        message = parse(frames)
        message.peer = peer
        if message.kind == HELLO:
            self.peer = peer
        else:
            self.assertEqual(peer, self.peer, "sent on a connection without Hello")
            self.assertNotEqual(self.session, 0, "%s before Welcome" % message.name)
        if message.kind in (HEARTBEAT, GOODBYE):
            self.assertEqual(message.ident, self.session)
        return message

    def expect(self, kind, ident=None):
        message = self.receive()
        self.assertEqual(message.name, NAMES[kind])
        if ident is not None:
            self.assertEqual(message.ident, ident)
        return message

    def send(self, kind, ident, payload=None, **fields):
        self.send_frames(build(kind, ident, **fields), *([] if payload is None else [payload]))

    def send_frames(self, *frames):
        self.router.send_multipart([self.peer, *frames])

    def welcome(self, verdicts=None, hello=None, session=None, **fields):
        if session is None:
            session, self.session_next = self.session_next, self.session_next + 1
            self.session = session
        values = dict(features=FEATURE_KILL, farm=0xC0FFEE, incarnation=3, greeting=(hello or self.hello).greeting,
                      heartbeatMs=2000, suspectMs=6000, deadMs=600000, frameBytesMax=1 << 20, unacknowledgedMax=65536)
        records = b"".join(struct.pack("<QII", *record, 0xFFFFFFFF) for record in (verdicts or {}).items())
        self.send(WELCOME, session, records or None, **{**values, **fields})

    def task(self, payload, group=None, attempt=None, **fields):
        if attempt is None:
            attempt, self.attempt_next = self.attempt_next, self.attempt_next + 1
        payload = payload if isinstance(payload, (bytes, type(None))) else json.dumps(payload).encode()
        values = dict(group=group or attempt, function=0, encoding=NONE if payload is None else JSON, acknowledged=0,
                      number=1, item=attempt, task=attempt)
        self.send(TASK, attempt, payload, **{**values, **fields})
        return attempt

    def kill(self, attempt, flags=0, group=0):
        self.send(KILL, attempt, flags=flags, group=group)

    def heartbeat(self, flags=0, acknowledged=0, session=None):
        self.send(HEARTBEAT, session or self.session, flags=flags, acknowledged=acknowledged)

    def fence(self, acknowledged=0):
        """The messages that the worker sends before it has done all that it was told, and its Heartbeat."""
        self.heartbeat(ECHO, acknowledged)
        found = []
        while True:
            message = self.receive()
            if message.kind == HEARTBEAT:
                self.assertEqual((message.flags, message.acknowledged), (0, 0))
                return found, message
            found.append(message)

    def nothing_but_heartbeat(self, acknowledged=0):
        found, beat = self.fence(acknowledged)
        self.assertEqual([message.name for message in found], [])
        return beat

    def wait_started(self, count):
        """Until so many Tasks of this session have been started, and returns what came meanwhile."""
        found = []
        while True:
            more, beat = self.fence()
            found += more
            if beat.started >= count:
                self.assertEqual(beat.started, count)
                return found

    def expect_result(self, attempt, n):
        result = self.expect(RESULT, attempt)
        self.assertEqual((result.outcome, result.encoding, result.errorType, result.errorText), (OK, JSON, "", ""))
        self.assertEqual(json.loads(result.payload), steps_and_peak(n))
        return result

    def expect_greeting(self, greeting, held):
        former, self.session = self.session, 0
        self.hello = self.expect(HELLO)
        self.assertEqual(self.hello.greeting, greeting)
        self.assertEqual(self.hello.held, held)
        return former

    def who(self, greeting, held):
        """The worker is asked who it is, and answers on the same connection."""
        peer = self.peer
        self.send(WHO, 0, protocolMin=1, protocolMax=1)
        former = self.expect_greeting(greeting, held)
        self.assertEqual(self.hello.peer, peer)
        self.assertEqual(self.hello.ident, former)


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
        self.start(self.endpoint, environment={"FANMILL_ENDPOINT": "ipc://" + self.directory.name + "/nobody"})
        self.expect_result(self.task(27), 27)

    def test_later_hellos_name_farm_incarnation_and_session_and_keep_the_uuid(self):
        first = self.start()
        self.who(2, {})
        self.assertEqual((self.hello.farm, self.hello.incarnation), (0xC0FFEE, 3))
        self.assertEqual((self.hello.uuidLow, self.hello.uuidHigh), (first.uuidLow, first.uuidHigh))
        self.assertEqual(self.hello.functions, "collatz")

    def test_says_hello_again_on_a_fresh_socket_if_no_welcome_comes(self):
        first = self.start(welcome=False)
        began = time.monotonic()
        self.hello = self.expect(HELLO)
        self.assertGreater(time.monotonic() - began, 1.5)
        self.assertEqual(self.hello.greeting, 2)
        self.assertNotEqual(self.hello.peer, first.peer)
        self.welcome()
        self.expect_result(self.task(6), 6)

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
        self.send(WHO, 0, protocolMin=1, protocolMax=1)
        self.welcome()
        self.assertEqual(self.nothing_but_heartbeat().started, 0)
        self.expect_result(self.task(6), 6)

    def test_who_is_answered_once_until_welcome(self):
        self.start()
        for _ in range(5):
            self.send(WHO, 0, protocolMin=1, protocolMax=1)
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
        self.start("--slow", "0.1")
        long = self.task(6)  # 8 steps
        self.wait_started(1)
        self.who(2, {long: RUNNING})
        for greeting in range(3, 6):  # without a Welcome: the next Hello comes by itself, when the task has ended
            self.hello = self.expect(HELLO)
            self.assertEqual((self.hello.greeting, set(self.hello.held)), (greeting, {long}))
            if self.hello.held == {long: ENDED}:
                break
        self.assertEqual(self.hello.held, {long: ENDED})
        self.welcome({long: KEEP})
        self.expect_result(long, 6)


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
        result = self.expect(RESULT, self.task(None))  # rejected if encodingNone was not offered, else a bad item
        self.assertEqual(result.outcome, FAILED if self.hello.encodings & 1 << NONE else REJECTED)
        self.expect_result(self.task(27), 27)

    def test_many_tasks_in_order(self):
        self.start()
        attempts = [self.task(n) for n in range(1, 301)]
        for n, attempt in enumerate(attempts, 1):
            self.expect_result(attempt, n)
        self.assertEqual(self.nothing_but_heartbeat().started, 300)

    def test_task_of_a_known_attempt_is_ignored(self):
        self.start("--slow", "0.02")
        done = self.task(1)
        self.expect_result(done, 1)
        running, waiting = self.task(27), self.task(6)
        self.wait_started(2)
        for attempt in (done, running, waiting):
            self.task(97, attempt=attempt)
        self.expect_result(running, 27)
        self.expect_result(waiting, 6)
        self.heartbeat(acknowledged=3)
        for attempt in (done, running, waiting):
            self.task(97, attempt=attempt)
        self.expect_result(self.task(2), 2)  # which would come behind theirs

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
        self.start("--slow", "0.02")
        attempt = self.task(97)
        self.wait_started(1)
        self.kill(attempt, IF_UNSTARTED)
        # It may say by a Heartbeat of its own that the task is started, and goes on.
        self.heartbeat(ECHO)
        self.heartbeat(ECHO)
        for _ in range(2):
            self.assertEqual(self.expect(HEARTBEAT).started, 1)
        message = self.receive()
        while message.kind == HEARTBEAT:
            self.assertEqual(message.started, 1)
            message = self.receive()
        self.assertEqual((message.kind, message.ident), (RESULT, attempt))
        self.assertEqual(json.loads(message.payload), steps_and_peak(97))

    def test_feature_not_in_force(self):
        self.start("--slow", "0.02", features=0)
        attempt, waiting = self.task(27), self.task(6)
        self.wait_started(1)
        self.kill(attempt)
        self.kill(attempt, GROUP, attempt)
        self.kill(attempt, IF_UNSTARTED)
        self.kill(waiting, IF_UNSTARTED)
        self.assertEqual(self.expect(KILLED, waiting).flags, 1)
        self.expect_result(attempt, 27)

    def test_kill_of_an_unstarted_task(self):
        self.start("--slow", "0.02")
        running, first, second, last = self.task(27), self.task(6), self.task(7), self.task(2)
        self.wait_started(1)
        self.kill(second)
        killed = self.expect(KILLED, second)
        self.assertEqual((killed.flags, killed.busyUs), (1, 0))
        self.kill(first, IF_UNSTARTED)
        self.assertEqual(self.expect(KILLED, first).flags, 1)
        self.expect_result(running, 27)
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
        self.start("--slow", "0.02")
        first, second = self.task(27, 500), self.task(6, 500)
        self.wait_started(1)
        self.kill(self.session, GROUP | IF_UNSTARTED, 500)
        while True:
            message = self.receive()
            if message.kind != HEARTBEAT:
                break
        self.assertEqual((message.kind, message.ident, message.flags), (KILLED, second, 1))
        while True:
            message = self.receive()
            if message.kind != HEARTBEAT:
                break
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
        self.send(WHO, 0, protocolMin=1, protocolMax=1)
        message = self.receive()  # the Result may go before the Who is read
        if message.kind == RESULT:
            self.session, message = 0, self.receive()
        self.assertEqual((message.kind, message.greeting), (HELLO, 2))
        self.assertEqual(set(message.held), {attempt})
        self.hello = message
        self.welcome({attempt: KEEP})
        self.expect_result(attempt, 27)


class Verdicts(WorkerTest):
    def hold(self, slow="0.1", long=27):
        self.start("--slow", slow)
        self.done = self.task(1)
        self.expect_result(self.done, 1)
        self.running, self.first, self.second, self.third = (self.task(n) for n in (long, 6, 7, 2))
        self.assertEqual(self.wait_started(2), [])
        self.who(2, {self.done: ENDED, self.running: RUNNING, self.first: UNSTARTED, self.second: UNSTARTED,
                     self.third: UNSTARTED})

    def test_keep_all(self):
        self.hold("0.02")
        self.welcome({self.third: KEEP, self.second: KEEP, self.first: KEEP, self.running: KEEP, self.done: KEEP})
        for attempt in (self.done, self.running, self.first):
            self.task(97, attempt=attempt)  # known already
        last = self.task(4)
        for attempt, n in ((self.done, 1), (self.running, 27), (self.first, 6), (self.second, 7), (self.third, 2),
                           (last, 4)):
            self.expect_result(attempt, n)
        beat = self.nothing_but_heartbeat()  # counts this session's Tasks; whether those that it ignored is left open
        self.assertIn(beat.started, (1, 4))

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


class Leaving(WorkerTest):
    def leave(self, acknowledged=0):
        """Answers Heartbeats, and acknowledges what comes, until the worker's Goodbye."""
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
            found.append(message)

    def silent_exit(self):
        errors = self.expect_exit()
        self.assertEqual(self.router.poll(200), 0, "it said something")
        return errors

    def test_drain_of_an_idle_worker(self):
        self.start()
        self.send(GOODBYE, self.session, flags=DRAIN, words="enough")
        self.assertEqual(self.leave(), [])

    def test_drain_finishes_what_is_held(self):
        self.start("--slow", "0.02")
        running, waiting, killed = self.task(27), self.task(6), self.task(7)
        self.wait_started(1)
        self.send(GOODBYE, self.session, flags=DRAIN)
        self.kill(killed, IF_UNSTARTED)
        found = self.leave()
        self.assertEqual([(message.kind, message.ident) for message in found if message.kind != HEARTBEAT],
                         [(KILLED, killed), (RESULT, running), (RESULT, waiting)])

    def test_drain_outlives_its_session(self):
        self.start("--slow", "0.02")
        done, long = self.task(1), self.task(27)
        self.expect_result(done, 1)
        self.wait_started(2)
        self.send(GOODBYE, self.session, flags=DRAIN)
        self.who(2, {done: ENDED, long: RUNNING})
        self.welcome({done: KEEP, long: KEEP})
        found = self.leave()
        self.assertEqual([(message.kind, message.ident) for message in found if message.kind != HEARTBEAT],
                         [(RESULT, done), (RESULT, long)])

    def test_closed_ends_it_without_an_answer(self):
        self.start("--slow", "0.1")
        self.task(27)
        self.wait_started(1)
        self.send(GOODBYE, self.session, flags=CLOSED, words="the farm is closed")
        self.silent_exit()

    def test_goodbye_without_flags_ends_it_without_an_answer(self):
        self.start()
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
        self.assertEqual([message for message in self.leave(1) if message.kind != HEARTBEAT], [])

    def test_sigterm_before_welcome(self):
        self.start(welcome=False)
        self.worker.send_signal(signal.SIGTERM)
        self.silent_exit()

    def test_usage(self):
        for arguments in ([], ["nonsense"], ["tcp://127.0.0.1:1", "--slow"], ["tcp://127.0.0.1:1", "--slow", "x"],
                          ["tcp://127.0.0.1:1", "--what"], ["tcp://127.0.0.1:1", "more"]):
            environment = {name: value for name, value in os.environ.items() if name != "FANMILL_ENDPOINT"}
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
        self.start("--slow", "0.02")
        done, running = self.task(1), self.task(27)
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
        self.expect_result(running, 27)

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

    def test_unknown_kinds_are_ignored(self):
        self.start()
        for kind in (0, 11, 12, 13, 14, 99, 65535):
            for version in (1, 2):
                for frames in ([], [b"payload"]):
                    header = bytearray(build(TASK, self.session, version=version))
                    header[12:14] = kind.to_bytes(2, "little")
                    self.send_frames(bytes(header), *frames)
        self.nothing_but_heartbeat()
        self.expect_result(self.task(27), 27)


class Malformed(WorkerTest):
    """The worker must not act on any of these; it may ignore them, or say Hello on a fresh socket, which it should."""

    def messages(self):
        session = self.session
        good = build(TASK, 5001, group=1, encoding=JSON, number=1)
        closed = build(GOODBYE, session, flags=CLOSED)

        def changed(header, offset, value):
            return header[:offset] + value + header[offset + len(value):]

        yield []  # becomes one empty frame
        yield [b"x"]
        yield [b"\0" * 8]
        yield [b"\0" * 16]
        yield [b"\xff" * 64]
        yield [os.urandom(64)]
        yield [os.urandom(5000)]
        yield [closed[:-1]]
        yield [closed + b"\0"]
        yield [closed[:16]]
        yield [closed + b"\0" * 4096]
        yield [changed(closed, 0, b"\1")]
        yield [changed(closed, 4, b"\0\0")]
        yield [changed(closed, 4, b"\xff\xff")]
        yield [changed(closed, 6, b"\xff\xff")]
        yield [changed(closed, 8, b"mf")]
        yield [changed(closed, 10, b"\2")]  # a version that it doesn't speak
        yield [closed, b"a payload"]
        yield [closed, b"", b""]
        yield [good]  # without its payload
        yield [good, b"27", b"27"]
        yield [changed(good, 10, b"\2"), b"27"]
        yield [build(TASK, 5002, group=1, encoding=NONE, number=1), b"27"]
        yield [build(KILL, 5003), b""]
        yield [build(HEARTBEAT, session, flags=ECHO, version=3)]
        refuse = build(REFUSE, session, code=7, words="go away")
        yield [changed(refuse, len(refuse) - 1, b"!")]  # no NUL
        pointer = refuse.index(struct.pack("<I", 8 << 3 | 2)) - 4
        yield [changed(refuse, pointer, struct.pack("<II", 1000 << 2 | 1, 8 << 3 | 2))]
        yield [changed(refuse, pointer, struct.pack("<II", 1, 0xFFFFFFFA))]
        yield [build(WHO, 0), b"a payload"]

    def test_nothing_is_done_for_a_malformed_message(self):
        self.start()
        kept = self.task(6)
        self.expect_result(kept, 6)
        greeting = 1
        index = -1
        while True:
            index += 1
            messages = list(self.messages())
            if index == len(messages):
                break
            with self.subTest(index=index):
                self.send_frames(*(messages[index] or [b""]))
                self.heartbeat(ECHO)
                message = self.receive()
                if message.kind == HELLO:
                    greeting += 1
                    self.assertEqual((message.greeting, message.held), (greeting, {kept: ENDED}))
                    self.hello = message
                    self.welcome({kept: KEEP})
                    self.expect_result(kept, 6)
                    self.nothing_but_heartbeat()
                else:
                    self.assertEqual(message.kind, HEARTBEAT)
        self.expect_result(self.task(27), 27)

    def test_garbage_before_welcome(self):
        self.start(welcome=False)
        for frames in ([b""], [b"x" * 40], [os.urandom(80), os.urandom(9)], [b"\xff" * 16, b"", b""]):
            self.send_frames(*frames)
        good = build(WELCOME, 99, features=FEATURE_KILL, greeting=1, heartbeatMs=2000, suspectMs=6000, deadMs=600000,
                     frameBytesMax=1 << 20, unacknowledgedMax=10)
        self.send_frames(good, b"half a record")
        self.send_frames(good, b"", b"")
        self.send_frames(build(WELCOME, 98, greeting=1))  # with durations of 0
        self.welcome()
        message = self.fence_or_hello()
        if message.kind == HELLO:
            self.hello = message
            self.welcome()
        self.expect_result(self.task(27), 27)

    def fence_or_hello(self):
        self.heartbeat(ECHO)
        return self.receive()


if __name__ == "__main__":
    unittest.main(verbosity=2)
