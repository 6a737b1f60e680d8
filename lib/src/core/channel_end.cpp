#include "core/channel_end.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/assert.hpp"

namespace fanmill::core {
namespace {

std::string range_text(std::uint32_t lowest, std::uint32_t highest) {
  if (lowest == highest) return std::to_string(lowest);
  return std::to_string(lowest) + " to " + std::to_string(highest);
}

std::string speech_text(const std::string& name, std::uint32_t lowest, std::uint32_t highest) {
  return (name.empty() ? std::string("what has no name") : "\"" + name + "\"") + ", version " +
         range_text(lowest, highest);
}

std::string seconds_text(Duration duration) {
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(duration).count();
  return ms % 1000 == 0 ? std::to_string(ms / 1000) + " s" : std::to_string(ms) + " ms";
}

// Why the two can't talk; nothing if they can.
std::optional<Refuse> objection(const ChannelEndOptions& options, const ChannelOpen& open) {
  Refuse refuse{.code = RefuseCode::version,
                .protocol_min = limits::channel_protocol_min,
                .protocol_max = limits::channel_protocol_max};
  if (open.protocol_max < limits::channel_protocol_min ||
      open.protocol_min > limits::channel_protocol_max) {
    refuse.words = "no version of the channel protocol in common: this end speaks " +
                   range_text(limits::channel_protocol_min, limits::channel_protocol_max) +
                   ", the other " + range_text(open.protocol_min, open.protocol_max) +
                   "; update the older program";
    return refuse;
  }
  const bool meet = open.speech_min <= options.speech_max && options.speech_min <= open.speech_max;
  if (open.speech == options.speech && meet) return {};
  refuse.words = "the two programs don't speak the same: the listener " +
                 speech_text(options.speech, options.speech_min, options.speech_max) +
                 ", the other end " + speech_text(open.speech, open.speech_min, open.speech_max) +
                 " (ChannelOptions)";
  return refuse;
}

}  // namespace

ChannelEnd ChannelEnd::connect(Instant now, ChannelEndOptions options, ChannelActions& out) {
  ChannelEnd end(std::move(options));
  end.give_up_at_ = instant_after(now, end.options_.open_limit);
  end.greet(now, out);
  return end;
}

ChannelEnd ChannelEnd::accept(Instant now, ChannelEndOptions options, SessionId id,
                              const ChannelOpen& open, ChannelActions& out) {
  FANMILL_ASSERT(id.valid());
  ChannelEnd end(std::move(options));
  end.id_ = id;
  if (auto refuse = objection(end.options_, open)) {
    const std::string words = refuse->words;
    out.push_back(ChannelSend{.message = std::move(*refuse)});
    end.lose(ErrorCode::version_mismatch, words, out);
    return end;
  }
  end.version_ = std::min(open.protocol_max, limits::channel_protocol_max);
  const std::uint32_t speech = std::min(open.speech_max, end.options_.speech_max);
  out.push_back(ChannelSend{.version = end.version_,
                            .message = ChannelOpened{.version = end.version_,
                                                     .channel = id,
                                                     .terms = end.options_.terms,
                                                     .speech = speech,
                                                     .software = end.options_.software}});
  end.begin(now, open.terms, speech, out);
  return end;
}

void ChannelEnd::step(Instant now, ChannelEvent event, ChannelActions& out) {
  if (is_over()) return;
  std::visit([&](auto& fact) { on(now, std::move(fact), out); }, event);
}

void ChannelEnd::tick(Instant now, ChannelActions& out) {
  if (is_over()) return;
  if (give_up_at_ && *give_up_at_ <= now) {
    if (is_closing_) {
      return lose(
          ErrorCode::connection_lost,
          options_.place + " did not take all that was written before the channel was closed", out);
    }
    return lose(ErrorCode::connection_lost,
                "no channel to " + options_.place + " within " + seconds_text(options_.open_limit) +
                    ": " +
                    (last_trouble_.empty() ? "nobody answers; is the other program running there?"
                                           : last_trouble_),
                out);
  }
  if (greet_at_ && *greet_at_ <= now) greet(now, out);
  if (state_ == State::opening) return;
  if (heard_ + options_.terms.silence <= now) {
    return lose(ErrorCode::connection_lost,
                options_.place + " has been silent for " + seconds_text(options_.terms.silence),
                out);
  }
  if (said_ + theirs_.silence / limits::channel_words_per_silence <= now) {
    say(now, ChannelTaken{id_, read_}, out);
  }
}

std::optional<Instant> ChannelEnd::next_deadline() const {
  if (is_over()) return {};
  std::optional<Instant> next = give_up_at_;
  const auto consider = [&next](Instant at) {
    if (!next || at < *next) next = at;
  };
  if (greet_at_) consider(*greet_at_);
  if (state_ != State::opening) {
    consider(heard_ + options_.terms.silence);
    consider(said_ + theirs_.silence / limits::channel_words_per_silence);
  }
  return next;
}

// ---- Opening.

void ChannelEnd::greet(Instant now, ChannelActions& out) {
  greet_at_.reset();
  out.push_back(ChannelConnect{});
  say(now,
      ChannelOpen{.protocol_min = limits::channel_protocol_min,
                  .protocol_max = limits::channel_protocol_max,
                  .terms = options_.terms,
                  .speech_min = options_.speech_min,
                  .speech_max = options_.speech_max,
                  .software = options_.software,
                  .speech = options_.speech},
      out);
}

void ChannelEnd::greet_later(Instant now) {
  backoff_ = std::clamp(2 * backoff_, limits::reconnect_backoff_min, limits::reconnect_backoff_max);
  greet_at_ = now + backoff_;
}

void ChannelEnd::begin(Instant now, const ChannelTerms& terms, std::uint32_t speech,
                       ChannelActions& out) {
  state_ = State::open;
  theirs_ = terms;
  theirs_.window_objects = std::min(terms.window_objects, limits::channel_window_objects_max);
  theirs_.window_bytes = std::min(terms.window_bytes, limits::channel_window_bytes_max);
  heard_ = said_ = now;
  if (!is_closing_) give_up_at_.reset();
  greet_at_.reset();
  out.push_back(ChannelIsOpen{speech, terms.object_bytes_max});
  pump(now, out);
}

void ChannelEnd::receive(Instant now, ChannelOpen&&, ChannelActions& out) {
  // A listener's end was made of the first; a connecting end has nobody who would greet it.
  violation(now, "Open a second time", out);
}

void ChannelEnd::receive(Instant now, ChannelOpened&& message, ChannelActions& out) {
  if (state_ != State::opening) return violation(now, "Opened a second time", out);
  if (message.version < limits::channel_protocol_min ||
      message.version > limits::channel_protocol_max) {
    return violation(now, "Opened with a version that was not offered", out);
  }
  if (message.speech < options_.speech_min || message.speech > options_.speech_max) {
    return violation(
        now, "Opened with a version of \"" + options_.speech + "\" that was not offered", out);
  }
  id_ = message.channel;
  version_ = message.version;
  begin(now, message.terms, message.speech, out);
}

void ChannelEnd::receive(Instant now, Refuse&& message, ChannelActions& out) {
  if (state_ == State::opening && message.retry > Duration::zero()) {
    last_trouble_ = message.words;
    greet_at_ = now + std::max(message.retry, limits::reconnect_backoff_min);
    return;
  }
  const bool version = message.code == RefuseCode::version;
  lose(version ? ErrorCode::version_mismatch : ErrorCode::refused,
       options_.place + " refuses: " + message.words, out);
}

void ChannelEnd::receive(Instant, Who&&, ChannelActions& out) {
  lose(ErrorCode::refused,
       "a farm's manager listens at " + options_.place + ", no channel's listener", out);
}

void ChannelEnd::receive(Instant now, Hello&&, ChannelActions& out) {
  violation(now, "Hello, which only workers say", out);
}

void ChannelEnd::receive(Instant, Unknown&&, ChannelActions&) {}

// ---- Objects.

bool ChannelEnd::is_session_message(SessionId channel) const {
  return state_ != State::opening && channel == id_;
}

void ChannelEnd::receive(Instant now, ChannelObject&& message, ChannelActions& out) {
  if (!is_session_message(message.channel)) return violation(now, "Object of another channel", out);
  if (!take_progress(now, message.taken, out)) return;
  if (message.sequence != received_.objects + 1) {
    return violation(now,
                     "object " + std::to_string(message.sequence) + " behind object " +
                         std::to_string(received_.objects),
                     out);
  }
  const std::uint64_t bytes = message.payload.bytes.size();
  if (bytes > options_.terms.object_bytes_max) {
    return violation(now,
                     "an object of " + std::to_string(bytes) + " bytes, at most " +
                         std::to_string(options_.terms.object_bytes_max) + " are taken",
                     out);
  }
  if (received_.objects - told_.objects >= options_.terms.window_objects ||
      received_.bytes - told_.bytes >= options_.terms.window_bytes) {
    return violation(now, "more objects than its window allows", out);
  }
  received_.objects += 1;
  received_.bytes += bytes;
  // Who has closed reads no more, but must not keep the other end from saying what it has to say.
  if (is_closing_) return read(now, 1, bytes, out);
  out.push_back(ChannelDeliver{std::move(message.payload)});
}

void ChannelEnd::receive(Instant now, ChannelTaken&& message, ChannelActions& out) {
  if (!is_session_message(message.channel)) return violation(now, "Taken of another channel", out);
  take_progress(now, message.taken, out);
}

// What the other end's program has read of what was sent to it. Whether the channel goes on.
bool ChannelEnd::take_progress(Instant now, const ChannelProgress& progress, ChannelActions& out) {
  const bool possible = progress.objects >= taken_.objects && progress.bytes >= taken_.bytes &&
                        progress.objects <= sent_.objects && progress.bytes <= sent_.bytes;
  if (!possible) {
    violation(now, "more or fewer objects read than can be", out);
    return false;
  }
  taken_ = progress;
  pump(now, out);
  return !is_over();
}

void ChannelEnd::on(Instant now, ChannelWrite&& event, ChannelActions& out) {
  if (is_closing_) return;
  outbox_.push_back(std::move(event.payload));
  if (state_ == State::open) pump(now, out);
}

void ChannelEnd::on(Instant now, ChannelRead&& event, ChannelActions& out) {
  if (!is_closing_) read(now, event.objects, event.bytes, out);  // else all counts as read
}

void ChannelEnd::read(Instant now, std::uint64_t objects, std::uint64_t bytes,
                      ChannelActions& out) {
  read_.objects += objects;
  read_.bytes += bytes;
  FANMILL_ASSERT(read_.objects <= received_.objects && read_.bytes <= received_.bytes, id_);
  // Half a window: the other end need not wait, and is not told of each object.
  const std::uint64_t some_objects = std::max<std::uint64_t>(options_.terms.window_objects / 2, 1);
  const std::uint64_t some_bytes = std::max<std::uint64_t>(options_.terms.window_bytes / 2, 1);
  if (read_.objects - told_.objects < some_objects && read_.bytes - told_.bytes < some_bytes)
    return;
  say(now, ChannelTaken{id_, read_}, out);
}

// Sends what the other end's window allows, and the goodbye behind the last object.
void ChannelEnd::pump(Instant now, ChannelActions& out) {
  if (state_ != State::open) return;
  ChannelSent sent;
  while (!outbox_.empty() && sent_.objects - taken_.objects < theirs_.window_objects &&
         sent_.bytes - taken_.bytes < theirs_.window_bytes) {
    const std::uint64_t bytes = outbox_.front().bytes.size();
    if (bytes > theirs_.object_bytes_max) {
      violation(now,
                "written was an object of " + std::to_string(bytes) +
                    " bytes, of which the other end takes at most " +
                    std::to_string(theirs_.object_bytes_max) +
                    " (ChannelOptions::object_bytes_max)",
                out);
      return;
    }
    sent_.objects += 1;
    sent_.bytes += bytes;
    sent.objects += 1;
    sent.bytes += bytes;
    say(now, ChannelObject{id_, sent_.objects, read_, std::move(outbox_.front())}, out);
    outbox_.pop_front();
  }
  if (sent.objects > 0) out.push_back(sent);
  if (!is_closing_ || !outbox_.empty()) return;
  state_ = State::leaving;
  say(now, Goodbye{.session = id_}, out);
}

void ChannelEnd::say(Instant now, ChannelMessage message, ChannelActions& out) {
  said_ = now;
  told_ = read_;  // by Object and Taken; before and after the other kinds nothing is left to tell
  out.push_back(ChannelSend{version_, std::move(message)});
}

// ---- The end.

void ChannelEnd::on(Instant now, ChannelClose&& event, ChannelActions& out) {
  if (is_closing_) return;
  is_closing_ = true;
  const std::optional<Instant> limit = instant_after(now, event.linger);
  if (limit && (!give_up_at_ || *limit < *give_up_at_)) give_up_at_ = limit;
  // What was delivered and not read is not read any more.
  if (state_ == State::open) {
    read(now, received_.objects - read_.objects, received_.bytes - read_.bytes, out);
  }
  if (state_ == State::opening && outbox_.empty()) {
    return end({.clean = true, .code = ErrorCode::channel_ended, .words = {}}, out);
  }
  pump(now, out);
}

void ChannelEnd::receive(Instant now, Goodbye&& message, ChannelActions& out) {
  if (!is_session_message(message.session))
    return violation(now, "Goodbye of another channel", out);
  const bool had_all = state_ == State::leaving || outbox_.empty();
  if (state_ == State::open) say(now, Goodbye{.session = id_}, out);
  std::string words = options_.place + " closed the channel";
  if (!message.words.empty()) words += ": " + message.words;
  if (is_closing_ && !had_all) {
    return lose(ErrorCode::connection_lost, words + " before all that was written had been sent",
                out);
  }
  end({.clean = true, .code = ErrorCode::channel_ended, .words = std::move(words)}, out);
}

void ChannelEnd::on(Instant now, ChannelConnectionLost&& event, ChannelActions& out) {
  if (state_ == State::opening && event.is_final)
    return lose(ErrorCode::refused, std::move(event.trouble), out);
  if (state_ == State::opening) {
    last_trouble_ = event.trouble.empty()
                        ? "it accepts connections and closes them; is it a channel's listener?"
                        : std::move(event.trouble);
    if (!greet_at_) greet_later(now);
    return;
  }
  lose(ErrorCode::connection_lost, "the connection to " + options_.place + " was lost", out);
}

void ChannelEnd::on(Instant now, ChannelReceived&& event, ChannelActions& out) {
  heard_ = now;
  std::visit([&](auto& message) { receive(now, std::move(message), out); }, event.message);
}

void ChannelEnd::on(Instant now, ChannelMalformed&& event, ChannelActions& out) {
  violation(now, event.reason, out);
}

void ChannelEnd::on(Instant, ChannelStalled&& event, ChannelActions&) { heard_ += event.gap; }

// The other end is told why, so that whoever looks for the fault finds it at either.
void ChannelEnd::violation(Instant now, const std::string& what, ChannelActions& out) {
  say(now,
      Refuse{.session = id_,
             .code = RefuseCode::protocol,
             .protocol_min = limits::channel_protocol_min,
             .protocol_max = limits::channel_protocol_max,
             .words = what},
      out);
  lose(ErrorCode::malformed_message, options_.place + ": " + what, out);
}

void ChannelEnd::lose(ErrorCode code, std::string words, ChannelActions& out) {
  end({.clean = false, .code = code, .words = std::move(words)}, out);
}

void ChannelEnd::end(ChannelOver over, ChannelActions& out) {
  state_ = State::over;
  outbox_.clear();
  out.push_back(std::move(over));
}

}  // namespace fanmill::core
