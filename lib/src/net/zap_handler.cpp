#include "net/zap_handler.hpp"

#include <array>
#include <chrono>
#include <cstring>
#include <fanmill/error.hpp>
#include <system_error>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "base/signals.hpp"
#include "net/identity.hpp"
#include "net/poll.hpp"
#include "net/socket_frames.hpp"

namespace fanmill::net {
namespace {

constexpr const char* endpoint = "inproc://zeromq.zap.01";
constexpr std::string_view domain_prefix = "fanmill.";
constexpr std::string_view version = "1.0";
// Hidden behind the draft macro in Debian's header; the library has it.
constexpr int enforce_domain_option = 93;
// The name of metadata that libzmq takes for the peer's routing id.
constexpr std::string_view identity_property = "Identity";
// For libzmq's I/O thread to go on: microseconds, unless the machine is short of time.
constexpr Duration barrier_max = std::chrono::seconds(1);

// The frames of a question.
enum Frame : std::size_t {
  frame_version,
  frame_request,
  frame_domain,
  frame_address,
  frame_identity,
  frame_mechanism,
  frame_credentials,
};

std::vector<zmq::message_t> receive_all(zmq::socket_t& socket) {
  std::vector<zmq::message_t> frames;
  for (bool more = true; more;) {
    zmq::message_t frame;
    if (!receive_frame(socket, frame)) break;
    more = frame.more();
    frames.push_back(std::move(frame));
  }
  return frames;
}

Visitor visitor_of(const std::vector<zmq::message_t>& frames) {
  Visitor visitor{.address = std::string(view(frames[frame_address]))};
  const std::string_view mechanism = view(frames[frame_mechanism]);
  if (mechanism == "NULL") visitor.mechanism = Visitor::Mechanism::null;
  const bool has_key =
      frames.size() > frame_credentials && frames[frame_credentials].size() == key_bytes;
  if (mechanism == "CURVE" && has_key) {
    visitor.mechanism = Visitor::Mechanism::curve;
    visitor.key =
        PublicKey::from_bytes(static_cast<const std::uint8_t*>(frames[frame_credentials].data()));
  }
  return visitor;
}

std::string bytes_of(std::uint64_t number) {
  std::string bytes(sizeof number, '\0');
  std::memcpy(bytes.data(), &number, sizeof number);
  return bytes;
}

// As ZMTP has it: name and value, with their sizes before them.
std::string metadata(std::string_view name, std::string_view value) {
  std::string text(1, static_cast<char>(name.size()));
  text.append(name);
  for (int shift = 24; shift >= 0; shift -= 8)
    text.push_back(static_cast<char>((value.size() >> shift) & 0xffU));
  return text.append(value);
}

void send_all(zmq::socket_t& socket, std::span<const std::string_view> texts) {
  for (std::size_t i = 0; i < texts.size(); ++i) {
    zmq::message_t frame = frame_of(texts[i]);
    // It asks one at a time and waits: there is room.
    const int failure = send_frame(socket, frame, i + 1 < texts.size());
    FANMILL_ASSERT(failure == 0, zmq_strerror(failure));
  }
}

}  // namespace

ZapHandler::ZapHandler(zmq::context_t& context) try
    : name_prefix_(bytes_of(random_uuid().low)),
      socket_(context, zmq::socket_type::rep),
      barrier_(context) {
  socket_.set(zmq::sockopt::linger, 0);
  socket_.bind(endpoint);
  const AllSignalsBlocked blocked;
  thread_ = std::thread([this] { run(); });
} catch (const zmq::error_t& error) {
  throw FarmError(ErrorCode::io_error,
                  std::string("can't guard a socket by keys: ") + error.what());
} catch (const std::system_error& error) {
  throw FarmError(ErrorCode::io_error, std::string("can't start a thread that checks keys: ") +
                                           error.what() + "; raise the limit (ulimit -u)");
}

ZapHandler::~ZapHandler() {
  stop_.signal();
  thread_.join();
}

std::string ZapHandler::guard(zmq::socket_t& socket, Admit admit) {
  std::string domain(domain_prefix);
  {
    const std::lock_guard lock(mutex_);
    domain += std::to_string(++guarded_);
    admit_.emplace(domain, std::move(admit));
  }
  shut(socket, domain);
  return domain;
}

void ZapHandler::forget(const std::string& domain) {
  const std::lock_guard lock(mutex_);
  admit_.erase(domain);
}

void ZapHandler::shut(zmq::socket_t& socket, std::string_view domain) {
  socket.set(zmq::sockopt::zap_domain, domain);
  const int enforce = 1;
  const int failure =
      zmq_setsockopt(socket.handle(), enforce_domain_option, &enforce, sizeof enforce);
  FANMILL_ASSERT(failure == 0, zmq_strerror(zmq_errno()));
}

void ZapHandler::run() {
  using namespace std::chrono_literals;
  for (;;) {
    std::array<zmq_pollitem_t, 2> items = {
        {{socket_.handle(), 0, ZMQ_POLLIN, 0}, {nullptr, stop_.fd(), ZMQ_POLLIN, 0}}};
    poll(items, 60s);
    if (items[1].revents != 0) return;
    if (items[0].revents != 0) answer();
  }
}

void ZapHandler::answer() {
  const std::vector<zmq::message_t> frames = receive_all(socket_);
  if (frames.empty()) return;
  // Only libzmq itself asks; a question that is not whole would be a defect of it.
  const bool is_whole = frames.size() > frame_mechanism && view(frames[frame_version]) == version;
  const std::string request =
      frames.size() > frame_request ? std::string(view(frames[frame_request])) : "";
  const Visitor visitor = is_whole ? visitor_of(frames) : Visitor{};
  const std::optional<std::string> user =
      is_whole ? user_of(view(frames[frame_domain]), visitor) : std::nullopt;
  if (!user) refused_ += 1;
  const std::string named = user ? name(visitor.mechanism) : "";
  const std::array<std::string_view, 6> words = {version,
                                                 request,
                                                 user ? "200" : "400",
                                                 user ? "OK" : "not authorised",
                                                 user ? std::string_view(*user) : "",
                                                 named};
  send_all(socket_, words);
}

std::optional<std::string> ZapHandler::user_of(std::string_view domain, const Visitor& visitor) {
  const std::lock_guard lock(mutex_);
  const auto guarded = admit_.find(domain);
  return guarded == admit_.end() ? std::nullopt : guarded->second(visitor);
}

// The metadata of an answer. Of a connection by ipc, whose peer may speak before this answer or
// after it, the peer's own name may count; that is a process of this user.
std::string ZapHandler::name(Visitor::Mechanism mechanism) {
  if (mechanism != Visitor::Mechanism::curve) return {};
  // libzmq asks, and then reads what the peer says of itself, its routing id too. The last word
  // counts: an answer that was there before it came to that would lose.
  barrier_.pass(barrier_max);
  return metadata(identity_property, name_prefix_ + bytes_of(++named_));
}

std::string_view user_id(const zmq::message_t& message) {
  // libzmq declares the message as not const, but only reads it.
  const char* id = zmq_msg_gets(const_cast<zmq_msg_t*>(message.handle()), "User-Id");
  return id == nullptr ? std::string_view() : id;
}

}  // namespace fanmill::net
