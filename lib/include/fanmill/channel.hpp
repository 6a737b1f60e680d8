// Listener and Channel: the pieces underneath, for other models than a manager and its workers:
// pipelines, rings, a farm of your own.
//
// A channel carries objects (object.hpp) both ways between two processes, in the order in which they
// were written. One end listens, the other connects; from then on they are alike:
//
//   Listener listener("ipc:///tmp/x");          Channel channel = Channel::connect("ipc:///tmp/x");
//   Channel channel = listener.accept();        channel.write(std::tuple(7, "seven"));
//   auto [number, name] = channel.read<Entry>();
//
// What it promises: nothing is delivered twice, and nothing is left out before the end. An end comes
// in two ways. The other end said GOODBYE: everything that it had written was delivered before that.
// Or the channel was LOST: the process died, the network broke, or nothing was heard for `silence`;
// what had been written last may be missing. A lost channel does not come back: connect another.
//
// Nobody is flooded. An end takes only so much ahead of its reader (`window_objects`,
// `window_bytes`); what is written beyond that waits in the writer's outbox, whose limits make
// `write` wait.
//
// THREADS. A thread of the library sends and receives for all channels of the process, also while
// your program computes; none of your code runs on it. All functions here may be called by any
// thread, except that a channel or listener must not be destroyed or assigned to while another thread
// is in one of its functions. Channels do not survive a fork.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fanmill/error.hpp>
#include <fanmill/export.hpp>
#include <fanmill/object.hpp>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fanmill::inline v0 {

/// What an end offers and bears. The two ends need not agree, but in `speech`.
struct ChannelOptions {
  /// What the two programs say to each other, and which versions of it this one speaks. Ends with
  /// different names, or without a version in common, refuse each other in words; else the highest
  /// version in common is chosen, which `Channel::version` tells. At most 2048 bytes of UTF-8.
  std::string speech;
  std::uint32_t version_min = 1;  ///< the lowest version of it; at most version_max
  std::uint32_t version_max = 1;  ///< the highest

  /// Objects that are taken ahead of the reader: 1 to 8192.
  std::uint32_t window_objects = 1024;
  /// And bytes of their payloads: once so many are taken and not read, no more are sent. 1 to 64 MiB.
  std::uint64_t window_bytes = std::uint64_t{16} << 20;
  /// The largest payload that is taken: 1 KiB to 1 GiB less 4 KiB. Whoever reaches the port can make this
  /// process hold that much for each connection.
  std::uint64_t object_bytes_max = std::uint64_t{64} << 20;
  /// Objects, and bytes, in the outbox from which on `write` waits; 1 or more.
  std::uint64_t outbox_objects = 1024;
  std::uint64_t outbox_bytes = std::uint64_t{16} << 20;  ///< see outbox_objects

  /// After this silence the other end counts as lost: 100 ms to an hour. A live end says something
  /// at least four times in that time, however long its program computes.
  std::chrono::nanoseconds silence = std::chrono::seconds(20);
  /// How long `Channel::connect` and `start_connect` try, also while nobody listens yet; more than 0.
  std::chrono::nanoseconds open_limit = std::chrono::seconds(10);
  /// How long a channel that is destroyed goes on, behind the scenes, to send what was written. With
  /// no_limit the last channel of the process may wait for ever.
  std::chrono::nanoseconds linger = std::chrono::seconds(5);
  /// The file of the key pair that both ends of a channel by tcp share: each proves to the other that
  /// it has it, and what they say is encrypted. Whoever can read it can be either end, so a file that
  /// others can read is refused. Empty: channel.cert in the user's state folder
  /// ($XDG_STATE_HOME/fanmill/keys, else ~/.local/state/fanmill/keys), made when it is first needed;
  /// for programs of one user on one host there is nothing to do. Elsewhere: copy it there, to the same
  /// place or another. Not looked at by ipc, which only programs of the same user come by.
  std::filesystem::path certificate = {};
  /// No keys by tcp: nothing is encrypted, and whoever reaches the port may connect, on loopback any
  /// user of the host. Both ends have to say so.
  bool insecure_plaintext = false;
  /// Listeners: channels that are open and wait for `accept`; 1 or more. Further ones are told to
  /// try again in a second. What all of them have sent is held, up to 256 MiB; who goes beyond it is
  /// refused.
  std::size_t backlog = 4096;
};

/// Where a channel stands.
enum class ChannelState {
  opening,  ///< not yet open; what is written waits
  open,     ///< objects pass
  ended,    ///< closed by this end, or by the other end's goodbye; what had come can still be read
  lost,     ///< it broke, or never opened; what had come can still be read
};

/// The state's name as it stands in this file, for logs.
FANMILL_EXPORT const char* to_string(ChannelState state) noexcept;

/// What `Channel::read_checked` found. Exactly one of these holds.
template <Transmissible T>
struct CheckedRead {
  std::optional<T> value;  ///< an object, if one came
  bool timed_out = false;  ///< nothing came in time; the channel is as it was
  bool ended = false;      ///< goodbye: all that the other end wrote has been read
  bool lost = false;       ///< the channel broke: something may be missing
  std::string words;       ///< why it ended or was lost

  /// Whether there is an object.
  explicit operator bool() const noexcept { return value.has_value(); }
};

/// "For ever", for whatever takes a time limit.
inline constexpr std::chrono::nanoseconds no_limit = std::chrono::nanoseconds::max();

/// One end of a channel. Moves, does not copy. An empty one (default constructed, or moved from)
/// refuses everything with FarmError (invalid_argument).
class FANMILL_EXPORT Channel {
 public:
  /// An empty one.
  Channel() noexcept;
  /// `close`s it if that was not done, without waiting: for `linger` what was written is still sent.
  /// The last channel or listener of the process waits for that.
  ~Channel();
  /// Leaves `other` empty.
  Channel(Channel&& other) noexcept;
  /// Lets go what it held before, as the destructor does.
  Channel& operator=(Channel&& other) noexcept;

  /// Connects to a listener ("tcp://host:5600", "host:5600", "ipc:///path") and waits until the
  /// versions are agreed upon. Either end may be started first. Throws FarmError: bad_endpoint,
  /// invalid_argument (an option, or a file that is no certificate), version_mismatch, refused (also
  /// by an end that has another certificate, or none), connection_lost (nobody answered within
  /// `open_limit`), io_error (also if there is no such certificate, or others can read it).
  [[nodiscard]] static Channel connect(std::string_view endpoint,
                                       const ChannelOptions& options = {});
  /// The same without waiting, but for the name service: the channel is `opening`. What goes wrong
  /// later makes it `lost`. Throws FarmError: bad_endpoint, invalid_argument, io_error.
  [[nodiscard]] static Channel start_connect(std::string_view endpoint,
                                             const ChannelOptions& options = {});
  /// Waits until it is no longer `opening`. Whether it opened; it may be over again, with objects to
  /// be read. If it did not, `end_words` tell why.
  bool wait_open(std::chrono::nanoseconds limit = no_limit);

  /// Where it stands.
  [[nodiscard]] ChannelState state() const;
  /// Why it ended or was lost; empty before.
  [[nodiscard]] std::string end_words() const;
  /// The version of the speech that the two ends agreed upon; 0 before it is open.
  [[nodiscard]] std::uint32_t version() const;
  /// This end of the connection: "10.0.0.5:5600", "[fe80::1]:5600", "pid 4711" (ipc). Empty before
  /// it is open, and if the connection was gone again before anybody could ask.
  [[nodiscard]] std::string own_address() const;
  /// The other end of it.
  [[nodiscard]] std::string peer_address() const;

  /// The next object; waits for it. Throws FarmError: channel_ended or connection_lost once all that
  /// came has been read (for a channel that never opened: why), malformed_payload if it is no T
  /// (then it counts as read).
  template <Transmissible T>
  [[nodiscard]] T read() {
    return decode<T>(*take(no_limit));
  }
  /// The same, but nothing if none came within `limit`, 0 for what is there now.
  template <Transmissible T>
  [[nodiscard]] std::optional<T> try_read(std::chrono::nanoseconds limit = {}) {
    const std::optional<Payload> payload = take(limit);
    if (!payload) return {};
    return decode<T>(*payload);
  }
  /// The same, telling a clean end from a loss instead of throwing. Throws FarmError
  /// (malformed_payload) only.
  template <Transmissible T>
  [[nodiscard]] CheckedRead<T> read_checked(std::chrono::nanoseconds limit = no_limit) {
    CheckedRead<T> result;
    if (const auto payload = take_checked(limit, result.timed_out, result.lost, result.words)) {
      result.value = decode<T>(*payload);
    } else {
      result.ended = !result.timed_out && !result.lost;
    }
    return result;
  }

  /// Queues an object; waits while the outbox is full. Throws FarmError: channel_ended or
  /// connection_lost if it can't be sent any more, payload_too_large if the other end does not take
  /// so much, and what `encode` throws.
  template <Encodable T>
  void write(const T& value) {
    (void)put(encode(value), no_limit);
  }
  /// The same, but false, with nothing queued, if the outbox was still full after `limit`.
  template <Encodable T>
  [[nodiscard]] bool try_write(const T& value, std::chrono::nanoseconds limit = {}) {
    return put(encode(value), limit);
  }
  /// The same, but never waits: the outbox grows as far as need be. `is_writable`, `flush` and
  /// `writable` tell when it is empty again.
  template <Encodable T>
  void post(const T& value) {
    (void)put(encode(value), {}, true);
  }

  /// Whether a read would not wait: an object is there, or it is over.
  [[nodiscard]] bool is_readable() const;
  /// Whether the outbox is empty: all that was written is on its way, within the other end's window;
  /// or it is over.
  [[nodiscard]] bool is_writable() const;
  /// Waits until the outbox is empty. False if it was not within `limit`. Throws FarmError:
  /// channel_ended, connection_lost.
  bool flush(std::chrono::nanoseconds limit = no_limit);
  /// Says goodbye behind the last object and waits until the other end has answered, at most
  /// `limit`. True if it has, so that it was sent everything; or if nothing was written and the
  /// channel had not opened. What was not read is dropped. Idempotent.
  bool close(std::chrono::nanoseconds limit = std::chrono::seconds(5));

  /// For poll loops of your own: readable (POLLIN) as long as `is_readable`. Don't read from it.
  /// Made at the first call, closed when the channel is destroyed. Throws FarmError (io_error) when the process
  /// has no descriptor left.
  [[nodiscard]] int readable_descriptor();
  /// The same for `is_writable`. It, too, is polled for POLLIN.
  [[nodiscard]] int writable_descriptor();

 private:
  friend class Listener;
  class Impl;
  explicit Channel(std::unique_ptr<Impl> impl) noexcept;
  [[nodiscard]] Impl& impl() const;
  std::optional<Payload> take(std::chrono::nanoseconds limit);
  std::optional<Payload> take_checked(std::chrono::nanoseconds limit, bool& timed_out, bool& lost,
                                      std::string& words);
  bool put(Payload payload, std::chrono::nanoseconds limit, bool always = false);

  std::unique_ptr<Impl> impl_;
};

/// Where channels come in. Moves, does not copy; an empty one is as an empty Channel.
class FANMILL_EXPORT Listener {
 public:
  /// An empty one.
  Listener() noexcept;
  /// Listens at once: "tcp://127.0.0.1:*" (a free port, this host only), "tcp://*:5600",
  /// "ipc:///path". By tcp comes in who has the same certificate, by ipc this user. The options hold
  /// for its channels. Throws FarmError: bad_endpoint, address_in_use, invalid_argument, io_error (as
  /// `Channel::connect`; also if a stranger was not refused, which is tried).
  explicit Listener(std::string_view endpoint, const ChannelOptions& options = {});
  /// `close`s it. Channels that were accepted go on.
  ~Listener();
  /// Leaves `other` empty.
  Listener(Listener&& other) noexcept;
  /// Closes what it held before.
  Listener& operator=(Listener&& other) noexcept;

  /// Where it listens, with the port that was chosen: "tcp://127.0.0.1:41873".
  [[nodiscard]] std::string endpoint() const;
  /// The port; 0 for ipc.
  [[nodiscard]] std::uint16_t port() const;

  /// The next channel that was opened; it may have ended since, with objects to be read. Waits for it. Throws FarmError (stopped) once the listener is
  /// closed.
  [[nodiscard]] Channel accept();
  /// The same, but nothing if none came within `limit`, 0 for what is there now.
  [[nodiscard]] std::optional<Channel> try_accept(std::chrono::nanoseconds limit = {});
  /// For poll loops of your own: readable (POLLIN) as long as `accept` would not wait. As
  /// Channel::readable_descriptor.
  [[nodiscard]] int descriptor();
  /// Takes no more channels and says goodbye to those that were not accepted; who still knocks is
  /// refused. The port is free again once the last of its channels is gone. Idempotent.
  void close();

 private:
  class Impl;
  [[nodiscard]] Impl& impl() const;

  std::unique_ptr<Impl> impl_;
};

/// Something to wait for with `wait_any`. Made by `readable`, `writable` and `acceptable`, or of any
/// descriptor that is to become readable. It must not outlive what it was made of.
struct WaitFor {
  int descriptor = -1;  ///< polled for POLLIN; a negative one is never ready
};
/// A read of `channel` would not wait.
[[nodiscard]] inline WaitFor readable(Channel& channel) { return {channel.readable_descriptor()}; }
/// The outbox of `channel` is empty.
[[nodiscard]] inline WaitFor writable(Channel& channel) { return {channel.writable_descriptor()}; }
/// `accept` would not wait.
[[nodiscard]] inline WaitFor acceptable(Listener& listener) { return {listener.descriptor()}; }

/// Waits until any of `what` holds, at most `limit`. The indices of those that do, ascending; none
/// if the time ran out. Throws FarmError (io_error) if a descriptor can't be polled.
FANMILL_EXPORT std::vector<std::size_t> wait_any(std::span<const WaitFor> what,
                                                 std::chrono::nanoseconds limit = no_limit);
/// The same: `wait_any({readable(a), writable(b), acceptable(listener)}, 2s)`.
FANMILL_EXPORT std::vector<std::size_t> wait_any(std::initializer_list<WaitFor> what,
                                                 std::chrono::nanoseconds limit = no_limit);

}  // namespace fanmill::inline v0
