// What a client submits and what it gets back: jobs, groups, tasks and policies, as plain structs.
// Both the manager's and the client's state machine speak these.
#pragma once

#include <cstdint>
#include <fanmill/outcome.hpp>
#include <fanmill/policy.hpp>
#include <string>
#include <vector>

#include "base/few.hpp"
#include "base/ids.hpp"
#include "base/time.hpp"
#include "core/limits.hpp"

namespace fanmill::core {

using fanmill::Policy;

/// The caller of an embedded manager.
inline constexpr ClientId embedded_client{1};

struct TaskSpec {
  Payload payload;
  std::uint32_t function = 0;  // index into JobOptions::functions
  std::uint32_t stage = 0;     // for Policy::stages; must not decrease from one task to the next
  Duration time_limit{};       // of one attempt; 0: none
};

using TaskSpecs = Few<TaskSpec>;

struct JobOptions {
  std::vector<std::string> functions = {
      ""};                    // what tasks may call; "" is a worker's only or first function
  std::uint32_t retries = 0;  // of tasks whose function failed
  std::uint32_t lost_attempts_max =
      limits::lost_attempts_max;  // lost workers or crashes per task, then quarantine
  // Whether the client takes what tasks write to their standard output as it comes: DeliverOutput.
  bool output = false;
};

/// One answer of a group: which task gave it, and what.
struct Answer {
  std::uint32_t task = 0;  // index within the group, in the order of submission
  bool nothing = false;
  Payload payload;
  SessionId session = {};  // of the worker that gave it
  bool operator==(const Answer&) const = default;
};

/// How a group with a built-in policy ended.
struct GroupResult {
  bool decided = false;    // the policy was satisfied; if not, the group ran out of tasks
  bool withdrawn = false;  // its job was drained, and nobody had a task of it; says nothing else
  Few<Answer>
      answers;  // in order of arrival; those that the policy counted (for all: every result)
  std::vector<TaskError> errors;    // of the tasks that ended without a result: see keep_error
  std::uint32_t tasks_killed = 0;   // attempts that were on a worker when the group ended
  std::uint32_t tasks_dropped = 0;  // tasks that were still queued
  bool operator==(const GroupResult&) const = default;
};

}  // namespace fanmill::core
