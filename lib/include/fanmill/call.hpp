// Call: a task that names its function, and may have a time limit of its own.
//
// Where a group's tasks differ in what is done (five heuristics on one item), group_tasks returns
// Calls; where they differ only in their input, plain values do. A Call holds its input encoded; it
// is cheap to copy.
#pragma once

#include <chrono>
#include <fanmill/object.hpp>
#include <string>
#include <utility>

namespace fanmill::inline v0 {

/// A task's input, encoded, and the function that is to take it. What `group_tasks` returns where a
/// group's tasks differ in more than their input.
class Call {
 public:
  /// Encodes `input` (object.hpp: `encode`, and its exceptions). An empty name means the job's
  /// function.
  template <Encodable T>
  Call(std::string function, const T& input)
      : function_(std::move(function)), payload_(encode(input)) {}

  /// The same call with a time limit for each of its attempts, in place of the job's. 0: none.
  [[nodiscard]] Call time_limit(std::chrono::nanoseconds limit) const {
    Call changed = *this;
    changed.time_limit_ = limit;
    changed.has_time_limit_ = true;
    return changed;
  }

  /// Empty: the job's function.
  [[nodiscard]] const std::string& function() const noexcept { return function_; }
  /// The input as it travels.
  [[nodiscard]] const Payload& payload() const noexcept { return payload_; }
  /// The input again, for an `update_group` that wants to look at it. Throws as `decode` does.
  template <Transmissible T>
  [[nodiscard]] T input() const {
    return decode<T>(payload_);
  }
  /// `job_limit` unless this call has a limit of its own.
  [[nodiscard]] std::chrono::nanoseconds time_limit_or(
      std::chrono::nanoseconds job_limit) const noexcept {
    return has_time_limit_ ? time_limit_ : job_limit;
  }

 private:
  std::string function_;
  Payload payload_;
  std::chrono::nanoseconds time_limit_{0};
  bool has_time_limit_ = false;
};

/// A Call, in fewer words: `call("rho", n).time_limit(10s)`. Throws as `encode` does.
template <Encodable T>
Call call(std::string function, const T& input) {
  return Call(std::move(function), input);
}

}  // namespace fanmill::inline v0
