# The wire of fanmill as a version 0 would have been: an older peer for the tests of version negotiation. It never
# existed outside them. Hello, Welcome, Refuse and Who are what every version shares, with the fields that version 1
# added later left out; the other kinds have layouts of their own, which no other version may try to read.

@0xd1f0a36be5c29e47;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("fanmill_v0");

const magic :UInt16 = 0x6d66;
const protocol :UInt16 = 0;

const kindHello :UInt16 = 1;
const kindWelcome :UInt16 = 2;
const kindRefuse :UInt16 = 3;
const kindWho :UInt16 = 4;
const kindTask :UInt16 = 5;
const kindResult :UInt16 = 6;
const kindHeartbeat :UInt16 = 9;
const kindGoodbye :UInt16 = 10;

const outcomeOk :UInt16 = 0;
const outcomeFailed :UInt16 = 1;

# Worker -> manager. No counted greetings yet, no functions by name, no labels.
struct Hello {
  magic @0 :UInt16;
  version @1 :UInt16;
  kind @2 :UInt16;
  flags @3 :UInt16;
  session @4 :UInt64;
  protocolMin @5 :UInt16;
  protocolMax @6 :UInt16;
  slots @7 :UInt16;
  containment @8 :UInt16;
  features @9 :UInt64;
  encodings @10 :UInt64;
  uuidLow @11 :UInt64;
  uuidHigh @12 :UInt64;
  software @13 :Text;
}

struct Welcome {
  magic @0 :UInt16;
  version @1 :UInt16;
  kind @2 :UInt16;
  flags @3 :UInt16;
  session @4 :UInt64;
  features @5 :UInt64;
  farm @6 :UInt64;
}

struct Refuse {
  magic @0 :UInt16;
  version @1 :UInt16;
  kind @2 :UInt16;
  flags @3 :UInt16;
  session @4 :UInt64;
  code @5 :UInt16;
  protocolMin @6 :UInt16;
  protocolMax @7 :UInt16;
  detail @8 :UInt16;
  greeting @9 :UInt32;
  retryMs @10 :UInt32;
  words @11 :Text;
}

struct Who {
  magic @0 :UInt16;
  version @1 :UInt16;
  kind @2 :UInt16;
  flags @3 :UInt16;
  session @4 :UInt64;
}

# Tasks were numbered per session, and one function was all that a worker had.
struct Task {
  magic @0 :UInt16;
  version @1 :UInt16;
  kind @2 :UInt16;
  flags @3 :UInt16;
  attempt @4 :UInt64;
  timeLimitMs @5 :UInt64;
  item @6 :UInt64;
}

struct Result {
  magic @0 :UInt16;
  version @1 :UInt16;
  kind @2 :UInt16;
  flags @3 :UInt16;
  attempt @4 :UInt64;
  busyMs @5 :UInt64;
  outcome @6 :UInt32;
  errorText @7 :Text;
}

struct Heartbeat {
  magic @0 :UInt16;
  version @1 :UInt16;
  kind @2 :UInt16;
  flags @3 :UInt16;
  session @4 :UInt64;
}

struct Goodbye {
  magic @0 :UInt16;
  version @1 :UInt16;
  kind @2 :UInt16;
  flags @3 :UInt16;
  session @4 :UInt64;
}
