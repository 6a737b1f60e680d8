#include <fanmill/observer.hpp>

#include <array>
#include <ctime>
#include <fanmill/error.hpp>
#include <fanmill/json.hpp>

namespace fanmill::inline v0 {
namespace {

constexpr std::size_t payload_characters_max = 200;

bool is_continuation(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

/// Cut between characters, counted as Unicode code points.
std::string cut(const std::string& text) {
  std::size_t characters = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_continuation(text[i])) continue;
    if (characters == payload_characters_max) return text.substr(0, i) + "...";
    characters += 1;
  }
  return text;
}

std::string readable(const Payload& payload) {
  switch (payload.encoding) {
    case Encoding::none:
      return "nothing";
    case Encoding::raw:
      return std::to_string(payload.bytes.size()) + " raw bytes";
    default:
      break;
  }
  try {
    return cut(to_json(payload));
  } catch (const FarmError& error) {
    // It came from a peer; what it sent must not end the manager.
    return std::to_string(payload.bytes.size()) + " bytes that can't be read (" + error.what() +
           ")";
  }
}

std::string local_time(std::chrono::system_clock::time_point time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count() % 1000;
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  std::array<char, 40> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts);
  const std::string digits = std::to_string(1000 + milliseconds);
  return std::string(text.data(), size) + "." + digits.substr(1) + " ";
}

std::string task_words(const Event& event) {
  // Groups count from 1 for people; a group of one task needs no number for it.
  return "task " + std::to_string(event.task + 1) + " of group " + std::to_string(event.item + 1);
}

std::string with_text(const std::string& line, const std::string& text) {
  return text.empty() ? line : line + ": " + text;
}

std::string words(const Event& event) {
  switch (event.kind) {
    case Event::Kind::worker_joined:
      return with_text("worker " + event.worker + " joined", event.text);
    case Event::Kind::worker_returned:
      return with_text("worker " + event.worker + " is back", event.text);
    case Event::Kind::worker_suspect:
      return with_text("worker " + event.worker + " is silent and gets no new tasks", event.text);
    case Event::Kind::worker_recovered:
      return with_text("worker " + event.worker + " is heard again", "");
    case Event::Kind::worker_left:
      return with_text("worker " + event.worker + " left", event.text);
    case Event::Kind::worker_refused:
      return with_text("refused " + event.worker, event.text);
    case Event::Kind::task_assigned:
      return task_words(event) + " goes to " + event.worker + ": " + readable(event.payload);
    case Event::Kind::task_ended: {
      std::string line = task_words(event) + " ended on " + event.worker;
      if (!event.text.empty()) line += ", " + event.text;
      return event.payload.encoding == Encoding::none ? line
                                                      : line + ": " + readable(event.payload);
    }
    case Event::Kind::task_requeued:
      return with_text(task_words(event) + " waits again", event.text);
    case Event::Kind::group_ended: {
      std::string line = "group " + std::to_string(event.item + 1);
      line += event.text.empty() ? " complete" : " given up (" + event.text + ")";
      line += ", ending " + std::to_string(event.killed) + " other worker" +
              (event.killed == 1 ? "" : "s");
      if (event.dropped > 0) {
        line += ", dropping " + std::to_string(event.dropped) + " queued task" +
                (event.dropped == 1 ? "" : "s");
      }
      return line;
    }
    case Event::Kind::worker_failing:
      return with_text("worker " + event.worker + " gets no more tasks", event.text);
    case Event::Kind::warning:
      return with_text("warning", event.text);
    case Event::Kind::function_missing:
      return with_text("tasks wait that no worker takes", event.text);
    case Event::Kind::events_dropped:
      return std::to_string(event.dropped) +
             " lines left out: they came faster than they could be shown";
  }
  return "unknown event";
}

}  // namespace

const char* to_string(Event::Kind kind) noexcept {
  switch (kind) {
    case Event::Kind::worker_joined:
      return "worker_joined";
    case Event::Kind::worker_returned:
      return "worker_returned";
    case Event::Kind::worker_suspect:
      return "worker_suspect";
    case Event::Kind::worker_recovered:
      return "worker_recovered";
    case Event::Kind::worker_left:
      return "worker_left";
    case Event::Kind::worker_refused:
      return "worker_refused";
    case Event::Kind::task_assigned:
      return "task_assigned";
    case Event::Kind::task_ended:
      return "task_ended";
    case Event::Kind::task_requeued:
      return "task_requeued";
    case Event::Kind::group_ended:
      return "group_ended";
    case Event::Kind::worker_failing:
      return "worker_failing";
    case Event::Kind::function_missing:
      return "function_missing";
    case Event::Kind::warning:
      return "warning";
    case Event::Kind::events_dropped:
      return "events_dropped";
  }
  return "unknown";
}

std::string to_line(const Event& event, bool timestamp) {
  std::string line = (timestamp ? local_time(event.time) : std::string()) + words(event);
  for (char& c : line) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  return line;
}

}  // namespace fanmill::inline v0
