#include <cstdio>
#include <fanmill/outcome.hpp>
#include <iterator>

namespace fanmill::inline v0 {
namespace {

const char* verb(TaskError::Kind kind) {
  switch (kind) {
    case TaskError::Kind::failed:
      return "failed";
    case TaskError::Kind::crashed:
      return "crashed";
    case TaskError::Kind::lost_worker:
      return "was lost with its worker";
    case TaskError::Kind::time_limit:
      return "ran past its time limit";
    case TaskError::Kind::rejected:
      return "was rejected";
  }
  return "ended";
}

/// Three digits are enough for people.
std::string rounded(double number, const char* unit) {
  char text[32];
  std::snprintf(text, sizeof text, number < 999.5 ? "%.3g %s" : "%.0f %s", number, unit);
  return text;
}

std::string in_words(std::chrono::nanoseconds time) {
  const double milliseconds = std::chrono::duration<double, std::milli>(time).count();
  return milliseconds < 999.5 ? rounded(milliseconds, "ms") : rounded(milliseconds / 1000, "s");
}

std::string in_words(std::uint64_t bytes) {
  const char* const units[] = {"bytes", "KiB", "MiB", "GiB"};
  std::size_t unit = 0;
  auto number = static_cast<double>(bytes);
  for (; number >= 999.5 && unit + 1 < std::size(units); ++unit) number /= 1024;
  return rounded(number, units[unit]);
}

/// " after 1.5 s, 1.4 s of cpu, at most 312 MiB"; empty if nothing is known.
std::string measured(const TaskError& error) {
  std::string words;
  const auto add = [&words](const std::string& more) {
    (words += words.empty() ? " with " : ", ") += more;
  };
  // What took less tells people nothing.
  constexpr std::chrono::milliseconds least{1};
  if (error.wall >= least) words = " after " + in_words(error.wall);
  if (error.cpu >= least) add(in_words(error.cpu) + " of cpu");
  if (error.memory > 0) add("at most " + in_words(error.memory));
  return words;
}

}  // namespace

const char* to_string(TaskError::Kind kind) noexcept {
  switch (kind) {
    case TaskError::Kind::failed:
      return "failed";
    case TaskError::Kind::crashed:
      return "crashed";
    case TaskError::Kind::lost_worker:
      return "lost_worker";
    case TaskError::Kind::time_limit:
      return "time_limit";
    case TaskError::Kind::rejected:
      return "rejected";
  }
  return "unknown";
}

const char* to_string(OutcomeKind kind) noexcept {
  switch (kind) {
    case OutcomeKind::result:
      return "result";
    case OutcomeKind::failed:
      return "failed";
    case OutcomeKind::quarantined:
      return "quarantined";
    case OutcomeKind::killed:
      return "killed";
  }
  return "unknown";
}

std::string to_string(const TaskError& error) {
  std::string line = error.attempt == 0 ? "an attempt" : "attempt " + std::to_string(error.attempt);
  if (!error.worker.empty()) line += " on " + error.worker;
  line += ' ';
  line += verb(error.kind);
  line += measured(error);
  if (!error.type.empty()) line += ": " + error.type;
  if (!error.text.empty()) line += ": " + error.text;
  // The end of what a program said on standard error mostly ends with one.
  while (line.back() == '\n') line.pop_back();
  return line;
}

}  // namespace fanmill::inline v0
