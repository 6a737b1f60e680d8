// Messages made of an input's bytes, for the streams of events that the cores are fed with.
//
// Ids are mostly such as the core has handed out or was given before, so that lies come near the
// truth. Each message passes through codec::encode and codec::decode: a core hears only what can
// arrive.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "codec/codec.hpp"
#include "core/message.hpp"
#include "fuzz.hpp"

namespace fanmill::fuzz {

/// The latest few ids of one kind.
template <typename IdType>
class IdPool {
 public:
  void add(IdType id) { ids_[count_++ % ids_.size()] = id; }
  [[nodiscard]] IdType any(Choices& choices) const {
    const std::uint32_t choice = choices.below(8 * ids_.size());
    if (choice == 0) return IdType{std::max<std::uint64_t>(choices.number(), 1)};
    if (choice == 1) return next();
    return ids_[(count_ + ids_.size() - 1 - choice % ids_.size()) % ids_.size()];
  }
  /// One higher than the latest; never 0, which no id is.
  [[nodiscard]] IdType next() const {
    return IdType{latest().value + 1 + (latest().value == UINT64_MAX)};
  }
  [[nodiscard]] IdType latest() const { return ids_[(count_ + ids_.size() - 1) % ids_.size()]; }

 private:
  std::array<IdType, 12> ids_ = [] {
    std::array<IdType, 12> ids;
    ids.fill(IdType{1});
    return ids;
  }();
  std::size_t count_ = 0;
};

struct Ids {
  IdPool<SessionId> sessions;
  IdPool<AttemptId> attempts;
  IdPool<GroupId> groups;
  std::uint32_t greeting = 0;  // the latest hello's
  std::uint64_t farm = 1;
  std::uint32_t incarnation = 1;
};

/// A message of any kind; not all are well-formed. Only ids are never 0: that nobody says.
core::Message any_message(Choices& choices, const Ids& ids);
/// Mostly one that a worker says.
core::Message any_worker_message(Choices& choices, const Ids& ids);
/// Mostly one that a manager says.
core::Message any_manager_message(Choices& choices, const Ids& ids);
/// Mostly one that answers the latest hello.
core::Message any_welcome(Choices& choices, const Ids& ids);

/// What arrives of it; nothing if it is none that could be sent.
std::optional<core::Message> as_received(const core::Message& message);

/// What a core sends must be readable, and mean the same there.
void must_be_sendable(const core::Message& message, std::uint16_t version);

}  // namespace fanmill::fuzz
