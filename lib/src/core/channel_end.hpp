// One end of a channel as a state machine: version exchange, objects in order, a window for the
// objects under way, goodbye or loss.
//
// A value like core::Manager: the shell tells it the time and what happened (`step`), it answers
// with orders. Both ends are the same once the channel is open.
//
// What it promises: objects are delivered in the order in which they were written, none twice and
// none left out, up to the end; and if the end is a goodbye, all that were written before it were
// delivered. A lost connection is the end of a channel: it never comes back with a gap.
#pragma once

#include <cstdint>
#include <deque>
#include <fanmill/error.hpp>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/channel_message.hpp"
#include "core/limits.hpp"

namespace fanmill::core {

struct ChannelEndOptions {
  ChannelTerms terms;
  std::uint32_t speech_min = 1;  // at most speech_max
  std::uint32_t speech_max = 1;
  std::string speech;
  std::string software;
  std::string place;      // the other end, for texts: "tcp://10.0.0.7:5557"
  Duration open_limit{};  // connecting end: for the channel to open
};

// Events.

/// The connection is gone, or could not be made; all that had come by it was told before.
struct ChannelConnectionLost {
  std::string trouble = {};  // why, if it is known
  // Another one could not be made either: an end that is opening is refused.
  bool is_final = false;
};
struct ChannelReceived {
  ChannelMessage message;
};
/// Something came that is no message of this protocol.
struct ChannelMalformed {
  std::string reason;
};
/// The program wants to send it.
struct ChannelWrite {
  Payload payload;
};
/// The program has read so much more of what was delivered.
struct ChannelRead {
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;
};
/// The program is done: what it wrote is still sent for `linger`, nothing more is delivered.
struct ChannelClose {
  Duration linger{};
};
/// This process did not run for so long: the other end is not judged by that time.
struct ChannelStalled {
  Duration gap{};
};

using ChannelEvent = std::variant<ChannelConnectionLost, ChannelReceived, ChannelMalformed,
                                  ChannelWrite, ChannelRead, ChannelClose, ChannelStalled>;

// Actions.

/// Connecting end: close the connection, if there is one, and make another.
struct ChannelConnect {};
struct ChannelSend {
  std::uint16_t version = limits::channel_protocol_max;
  ChannelMessage message;
};
/// The versions are agreed upon. At a listener this comes before anything else.
struct ChannelIsOpen {
  std::uint32_t speech = 0;
  std::uint64_t object_bytes_max = 0;  // what the other end takes
};
struct ChannelDeliver {
  Payload payload;
};
/// So much of what was written is on its way: the rest waits for the other end's window.
struct ChannelSent {
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;
};
/// The last action.
struct ChannelOver {
  /// Both ends said goodbye: all that either wrote was delivered to the other, unless that had
  /// closed.
  bool clean = false;
  ErrorCode code = ErrorCode::connection_lost;
  std::string words;  // why; empty if it was clean and nothing was said
};

using ChannelAction = std::variant<ChannelConnect, ChannelSend, ChannelIsOpen, ChannelDeliver,
                                   ChannelSent, ChannelOver>;
using ChannelActions = std::vector<ChannelAction>;

class ChannelEnd {
 public:
  /// The connecting end: orders a connection and greets.
  [[nodiscard]] static ChannelEnd connect(Instant now, ChannelEndOptions options,
                                          ChannelActions& out);
  /// The listener's end of what `open` asked for. If that can't be, it is over at once, having
  /// refused.
  [[nodiscard]] static ChannelEnd accept(Instant now, ChannelEndOptions options, SessionId id,
                                         const ChannelOpen& open, ChannelActions& out);

  /// Takes in one fact. Appends to `out`. `now` must not go backwards. When it is over nothing is
  /// answered any more.
  void step(Instant now, ChannelEvent event, ChannelActions& out);
  /// Once per turn, after the facts: passed deadlines.
  void tick(Instant now, ChannelActions& out);
  /// When `tick` next has something to do even if nothing happens.
  [[nodiscard]] std::optional<Instant> next_deadline() const;

  [[nodiscard]] bool is_over() const { return state_ == State::over; }
  [[nodiscard]] SessionId id() const { return id_; }
  [[nodiscard]] std::uint16_t version() const { return version_; }
  /// What is sent by a connection that may be gone: it tells nothing new, and is not answered.
  [[nodiscard]] ChannelMessage probe() const { return ChannelTaken{id_, told_}; }

 private:
  enum class State : std::uint8_t { opening, open, leaving, over };

  explicit ChannelEnd(ChannelEndOptions options) : options_(std::move(options)) {}

  void on(Instant now, ChannelConnectionLost&& event, ChannelActions& out);
  void on(Instant now, ChannelReceived&& event, ChannelActions& out);
  void on(Instant now, ChannelMalformed&& event, ChannelActions& out);
  void on(Instant now, ChannelWrite&& event, ChannelActions& out);
  void on(Instant now, ChannelRead&& event, ChannelActions& out);
  void on(Instant now, ChannelClose&& event, ChannelActions& out);
  void on(Instant now, ChannelStalled&& event, ChannelActions& out);
  void receive(Instant now, ChannelOpen&& message, ChannelActions& out);
  void receive(Instant now, ChannelOpened&& message, ChannelActions& out);
  void receive(Instant now, ChannelObject&& message, ChannelActions& out);
  void receive(Instant now, ChannelTaken&& message, ChannelActions& out);
  void receive(Instant now, Goodbye&& message, ChannelActions& out);
  void receive(Instant now, Refuse&& message, ChannelActions& out);
  void receive(Instant now, Who&& message, ChannelActions& out);
  void receive(Instant now, Hello&& message, ChannelActions& out);
  void receive(Instant now, Unknown&& message, ChannelActions& out);

  void greet(Instant now, ChannelActions& out);
  void greet_later(Instant now);
  void begin(Instant now, const ChannelTerms& terms, std::uint32_t speech, ChannelActions& out);
  [[nodiscard]] bool is_session_message(SessionId channel) const;
  bool take_progress(Instant now, const ChannelProgress& progress, ChannelActions& out);
  void read(Instant now, std::uint64_t objects, std::uint64_t bytes, ChannelActions& out);
  void pump(Instant now, ChannelActions& out);
  void say(Instant now, ChannelMessage message, ChannelActions& out);
  void violation(Instant now, const std::string& what, ChannelActions& out);
  void end(ChannelOver over, ChannelActions& out);
  void lose(ErrorCode code, std::string words, ChannelActions& out);

  ChannelEndOptions options_;
  State state_ = State::opening;
  SessionId id_;
  std::uint16_t version_ = limits::channel_protocol_max;
  ChannelTerms theirs_;
  std::string last_trouble_;  // why it did not open so far

  std::deque<Payload> outbox_;  // written, not sent
  ChannelProgress sent_;
  ChannelProgress taken_;     // of what was sent, by the other end's program
  ChannelProgress received_;  // and what came the other way
  ChannelProgress read_;
  ChannelProgress told_;  // of read_

  Instant heard_{};
  Instant said_{};
  Duration backoff_{};
  std::optional<Instant> greet_at_;    // opening
  std::optional<Instant> give_up_at_;  // opening: the open limit; closing: the linger
  bool is_closing_ = false;            // the program closed it
};

}  // namespace fanmill::core
