// Peers that speak other versions of the protocol: v0 (0 only) and v2 (1 and 2), both made up.
// They build and read frames with the schemas of this folder and share no code with lib/, so that a
// mistake of the codec can't hide by being on both sides. No sockets: tests bring their own.
//
// Readers return nothing if the header is not of their kind or can't be read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fanmill_test {

struct Frames {
  std::string header;
  std::optional<std::string> payload;
  bool operator==(const Frames&) const = default;
};

/// The kind and version that word 0 of a header names; 0 if it is too short.
std::uint16_t kind_of(std::string_view header);
std::uint16_t version_of(std::string_view header);

/// A 16-byte record of the payload of Hello and Welcome.
struct Record {
  std::uint64_t attempt = 0;
  std::uint32_t number = 0;
  bool operator==(const Record&) const = default;
};
std::string pack(const std::vector<Record>& records);

namespace v0 {

struct Hello {
  std::uint64_t session = 0;
  std::uint16_t slots = 1;
  std::uint64_t uuid_low = 0x1111;
  std::uint64_t uuid_high = 0x2222;
  std::string software = "oldmill 0.0.7";
};
Frames hello(const Hello& options = {});
Frames heartbeat(std::uint64_t session);
Frames result(std::uint64_t attempt, std::uint32_t outcome = 0, const std::string& text = {});
Frames goodbye(std::uint64_t session);

struct Refuse {
  std::uint16_t code = 0;
  std::uint16_t protocol_min = 0;
  std::uint16_t protocol_max = 0;
  std::uint32_t retry_ms = 0;
  std::string words;
};
std::optional<Refuse> read_refuse(std::string_view header);
/// Whether it is a Who; it has nothing more to tell.
bool read_who(std::string_view header);

}  // namespace v0

namespace v2 {

inline constexpr std::uint64_t feature_telemetry = 32;
inline constexpr std::uint64_t feature_migrate = std::uint64_t{1} << 40;
inline constexpr std::uint64_t encoding_arrow = std::uint64_t{1} << 9;
inline constexpr std::uint16_t containment_container = 6;
inline constexpr std::uint16_t kind_telemetry = 200;
inline constexpr std::uint16_t refuse_budget = 90;

// What a worker sends. `version` is the session's, as Welcome told it.
struct Hello {
  std::uint64_t session = 0;
  std::uint16_t protocol_min = 1;
  std::uint16_t protocol_max = 2;
  std::uint16_t slots = 2;
  std::uint16_t containment = containment_container;
  std::uint64_t features = 1 | 2 | feature_telemetry | feature_migrate;
  std::uint64_t encodings = 0b1111 | encoding_arrow;
  std::uint64_t uuid_low = 0x3333;
  std::uint64_t uuid_high = 0x4444;
  std::uint32_t greeting = 1;
  std::uint32_t pid = 4711;
  std::string software = "newmill 2.0.0";
  std::string host = "tomorrow";
  std::string functions = "square\ncube";
  std::string labels;
  std::string cookie;
  std::string zone = "eu-north";
  std::uint64_t memory_bytes = std::uint64_t{64} << 30;
  std::vector<Record> holdings;
};
Frames hello(const Hello& options = {});

struct Result {
  std::uint64_t attempt = 0;
  std::uint16_t outcome = 0;
  std::uint16_t encoding = 0;  // with a payload: 2, JSON
  std::uint16_t flags = 0;
  std::string error_type;
  std::string error_text;
  std::string evidence = "/var/crash/core.4711";
  std::uint64_t core_bytes = 123456789;
  std::optional<std::string> payload;
};
Frames result(std::uint16_t version, const Result& options);
Frames killed(std::uint16_t version, std::uint64_t attempt, bool unstarted = false);
Frames heartbeat(std::uint16_t version, std::uint64_t session, std::uint32_t started = 0,
                 std::uint32_t acknowledged = 0, bool echo = false);
Frames telemetry(std::uint16_t version, std::uint64_t session);
Frames goodbye(std::uint16_t version, std::uint64_t session);

// What a manager sends.
struct Welcome {
  std::uint16_t version = 1;
  std::uint64_t session = 0;
  std::uint64_t features = 0;
  std::uint64_t farm = 77;
  std::uint32_t incarnation = 1;
  std::uint32_t greeting = 1;
  std::uint32_t heartbeat_ms = 2000;
  std::uint32_t suspect_ms = 6000;
  std::uint32_t dead_ms = 20000;
  std::uint32_t frame_bytes_max = 1 << 20;
  std::uint32_t unacknowledged_max = 65536;
  std::uint64_t budget_ms = 5;
  std::string motto = "on we go";
  std::vector<Record> judgements;
};
Frames welcome(const Welcome& options);

struct Task {
  std::uint64_t attempt = 0;
  std::uint64_t group = 0;
  std::uint64_t task = 0;
  std::uint16_t function = 0;
  std::uint16_t encoding = 0;
  std::uint32_t acknowledged = 0;
  std::uint32_t time_limit_ms = 0;
  std::uint32_t number = 1;
  std::uint64_t item = 0;
  std::uint32_t priority = 3;
  std::uint64_t trace_id = 0xabcdef;
  std::optional<std::string> payload;
  bool operator==(const Task&) const = default;
};
Frames task(std::uint16_t version, const Task& options);

struct Refuse {
  std::uint16_t code = refuse_budget;
  std::uint16_t protocol_min = 1;
  std::uint16_t protocol_max = 2;
  std::uint32_t greeting = 1;
  std::uint32_t retry_ms = 0;
  std::string words = "the budget of this month is used up";
};
Frames refuse(const Refuse& options = {});
Frames who();

// What a worker of version 2 reads from a manager of any version. Fields that it lacks are 0 or
// empty.
std::optional<Welcome> read_welcome(std::string_view header,
                                    const std::optional<std::string>& payload = {});
std::optional<Task> read_task(std::string_view header,
                              const std::optional<std::string>& payload = {});
std::optional<Refuse> read_refuse(std::string_view header);
struct Kill {
  std::uint64_t attempt = 0;
  std::uint64_t group = 0;
  std::uint16_t flags = 0;
};
std::optional<Kill> read_kill(std::string_view header);
struct Heartbeat {
  std::uint64_t session = 0;
  std::uint32_t acknowledged = 0;
  bool echo = false;
};
std::optional<Heartbeat> read_heartbeat(std::string_view header);
// What a manager of version 2 reads from a worker.
std::optional<Hello> read_hello(std::string_view header,
                                const std::optional<std::string>& payload = {});
std::optional<Result> read_result(std::string_view header,
                                  const std::optional<std::string>& payload = {});

}  // namespace v2
}  // namespace fanmill_test
