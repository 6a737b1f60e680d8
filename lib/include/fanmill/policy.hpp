// Policy: when a group is decided.
//
// The built-in policies are decided by the manager itself, in the turn in which the deciding result
// arrives; the workers still busy on the group are freed in that same turn. A group with an
// `update_group` callback (job.hpp) is decided by that callback instead.
#pragma once

#include <cstdint>

namespace fanmill::inline v0 {

/// Which results decide a group. Jobs set it by setters of the same names (job.hpp), which also say
/// what an item's result is then.
struct Policy {
  /// What decides.
  enum class Kind : std::uint8_t {
    first,         ///< the first result, whatever it is
    first_answer,  ///< the first result that is not "nothing": the first that satisfies the
                   ///< function's own test
    k_answers,     ///< `k` results that are not "nothing"
    all,           ///< never early: every task runs
    stages,  ///< as first_answer, but the tasks of stage n + 1 wait until all tasks of stage n have
             ///< ended
    client,  ///< each task's end is told to whoever submitted the group, who answers what to do
  };
  Kind kind = Kind::first;  ///< what decides
  std::uint32_t k = 1;      ///< for k_answers, at least 1

  ///@{
  /// The policy of this name, as Kind tells it.
  static constexpr Policy first() { return {Kind::first, 1}; }
  static constexpr Policy first_answer() { return {Kind::first_answer, 1}; }
  static constexpr Policy all() { return {Kind::all, 1}; }
  static constexpr Policy stages() { return {Kind::stages, 1}; }
  ///@}
  /// `k` results that are not "nothing". `run` throws FarmError (invalid_argument) for a `k` of 0.
  static constexpr Policy answers(std::uint32_t k) { return {Kind::k_answers, k}; }

  friend bool operator==(const Policy&, const Policy&) = default;
};

}  // namespace fanmill::inline v0
