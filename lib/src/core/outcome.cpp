#include <fanmill/outcome.hpp>

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
  if (!error.type.empty()) line += ": " + error.type;
  if (!error.text.empty()) line += ": " + error.text;
  return line;
}

}  // namespace fanmill::inline v0
