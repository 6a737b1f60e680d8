# The wire of fanmill's channels, protocol version 1.
#
# A channel carries objects between two processes that need not be manager and worker. Frames, header, common prefix
# and payload encodings are those of fanmill.capnp; the kinds are others, so that a worker that knocks at a listener, or
# a channel that knocks at a manager, is told so. docs/protocol.md, section 14, says what each means.
#
# TRANSPORT. ZeroMQ: the listener binds one ROUTER, each channel connects one DEALER. Once it is open, both ends are
# alike. Refuse, Who and Goodbye of fanmill.capnp are used as they are; their session is the channel.

@0xb8f2a6d1c3e04597;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("fanmill::schema");

const kindOpen :UInt16 = 16;
const kindOpened :UInt16 = 17;
const kindObject :UInt16 = 18;
const kindTaken :UInt16 = 19;

# Connecting end -> listener, first on a connection. Frozen for ever: fields may only be added.
struct Open {
  magic @0 :UInt16;
  version @1 :UInt16;         # the highest that the sender speaks
  kind @2 :UInt16;
  flags @3 :UInt16;
  channel @4 :UInt64;         # 0
  protocolMin @5 :UInt16;     # lowest and highest version of this protocol that the sender speaks
  protocolMax @6 :UInt16;
  windowObjects @7 :UInt32;   # objects that the sender takes ahead of its reader, 1 or more
  windowBytes @8 :UInt64;     # and bytes of their payloads: no more are sent once so many are under way
  objectBytesMax @9 :UInt64;  # no payload may be larger
  silenceMs @10 :UInt32;      # after this silence the sender counts the other end as lost, 100 to 3600000
  speechMin @11 :UInt32;      # lowest and highest version of what the two programs say to each other
  speechMax @12 :UInt32;
  software @13 :Text;         # name and version, "fanmill 0.1.0"
  speech @14 :Text;           # the name of what the two programs say to each other
}

# Listener -> connecting end: the channel is open. What the other end said of itself, Opened says of the listener.
struct Opened {
  magic @0 :UInt16;
  version @1 :UInt16;         # the version chosen; every later message of the channel carries it
  kind @2 :UInt16;
  flags @3 :UInt16;
  channel @4 :UInt64;         # names the channel in all later messages, both ways
  windowBytes @5 :UInt64;
  objectBytesMax @6 :UInt64;
  windowObjects @7 :UInt32;
  silenceMs @8 :UInt32;
  speech @9 :UInt32;          # the version chosen of what the two programs say to each other
  software @10 :Text;
}

# Both ways. Payload frame: the object (absent if encoding is none).
struct Object {
  magic @0 :UInt16;
  version @1 :UInt16;
  kind @2 :UInt16;
  flags @3 :UInt16;
  channel @4 :UInt64;
  sequence @5 :UInt64;        # 1, 2, 3, ... each way
  takenObjects @6 :UInt64;    # as in Taken
  takenBytes @7 :UInt64;
  encoding @8 :UInt16;
}

# Both ways: how much of what was sent the program at this end has read, since the channel was opened. Sent when half a
# window has been read, and whenever nothing else was sent for a quarter of the other end's silenceMs.
struct Taken {
  magic @0 :UInt16;
  version @1 :UInt16;
  kind @2 :UInt16;
  flags @3 :UInt16;
  channel @4 :UInt64;
  takenObjects @5 :UInt64;
  takenBytes @6 :UInt64;
}
