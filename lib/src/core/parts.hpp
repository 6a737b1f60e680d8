// Payloads that no frame can carry, on their way in parts: how they are taken apart at one end
// (PartSender) and put together at the other (PartReceiver). Both managers and workers have both.
//
// One payload travels after another, so a receiver never holds more than one that is not whole. What
// is under way is bounded by a window, which begins at what the other end has told to have taken: so
// a kill or a heartbeat waits behind a few parts at the most, and when a payload is of no use any
// more those few are all that still come. They belong to one session, and end with it: what came half
// is thrown away, and sent again from its beginning.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "base/growing_bytes.hpp"
#include "core/limits.hpp"
#include "core/message.hpp"

namespace fanmill::core {

class PartSender {
 public:
  /// Nothing may be on its way.
  void set_frame_limit(std::size_t frame_bytes_max);

  /// Behind those that are here. Not empty.
  void add(AttemptId attempt, Bytes payload);
  /// No more of it is sent. O(payloads here).
  void drop(AttemptId attempt);
  /// The next part, if the window has room for it.
  [[nodiscard]] std::optional<Part> next();
  /// All before `offset` of this payload has come, and so has all that was sent before it. What is
  /// not news, or of something that isn't on its way, is ignored; false then.
  bool taken(AttemptId attempt, std::uint64_t offset);
  /// The next of those that the other end has wholly, as far as it told; in the order sent.
  [[nodiscard]] std::optional<AttemptId> next_whole();
  /// The session is over.
  void clear();

  /// Whether something is sent, or was and isn't told to have come.
  [[nodiscard]] bool empty() const { return list_.empty(); }
  [[nodiscard]] std::uint64_t under_way() const { return under_way_; }
  [[nodiscard]] std::uint64_t window() const { return limits::part_window(frame_bytes_max_); }
  /// Whether some of it is still to be sent. O(payloads here).
  [[nodiscard]] bool sends(AttemptId attempt) const;
  /// The bytes that are still to be sent, for invariants. O(payloads here).
  [[nodiscard]] std::uint64_t unsent() const;

 private:
  struct Outgoing {
    AttemptId attempt;
    Bytes payload;  // none once all of it was sent
    std::uint64_t total = 0;
    std::uint64_t sent = 0;
    std::uint64_t taken = 0;
    bool dropped = false;
  };
  void end_first();

  std::size_t frame_bytes_max_ = limits::frame_bytes_max;
  std::deque<Outgoing> list_;  // those of which something was sent come first
  std::size_t begun_ = 0;      // so many
  std::uint64_t under_way_ = 0;
  std::deque<AttemptId> whole_;
};

class PartReceiver {
 public:
  /// What the sender must not have done; empty if all is well, also for a repetition.
  [[nodiscard]] std::string fault_of(const Part& part, std::size_t frame_bytes_max) const;
  /// Whether it came before.
  [[nodiscard]] bool is_repeated(const Part& part) const;
  /// The next part. `keep`: its bytes are wanted, and so were all before it.
  void take(const Part& part, bool keep);
  /// How far the sender is to be told, if it is time: a part's size has come since, or it is whole.
  [[nodiscard]] std::optional<std::uint64_t> to_tell(std::size_t frame_bytes_max);

  /// Invalid if nothing is here.
  [[nodiscard]] AttemptId attempt() const { return attempt_; }
  [[nodiscard]] bool is_whole() const { return attempt_.valid() && received_ == total_; }
  [[nodiscard]] std::uint64_t received() const { return received_; }
  [[nodiscard]] std::uint64_t told() const { return told_; }
  /// Of a whole one. Nothing is here afterwards.
  [[nodiscard]] Bytes finish();
  /// Its bytes are of no use: only counted from here on.
  void forget_bytes() { bytes_ = {}; }
  /// Forgets what is here.
  void clear() { *this = {}; }

 private:
  AttemptId attempt_;
  std::uint64_t total_ = 0;
  std::uint64_t received_ = 0;
  std::uint64_t told_ = 0;
  GrowingBytes bytes_;
};

}  // namespace fanmill::core
