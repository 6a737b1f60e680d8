#include "messages.hpp"

#include <chrono>
#include <utility>

namespace fanmill::fuzz {

using namespace std::chrono_literals;

namespace {

core::Hello hello(Choices& choices, const Ids& ids) {
  core::Hello hello{.slots = static_cast<std::uint16_t>(choices.below(4)),
                    .containment = static_cast<core::Containment>(choices.below(6)),
                    .features = choices.number(),
                    .encodings = choices.one_in(4) ? choices.number() : 15,
                    .uuid = {.low = 1 + choices.below(5), .high = choices.below(2)},
                    .boot = {.low = choices.below(3), .high = 1},
                    .greeting = std::max(choices.number32(), 1U),
                    .incarnation = choices.below(3),
                    .prefetch = choices.below(4),
                    .functions = {""}};
  const std::uint8_t rare = choices.byte();
  if (rare % 4 == 1) hello.resume = ids.sessions.any(choices);
  if (rare % 8 == 2) hello.functions = {"f", "other"};
  if (rare % 32 == 3) hello.protocol_min = hello.protocol_max = choices.number16();
  if (rare % 32 == 7) hello.farm = choices.number();
  if (rare % 32 == 11) hello.cookie = choices.text(4);
  if (rare % 32 == 15) hello.host = hello.software = choices.text(20);
  if (rare % 32 == 19) hello.slots = choices.number16();
  for (std::uint32_t i = choices.below(5); i > 0; --i) {
    hello.holdings.push_back(
        {ids.attempts.any(choices), static_cast<core::HoldingState>(1 + choices.below(3))});
  }
  return hello;
}

core::Welcome welcome(Choices& choices, const Ids& ids) {
  core::Welcome welcome{.session = ids.sessions.next(),
                        .features = 63,
                        .farm = ids.farm,
                        .incarnation = ids.incarnation,
                        .greeting = std::max(ids.greeting, 1U),
                        .heartbeat = 2s,
                        .suspect = 6s,
                        .dead = 20s,
                        .frame_bytes_max = limits::frame_bytes_max,
                        .unacknowledged_max = 10};
  const std::uint8_t rare = choices.byte();
  if (rare % 8 == 1) welcome.session = ids.sessions.any(choices);
  if (rare % 8 == 2) welcome.features = choices.number();
  if (rare % 16 == 3) welcome.farm = choices.number();
  if (rare % 16 == 7) welcome.incarnation = choices.number32();
  if (rare % 8 == 4) welcome.greeting = choices.number32() | 1U;
  if (rare % 16 == 5) welcome.frame_bytes_max = choices.number32();
  if (rare % 4 == 2) welcome.payload_bytes_max = 1U << 20;
  if (rare % 16 == 13) welcome.frame_bytes_max = limits::header_bytes_max;
  if (rare % 8 == 6) welcome.unacknowledged_max = 1 + choices.below(3);
  if (rare % 16 == 15) {
    welcome.heartbeat = choices.duration();
    welcome.suspect = welcome.heartbeat + choices.duration();
    welcome.dead = welcome.suspect + choices.duration();
  }
  for (std::uint32_t i = choices.below(5); i > 0; --i) {
    welcome.judgements.push_back(
        {ids.attempts.any(choices), static_cast<core::Verdict>(1 + choices.below(3))});
  }
  return welcome;
}

core::Refuse refuse(Choices& choices, const Ids& ids) {
  return {.session = choices.one_in(2) ? ids.sessions.any(choices) : SessionId{},
          .code = static_cast<core::RefuseCode>(choices.below(12)),
          .protocol_min = static_cast<std::uint16_t>(choices.below(4)),
          .protocol_max = static_cast<std::uint16_t>(choices.below(4)),
          .greeting = choices.one_in(2) ? ids.greeting : choices.number32(),
          .retry = choices.one_in(2) ? choices.duration() : Duration{},
          .words = "no"};
}

core::Task task(Choices& choices, const Ids& ids) {
  core::Task task{.attempt = choices.one_in(3) ? ids.attempts.any(choices) : ids.attempts.next(),
                  .group = GroupId{1 + choices.below(3)},
                  .acknowledged = choices.below(6),
                  .item = choices.below(4)};
  const std::uint8_t rare = choices.byte();
  if (rare % 4 == 1) task.time_limit = choices.duration();
  if (rare % 8 == 2) task.function = choices.number16();
  if (rare % 8 == 3) task.number = choices.number32();
  if (rare % 8 == 4) task.acknowledged = choices.number32();
  task.task = TaskId{1 + choices.below(9)};
  if (rare % 2 == 0) task.payload = Payload::raw("xx");
  if (rare % 16 == 6) task.payload = Payload::json("1");
  return task;
}

core::Result result(Choices& choices, const Ids& ids) {
  core::Result result{.attempt = ids.attempts.any(choices)};
  const std::uint8_t rare = choices.byte();
  if (rare % 4 == 1) result.outcome = static_cast<core::AttemptOutcome>(choices.below(5));
  if (rare % 8 == 2) result.nothing = true;
  if (rare % 8 == 3) result.detail = choices.number32();
  if (rare % 8 == 4) result.busy = choices.duration();
  if (rare % 16 == 5) result.busy = result.cpu = Duration::max();
  if (rare % 16 == 6) result.memory = choices.number();
  if (rare % 16 == 7) result.error_type = result.error_text = choices.text(9);
  if (rare % 8 == 0) result.payload = Payload::raw("r");
  return result;
}

core::Kill kill(Choices& choices, const Ids& ids) {
  if (choices.one_in(3))
    return {.attempt = ids.attempts.any(choices), .if_unstarted = choices.one_in(2)};
  return {.session = ids.sessions.any(choices),
          .group = GroupId{1 + choices.below(3)},
          .if_unstarted = choices.one_in(2)};
}

core::Killed killed(Choices& choices, const Ids& ids) {
  return {.attempt = ids.attempts.any(choices),
          .unstarted = choices.one_in(2),
          .busy = choices.one_in(4) ? choices.duration() : Duration{}};
}

core::Heartbeat heartbeat(Choices& choices, const Ids& ids) {
  return {.session = ids.sessions.any(choices),
          .started = choices.number32(),
          .acknowledged = choices.number32(),
          .echo = choices.one_in(2)};
}

core::Goodbye goodbye(Choices& choices, const Ids& ids) {
  const std::uint8_t flags = choices.byte();
  return {.session = ids.sessions.any(choices),
          .drain = flags % 2 == 1,
          .closed = flags % 4 >= 2,
          .detail = choices.number32()};
}

core::Output output(Choices& choices, const Ids& ids) {
  const std::size_t size = 1 + choices.byte() % 4 * std::size_t{16000} % 65536;
  return {.attempt = ids.attempts.any(choices),
          .offset = choices.one_in(2) ? choices.number() : 0,
          .bytes = Bytes(std::string(size, 'o'))};
}

core::OutputTaken output_taken(Choices& choices, const Ids& ids) {
  return {.attempt = ids.attempts.any(choices), .offset = choices.number()};
}

core::Part part(Choices& choices, const Ids& ids) {
  const std::uint64_t size = 1 + choices.byte() % 4 * std::uint64_t{1500} % 4096;
  core::Part part{.attempt = ids.attempts.any(choices),
                  .bytes = Bytes(std::string(static_cast<std::size_t>(size), 'p'))};
  part.offset = choices.below(4) * size;
  part.total = part.offset + size + choices.below(3) * 1500;
  if (choices.one_in(8)) part.offset = choices.number() / 4;
  if (choices.one_in(8)) part.total = choices.number();
  part.total = std::max(part.total, part.offset + size);
  return part;
}

core::PartTaken part_taken(Choices& choices, const Ids& ids) {
  return {.attempt = ids.attempts.any(choices),
          .offset = choices.one_in(2) ? choices.below(9) * std::uint64_t{1500} : choices.number()};
}

/// A payload in parts in place of one that is here.
template <typename Message>
Message in_parts(Message message) {
  message.payload = {.bytes = {}, .encoding = Encoding::raw};
  message.in_parts = true;
  return message;
}

core::Tasks tasks(Choices& choices, const Ids& ids) {
  core::Tasks batch{
      .session = ids.sessions.any(choices), .acknowledged = choices.below(6), .tasks = {}};
  // Mostly as a manager sends them: each newer than the one before.
  AttemptId next = ids.attempts.next();
  for (std::uint32_t i = 1 + choices.below(6); i > 0; --i) {
    core::Task one = task(choices, ids);
    one.acknowledged = 0;
    if (!choices.one_in(8)) one.attempt = std::exchange(next, AttemptId{next.value + 1});
    batch.tasks.push_back(std::move(one));
  }
  return batch;
}

core::Results results(Choices& choices, const Ids& ids) {
  core::Results batch{
      .session = ids.sessions.any(choices), .started = choices.number32(), .results = {}};
  for (std::uint32_t i = 1 + choices.below(6); i > 0; --i) {
    core::Result one = result(choices, ids);
    one.error_type = {};
    one.error_text = {};
    batch.results.push_back(std::move(one));
  }
  return batch;
}

}  // namespace

core::Message any_message(Choices& choices, const Ids& ids) {
  static_assert(std::variant_size_v<core::Message> == 17, "a new kind belongs here, too");
  switch (choices.below(19)) {
    case 0:
      return hello(choices, ids);
    case 1:
      return welcome(choices, ids);
    case 2:
      return refuse(choices, ids);
    case 3:
      return core::Who{choices.number16(), choices.number16()};
    case 4:
      return task(choices, ids);
    case 5:
      return result(choices, ids);
    case 6:
      return kill(choices, ids);
    case 7:
      return killed(choices, ids);
    case 8:
      return heartbeat(choices, ids);
    case 9:
      return goodbye(choices, ids);
    case 10:
      return output(choices, ids);
    case 11:
      return output_taken(choices, ids);
    case 12:
      return tasks(choices, ids);
    case 13:
      return results(choices, ids);
    case 14:
      return part(choices, ids);
    case 15:
      return part_taken(choices, ids);
    case 16:
      return in_parts(task(choices, ids));
    case 17:
      return in_parts(result(choices, ids));
    default:
      return core::Unknown{choices.number16(), choices.number()};
  }
}

core::Message any_worker_message(Choices& choices, const Ids& ids) {
  switch (choices.below(12)) {
    case 0:
      return any_message(choices, ids);
    case 1:
      return hello(choices, ids);
    case 2:
      return killed(choices, ids);
    case 3:
      return heartbeat(choices, ids);
    case 4:
      return output(choices, ids);
    case 8:
      return results(choices, ids);
    case 9:
      return part(choices, ids);
    case 10:
      return part_taken(choices, ids);
    case 11:
      return in_parts(result(choices, ids));
    default:
      return result(choices, ids);
  }
}

core::Message any_manager_message(Choices& choices, const Ids& ids) {
  switch (choices.below(12)) {
    case 0:
      return any_message(choices, ids);
    case 1:
      return welcome(choices, ids);
    case 2:
      return kill(choices, ids);
    case 3:
      return heartbeat(choices, ids);
    case 4:
      return output_taken(choices, ids);
    case 8:
      return tasks(choices, ids);
    case 9:
      return part(choices, ids);
    case 10:
      return part_taken(choices, ids);
    case 11:
      return in_parts(task(choices, ids));
    default:
      return task(choices, ids);
  }
}

core::Message any_welcome(Choices& choices, const Ids& ids) { return welcome(choices, ids); }

namespace {

std::optional<codec::Decoded> passed(const core::Message& message, std::uint16_t version) {
  static codec::HeaderBuffer buffer;
  // No kind of its own: nothing writes it.
  if (std::holds_alternative<core::Unknown>(message)) return codec::Decoded{message, version};
  const Result<codec::Frames> frames = codec::encode(message, version, buffer);
  if (!frames.ok()) return std::nullopt;
  Result<codec::Decoded> decoded = codec::decode(
      frames.value().header, frames.value().has_payload ? &frames.value().payload : nullptr);
  if (!decoded.ok()) return std::nullopt;
  return std::move(decoded).value();
}

}  // namespace

std::optional<core::Message> as_received(const core::Message& message) {
  std::optional<codec::Decoded> decoded = passed(message, limits::protocol_max);
  if (!decoded) return std::nullopt;
  return std::move(decoded->message);
}

void must_be_sendable(const core::Message& message, std::uint16_t version) {
  must(!std::holds_alternative<core::Unknown>(message), "a core sends what it does not know");
  const std::optional<codec::Decoded> decoded = passed(message, version);
  if (!decoded) found("a core sends a message that nobody can read");
  must(decoded->message.index() == message.index(), "a core sends what is read as another kind");
}

}  // namespace fanmill::fuzz
