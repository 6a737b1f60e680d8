#!/usr/bin/python3
"""A worker in plain Python, from docs/protocol.md: its function "collatz" maps n to [n, steps to 1, peak on the way]"""
import argparse, json, os, random, signal, socket, struct, sys, time, types, zmq, zmq.auth
HELLO, WELCOME, REFUSE, WHO, TASK, RESULT, KILL, KILLED, HEARTBEAT, GOODBYE = range(1, 11)
LAYOUT = {WELCOME: "2Q7I", REFUSE: "4H2I", WHO: "", TASK: "Q2H2I", KILL: "Q", HEARTBEAT: "2I", GOODBYE: ""}  # after id
RUNNING, UNSTARTED, ENDED = KEEP, DROP, END = 1, 2, 3  # the states in Hello; the verdicts in Welcome

def write(kind, ident, layout, *numbers, texts=(), flags=0):
    data, pointers, body = struct.pack("<4HQ" + layout, 0x6D66, 1, kind, flags, ident, *numbers), b"", b""
    for i, text in enumerate(text.encode(errors="replace") + b"\0" for text in texts):
        pointers += struct.pack("<2I", len(texts) - 1 - i + len(body) // 8 << 2 | 1, len(text) << 3 | 2)
        body += text + bytes(-len(text) % 8)
    return struct.pack("<I2H", 0, len(data) // 8, len(texts)) + data + pointers + body

def read(header, payload=None):  # raises ValueError, TypeError or struct.error if the message is malformed
    zero, words, count, magic, version, kind = struct.unpack_from("<I5H", header)
    at = 8 + 8 * words  # here the pointers begin; numbers that aren't there are 0
    flags, ident, *numbers = struct.unpack_from("<HQ" + LAYOUT.get(kind, ""), header[14:at].ljust(96, b"\0"))
    low, high = struct.unpack_from("<iI", header, at) if kind == REFUSE and count else (0, 0)
    text = header[at + 8 + 8 * (low >> 2):][:high >> 3]
    if (zero or magic != 0x6D66 or not kind or not words or len(header) % 8 or not at + 8 * count <= len(header) <= 4096
            or high and (low < 0 or text[(high >> 3) - 1:] != b"\0") or kind in LAYOUT and kind >= TASK and version != 1
            or kind == WELCOME and (numbers[0] & ~2 or not 10 <= numbers[4] <= numbers[5] <= numbers[6])
            or kind in LAYOUT and kind != WELCOME and (payload is None) == (kind == TASK and numbers[2] > 0)):
        raise ValueError("malformed")
    return kind, flags, ident, numbers, text[:-1].decode(errors="replace"), payload

def collatz(payload, slow):  # a generator: it yields where the worker should look at its socket
    n = json.loads(payload or "null", object_hook=lambda o: int(o["$int"], 0) if "$int" in o else o)
    if type(n) is not int or n < 1: raise ValueError("not an integer of at least 1: " + json.dumps(n)[:300])
    first, peak, steps = n, n, 0
    while n != 1:
        n = 3 * n + 1 if n % 2 else n // 2
        steps, peak = steps + 1, max(peak, n)
        if slow or steps % 4096 == 0: yield time.sleep(slow)
    return [first, steps, peak]
def find(manager):  # an endpoint, or the path of a join file: [endpoint, server's key, own keys], without keys if it has none
    if "://" in manager: return [manager]
    lines = [line.split("=", 1) for line in open(manager) if "=" in line]
    values = lambda name: [value.strip().strip("\"'") for key, value in lines if key.strip() == name]
    keys = [values("server-key")[0].encode(), *zmq.auth.load_certificate(manager)] if values("server-key") else []
    there = [e for e in values("endpoint") if e[:6] != "ipc://" or os.path.exists(e[6:])]
    return there[:1] + keys if there else parser.error(manager + " has no endpoint")

class Worker:  # in held: attempt -> state, group, steps (a generator), and when it has ended the frames of its Result
    def greet(self, fresh=True):  # says Hello
        if fresh:
            self.socket = self.socket and self.socket.close() or zmq.Context.instance().socket(zmq.DEALER)
            self.socket.linger = self.socket.sndhwm = self.socket.rcvhwm = 0
            if self.keys and self.endpoint[:4] != "ipc:": self.socket.curve_serverkey, self.socket.curve_publickey, self.socket.curve_secretkey = self.keys
            self.socket.connect(self.endpoint)
        self.session, self.greeting, self.heard = 0, self.greeting + 1, time.monotonic() if self.session else self.heard
        self.due, self.wait = time.monotonic() + self.wait * random.uniform(0.8, 1.2), min(2 * self.wait, 16)
        header = write(HELLO, self.former, "4H7Q4I", 1, 1, 1, 1, 2, 1 << 2, *self.uuid, 0, 0, self.farm, os.getpid(),
                       self.greeting, self.incarnation, 4, texts=("collatz 1", socket.gethostname(), "collatz", "", ""))
        records = b"".join(struct.pack("<2Q", attempt, task.state) for attempt, task in self.held.items())
        self.socket.send_multipart([header, records] if records else [header])
    def work(self, attempt, known, payload):  # a generator, too: from the start of a task to its Result
        task, outcome, error, text, answer = self.held[attempt], 0 if known else 4, "", "", []  # 4: rejected
        task.state, task.began, self.started = RUNNING, time.monotonic_ns(), task.place or self.started
        try: answer = [json.dumps((yield from collatz(payload, self.slow))).encode()] if known else []
        except Exception as problem: outcome, error, text = 1, type(problem).__name__, str(problem)
        if len(b"".join(answer)) > self.limit:
            outcome, error, text = 1, "payload_too_large", "%d bytes, at most %d" % (len(answer.pop()), self.limit)
        busy = (time.monotonic_ns() - task.began) // 1000
        header = write(RESULT, attempt, "2HIQ", outcome, 2 if answer else 0, 0, busy, texts=(error, text))
        task.state, task.frames = ENDED, [header, *answer]
    def end(self, attempt, answer=True):  # forgets an attempt
        task = self.held.pop(attempt, types.SimpleNamespace(state=None))
        busy = (time.monotonic_ns() - task.began) // 1000 if task.state == RUNNING else 0
        if answer: self.socket.send(write(KILLED, attempt, "Q", busy, flags=int(task.state == UNSTARTED)))
    def beat(self): self.socket.send(write(HEARTBEAT, self.session, "2I", self.started, 0))
    def take(self, kind, flags, ident, numbers, words, payload):  # does what a message says
        if kind == WELCOME and not self.session and numbers[3] == self.greeting:
            verdicts = {attempt: verdict for attempt, verdict, _ in struct.iter_unpack("<Q2I", payload or b"")}
            self.features, self.farm, self.incarnation, _, _, _, self.dead, self.limit, self.most = numbers
            self.session, self.former, self.sent, self.seen, self.started, self.count = ident, ident, [], 0, 0, 0
            for a in [a for a in self.held if verdicts.get(a) != KEEP]: self.end(a, verdicts.get(a) == END)
            self.newest, _ = max(self.held, default=0), [setattr(task, "place", 0) for task in self.held.values()]
            if self.leaving: self.socket.send(write(GOODBYE, ident, "2I", 0, 0, texts=(self.leaving,), flags=1))
        elif kind == REFUSE and (numbers[4] == self.greeting or numbers[4] == 0 and ident == self.session):
            print("refused:", "".join(c if c.isprintable() or c in "\n\t" else "?" for c in words), file=sys.stderr)
            if not numbers[5]: sys.exit(5)
            self.session, self.due, self.heard = 0, (later := time.monotonic() + numbers[5] / 1000), later
        elif not self.session or kind in (HEARTBEAT, GOODBYE) and ident != self.session: return  # of an earlier session
        elif kind == WHO: self.greet(fresh=False)
        elif kind in (TASK, HEARTBEAT):
            new = (numbers[3 if kind == TASK else 1] - self.seen) % 2**32  # so many more results are acknowledged
            for a in self.sent[:new] if new <= len(self.sent) else []: self.seen += 1; del self.held[self.sent.pop(0)]
            if kind == HEARTBEAT and flags & 1: self.beat()
            if kind == TASK and ident > self.newest:
                self.newest, self.count = ident, self.count + 1  # count: the place of this Task in the session
                self.held[ident] = types.SimpleNamespace(state=UNSTARTED, group=numbers[0], place=self.count)
                self.held[ident].steps = self.work(ident, numbers[1] == 0 and numbers[2] in (0, 2), payload)
        elif kind == KILL:
            group = [a for a, task in self.held.items() if (task.group, self.session) == (numbers[0], ident)]
            for attempt in group if flags & 2 else [ident]:
                state = self.held[attempt].state if attempt in self.held else None
                if state in (None, UNSTARTED): self.end(attempt)
                elif state == RUNNING and self.features & 2: self.beat() if flags & 1 else self.end(attempt)
        elif kind == GOODBYE: self.leaving = "drained" if flags & 3 == 1 else sys.exit(5)
    def serve(self, manager, slow):  # returns when it leaves or gives up
        (self.endpoint, *self.keys), self.slow, self.uuid = find(manager), slow, struct.unpack("<2Q", os.urandom(16))
        self.held, self.socket, self.wait, self.heard, self.leaving = {}, None, 2, time.monotonic(), ""
        self.greeting = self.session = self.former = self.farm = self.incarnation = 0
        for n in (signal.SIGTERM, signal.SIGINT): signal.signal(n, lambda *_: setattr(self, "leaving", "SIGTERM"))
        self.greet()
        while self.session or time.monotonic() < self.heard + 60:
            state = min((task.state for task in self.held.values()), default=ENDED)
            for a, task in self.held.items() if self.session else ():
                if task.state == ENDED and a not in self.sent: self.sent += [a]; self.socket.send_multipart(task.frames)
            if self.leaving == "SIGTERM" or self.leaving and state == ENDED and (self.session or not self.held):
                if self.session: self.socket.send(write(GOODBYE, self.session, "2I", 5, 0, texts=(self.leaving,)))
                return self.socket.close(1000) or zmq.Context.instance().term()  # having sent all
            ready = state == RUNNING or state == UNSTARTED and self.session and len(self.sent) < self.most
            if ready: next(next(task for task in self.held.values() if task.state == state).steps, None)
            while self.socket.poll(0 if ready else 250):
                self.heard, self.wait, ready = time.monotonic(), 2, True
                try: self.take(*read(*self.socket.recv_multipart()))
                except (ValueError, TypeError, struct.error): self.session and (time.sleep(random.uniform(.05, 1)), self.greet())
            if time.monotonic() > (self.heard + self.dead / 1000 if self.session else self.due): self.greet()

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("manager", nargs="?", default=os.environ.get("FANMILL_JOIN") or os.environ.get("FANMILL_ENDPOINT", ""),
                    help="its endpoint or join file; without it $FANMILL_JOIN, else $FANMILL_ENDPOINT")
parser.add_argument("--slow", type=float, default=0, help="seconds to sleep in each step, so that kills show")
parser.error = lambda words: parser.exit(5, words + "\n")
try: sys.exit(Worker().serve(**vars(parser.parse_args())) or 5)
except (zmq.ZMQError, OSError) as problem: parser.error("%s: is the endpoint, or join file, right?" % problem)
