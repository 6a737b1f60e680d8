#include "core/parts.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "core/plant.hpp"

namespace fanmill::core {

void PartSender::set_frame_limit(std::size_t frame_bytes_max) {
  FANMILL_ASSERT(list_.empty());
  frame_bytes_max_ = frame_bytes_max;
}

void PartSender::add(AttemptId attempt, Bytes payload) {
  FANMILL_ASSERT(attempt.valid() && !payload.empty(), attempt);
  const std::uint64_t total = payload.size();
  list_.push_back({.attempt = attempt, .payload = std::move(payload), .total = total});
}

void PartSender::drop(AttemptId attempt) {
  const auto found = std::find_if(list_.begin(), list_.end(),
                                  [&](const Outgoing& each) { return each.attempt == attempt; });
  if (found == list_.end()) return;
  const bool begun = std::cmp_less(found - list_.begin(), begun_);
  // What is under way goes on to count until it is told to have come.
  if (begun && found->taken < found->sent) {
    found->dropped = true;
    found->payload = {};
    found->total = found->sent;
    return;
  }
  begun_ -= begun ? 1 : 0;
  list_.erase(found);
}

std::optional<Part> PartSender::next() {
  std::size_t at = begun_;
  if (begun_ > 0 && list_[begun_ - 1].sent < list_[begun_ - 1].total) at = begun_ - 1;
  if (at == list_.size()) return std::nullopt;
  Outgoing& each = list_[at];
  const std::uint64_t bytes =
      std::min<std::uint64_t>(limits::part_bytes(frame_bytes_max_), each.total - each.sent);
  if (under_way_ + bytes > window() && !FANMILL_PLANTED(part_window_ignored)) return std::nullopt;
  Part part{.attempt = each.attempt,
            .offset = each.sent,
            .total = each.total,
            .bytes = each.payload.slice(each.sent, bytes)};
  begun_ = at + 1;
  each.sent += bytes;
  under_way_ += bytes;
  if (each.sent == each.total) each.payload = {};
  return part;
}

bool PartSender::taken(AttemptId attempt, std::uint64_t offset) {
  std::size_t at = 0;
  while (at < begun_ && list_[at].attempt != attempt) ++at;
  if (at == begun_) return false;
  Outgoing& told = list_[at];
  if (offset > told.sent || offset <= told.taken) return false;
  under_way_ -= offset - told.taken;
  told.taken = offset;
  for (; at > 0; --at) end_first();
  if (list_.front().taken == list_.front().total) end_first();
  return true;
}

/// All of it that was sent has come.
void PartSender::end_first() {
  const Outgoing& first = list_.front();
  under_way_ -= first.sent - first.taken;
  if (!first.dropped) whole_.push_back(first.attempt);
  list_.pop_front();
  begun_ -= 1;
}

std::optional<AttemptId> PartSender::next_whole() {
  if (whole_.empty()) return std::nullopt;
  const AttemptId first = whole_.front();
  whole_.pop_front();
  return first;
}

void PartSender::clear() {
  list_.clear();
  whole_.clear();
  begun_ = 0;
  under_way_ = 0;
}

bool PartSender::sends(AttemptId attempt) const {
  return std::any_of(list_.begin(), list_.end(), [&](const Outgoing& each) {
    return each.attempt == attempt && each.sent < each.total;
  });
}

std::uint64_t PartSender::unsent() const {
  std::uint64_t bytes = 0;
  for (const Outgoing& each : list_) bytes += each.total - each.sent;
  return bytes;
}

std::string PartReceiver::fault_of(const Part& part, std::size_t frame_bytes_max) const {
  const auto words = [&](const std::string& what) {
    return "a part of the payload of attempt " + std::to_string(part.attempt.value) + " " + what;
  };
  if (part.attempt != attempt_) {
    if (attempt_.valid())
      return words("came, and that of attempt " + std::to_string(attempt_.value) + " is not whole");
    if (part.offset != 0)
      return words("came from byte " + std::to_string(part.offset) + " on, expected 0");
  } else if (part.total != total_) {
    return words("says that it has " + std::to_string(part.total) + " bytes, others said " +
                 std::to_string(total_));
  }
  if (is_repeated(part)) return {};
  const std::uint64_t received = part.attempt == attempt_ ? received_ : 0;
  if (part.offset != received)
    return words("came from byte " + std::to_string(part.offset) + " on, expected " +
                 std::to_string(received));
  const std::uint64_t told = part.attempt == attempt_ ? told_ : 0;
  const std::uint64_t under_way = part.offset + part.bytes.size() - told;
  const std::size_t window = limits::part_window(frame_bytes_max);
  if (under_way > window)
    return words("came " + std::to_string(under_way) + " bytes beyond what was told, at most " +
                 std::to_string(window) + " are allowed");
  return {};
}

bool PartReceiver::is_repeated(const Part& part) const {
  return part.attempt == attempt_ && part.offset + part.bytes.size() <= received_;
}

void PartReceiver::take(const Part& part, bool keep) {
  if (part.attempt != attempt_) {
    clear();
    attempt_ = part.attempt;
    total_ = part.total;
  }
  if (keep) {
    FANMILL_ASSERT(bytes_.size() == received_, attempt_, received_);
    bytes_.append(part.bytes.view(), total_);
  } else {
    forget_bytes();
  }
  received_ += part.bytes.size();
}

std::optional<std::uint64_t> PartReceiver::to_tell(std::size_t frame_bytes_max) {
  const std::uint64_t untold = received_ - told_;
  if (untold == 0 || (untold < limits::part_bytes(frame_bytes_max) && received_ < total_))
    return std::nullopt;
  told_ = received_;
  return told_;
}

Bytes PartReceiver::finish() {
  Bytes bytes = bytes_.finish();
  clear();
  return bytes;
}

}  // namespace fanmill::core
