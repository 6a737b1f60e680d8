#!/usr/bin/env python3
"""Plays the neighbours of a stage of examples/21_pipeline, by section 14 of docs/protocol.md: an end of a channel in another
language. $FANMILL_BIN has the programs; status 77 skips.
"""
import os
import socket
import subprocess
import sys
import tempfile
import unittest

try:
    import zmq
    import zmq.auth
    from zmq.utils.monitor import recv_monitor_message
except ImportError:
    print("skipped: no pyzmq")
    sys.exit(77)

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from python_worker_rig import NAMES, PATIENCE, TABLES, build, parse  # noqa: E402

STAGE = os.path.join(os.environ["FANMILL_BIN"], "21_pipeline")
REFUSE, GOODBYE, OPEN, OPENED, OBJECT, TAKEN = 3, 10, 16, 17, 18, 19
JSON = 2
CHANNEL = 0x1234567

TABLES.update({
    OPEN: (7, {"protocolMin": (24, 2), "protocolMax": (26, 2), "windowObjects": (28, 4), "windowBytes": (32, 8),
               "objectBytesMax": (40, 8), "silenceMs": (48, 4), "speechMin": (52, 4), "speechMax": (56, 4)},
           ("software", "speech"), False),
    OPENED: (6, {"windowBytes": (24, 8), "objectBytesMax": (32, 8), "windowObjects": (40, 4), "silenceMs": (44, 4),
                 "speech": (48, 4)}, ("software",), False),
    OBJECT: (6, {"sequence": (24, 8), "takenObjects": (32, 8), "takenBytes": (40, 8), "encoding": (48, 2)}, (), True),
    TAKEN: (4, {"takenObjects": (24, 8), "takenBytes": (32, 8)}, (), False),
})
NAMES.update({OPEN: "Open", OPENED: "Opened", OBJECT: "Object", TAKEN: "Taken"})
TERMS = {"windowObjects": 4, "windowBytes": 1 << 20, "objectBytesMax": 1 << 20, "silenceMs": 60000}


def read(frames):
    return parse(frames, (REFUSE, GOODBYE, OPEN, OPENED, OBJECT, TAKEN))


def make_certificate(folder):
    """As whoever has a program in another language would make it; its path, and both keys."""
    keys = os.path.join(folder, "fanmill", "keys")
    os.makedirs(keys, mode=0o700)
    made = zmq.auth.create_certificates(keys, "channel")[1]
    path = os.path.join(keys, "channel.cert")
    os.rename(made, path)
    os.chmod(path, 0o600)
    return zmq.auth.load_certificate(path)


def taken_port():
    """A socket with a port that nobody else gets from the kernel, and that a listener may share."""
    taken = socket.socket()
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    taken.bind(("127.0.0.1", 0))
    return taken


class Stage:
    """A stage between two bare sockets: `upstream` connects to it, it connects to `downstream`. By tcp all share a certificate."""

    def __init__(self, folder, tcp=False):
        context = zmq.Context.instance()
        self.keys = make_certificate(folder) if tcp else None
        self.downstream = context.socket(zmq.ROUTER)
        self.upstream = context.socket(zmq.DEALER)
        for end in (self.downstream, self.upstream):
            end.linger = 0
            end.rcvtimeo = int(PATIENCE * 1000)
        if tcp:
            self.downstream.curve_publickey, self.downstream.curve_secretkey = self.keys
            self.downstream.curve_server = True
            to = "tcp://127.0.0.1:%d" % self.downstream.bind_to_random_port("tcp://127.0.0.1")
            self.taken = taken_port()
            self.own_endpoint = "tcp://127.0.0.1:%d" % self.taken.getsockname()[1]
        else:
            to = f"ipc://{folder}/to"
            self.downstream.bind(to)
            self.own_endpoint = f"ipc://{folder}/from"
        self.process = subprocess.Popen([STAGE, "steps", self.own_endpoint, to], env={**os.environ, "XDG_STATE_HOME": folder})
        self.connect(self.upstream)
        self.received = 0

    def connect(self, end):
        if self.keys:
            end.curve_publickey, end.curve_secretkey = self.keys
            end.curve_serverkey = self.keys[0]  # both ends have the same
        end.connect(self.own_endpoint)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.downstream.close()
        self.upstream.close()
        if self.keys:
            self.taken.close()

    def open(self):
        self.peer, message = self.downstream.recv_multipart()
        asked = read([message])
        assert asked.kind == OPEN and asked.speech == "", asked
        self.say_down(build(OPENED, CHANNEL, **TERMS, speech=1, software="python"))
        self.upstream.send(build(OPEN, 0, **TERMS, protocolMin=1, protocolMax=1, speechMin=1, speechMax=7, software="python"))
        opened = self.hear_up(OPENED)
        assert opened.speech == 1, opened
        self.id = opened.ident
        self.window = opened.windowObjects

    def say_down(self, *frames):
        self.downstream.send_multipart([self.peer, *frames])

    def give(self, number, sequence):
        self.upstream.send_multipart([build(OBJECT, self.id, sequence=sequence, encoding=JSON), str(number).encode()])

    def hear_up(self, kind):
        while True:
            message = read(self.upstream.recv_multipart())
            if message.kind == kind:
                return message
            assert message.kind == TAKEN, message

    def hear_down(self, kind):
        while True:
            message = read(self.downstream.recv_multipart()[1:])
            if message.kind == kind:
                return message
            assert message.kind == TAKEN, message

    def take(self, count):
        """Reads objects; says after each that it was taken."""
        for _ in range(count):
            message = self.hear_down(OBJECT)
            self.received += 1
            assert message.sequence == self.received, message
            self.say_down(build(TAKEN, CHANNEL, takenObjects=self.received))


class Channel(unittest.TestCase):
    tcp = False

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.stage = Stage(folder.name, self.tcp)
        self.addCleanup(self.stage.close)
        self.stage.open()

    def test_objects_pass_and_a_goodbye_passes_behind_them(self):
        for number in range(1, 101):
            self.stage.give(number, number)
        self.stage.upstream.send(build(GOODBYE, self.stage.id))
        self.stage.take(100)
        self.stage.hear_up(GOODBYE)
        self.stage.hear_down(GOODBYE)
        self.stage.say_down(build(GOODBYE, CHANNEL))
        self.assertEqual(self.stage.process.wait(PATIENCE), 0)

    def test_no_more_is_sent_than_the_window_allows(self):
        for number in range(1, 51):
            self.stage.give(number, number)
        for sequence in range(1, 5):
            self.assertEqual(self.stage.hear_down(OBJECT).sequence, sequence)
        self.assertFalse(self.stage.downstream.poll(200))
        self.stage.say_down(build(TAKEN, CHANNEL, takenObjects=3))
        for sequence in range(5, 8):
            self.assertEqual(self.stage.hear_down(OBJECT).sequence, sequence)

    def test_a_connection_that_ends_without_a_goodbye_is_a_loss_that_travels_on(self):
        self.stage.give(1, 1)
        self.stage.take(1)
        monitor = self.stage.downstream.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        self.stage.upstream.close()
        self.assertEqual(self.stage.process.wait(PATIENCE), 1)
        self.assertTrue(monitor.poll(int(PATIENCE * 1000)))
        # Nothing of it was a goodbye.
        while self.stage.downstream.poll(0):
            self.assertEqual(read(self.stage.downstream.recv_multipart()[1:]).kind, TAKEN)
        monitor.close(0)

    def another_end(self, silence=60000):
        """A further channel of the stage's listener, which the stage does not care about; and its id."""
        end = zmq.Context.instance().socket(zmq.DEALER)
        self.addCleanup(end.close, 0)
        end.rcvtimeo = int(PATIENCE * 1000)
        self.stage.connect(end)
        end.send(build(OPEN, 0, **{**TERMS, "silenceMs": silence}, protocolMin=1, protocolMax=1, speechMin=1, speechMax=1))
        opened = read(end.recv_multipart())
        self.assertEqual(opened.kind, OPENED)
        return end, opened.ident

    def test_what_is_malformed_is_answered_in_words(self):
        end, ident = self.another_end()
        end.send_multipart([build(OBJECT, ident, sequence=7, encoding=JSON), b"1"])
        refuse = read(end.recv_multipart())
        self.assertEqual((refuse.kind, refuse.ident), (REFUSE, ident))
        self.assertIn("object 7 behind object 0", refuse.words)

    def test_an_end_speaks_as_often_as_the_other_wants_to_hear_of_it(self):
        impatient, _ = self.another_end(silence=500)
        patient, _ = self.another_end()
        for _ in range(20):
            self.assertEqual(read(impatient.recv_multipart()).kind, TAKEN)
        self.assertFalse(patient.poll(0))


class ChannelWithKeys(Channel):
    tcp = True

    def test_an_end_with_a_key_of_its_own_is_refused(self):
        stranger = zmq.Context.instance().socket(zmq.DEALER)
        self.addCleanup(stranger.close, 0)
        stranger.curve_publickey, stranger.curve_secretkey = zmq.curve_keypair()
        stranger.curve_serverkey = self.stage.keys[0]
        monitor = stranger.get_monitor_socket(zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_SUCCEEDED)
        stranger.connect(self.stage.own_endpoint)
        self.assertTrue(monitor.poll(int(PATIENCE * 1000)))
        self.assertEqual(recv_monitor_message(monitor)["event"], zmq.EVENT_HANDSHAKE_FAILED_AUTH)
        monitor.close(0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
