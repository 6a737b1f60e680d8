// JobTypes: what a job's callbacks mean for items of one type, and readable errors where they do
// not fit. Machinery of job.hpp, not for users.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <fanmill/detail/callable.hpp>
#include <fanmill/job.hpp>
#include <functional>
#include <string_view>
#include <type_traits>
#include <vector>

namespace fanmill::inline v0::detail {

struct NoState {};

/// What `group_tasks` returned: its state and tasks.
template <typename T>
struct Grouping {
  static constexpr bool fits = false;
  using State = NoState;
  using Task = std::monostate;
};
template <typename T>
struct Grouping<std::vector<T>> {
  static constexpr bool fits = true;
  using State = NoState;
  using Task = T;
};
template <typename S, typename T>
struct Grouping<Group<S, T>> {
  static constexpr bool fits = true;
  using State = S;
  using Task = T;
};

template <typename T>
inline constexpr bool is_update = false;
template <typename Result, typename Task>
inline constexpr bool is_update<Update<Result, Task>> = true;

template <typename T>
inline constexpr bool is_vector = false;
template <typename T>
inline constexpr bool is_vector<std::vector<T>> = true;

template <typename T>
concept Sendable = std::same_as<T, Call> || Encodable<T>;

/// The tasks of one stage, where a job has stages.
template <typename T>
concept Stage = is_vector<T> && Sendable<typename T::value_type>;

/// Calls `f`; void becomes a `Result` of its own.
template <typename Result, typename F, typename... Arguments>
Result valued(F& f, Arguments&&... arguments) {
  if constexpr (std::is_void_v<std::invoke_result_t<F&, Arguments...>>) {
    std::invoke(f, std::forward<Arguments>(arguments)...);
    return Result{};
  } else {
    return std::invoke(f, std::forward<Arguments>(arguments)...);
  }
}

/// `f(arguments...)` can stand for a Result.
template <typename F, typename Result, typename... Arguments>
concept Gives = std::invocable<F&, Arguments...> &&
    (std::convertible_to<std::invoke_result_t<F&, Arguments...>, Result> ||
     (std::is_void_v<std::invoke_result_t<F&, Arguments...>> &&
      std::same_as<Result, std::monostate>));

template <typename GroupTasks, typename Item>
struct TasksOf {
  static_assert(std::invocable<GroupTasks&, const Item&>,
                "group_tasks is called with the item: f(const Item&)");
  using Returned = Grouping<std::remove_cvref_t<std::invoke_result_t<GroupTasks&, const Item&>>>;
  static_assert(Returned::fits,
                "group_tasks returns a std::vector of tasks, or a fanmill::Group{state, tasks}");
  using State = typename Returned::State;
  using Task = typename Returned::Task;
  static_assert(
      Sendable<Task> || Stage<Task>,
      "the tasks that group_tasks gives can't be sent; FANMILL_FIELDS makes a struct sendable "
      "(fields.hpp)");
};
template <typename Item>
struct TasksOf<Unset, Item> {
  using State = NoState;
  using Task = Item;
  static_assert(
      Sendable<Item>,
      "the items of this run can't be sent as tasks: give the job a group_tasks, or make their "
      "struct sendable with FANMILL_FIELDS (fields.hpp)");
};

/// What `update_group` and `task_failed` give.
template <typename UpdateGroup, typename Item, typename Task, typename Told, typename State>
struct UpdateOf {
  template <typename F>
  struct Call : std::conditional_t<std::same_as<State, NoState>,
                                   std::invoke_result<F&, const Item&, const Task&, Told>,
                                   std::invoke_result<F&, const Item&, const Task&, Told, State&>> {
  };
  static constexpr bool callable = requires { typename Call<UpdateGroup>::type; };
};

template <typename Item, typename JobType>
struct JobTypes;

template <typename ItemType, typename TaskResultType, typename Shape, typename GroupTasks,
          typename UpdateGroup, typename TaskFailed, typename IncompleteGroup, typename OnFailure,
          typename UpdateResults, typename ProcessResults, typename TaskOutput>
struct JobTypes<ItemType,
                Job<TaskResultType, Shape, GroupTasks, UpdateGroup, TaskFailed, IncompleteGroup,
                    OnFailure, UpdateResults, ProcessResults, TaskOutput>> {
  using Item = ItemType;
  using TaskResult = Valued<TaskResultType>;
  using State = typename TasksOf<GroupTasks, Item>::State;
  using Task = typename TasksOf<GroupTasks, Item>::Task;
  static constexpr bool groups = is_set<GroupTasks>;
  static constexpr bool has_state = !std::same_as<State, NoState>;
  static constexpr bool updates_group = is_set<UpdateGroup>;
  static constexpr bool many = std::same_as<Shape, ManyResults>;

  static_assert(updates_group || !has_state,
                "a Group with a state needs an update_group; without one return the tasks "
                "alone, as a std::vector");
  static_assert(updates_group || !is_set<TaskFailed>,
                "task_failed needs an update_group; the built-in policies put the "
                "errors of a failed item into its outcome");
  static_assert(!updates_group || !many,
                "update_group decides its groups by itself: leave out answers() and all()");

  // ---- The item's result.
  static auto result_tag() {
    if constexpr (updates_group) {
      using Shape4 = UpdateOf<UpdateGroup, Item, Task, TaskResult, State>;
      static_assert(Shape4::callable,
                    "update_group is called as f(const Item&, const Task&, TaskResult, State&), "
                    "without the last if "
                    "group_tasks gives no Group{state, tasks}");
      if constexpr (Shape4::callable) {
        using Returned = typename Shape4::template Call<UpdateGroup>::type;
        static_assert(is_update<Returned>,
                      "update_group returns a fanmill::Update<Result, Task>: write it as the "
                      "lambda's return type, `-> fanmill::Update<int, Task>`");
        if constexpr (is_update<Returned>) {
          static_assert(std::same_as<typename Returned::TaskType, std::monostate> ||
                            std::same_as<typename Returned::TaskType, Task>,
                        "the Task of update_group's fanmill::Update<Result, Task> is the type of "
                        "the group's tasks");
          return std::type_identity<typename Returned::ResultType>{};
        } else {
          return std::type_identity<std::monostate>{};
        }
      } else {
        return std::type_identity<std::monostate>{};
      }
    } else if constexpr (many) {
      return std::type_identity<std::vector<TaskResult>>{};
    } else {
      return std::type_identity<TaskResult>{};
    }
  }
  using Result = typename decltype(result_tag())::type;

  static constexpr bool failed_is_called = is_set<TaskFailed>;
  static_assert(
      !failed_is_called ||
          UpdateOf<TaskFailed, Item, Task, const std::vector<TaskError>&, State>::callable,
      "task_failed is called as f(const Item&, const Task&, const std::vector<TaskError>&, "
      "State&), without the "
      "last if group_tasks gives no Group{state, tasks}");

  // ---- Incomplete groups and failed items.
  static constexpr bool incomplete_set = is_set<IncompleteGroup>;
  static constexpr bool incomplete_takes_item = Gives<IncompleteGroup, Result, const Item&>;
  static constexpr bool incomplete_takes_state =
      has_state && Gives<IncompleteGroup, Result, const Item&, State&>;
  static constexpr bool incomplete_takes_answers =
      many && Gives<IncompleteGroup, Result, const Item&, std::vector<TaskResult>&>;
  static_assert(!incomplete_set || incomplete_takes_item || incomplete_takes_state ||
                    incomplete_takes_answers,
                "incomplete_group is called as f(const Item&), with a state as f(const Item&, "
                "State&), and gives the item's "
                "result");
  static constexpr bool failure_set = is_set<OnFailure>;
  static constexpr bool failure_calls =
      Gives<OnFailure, Result, const Item&, const std::vector<TaskError>&>;
  static_assert(!failure_set || failure_calls || std::convertible_to<OnFailure, Result>,
                "on_failure takes a value of the item's result type, or f(const Item&, const "
                "std::vector<TaskError>&) that "
                "gives one");

  // ---- What becomes of the results.
  template <typename T>
  struct UpdatesOf {
    static constexpr bool set = false;
    static constexpr bool takes_item = false;
    using Results = std::monostate;
  };
  template <typename R, typename F>
  struct UpdatesOf<ResultsUpdate<R, F>> {
    static constexpr bool set = true;
    static constexpr bool takes_item = std::invocable<F&, R&, Result, std::size_t, const Item&>;
    static_assert(takes_item || std::invocable<F&, R&, Result, std::size_t>,
                  "update_results is called as f(Results&, Result, std::size_t index), or with "
                  "const Item& as fourth");
    using Results = R;
  };
  static constexpr bool updates_results = UpdatesOf<UpdateResults>::set;
  static constexpr bool results_take_item = UpdatesOf<UpdateResults>::takes_item;
  using Results = std::conditional_t<updates_results, typename UpdatesOf<UpdateResults>::Results,
                                     std::vector<Result>>;
  static constexpr bool processes = is_set<ProcessResults>;
  static_assert(!processes || std::invocable<ProcessResults&, Results&>,
                "process_results is called as f(Results&) with what run would return");

  // ---- What tasks write while they run.
  static constexpr bool takes_output = is_set<TaskOutput>;
  static_assert(!takes_output || !Stage<Task>,
                "task_output is called with the task: let group_tasks give a std::vector of tasks, "
                "not of steps");
  static_assert(
      !takes_output ||
          std::invocable<TaskOutput&, const Item&, const Task&, std::uint32_t, std::string_view>,
      "task_output is called as f(const Item&, const Task&, std::uint32_t attempt, "
      "std::string_view chunk)");

  static constexpr bool keeps_tasks = updates_group || takes_output;
  static constexpr bool keeps_item = updates_group || incomplete_set ||
                                     (failure_set && failure_calls) || results_take_item ||
                                     takes_output;
};

}  // namespace fanmill::inline v0::detail
