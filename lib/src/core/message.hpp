// The messages of the protocol as plain structs: what the core speaks. schemas/fanmill.capnp
// defines them, codec/ translates them to and from frames, docs/protocol.md tells what each means.
// Fields have the schema's names.
//
// Decoded messages are already checked against limits.hpp: a struct of these that came from
// codec::decode is well-formed, though it may still lie.
#pragma once

#include <cstdint>
#include <fanmill/payload.hpp>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/rare_text.hpp"
#include "base/time.hpp"

namespace fanmill::core {

/// A set of named bits. Bits that this build does not know are kept, so that they can be logged.
using FeatureSet = std::uint64_t;
namespace feature {
inline constexpr FeatureSet heartbeat = 1;    // sends heartbeats while tasks compute
inline constexpr FeatureSet kill = 2;         // can end a running task
inline constexpr FeatureSet batch = 4;        // Tasks and Results
inline constexpr FeatureSet parts = 8;        // Part and PartTaken
inline constexpr FeatureSet time_limit = 16;  // ends a task at its time limit by itself
inline constexpr FeatureSet output = 32;      // Output and OutputTaken
}  // namespace feature

using EncodingSet = std::uint64_t;
constexpr EncodingSet encoding_bit(Encoding encoding) {
  return EncodingSet{1} << static_cast<unsigned>(encoding);
}

struct Uuid {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  auto operator<=>(const Uuid&) const = default;  // NOLINT(modernize-use-nullptr): see Id
  [[nodiscard]] bool valid() const { return low != 0 || high != 0; }
};

/// What a kill of the worker reaches, from least to most.
enum class Containment : std::uint16_t {
  none,
  stop_token,
  process,
  process_group,
  subreaper,
  cgroup
};
/// "all descendants at once".
const char* in_words(Containment containment);

/// What a worker holds when it says hello.
enum class HoldingState : std::uint32_t { running = 1, unstarted = 2, result = 3 };
struct Holding {
  AttemptId attempt;
  HoldingState state = HoldingState::running;
  bool operator==(const Holding&) const = default;
};

/// What the manager says about each of them.
enum class Verdict : std::uint32_t { keep = 1, drop = 2, kill = 3 };
struct Judgement {
  AttemptId attempt;
  Verdict verdict = Verdict::keep;
  bool operator==(const Judgement&) const = default;
};

struct Hello {
  SessionId resume;
  std::uint16_t protocol_min = 1;
  std::uint16_t protocol_max = 1;
  std::uint16_t slots = 1;
  Containment containment = Containment::none;
  FeatureSet features = 0;
  EncodingSet encodings = 0;
  Uuid uuid;
  Uuid boot;
  std::uint64_t farm = 0;
  std::uint32_t pid = 0;
  std::uint32_t greeting = 0;
  std::uint32_t incarnation = 0;
  std::uint32_t prefetch = 0;
  std::string software;
  std::string host;
  std::vector<std::string> functions;
  std::vector<std::string> labels;
  std::string cookie;
  std::vector<Holding> holdings;
  bool operator==(const Hello&) const = default;
};

struct Welcome {
  std::uint16_t version = 1;
  SessionId session;
  FeatureSet features = 0;
  std::uint64_t farm = 0;
  std::uint32_t incarnation = 0;
  std::uint32_t greeting = 0;
  Duration heartbeat{};  // whole milliseconds on the wire, as are all durations here
  Duration suspect{};
  Duration dead{};
  std::uint32_t frame_bytes_max = 0;
  std::uint32_t unacknowledged_max = 0;
  std::uint64_t payload_bytes_max = 0;  // of a result in parts; 0: none comes so
  std::vector<Judgement> judgements;
  bool operator==(const Welcome&) const = default;
};

enum class RefuseCode : std::uint16_t {
  version = 1,
  malformed = 2,
  farm = 3,
  cookie = 4,
  old_manager = 5,
  limit = 6,
  protocol = 7,
  replaced = 8,
  key = 9,
};
struct Refuse {
  SessionId session;
  RefuseCode code = RefuseCode::version;
  std::uint16_t protocol_min = 0;
  std::uint16_t protocol_max = 0;
  std::uint32_t greeting = 0;
  Duration retry{};  // 0: do not try again
  std::string words;
  bool operator==(const Refuse&) const = default;
};

struct Who {
  std::uint16_t protocol_min = 0;
  std::uint16_t protocol_max = 0;
  bool operator==(const Who&) const = default;
};

struct Task {
  AttemptId attempt;
  GroupId group;
  std::uint16_t function = 0;
  std::uint32_t acknowledged = 0;
  Duration time_limit{};  // 0: none
  std::uint32_t number = 1;
  std::uint64_t item = 0;
  TaskId task;
  Payload payload;
  bool in_parts = false;  // the payload's bytes follow in Parts; none are here
  bool operator==(const Task&) const = default;
};

/// How an attempt ended at the worker.
enum class AttemptOutcome : std::uint16_t {
  ok = 0,
  failed = 1,
  crashed = 2,
  time_limit = 3,
  rejected = 4
};
struct Result {
  AttemptId attempt;
  AttemptOutcome outcome = AttemptOutcome::ok;
  bool nothing = false;      // with ok: the function ran to its end and found nothing
  std::uint32_t detail = 0;  // the signal, or 256 + exit status; 0: unknown
  Duration busy{};           // whole microseconds on the wire
  RareText error_type;
  RareText error_text;
  Payload payload;
  Duration cpu{};            // as busy; 0: unknown
  std::uint64_t memory = 0;  // bytes resident at most; 0: unknown
  bool in_parts = false;     // the payload's bytes came before in Parts; none are here
  bool operator==(const Result&) const = default;
};

struct Kill {
  AttemptId attempt;  // invalid if a group is meant
  SessionId session;  // with group
  GroupId group;      // valid: every attempt of this group
  bool if_unstarted = false;
  bool operator==(const Kill&) const = default;
};

struct Killed {
  AttemptId attempt;
  bool unstarted = false;
  Duration busy{};
  bool operator==(const Killed&) const = default;
};

struct Heartbeat {
  SessionId session;
  std::uint32_t started = 0;
  std::uint32_t acknowledged = 0;
  bool echo = false;
  bool operator==(const Heartbeat&) const = default;
};

struct Goodbye {
  SessionId session;
  bool drain = false;
  bool closed = false;
  std::uint32_t detail = 0;
  std::string words;
  bool operator==(const Goodbye&) const = default;
};

/// What a task wrote to its standard output, as it comes.
struct Output {
  AttemptId attempt;
  std::uint64_t offset = 0;  // of the first byte, in all that the attempt writes
  Bytes bytes;               // 1 to limits::output_chunk_bytes_max
  bool operator==(const Output&) const = default;
};

struct OutputTaken {
  AttemptId attempt;
  std::uint64_t offset = 0;  // everything before it was taken
  bool operator==(const OutputTaken&) const = default;
};

/// A piece of a payload that no frame can carry.
struct Part {
  AttemptId attempt;
  std::uint64_t offset = 0;  // of the first byte, in the payload
  std::uint64_t total = 0;   // bytes of the payload
  Bytes bytes;               // at least one; all within the payload
  bool operator==(const Part&) const = default;
};

struct PartTaken {
  AttemptId attempt;
  std::uint64_t offset = 0;  // everything before it came, or was dropped
  bool operator==(const PartTaken&) const = default;
};

/// Many tasks at once, in their order. Their own `acknowledged` is 0.
struct Tasks {
  SessionId session;
  std::uint32_t acknowledged = 0;
  std::vector<Task> tasks;  // not empty
  bool operator==(const Tasks&) const = default;
};

/// How many attempts ended, in the order in which they count as results. None of them has texts.
struct Results {
  SessionId session;
  std::uint32_t started = 0;    // as in Heartbeat
  std::vector<Result> results;  // not empty
  bool operator==(const Results&) const = default;
};

/// A well-formed header of a kind that this build does not know. Ignored and counted: a newer peer
/// may use it.
struct Unknown {
  std::uint16_t kind = 0;
  std::uint64_t id = 0;
  bool operator==(const Unknown&) const = default;
};

using Message =
    std::variant<Hello, Welcome, Refuse, Who, Task, Result, Kill, Killed, Heartbeat, Goodbye,
                 Output, OutputTaken, Tasks, Results, Part, PartTaken, Unknown>;

}  // namespace fanmill::core
