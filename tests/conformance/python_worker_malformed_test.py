#!/usr/bin/python3
"""The worker in Python against docs/protocol.md: what it must not act on."""
import os
import struct
import unittest

from python_worker_rig import (
    CLOSED, ECHO, ENDED, FEATURE_KILL, GOODBYE, HEARTBEAT, HELLO, JSON, KEEP, KILL, NONE, REFUSE, TASK, WELCOME,
    WHO, WorkerTest, build)


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
        yield [changed(closed, 12, b"\0")]  # kind 0
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
