"""Plays the manager for examples/workers/python/collatz_worker.py, so that tests prove that it keeps docs/protocol.md.

The messages are packed and read here by the tables of the document, apart from the worker's own code. No test sleeps:
to know that the worker has read all that it was told, the manager sends a Heartbeat with flagEcho, as the messages of
one connection keep their order. A worker that gets no Welcome in time greets again, on a fresh socket: then the rig
repeats what it has sent since the first greeting, so that no test depends on how fast it is. $FANMILL_SOURCE is the
root of the source; status 77 skips.
"""
import json
import os
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

# Of a held worker: 3000 steps of 20 ms each, until the test lets it go.
LONG = 2**3000
STEP = "0.02"
HELD = """
import os, runpy, sys, time
_, gate, *sys.argv = sys.argv
sleep = time.sleep
time.sleep = lambda seconds: sleep(0 if os.path.exists(gate) else seconds)
runpy.run_path(sys.argv[0], run_name="__main__")
"""

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


def parse(frames, kinds=(HELLO, RESULT, KILLED, HEARTBEAT, GOODBYE)):
    """A message of these kinds (a worker's), checked as strictly as the document allows."""
    def check(condition, what):
        if not condition:
            raise AssertionError("malformed message, %s: %r" % (what, frames))

    check(1 <= len(frames) <= 2, "frames")
    header = frames[0]
    check(16 <= len(header) <= 4096 and len(header) % 8 == 0, "size of the header")
    zero, words, count = struct.unpack_from("<IHH", header)
    magic, version, kind, flags, ident = struct.unpack_from("<HHHHQ", header, 8)
    check(zero == 0 and magic == 0x6D66 and version == 1, "prefix")
    check(kind in kinds, "a kind that may not be sent")
    own_words, fields, texts, may_have_payload = TABLES[kind]
    measured = kind == RESULT and words == 6
    check(measured or words == own_words, "D")
    check(count == len(texts), "P")
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
        check(message.detail == 0 or message.outcome in (FAILED, CRASHED), "detail")
        check(not measured or any(header[40:56]), "what was not measured is left out")
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
        server_key, self.router.curve_secretkey = zmq.curve_keypair()
        self.router.curve_server = True
        self.endpoint = "tcp://127.0.0.1:%d" % self.router.bind_to_random_port("tcp://127.0.0.1")
        self.router.curve_server = False  # of what is bound later, by ipc
        self.join_file = os.path.join(self.directory.name, "farm.join")
        self.write_join_file(server_key, *zmq.curve_keypair())
        self.addCleanup(self.context.destroy, linger=0)
        self.worker = self.peer = None
        self.inbox = []
        self.session = 0
        self.told = []  # what was sent since the last greeting, as frames
        self.repeated = 0  # greetings that came again because the Welcome was late; tests don't see them
        self.session_next, self.attempt_next = (3 << 40) + 1, (3 << 40) + 1000
        self.addCleanup(self.stop)

    def write_join_file(self, *keys):
        with open(os.open(self.join_file, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
            file.write('fanmill-join = 1\nendpoint = "%s"\ncurve\n' % self.endpoint)
            for name, key in zip(("server-key", "public-key", "secret-key"), keys):
                file.write('    %s = "%s"\n' % (name, key.decode()))

    # The worker's process

    def start(self, *options, welcome=True, environment=None, held=False, **fields):
        self.errors = tempfile.TemporaryFile(dir=self.directory.name)
        self.addCleanup(self.errors.close)
        self.told, self.repeated = [], 0
        where = [self.join_file] if environment is None else []
        if held:
            self.gate = os.path.join(self.directory.name, "gate")
            how, options = ["-c", HELD, self.gate], ["--slow", STEP]
        else:
            how = []
        self.worker = subprocess.Popen([sys.executable, *how, WORKER, *where, *options], stdin=subprocess.DEVNULL,
                                       stderr=self.errors, env={**os.environ, **(environment or {})})
        self.hello = self.expect(HELLO)
        if welcome:
            self.welcome(**fields)
        return self.hello

    def let_go(self):
        """A held worker takes no more time for its steps. What it must read before that, a fence has to ensure."""
        with open(self.gate, "w", encoding="ascii"):
            pass

    def stop(self):
        if self.worker and self.worker.poll() is None:
            self.worker.kill()
            self.worker.wait()

    def expect_exit(self, status=5):
        deadline = time.monotonic() + PATIENCE
        while not self.session and self.worker.poll() is None and time.monotonic() < deadline:
            if self.something_there(50):  # it can only have greeted again before it has read why it should end
                message = self.take()
                self.assertEqual(message.kind, HELLO)
                self.repeat(message)
        self.assertEqual(self.worker.wait(PATIENCE), status)
        self.errors.seek(0)
        return self.errors.read().decode()

    # Messages

    def something_there(self, milliseconds):
        return self.inbox or self.router.poll(milliseconds)

    def take(self, seconds=PATIENCE):
        deadline = time.monotonic() + seconds
        while not self.something_there(max(0, 1000 * (deadline - time.monotonic()))):
            if time.monotonic() >= deadline:
                status = self.worker.poll()
                raise AssertionError("nothing came from the worker" + ("" if status is None else
                                                                       ", which ended with status %d" % status))
        while self.router.poll(0):
            peer, *frames = self.router.recv_multipart()
            self.inbox.append(parse(frames))
            self.inbox[-1].peer = peer
        # What came by several connections is read in any order.
        hellos = [each for each in self.inbox if each.kind == HELLO]
        message = min(hellos, key=lambda hello: hello.greeting) if self.inbox[0].kind == HELLO else self.inbox[0]
        self.inbox.remove(message)
        if message.kind == HELLO:
            message.greeting -= self.repeated
            message.is_fresh = message.peer != self.peer
        return message

    def receive(self, seconds=PATIENCE):
        message = self.take(seconds)
        # A Hello names the last session that its sender has known: if that is not this one, this one's Welcome was late.
        while message.kind == HELLO and self.session and message.ident != self.session:
            self.repeat(message)
            message = self.take(seconds)
        if message.kind == HELLO:
            self.peer, self.told = message.peer, []
        else:
            self.assertEqual(message.peer, self.peer, "sent on a connection without Hello")
            self.assertNotEqual(self.session, 0, "%s before Welcome" % message.name)
        if message.kind in (HEARTBEAT, GOODBYE):
            self.assertEqual(message.ident, self.session)
        return message

    def repeat(self, hello):
        """Tells it once more what it was told behind its last Hello; that it has greeted again, the test need not know."""
        self.repeated += hello.greeting - self.hello.greeting
        self.peer, told, self.told = hello.peer, self.told, []
        for frames in told:
            self.send_frames(*frames)

    def receive_but_heartbeats(self):
        """The next message that is no Heartbeat."""
        while (message := self.receive()).kind == HEARTBEAT:
            pass
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
        self.told.append(frames)
        header = frames[0]
        kind, at = int.from_bytes(header[12:14], "little"), None
        if kind in (WELCOME, REFUSE) and self.repeated:
            at, size = TABLES[kind][1]["greeting"]
            greeting = int.from_bytes(header[at:at + size], "little")
            if greeting:  # else it is meant for none
                header = header[:at] + (greeting + self.repeated).to_bytes(size, "little") + header[at + size:]
        self.router.send_multipart([self.peer, header, *frames[1:]])

    def welcome(self, verdicts=None, hello=None, session=None, **fields):
        if session is None:
            session, self.session_next = self.session_next, self.session_next + 1
            self.session = session
        values = dict(features=FEATURE_KILL, farm=0xC0FFEE, incarnation=3, greeting=(hello or self.hello).greeting,
                      heartbeatMs=2000, suspectMs=6000, deadMs=600000, frameBytesMax=1 << 20, unacknowledgedMax=32768)
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
        former, self.hello, self.session = self.session, self.expect(HELLO), 0
        self.assertEqual(self.hello.greeting, greeting)
        self.assertEqual(self.hello.held, held)
        return former

    def ask_who(self):
        self.send(WHO, 0, protocolMin=1, protocolMax=1)

    def who(self, greeting, held):
        """The worker is asked who it is, and answers on the same connection."""
        self.ask_who()
        former = self.expect_greeting(greeting, held)
        self.assertFalse(self.hello.is_fresh)
        self.assertEqual(self.hello.ident, former)
