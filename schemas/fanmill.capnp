# The wire of fanmill, protocol version 1.
#
# This file is the definition; docs/protocol.md tells the same at length, with what the receiver must do and what
# happens to a message that is lost, repeated or late.
#
# TRANSPORT. ZeroMQ: the manager binds one ROUTER, each worker connects one DEALER. A message is one or two frames
# (after the routing id that ROUTER adds): a header frame, then a payload frame where the kind has one. No empty
# delimiter frame. Tasks and Results have one frame: their records follow the header in it, to the end of the frame.
#
# HEADER FRAME. One Cap'n Proto struct of this file: a single segment WITHOUT the segment table, unpacked ("flat"),
# at most 4096 bytes. Word 0 of the frame is the root pointer; the struct's data section begins right behind it, and
# Text follows the data section. So a program without a Cap'n Proto library reads and writes headers with fixed
# offsets: the field at bit b of the data section lies at byte 8 + b / 8 of the frame, little-endian.
# A reader MUST take the sizes of the data and pointer sections from the root pointer, read fields beyond them as 0
# or empty, and ignore what lies beyond those that it knows.
#
# COMMON PREFIX, frozen for ever, in every kind: magic, version, kind, flags (16 bits each), then a 64-bit id: a
# message about a task names its attempt, any other its session. Ids carry the manager's incarnation in the high
# 24 bits, are never used again, and 0 is never valid. Only UInt16, UInt32, UInt64 and Text are used: no Bool,
# union, list, nested struct or default other than zero.

@0xe2c1f3a95b7d4801;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("fanmill::schema");

# "fm" read as a little-endian number.
const magic :UInt16 = 0x6d66;

# Kinds. Numbers are never used again. The flag bits of a kind stand beside it.
const kindHello :UInt16 = 1;
const kindWelcome :UInt16 = 2;
const kindRefuse :UInt16 = 3;
const kindWho :UInt16 = 4;
const kindTask :UInt16 = 5;
const kindResult :UInt16 = 6;
const kindKill :UInt16 = 7;
const kindKilled :UInt16 = 8;
const kindHeartbeat :UInt16 = 9;
const kindGoodbye :UInt16 = 10;
const kindTasks :UInt16 = 11;    # feature batch
const kindResults :UInt16 = 12;  # feature batch
const kindPart :UInt16 = 13;     # feature parts
const kindOutput :UInt16 = 14;      # feature output
const kindOutputTaken :UInt16 = 15; # feature output
# 16 to 19 are those of channel.capnp.
const kindPartTaken :UInt16 = 20;   # feature parts

# Task: its payload follows in Parts, and there is no payload frame.
const flagTaskParts :UInt16 = 1;
# Kill: only if the task was not started (the recall of a prefetched task).
const flagIfUnstarted :UInt16 = 1;
# Kill: word 2 names a group and every attempt of it is meant; the id is then that of the session.
const flagGroup :UInt16 = 2;
# Killed: the task had not been started.
const flagUnstarted :UInt16 = 1;
# Result: the function ran to its end and found nothing (the "none" of a race).
const flagNothing :UInt16 = 1;
# Result: its payload came before it in Parts, and there is no payload frame.
const flagResultParts :UInt16 = 2;
# Goodbye from a manager: finish what you hold, take no more, then say goodbye. From a worker: it drains, send no more.
const flagDrain :UInt16 = 1;
# Goodbye from a manager: the farm is closed, nobody need come back. (Without either flag only this worker is meant.)
const flagClosed :UInt16 = 2;
# Heartbeat: please answer with a heartbeat at once.
const flagEcho :UInt16 = 1;

# Features, as bits of a 64-bit set. A feature is in force if hello offers it and welcome repeats it.
const featureHeartbeat :UInt64 = 1;  # the peer sends heartbeats while its tasks compute
const featureKill :UInt64 = 2;       # the peer can end a running task; without it only unstarted ones are killed
const featureBatch :UInt64 = 4;      # Tasks and Results
const featureParts :UInt64 = 8;      # Part and PartTaken
const featureTimeLimit :UInt64 = 16; # the peer ends a task at its time limit by itself
const featureOutput :UInt64 = 32;    # Output and OutputTaken

# Payload encodings, as bit n of a 64-bit set for encoding number n.
const encodingNone :UInt16 = 0;
const encodingObject :UInt16 = 1;  # schemas/object.capnp
const encodingJson :UInt16 = 2;    # one JSON text
const encodingRaw :UInt16 = 3;     # bytes known to the user only

# Outcome of a Result.
const outcomeOk :UInt16 = 0;
const outcomeFailed :UInt16 = 1;     # the function reported an error: errorType and errorText tell it; detail may, too
const outcomeCrashed :UInt16 = 2;    # the executor died; detail is the signal, or 256 + exit status
const outcomeTimeLimit :UInt16 = 3;  # ended at the task's time limit
const outcomeRejected :UInt16 = 4;   # not run: the worker can't (unknown function or encoding); another may

# Codes of Refuse.
const refuseVersion :UInt16 = 1;    # no protocol version in common
const refuseMalformed :UInt16 = 2;  # a message that can't be read; the session is closed
const refuseFarm :UInt16 = 3;       # another farm than the one that the worker asked for
const refuseCookie :UInt16 = 4;     # wrong cookie
const refuseOld :UInt16 = 5;        # the worker has seen a newer incarnation of this manager
const refuseLimit :UInt16 = 6;      # a limit of the manager is reached; words name it
const refuseProtocol :UInt16 = 7;   # a message that this session may not send
const refuseReplaced :UInt16 = 8;   # the same worker said hello on another connection
const refuseKey :UInt16 = 9;        # the key that was shown may not do that, or was revoked

# Worker -> manager, first on every connection, and again whenever the worker is told Who or has given up its session (a
# message that it could not read, a second Welcome). Frozen for ever: fields may only be added. Payload frame: 16-byte records, see Holding.
struct Hello {
  magic @0 :UInt16;
  version @1 :UInt16;         # the highest version that the sender speaks
  kind @2 :UInt16;
  flags @3 :UInt16;
  session @4 :UInt64;         # the session to resume; 0 if none
  protocolMin @5 :UInt16;     # lowest and highest protocol version that the worker speaks
  protocolMax @6 :UInt16;
  slots @7 :UInt16;           # tasks that it runs at once, 1 to 4096
  containment @8 :UInt16;     # what a kill reaches: 0 nothing running, 1 the thread's stop token, 2 the process,
                              # 3 process group, 4 subreaper sweep, 5 cgroup
  features @9 :UInt64;
  encodings @10 :UInt64;      # payload encodings that it takes, as bits
  uuidLow @11 :UInt64;        # the worker, for the whole life of its process; 128 random bits, not both 0
  uuidHigh @12 :UInt64;
  bootLow @13 :UInt64;        # the boot id of its host (Linux: /proc/sys/kernel/random/boot_id); 0 if unknown
  bootHigh @14 :UInt64;
  farm @15 :UInt64;           # the farm that it wants; 0 for any
  pid @16 :UInt32;
  greeting @17 :UInt32;       # counts this worker's hellos from 1; Welcome and Refuse repeat it
  incarnation @18 :UInt32;    # the newest incarnation of a manager of this farm that it has seen; 0 if none
  prefetch @19 :UInt32;       # tasks per slot that it wants to hold beside the running one; 0: as the manager likes
  software @20 :Text;         # name and version, "fanmill 0.1.0"
  host @21 :Text;
  functions @22 :Text;        # newline-separated names; Task names them by their index. The first may be empty: so
                              # an empty text is one function without a name
  labels @23 :Text;           # newline-separated
  cookie @24 :Text;           # a guard against mistakes, not against attackers
}

# Manager -> worker: the session is open. Payload frame: 16-byte records, see Holding. Without the feature parts a sender
# leaves payloadBytesMax out: its data section has 8 words.
struct Welcome {
  magic @0 :UInt16;
  version @1 :UInt16;         # the version chosen; every later message of the session carries it
  kind @2 :UInt16;
  flags @3 :UInt16;
  session @4 :UInt64;         # new for every hello
  features @5 :UInt64;        # those in force
  farm @6 :UInt64;
  incarnation @7 :UInt32;
  greeting @8 :UInt32;        # of the hello that this answers; a worker ignores any other than its latest
  heartbeatMs @9 :UInt32;     # send one at least this often, 10 to 3600000
  suspectMs @10 :UInt32;      # after this silence no new tasks
  deadMs @11 :UInt32;         # after this silence the session is closed; the same holds the other way
  frameBytesMax @12 :UInt32;  # no frame may be larger
  unacknowledgedMax @13 :UInt32;  # results that the worker may hold unacknowledged before it starts no more tasks
  payloadBytesMax @14 :UInt64;    # of a result that comes in Parts; 0: none does
}

# Manager -> worker: no session. The worker says the words; it ends (exit status 5) if retryMs is 0, else tries again.
struct Refuse {
  magic @0 :UInt16;
  version @1 :UInt16;
  kind @2 :UInt16;
  flags @3 :UInt16;
  session @4 :UInt64;         # the session that is closed; 0 if none was open
  code @5 :UInt16;
  protocolMin @6 :UInt16;     # the manager's range
  protocolMax @7 :UInt16;
  detail @8 :UInt16;
  greeting @9 :UInt32;        # of the hello that this answers; 0 if it answers something else
  retryMs @10 :UInt32;
  words @11 :Text;
}

# Manager -> peer that it does not know and that said anything but Hello, and peer that names another session than the
# one that its connection has here. A worker with an open session answers with Hello; one without has said it already.
struct Who {
  magic @0 :UInt16;
  version @1 :UInt16;
  kind @2 :UInt16;
  flags @3 :UInt16;
  session @4 :UInt64;         # 0
  protocolMin @5 :UInt16;
  protocolMax @6 :UInt16;
}

# Manager -> worker. Payload frame: the task's payload (absent if encoding is none, or with flagTaskParts).
struct Task {
  magic @0 :UInt16;
  version @1 :UInt16;
  kind @2 :UInt16;
  flags @3 :UInt16;
  attempt @4 :UInt64;
  group @5 :UInt64;           # what Kill with flagGroup names
  function @6 :UInt16;        # index into hello's functions
  encoding @7 :UInt16;
  acknowledged @8 :UInt32;    # how many results of this session have been recorded so far
  timeLimitMs @9 :UInt32;     # 0: none
  number @10 :UInt32;         # which attempt of this task, from 1
  item @11 :UInt64;           # index of the item, for logs and for the function
  task @12 :UInt64;           # the task, the same for all its attempts
}

# Worker -> manager: how one attempt ended. Kept by the worker until acknowledged. Payload frame: the result (absent
# if encoding is none, or with flagResultParts).
struct Result {
  magic @0 :UInt16;
  version @1 :UInt16;
  kind @2 :UInt16;
  flags @3 :UInt16;           # flagNothing, flagResultParts
  attempt @4 :UInt64;
  outcome @5 :UInt16;
  encoding @6 :UInt16;
  detail @7 :UInt32;          # of a crash: the signal, or 256 + exit status; of a failure: 256 + exit status; 0: unknown
  busyUs @8 :UInt64;          # time that the function ran, microseconds
  errorType @9 :Text;
  errorText @10 :Text;
  # What was measured of the process that ran it. If both are 0 a sender leaves them out: its data section has 4 words.
  cpuUs @11 :UInt64;          # processor time, of all its threads and children, microseconds; 0: unknown
  memoryBytes @12 :UInt64;    # resident at most; 0: unknown
}

# Manager -> worker: end this attempt, or every attempt of this group. Answered by one Killed (or by the Result, if
# that was on its way) for each attempt that the worker holds; an attempt that it does not hold is answered too.
struct Kill {
  magic @0 :UInt16;
  version @1 :UInt16;
  kind @2 :UInt16;
  flags @3 :UInt16;           # flagIfUnstarted, flagGroup
  attempt @4 :UInt64;         # with flagGroup: the session
  group @5 :UInt64;           # with flagGroup: the group; else 0
}

# Worker -> manager: the attempt is over, there will be no result. Its slot is free.
struct Killed {
  magic @0 :UInt16;
  version @1 :UInt16;
  kind @2 :UInt16;
  flags @3 :UInt16;           # flagUnstarted
  attempt @4 :UInt64;
  busyUs @5 :UInt64;
}

# Both ways. From a worker: how far it is in starting the session's tasks, which start in the order in which they were
# sent. From a manager: how many results of the session have been recorded so far. 32 bytes.
struct Heartbeat {
  magic @0 :UInt16;
  version @1 :UInt16;
  kind @2 :UInt16;
  flags @3 :UInt16;           # flagEcho
  session @4 :UInt64;
  started @5 :UInt32;         # from a worker: the place, from 1, of the latest Task of the session that it started
  acknowledged @6 :UInt32;    # from a manager
}

# Both ways: the sender leaves, or (flagDrain) wants to.
struct Goodbye {
  magic @0 :UInt16;
  version @1 :UInt16;
  kind @2 :UInt16;
  flags @3 :UInt16;           # flagDrain, flagClosed
  session @4 :UInt64;
  detail @5 :UInt32;          # a worker's exit status
  reserved @6 :UInt32;
  words @7 :Text;
}

# The payload frame of Hello and Welcome is a run of these, 16 bytes each, little-endian: attempt (8 bytes), state
# (4 bytes), a reserved 4 bytes of 0. The struct is here for the numbers only; the records are not Cap'n Proto.
const holdingRunning :UInt32 = 1;    # hello: started and not ended
const holdingUnstarted :UInt32 = 2;  # hello: held, not started
const holdingResult :UInt32 = 3;     # hello: ended, the result not acknowledged
const verdictKeep :UInt32 = 1;       # welcome: go on with it; a result: send it again
const verdictDrop :UInt32 = 2;       # welcome: forget it; a result: it is recorded, or nobody needs it any more
const verdictKill :UInt32 = 3;       # welcome: end it; answered by Killed

# Manager -> worker (feature batch): `count` tasks at once, in their order. Behind the header, in the same frame: for
# each a TaskRecord or ShortTaskRecord, then its payload, then zeros up to a multiple of 8 bytes.
struct Tasks {
  magic @0 :UInt16;
  version @1 :UInt16;
  kind @2 :UInt16;
  flags @3 :UInt16;
  session @4 :UInt64;
  count @5 :UInt32;
  acknowledged @6 :UInt32;    # as in Task
}

# Worker -> manager (feature batch): how `count` attempts ended. Each counts as a Result, in this order. Behind the
# header: as in Tasks, with ResultRecords and ShortResultRecords.
struct Results {
  magic @0 :UInt16;
  version @1 :UInt16;
  kind @2 :UInt16;
  flags @3 :UInt16;
  session @4 :UInt64;
  count @5 :UInt32;
  started @6 :UInt32;         # as in Heartbeat
}

# Records of batches, little-endian, not Cap'n Proto; the structs are here for the offsets only. A record is whole (48 bytes,
# its first byte, step, is 0) or short (8 bytes, step is not 0). A short one says what it has no field for by the record
# before it, so the first of a frame is whole: ids are `step` more than there, modulo 2^64, everything else is the same. What
# neither has a field for (acknowledged of a Task, the texts of a Result) is 0 or empty; a Result with texts goes alone.
struct TaskRecord {
  step @0 :UInt8;             # 0
  encoding @1 :UInt8;
  function @2 :UInt16;
  payloadBytes @3 :UInt32;    # without the zeros; 0 if encoding is none
  attempt @4 :UInt64;
  group @5 :UInt64;
  task @6 :UInt64;
  item @7 :UInt64;
  timeLimitMs @8 :UInt32;
  number @9 :UInt32;
}

struct ShortTaskRecord {
  step @0 :UInt8;             # attempt, group, task and item are so much more than those of the record before
  encoding @1 :UInt8;
  function @2 :UInt16;
  payloadBytes @3 :UInt32;
}

struct ResultRecord {
  step @0 :Int8;              # 0
  encoding @1 :UInt8;
  outcome @2 :UInt16;
  payloadBytes @3 :UInt32;
  attempt @4 :UInt64;
  busyUs @5 :UInt64;
  cpuUs @6 :UInt64;
  memoryBytes @7 :UInt64;
  detail @8 :UInt32;
  flags @9 :UInt32;           # as those of Result, but for flagResultParts: that is malformed here
}

struct ShortResultRecord {
  step @0 :Int8;              # attempt is so much more than that of the record before, or less
  encoding @1 :UInt8;
  busyUs @2 :UInt16;
  cpuUs @3 :UInt16;
  payloadBytes @4 :UInt16;
}

# Both ways: a piece of a payload larger than frameBytesMax (feature parts). A manager sends those of a task behind the
# Task, a worker those of a result before the Result; either one payload after another. Payload frame: the bytes, at
# least one. What is under way beyond what PartTaken told fits in the window, so a Kill or a Heartbeat never waits behind
# much.
struct Part {
  magic @0 :UInt16;
  version @1 :UInt16;
  kind @2 :UInt16;
  flags @3 :UInt16;
  attempt @4 :UInt64;
  offset @5 :UInt64;          # of the first byte, in the payload
  total @6 :UInt64;           # bytes of the whole payload; the same in all its parts
}

# Both ways, as the answer to Part: how much of the attempt's payload has come, or was dropped (feature parts).
struct PartTaken {
  magic @0 :UInt16;
  version @1 :UInt16;
  kind @2 :UInt16;
  flags @3 :UInt16;
  attempt @4 :UInt64;
  offset @5 :UInt64;          # everything before it
}

# Worker -> manager: what the attempt wrote to its standard output, as it comes (feature output). Payload frame: the
# bytes, 1 to 65536 of them. Those of one attempt follow each other without a gap, and before its Result. At most 1 MiB
# is under way beyond what OutputTaken told, so whoever writes faster than somebody reads has to wait.
struct Output {
  magic @0 :UInt16;
  version @1 :UInt16;
  kind @2 :UInt16;
  flags @3 :UInt16;
  attempt @4 :UInt64;
  offset @5 :UInt64;          # of the first byte, in all that the attempt writes
}

# Manager -> worker: how much of an attempt's output was taken (feature output).
struct OutputTaken {
  magic @0 :UInt16;
  version @1 :UInt16;
  kind @2 :UInt16;
  flags @3 :UInt16;
  attempt @4 :UInt64;
  offset @5 :UInt64;          # everything before it
}
