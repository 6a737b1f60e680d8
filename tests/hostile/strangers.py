"""Connections without a key: bytes on raw TCP sockets, many at a time, and what they cost the process that they reach.

Nothing here waits by the clock: each connection is followed until the other side has closed it.
"""

import os
import random
import re
import select
import selectors
import socket
import ssl
import struct
import sys
import time
from pathlib import Path

try:
    import zmq
except ImportError:
    print("skipped: no pyzmq")
    sys.exit(77)

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from farm_process import PATIENCE, collatz, status_of, values  # noqa: E402

MIB = 1 << 20
SANITIZED = bool(os.environ.get("FANMILL_SANITIZE"))  # then memory says nothing: what was freed is kept
COMMAND, LONG_COMMAND, LONG_MESSAGE = 4, 6, 2  # flags of a ZMTP 3 frame


def seed():
    """$FANMILL_SEED, or always the same one; printed."""
    number = int(os.environ.get("FANMILL_SEED", "20261121"), 0)
    print(f"FANMILL_SEED={number}", flush=True)
    return number


def greeting(mechanism=b"CURVE", major=3, minor=1, as_server=0):
    """The 64 bytes that a ZMTP 3 connection begins with."""
    return b"\xff" + bytes(8) + b"\x7f" + bytes([major, minor]) + mechanism.ljust(20, b"\0") + bytes([as_server]) + bytes(31)


def frame(flags, length, body=b""):
    """A frame that says it is so long, whatever follows."""
    return bytes([flags]) + (struct.pack(">Q", length) if flags & 2 else bytes([length])) + body


def command(name, body=b""):
    text = bytes([len(name)]) + name + body
    return frame(COMMAND, len(text), text) if len(text) < 256 else frame(LONG_COMMAND, len(text), text)


def tls_client_hello(name="manager.example"):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname=name)
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


class Keys:
    """The keys and the tcp endpoint of a join file."""

    def __init__(self, join_file):
        found = dict(re.findall(r'^\s*([\w-]+) = "(.*)"$', join_file.read_text(), re.MULTILINE))
        self.server, self.public, self.secret = (found[f"{name}-key"].encode() for name in ("server", "public", "secret"))
        self.endpoint = re.search(r'"(tcp://.*)"', join_file.read_text())[1]
        host, port = self.endpoint.removeprefix("tcp://").rsplit(":", 1)
        self.address = (host, int(port))


class Relay:
    """Between a true client and a manager: keeps what the client sends, or changes it on its way."""

    def __init__(self, keys):
        self.keys = keys
        self.context = zmq.Context()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = "tcp://127.0.0.1:%d" % self.listener.getsockname()[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        self.context.destroy(linger=0)

    def handshake(self, size=None, change=None):
        """The bytes of a client's handshake. With `change`, {offset: bits to turn}, they reach the manager so; after
        `size` of them nothing does, and the manager must end the connection."""
        client = self.context.socket(zmq.DEALER)
        client.linger, client.reconnect_ivl = 0, -1
        client.curve_serverkey, client.curve_publickey, client.curve_secretkey = (
            self.keys.server, self.keys.public, self.keys.secret)
        monitor = client.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
        client.connect(self.endpoint)
        near, _ = self.listener.accept()
        far = socket.create_connection(self.keys.address, timeout=PATIENCE)
        near.settimeout(PATIENCE)
        seen, ended = b"", False
        try:
            while not ended:
                ready, _, _ = select.select([near, far], [], [], 0.01 if size is None else PATIENCE)
                assert ready or size is None, "the manager neither answers nor ends the connection"
                if size is None and monitor.poll(0):
                    break  # whole: what follows would be messages
                for one in ready:
                    try:
                        data = one.recv(1 << 16)
                    except ConnectionError:
                        data = b""
                    try:
                        if one is near and data:
                            passed = data if size is None else data[:max(0, size - len(seen))]
                            passed = bytes(byte ^ (change or {}).get(len(seen) + i, 0) for i, byte in enumerate(passed))
                            seen += data
                            far.sendall(passed)
                            if size is not None and len(seen) >= size:
                                far.shutdown(socket.SHUT_WR)
                        elif one is near:
                            far.shutdown(socket.SHUT_WR)
                            ended = not wait_for_end(far)
                        elif data:
                            near.sendall(data)
                        else:
                            ended = True
                    except OSError:
                        ended = True
        finally:
            client.disable_monitor()
            monitor.close()
            client.close()
            near.close()
            far.close()
        return seen


def wait_for_end(connection):
    """Reads until the other side has closed; returns False."""
    connection.settimeout(PATIENCE)
    try:
        while connection.recv(1 << 16):
            pass
    except ConnectionError:
        pass
    return False


class Stranger:
    """What one connection sends, and how it ends: 'half-close', 'close', 'reset', or 'stay' until it is thrown out."""

    def __init__(self, kind, data, end="half-close", step=0):
        self.kind, self.end = kind, end
        view = memoryview(data)  # what is left of it costs no copy
        self.parts = [view[i:i + step] for i in range(0, len(view), step)] if step else [view] if data else []
        self.parts.reverse()


def visit(address, strangers, at_once=200):
    """Lets them all in, so many at a time; returns when the last one is closed."""
    waiting, selector, there = list(reversed(strangers)), selectors.DefaultSelector(), {}
    deadline = time.monotonic() + 3 * PATIENCE

    def leave(connection):
        selector.unregister(connection)
        connection.close()
        del there[connection]

    def enter(stranger):
        connection = socket.socket()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setblocking(False)
        connection.connect_ex(address)
        there[connection] = stranger
        selector.register(connection, selectors.EVENT_WRITE)

    def write(connection, stranger):
        """False when there is nothing left of it."""
        while stranger.parts:
            part = stranger.parts.pop()
            try:
                sent = connection.send(part)
            except BlockingIOError:
                sent = 0
            if sent < len(part):
                stranger.parts.append(part[sent:])
                return True
        if stranger.end == "half-close":
            connection.shutdown(socket.SHUT_WR)
        if stranger.end == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if stranger.end in ("close", "reset"):
            return False
        selector.modify(connection, selectors.EVENT_READ)
        return True

    while waiting or there:
        assert time.monotonic() < deadline, f"{len(there)} connections were not ended"
        while waiting and len(there) < at_once:
            enter(waiting.pop())
        for key, events in selector.select(1.0):
            try:
                stays = write(key.fileobj, there[key.fileobj]) if events & selectors.EVENT_WRITE else True
                if stays and events & selectors.EVENT_READ:
                    stays = bool(key.fileobj.recv(1 << 16))
            except OSError:
                stays = False  # thrown out while it spoke
            if not stays:
                leave(key.fileobj)
    selector.close()


class Cost:
    """What a process holds: (descriptors, threads), and memory in bytes."""

    def __init__(self, pid):
        self.pid = pid

    def held(self):
        return len(os.listdir(f"/proc/{self.pid}/fd")), int(status_of(self.pid)["Threads"])

    def memory(self):
        return self._bytes("VmRSS")

    def forget_peak(self):
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def peak(self):
        """The most since `forget_peak`."""
        return self._bytes("VmHWM")

    def _bytes(self, name):
        return int(status_of(self.pid)[name].split()[0]) << 10


def check_untouched(test, manager, items):
    """The list was worked through as if nothing had been, by the one worker that may."""
    status, output, errors = manager.end()
    test.assertEqual(status, 0, errors)
    test.assertEqual(values(output), [collatz(i + 1) for i in range(items)])
    # It may have joined twice, if its Welcome was late.
    test.assertEqual(len(set(re.findall(r"^worker (\S+) at \S+ joined", errors, re.MULTILINE))), 1, "somebody came in")


def mib(size):
    return f"{size / MIB:.1f} MiB"


def mutations(record, random_source):
    """Some ten thousand strangers, from the bytes of a true handshake and from other protocols."""
    pick, choice, some_bytes = random_source.randrange, random_source.choice, random_source.randbytes
    ends = ("half-close", "half-close", "close", "reset")
    found = []

    def add(kind, data, end=None, step=0):
        found.append(Stranger(kind, data, end or choice(ends), step))

    for size in range(len(record) + 1):
        for end in ("half-close", "reset"):
            add("cut", record[:size], end)
    for _ in range(3500):
        data = bytearray(record)
        for _ in range(1 + pick(8)):
            data[pick(len(data))] ^= 1 << pick(8)
        add("bits turned", bytes(data))
    for _ in range(1800):
        at, size = pick(len(record)), 1 + pick(300)
        middle = choice((some_bytes(size), bytes(size), b"\xff" * size, record[at:at + size] * 2, record))
        add("stretched", record[:at] + middle + record[at:])
    for _ in range(600):
        at, size = pick(len(record)), 1 + pick(100)
        add("a part missing", record[:at] + record[at + size:])
    ready = command(b"READY", b"\x0bSocket-Type\0\0\0\6DEALER\x08Identity\0\0\0\0")
    plain = command(b"HELLO", b"\x05admin\x06secret")
    beginnings = [
        b"\x01\x00",  # ZMTP 1.0: the length of an empty identity, and flags
        b"\xff\0\0\0\0\0\0\0\x01\x7f\x00", b"\xff\0\0\0\0\0\0\0\x01\x7f\x01\x05\0\0",  # 2.0, a DEALER
        greeting(b"NULL", minor=0) + ready, greeting(b"NULL") + ready, greeting(b"PLAIN") + plain,
        greeting(b"PLAIN", minor=0) + plain, greeting(b"GSSAPI") + command(b"INITIATE", some_bytes(64)),
        greeting(b"CURVE", as_server=1) + record[64:], greeting(b"curve") + record[64:], greeting(b"") + ready,
        greeting(b"X" * 20) + record[64:], greeting(b"CURVE", minor=0) + record[64:],
        greeting(b"CURVE", major=4, minor=7) + record[64:], greeting(b"CURVE", major=255, minor=255) + record[64:],
        greeting(b"CURVE", major=0) + record[64:], greeting() + ready, greeting() + command(b"ERROR", b"\x03boo"),
        greeting() + record[-300:], record[:64] + command(b"WELCOME", some_bytes(160)) + record[64:]]
    for _ in range(1000):
        add("another version or mechanism", choice(beginnings) + some_bytes(pick(40)))
    lengths = (0, 1, 255, MIB - 1, MIB, MIB + 1, 1 << 31, (1 << 32) - 1, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)
    for _ in range(800):
        flags = choice((LONG_COMMAND, LONG_MESSAGE, LONG_COMMAND | 1, LONG_MESSAGE | 1, 0xff, pick(256) | 2))
        add("a length", record[:choice((64, 266))] + frame(flags, choice(lengths), some_bytes(pick(500))))
    others = [b"GET / HTTP/1.1\r\nHost: manager.example:5557\r\nUser-Agent: curl\r\n\r\n",
              b"POST / HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1000, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
              tls_client_hello(), b"SSH-2.0-OpenSSH_9.2\r\n", b"EHLO example\r\n", b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\1\0\x08\0\3\0\0\0",
              b"*1\r\n$4\r\nPING\r\n", b"\n" * 100, b""]
    for _ in range(800):
        add("another protocol", choice(others))
    for _ in range(1500):
        add("random", some_bytes(pick(2000)))
    for _ in range(100):
        add("byte by byte", record[:pick(len(record))] + some_bytes(pick(20)), step=1)
    for _ in range(150):
        add("silent", record[:choice((0, 1, 9, 10, 11, 12, 33, 63, 64, 65, 100, 266, 267, 300))], "stay")
    for _ in range(300):
        add("said again", record, "half-close")
    random_source.shuffle(found)
    # Those that say nothing are thrown out after five seconds; they come first, so that nobody waits for them alone.
    return sorted(found, key=lambda stranger: stranger.kind != "silent")
