#include "hot_messages.hpp"

#include <chrono>
#include <stdexcept>

namespace bench {

using namespace fanmill;        // NOLINT: a program of its own
using namespace fanmill::core;  // NOLINT
using core::Result;             // not the one of base

namespace {

constexpr std::uint64_t incarnation = std::uint64_t{3} << serial_bits;
constexpr SessionId session{incarnation + 1};

Task task(std::uint64_t serial) {
  return {.attempt = {incarnation + serial},
          .group = {incarnation + serial},
          .item = serial,
          .task = {incarnation + serial},
          .payload = Payload::raw("8 bytes.")};
}

Result result(std::uint64_t serial) {
  return {.attempt = {incarnation + serial},
          .busy = std::chrono::microseconds(17),
          .payload = Payload::raw("8 bytes."),
          .cpu = std::chrono::microseconds(16)};
}

}  // namespace

std::vector<HotMessage> hot_messages() {
  std::vector<HotMessage> list = {{"Task", task(1)},
                                  {"Result", result(1)},
                                  {"Kill", Kill{.attempt = {incarnation + 1}}},
                                  {"Killed", Killed{.attempt = {incarnation + 1}}},
                                  {"Heartbeat", Heartbeat{.session = session, .started = 7}}};
  for (const std::size_t count : {1U, 64U, 256U}) {
    Tasks tasks{.session = session};
    Results results{.session = session};
    for (std::size_t i = 1; i <= count; ++i) {
      tasks.tasks.push_back(task(i));
      results.results.push_back(result(i));
    }
    list.push_back({"Tasks/" + std::to_string(count), std::move(tasks), count});
    list.push_back({"Results/" + std::to_string(count), std::move(results), count});
  }
  return list;
}

StoredFrames stored_frames(const Message& message) {
  codec::HeaderBuffer buffer;
  const auto frames = codec::encode(message, 1, buffer);
  if (!frames.ok()) throw std::logic_error("a message that can't be encoded");
  StoredFrames stored{std::string(frames.value().header), std::nullopt};
  if (frames.value().has_payload) stored.payload = frames.value().payload;
  return stored;
}

std::size_t encode_once(const Message& message, codec::HeaderBuffer& buffer) {
  const auto frames = codec::encode(message, 1, buffer);
  if (!frames.ok()) throw std::logic_error("a message that can't be encoded");
  return frames.value().header.size() + frames.value().payload.size();
}

std::size_t decode_once(const StoredFrames& frames) {
  const auto decoded = codec::decode(frames.header, frames.payload ? &*frames.payload : nullptr);
  if (!decoded.ok()) throw std::logic_error("frames that can't be decoded");
  return decoded.value().message.index();
}

}  // namespace bench
