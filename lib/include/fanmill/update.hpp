// Update: what an `update_group` callback answers when a task of its group has given a result.
//
//     if (good_enough(result)) return fanmill::done(result);   // decided; its other tasks are ended
//     if (promising(result)) return fanmill::add(neighbours);  // more tasks for this group
//     return fanmill::go_on();                                 // nothing new, wait for the others
//
// A group that has no task left and is not done is over: `incomplete_group` (job.hpp) decides what
// that means.
#pragma once

#include <concepts>
#include <initializer_list>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace fanmill::inline v0 {

namespace detail {
template <typename Result>
struct Done {
  Result result;
};
template <typename Task>
struct AddTasks {
  std::vector<Task> tasks;
  bool replace = false;
};
struct GoOn {};
}  // namespace detail

/// The answer, made of what `done`, `add`, `replace` and `go_on` return. `Result` is what the group
/// gives to the run, `Task` what its tasks are made of; leave it out if none are added.
template <typename Result, typename Task = std::monostate>
class Update {
 public:
  ///@{
  /// The arguments of the template, for whoever is given an Update.
  using ResultType = Result;
  using TaskType = Task;
  ///@}

  ///@{
  /// Implicit, so that a callback returns what the four functions give. What is in it is converted
  /// to Result or Task.
  Update(detail::GoOn) {}  // NOLINT
  template <typename T>
  requires std::constructible_from<Result, T> Update(detail::Done<T> done)
      : result_(std::in_place, std::move(done.result)) {}  // NOLINT
  template <typename T>
  requires std::constructible_from<Task, T> Update(detail::AddTasks<T> add)
      : replace_(add.replace) {  // NOLINT
    if constexpr (std::same_as<T, Task>) {
      tasks_ = std::move(add.tasks);
    } else {
      tasks_.assign(std::make_move_iterator(add.tasks.begin()),
                    std::make_move_iterator(add.tasks.end()));
    }
  }
  ///@}

  /// Made by `done`.
  [[nodiscard]] bool is_done() const noexcept { return result_.has_value(); }
  /// Made by `replace`.
  [[nodiscard]] bool replaces() const noexcept { return replace_; }
  /// What `done` was given, to be moved from; empty otherwise.
  [[nodiscard]] std::optional<Result>& result() noexcept { return result_; }
  /// What `add` or `replace` was given, to be moved from; empty otherwise.
  [[nodiscard]] std::vector<Task>& tasks() noexcept { return tasks_; }

 private:
  std::optional<Result> result_;
  std::vector<Task> tasks_;
  bool replace_ = false;
};

/// The group is decided with this result. Its queued tasks are dropped, its running ones killed at
/// once.
template <typename Result>
detail::Done<std::decay_t<Result>> done(Result&& result) {
  return {std::forward<Result>(result)};
}

///@{
/// These tasks join the group. They go before the tasks of items that were not yet pulled.
template <typename Task>
detail::AddTasks<Task> add(std::vector<Task> tasks) {
  return {std::move(tasks), false};
}
template <typename Task>
detail::AddTasks<Task> add(std::initializer_list<Task> tasks) {
  return {tasks, false};
}
///@}

///@{
/// The tasks that the group has, queued or running, are ended; it goes on with these.
template <typename Task>
detail::AddTasks<Task> replace(std::vector<Task> tasks) {
  return {std::move(tasks), true};
}
template <typename Task>
detail::AddTasks<Task> replace(std::initializer_list<Task> tasks) {
  return {tasks, true};
}
///@}

/// Nothing changes.
inline detail::GoOn go_on() { return {}; }

}  // namespace fanmill::inline v0
