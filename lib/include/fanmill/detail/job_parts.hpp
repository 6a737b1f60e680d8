// The parts of a Job as types: which callbacks it has. Machinery of job.hpp, not for users.
#pragma once

#include <cstddef>
#include <type_traits>
#include <variant>

namespace fanmill::inline v0::detail {

/// In place of a callback that was not set.
struct Unset {};

/// What a group with a built-in policy gives: one TaskResult, or a std::vector of them.
struct OneResult {};
struct ManyResults {};

template <typename Results, typename F>
struct ResultsUpdate {
  Results results;
  F f;
};

/// The places of the parts in a Job's tuple.
enum PartPlace : std::size_t {
  part_shape,
  part_group_tasks,
  part_update_group,
  part_task_failed,
  part_incomplete_group,
  part_on_failure,
  part_update_results,
  part_process_results,
  part_task_output,
};

template <template <typename, typename...> class JobTemplate, typename TaskResult>
using EmptyJob =
    JobTemplate<TaskResult, OneResult, Unset, Unset, Unset, Unset, Unset, Unset, Unset, Unset>;

template <bool first, typename A, typename B>
using Chosen = std::conditional_t<first, A, B>;

template <bool first, typename A, typename B>
const Chosen<first, A, B>& choose(const A& a, const B& b) {
  if constexpr (first) {
    return a;
  } else {
    return b;
  }
}

template <typename Part>
inline constexpr bool is_set = !std::is_same_v<Part, Unset>;

/// void as a value.
template <typename T>
using Valued = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

}  // namespace fanmill::inline v0::detail
