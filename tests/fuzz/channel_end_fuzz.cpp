// One end of a channel whose other end says anything in any order, with a program that writes, reads
// and closes as it likes, and a clock that jumps. Objects go out in order and within the other end's
// window; nothing follows the end.
#include <chrono>

#include "codec/channel_codec.hpp"
#include "core/channel_end.hpp"
#include "fuzz.hpp"

namespace fanmill::fuzz {
namespace {

using namespace std::chrono_literals;
using namespace core;

class Bench {
 public:
  explicit Bench(Choices& choices) : choices_(choices), end_(make()) { carry_out(); }

  [[nodiscard]] bool over() const { return over_; }

  void act() {
    now_ = choices_.later(now_, end_.next_deadline(), 16);
    step(event());
    if (!over_ && choices_.one_in(2)) tick();
  }

  // Closed, and with the other end silent, it is over.
  void finish() {
    if (!over_) step(ChannelClose{linger_max});
    now_ += linger_max;
    if (!over_) tick();
    must(over_, "a closed channel does not end");
  }

 private:
  ChannelEnd make() {
    const std::uint8_t flags = choices_.byte();
    ChannelEndOptions options{.terms = terms(),
                              .speech_min = 1U + flags % 2,
                              .speech_max = 2U + flags / 2 % 2,
                              .speech = "test",
                              .place = "there",
                              .open_limit = flags / 4 % 2 == 0 ? 10s : Duration::max()};
    own_ = options.terms;
    if (flags / 8 % 2 == 0) return ChannelEnd::connect(now_, std::move(options), actions_);
    const ChannelOpen greeting = open();
    theirs_ = greeting.terms;
    return ChannelEnd::accept(now_, std::move(options), SessionId{7}, greeting, actions_);
  }

  ChannelTerms terms() {
    const std::uint8_t flags = choices_.byte();
    return {.window_objects = 1U + flags % 4,
            .window_bytes = flags / 4 % 2 == 0 ? 1000U : 20U,
            .object_bytes_max = flags / 8 % 2 == 0 ? 10'000U : 10U,
            .silence = flags / 16 % 2 == 0 ? 20s : Duration(limits::channel_silence_min)};
  }

  ChannelOpen open() {
    ChannelOpen open{.terms = terms(), .speech_min = choices_.below(4), .speech = "test"};
    open.speech_max = open.speech_min + choices_.below(3);
    if (choices_.one_in(16)) open.protocol_max = choices_.number16();
    if (choices_.one_in(16)) open.protocol_min = choices_.number16();
    return open;
  }

  SessionId channel() { return choices_.one_in(32) ? SessionId{choices_.number()} : SessionId{7}; }
  // Mostly what may be true.
  ChannelProgress progress() {
    const std::uint8_t choice = choices_.byte();
    if (choice >= 0xf0) return {choices_.number(), choices_.number()};
    if (choice % 2 == 0) progress_ = sent_;
    return progress_;
  }
  Payload payload() { return Payload::raw(std::string(choices_.byte() / 4, 'x')); }

  ChannelMessage message() {
    static_assert(std::variant_size_v<ChannelMessage> == 9, "a new kind belongs here, too");
    switch (choices_.below(32)) {
      case 0:
        return open();
      case 1:
        return Goodbye{.session = channel()};
      case 2:
        return Refuse{.session = channel(),
                      .code = static_cast<RefuseCode>(1 + choices_.below(9)),
                      .retry = choices_.one_in(2) ? choices_.duration() : Duration{},
                      .words = "no"};
      case 3:
        return choices_.one_in(8) ? ChannelMessage(Who{1, 1})
                                  : ChannelMessage(Unknown{.kind = 200, .id = 1});
      case 4:
        return choices_.one_in(8) ? ChannelMessage(Hello{})
                                  : ChannelMessage(Unknown{.kind = 201, .id = 1});
      case 5:
      case 6:
      case 7:
      case 8:
      case 9:
      case 10:
      case 11:
        return ChannelOpened{
            .version = choices_.one_in(32) ? choices_.number16() : std::uint16_t{1},
            .channel = channel(),
            .terms = terms(),
            .speech = choices_.one_in(32) ? choices_.number32() : 2};
      case 12:
      case 13:
      case 14:
      case 15:
        return ChannelTaken{channel(), progress()};
      default:
        return ChannelObject{.channel = channel(),
                             .sequence = choices_.one_in(32) ? choices_.number() : received_ + 1,
                             .taken = progress(),
                             .payload = payload()};
    }
  }

  ChannelEvent event() {
    static_assert(std::variant_size_v<ChannelEvent> == 7, "a new event belongs here, too");
    switch (choices_.below(32)) {
      case 0:
        return choices_.one_in(4) ? ChannelEvent(ChannelMalformed{"nonsense"}) : read();
      case 1:
        return choices_.one_in(4) ? ChannelEvent(ChannelConnectionLost{"gone"}) : read();
      case 2:
        return choices_.one_in(4) ? ChannelEvent(ChannelClose{choices_.one_in(4) ? linger_max : 0s})
                                  : read();
      case 3: {
        const Duration gap = choices_.duration();
        now_ += gap;
        return ChannelStalled{gap};
      }
      case 4:
      case 5:
      case 6:
      case 7:
      case 8:
        return read();
      case 9:
      case 10:
      case 11:
      case 12:
      case 13:
      case 14:
      case 15:
        return ChannelWrite{payload()};
      default:
        if (auto heard = as_received(message())) return ChannelReceived{std::move(*heard)};
        return ChannelMalformed{"what nobody can send"};
    }
  }

  // At most what was delivered.
  ChannelEvent read() {
    const bool all = choices_.one_in(2);
    const ChannelProgress more{unread_.objects == 0 ? 0
                               : all                ? unread_.objects
                                                    : 1,
                               all ? unread_.bytes : 0};
    unread_.objects -= more.objects;
    unread_.bytes -= more.bytes;
    return ChannelRead{more.objects, more.bytes};
  }

  void step(ChannelEvent event) {
    reach("event of a channel", event);
    const bool is_close = std::holds_alternative<ChannelClose>(event);
    if (const auto* received = std::get_if<ChannelReceived>(&event)) hear(received->message);
    end_.step(now_, std::move(event), actions_);
    carry_out();
    closed_ = closed_ || is_close;
  }

  void hear(const ChannelMessage& message) {
    reach("message to a channel", message);
    if (const auto* opened = std::get_if<ChannelOpened>(&message); opened != nullptr && !open_)
      theirs_ = opened->terms;
    if (const auto* object = std::get_if<ChannelObject>(&message); object != nullptr && open_)
      received_ = object->sequence;
    if (const auto* taken = std::get_if<ChannelTaken>(&message)) taken_ = taken->taken;
    if (const auto* object = std::get_if<ChannelObject>(&message)) taken_ = object->taken;
  }

  void tick() {
    end_.tick(now_, actions_);
    carry_out();
    const std::optional<Instant> next = end_.next_deadline();
    must(!next || *next > now_, "a deadline that has passed stays");
  }

  void carry_out() {
    for (const ChannelAction& action : actions_) {
      reach("order of a channel", action);
      must(!over_, "an order behind the last");
      std::visit([this](const auto& order) { on(order); }, action);
    }
    actions_.clear();
  }

  void on(const ChannelConnect&) { must(!open_, "an open channel connects again"); }
  void on(const ChannelSend& send) {
    must_be_sendable(send);
    const auto* object = std::get_if<ChannelObject>(&send.message);
    if (object == nullptr) return;
    must(open_, "an object before the channel is open");
    must(object->sequence == sent_.objects + 1, "objects out of order");
    must(sent_.objects - taken_.objects < theirs_.window_objects &&
             sent_.bytes - taken_.bytes < theirs_.window_bytes,
         "more objects than the window allows");
    must(object->payload.bytes.size() <= theirs_.object_bytes_max, "an object that is too large");
    sent_.objects += 1;
    sent_.bytes += object->payload.bytes.size();
  }
  void on(const ChannelIsOpen&) {
    must(!open_, "a channel opens twice");
    open_ = true;
  }
  void on(const ChannelDeliver& deliver) {
    must(open_ && !closed_, "an object is delivered to nobody");
    must(deliver.payload.bytes.size() <= own_.object_bytes_max,
         "an object is taken that is too large");
    unread_.objects += 1;
    unread_.bytes += deliver.payload.bytes.size();
  }
  void on(const ChannelSent& sent) {
    reported_ += sent.objects;
    must(reported_ == sent_.objects, "other objects are reported as sent than were");
  }
  void on(const ChannelOver&) { over_ = true; }

  static fanmill::Result<ChannelMessage> passed(const ChannelMessage& message,
                                                std::uint16_t version) {
    static codec::HeaderBuffer buffer;
    const fanmill::Result<codec::Frames> frames = codec::encode_channel(message, version, buffer);
    if (!frames.ok()) return frames.error();
    return codec::decode_channel(frames.value().header,
                                 frames.value().has_payload ? &frames.value().payload : nullptr);
  }
  /// What arrives of it; nothing if it is none that could be sent.
  static std::optional<ChannelMessage> as_received(const ChannelMessage& message) {
    // Nothing of ours writes these to a channel.
    if (std::holds_alternative<Unknown>(message) || std::holds_alternative<Hello>(message))
      return message;
    fanmill::Result<ChannelMessage> decoded = passed(message, limits::channel_protocol_max);
    if (!decoded.ok()) return std::nullopt;
    return std::move(decoded).value();
  }
  static void must_be_sendable(const ChannelSend& send) {
    const fanmill::Result<ChannelMessage> decoded = passed(send.message, send.version);
    if (!decoded.ok()) found("an end sends what nobody can read: " + decoded.error().message);
    must(decoded.value().index() == send.message.index(),
         "an end sends what is read as another kind");
  }

  static constexpr Duration linger_max = 5s;

  Choices& choices_;
  Instant now_ = Instant{} + 1000s;
  ChannelActions actions_;
  ChannelTerms own_;
  ChannelTerms theirs_;
  ChannelProgress sent_;
  ChannelProgress taken_;     // as the other end tells
  ChannelProgress progress_;  // what it tells next
  ChannelProgress unread_;
  std::uint64_t received_ = 0;
  std::uint64_t reported_ = 0;
  bool open_ = false;
  bool closed_ = false;
  bool over_ = false;
  ChannelEnd end_;
};

}  // namespace
}  // namespace fanmill::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return fanmill::fuzz::play<fanmill::fuzz::Bench>(data, size);
}
