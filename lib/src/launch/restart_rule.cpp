#include "launch/restart_rule.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace fanmill::launch {
namespace {

/// Conditions of the host that pass by themselves; all others lie in the command.
bool is_passing(int error_number) {
  switch (error_number) {
    case EAGAIN:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case ETXTBSY:  // somebody is just writing the program
    case EIO:
      return true;
    default:
      return false;
  }
}

const char* meaning(int status) {
  switch (status) {
    case exit_do_not_restart:
      return " (do not start again)";
    case exit_killed:
      return " (its task was killed)";
    case exit_manager_lost:
      return " (its manager was lost)";
    default:
      return "";
  }
}

}  // namespace

std::string to_string(const ProcessEnd& end) {
  if (end.signal != 0) {
    const char* name = ::sigabbrev_np(end.signal);
    return "signal " + std::to_string(end.signal) +
           (name != nullptr ? " (SIG" + std::string(name) + ")" : std::string());
  }
  if (end.status < 0) return "an unknown status (something else in this program waited for it)";
  return "exit status " + std::to_string(end.status) + meaning(end.status);
}

Verdict RestartRule::ended(const ProcessEnd& end, Duration lived) {
  has_run_ = true;
  if (end.exited_with(exit_do_not_restart)) return {.kind = Verdict::Kind::finished};
  if (lived >= limits_.settled_after) doublings_ = 0;
  if (end.exited_with(exit_killed)) {
    // Only a healthy worker, deep in a task, is killed: whatever went wrong before it is over.
    doublings_ = 0;
    ends_at_once_ = 0;
    return {.kind = Verdict::Kind::restart,
            .after = std::max(Duration{}, limits_.start_interval_min - lived)};
  }
  if (end.exited_with(exit_manager_lost)) {
    // Not the program's fault: it never leads to giving up. A worker that finds no manager at all
    // ends with 5.
    ends_at_once_ = 0;
    return {.kind = Verdict::Kind::restart, .after = next_backoff()};
  }
  if (lived < limits_.at_once) return crashed_at_once();
  ends_at_once_ = 0;
  return {.kind = Verdict::Kind::restart, .after = next_backoff()};
}

Verdict RestartRule::could_not_start(int error_number) {
  // A program that never ran here has a wrong name or rights, and trying again only hides the
  // message. One that did run is perhaps being replaced by a newer build just now.
  if (!has_run_ && !is_passing(error_number)) return {.kind = Verdict::Kind::give_up};
  return crashed_at_once();
}

Verdict RestartRule::crashed_at_once() {
  ends_at_once_ += 1;
  if (ends_at_once_ >= limits_.ends_at_once_max) return {.kind = Verdict::Kind::give_up};
  return {.kind = Verdict::Kind::restart, .after = next_backoff()};
}

Duration RestartRule::next_backoff() {
  Duration backoff = limits_.backoff_first;
  for (unsigned i = 0; i < doublings_ && backoff < limits_.backoff_max; ++i) backoff *= 2;
  if (backoff < limits_.backoff_max) doublings_ += 1;  // no further: it would only overflow
  return std::min(backoff, limits_.backoff_max);
}

}  // namespace fanmill::launch
