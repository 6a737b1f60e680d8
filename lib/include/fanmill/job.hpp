// Job: how the items of a run are worked on. What is done with each, when it is finished, what
// becomes of the results.
//
//     auto job = fanmill::job<Factors>()      // what the workers' function returns
//                    .function("factor")      // which of their functions
//                    .group_tasks([](const Number& n) {
//                      return std::vector{Try{n, 1}, Try{n, 2}, Try{n, 3}};
//                    })
//                    .first_answer();         // three tries at each item, the first answer wins
//     std::vector<Factors> factors = manager.run(numbers, job);
//
// A job is a value: each setter gives a changed copy, and one job serves any number of runs. The
// callbacks run on the thread that called `run`, one at a time; an exception from one ends the run
// and reaches its caller. They must be copyable. Their types are checked where the job meets its
// items, in `run`.
#pragma once

#include <chrono>
#include <cstdint>
#include <fanmill/call.hpp>
#include <fanmill/detail/job_parts.hpp>
#include <fanmill/detail/run.hpp>
#include <fanmill/group.hpp>
#include <fanmill/policy.hpp>
#include <fanmill/update.hpp>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace fanmill::inline v0 {

/// Begin with `job<TaskResult>()`; `Parts` are what was set so far.
template <typename TaskResult, typename... Parts>
class Job {
 public:
  /// For `job` and the setters, which are how jobs are made.
  Job(detail::RunSettings settings, std::tuple<Parts...> parts)
      : settings_(std::move(settings)), parts_(std::move(parts)) {}

  // ---- What the tasks are.

  /// The workers' function that tasks without a name of their own call. Default: each worker's
  /// first or only one.
  [[nodiscard]] Job function(std::string name) const {
    return changed([&](detail::RunSettings& settings) { settings.function = std::move(name); });
  }
  /// The functions that this job's Calls (call.hpp) may name. A name that is not here is refused
  /// where it is used, so that a misspelt one does not wait for a worker for ever.
  [[nodiscard]] Job functions(std::vector<std::string> names) const {
    return changed([&](detail::RunSettings& settings) { settings.functions = std::move(names); });
  }
  /// How often a task is tried again after its function reported an error, or ran past its time
  /// limit: on another worker first, if one has room soon. Default 0: the first error counts.
  [[nodiscard]] Job retries(std::uint32_t count) const {
    return changed([&](detail::RunSettings& settings) { settings.retries = count; });
  }
  /// How many workers may vanish or crash under a task before it is given up (quarantined). Default
  /// 3, at least 1.
  [[nodiscard]] Job lost_attempts_max(std::uint32_t count) const {
    return changed([&](detail::RunSettings& settings) { settings.lost_attempts_max = count; });
  }
  /// How long one attempt of a task may run. An attempt over it is ended and counts as failed.
  /// Default 0: no limit.
  [[nodiscard]] Job time_limit(std::chrono::nanoseconds limit) const {
    return changed([&](detail::RunSettings& settings) { settings.time_limit = limit; });
  }
  /// How many tasks may be submitted and not ended before no more items are pulled from the input.
  /// At least 1. Default: as many as the workers could hold so far, which grows with their
  /// slots and the shorter their tasks are; 4,096 to 200,000. A task that waits costs the manager
  /// about half a kilobyte beside its payload. Fix it lower if items must not be taken early.
  [[nodiscard]] Job lookahead(std::size_t tasks) const {
    return changed([&](detail::RunSettings& settings) { settings.lookahead = tasks; });
  }
  /// How many bytes the payloads of those tasks may have before no more items are pulled: the item
  /// with which they reach it is the last. At least 1; default 64 MiB. Raise it when workers run out
  /// of large tasks, or when more small ones than 2,000,000 (32 bytes each) are to be queued.
  [[nodiscard]] Job lookahead_bytes(std::size_t bytes) const {
    return changed([&](detail::RunSettings& settings) { settings.lookahead_bytes = bytes; });
  }
  /// `f(const Item&)` gives the tasks of an item: a `std::vector<Task>`, where Task is anything
  /// that can be sent, or Call. With `update_group` it may also give a `Group{state, tasks}`.
  /// Without it the item itself is the only task.
  template <typename F>
  [[nodiscard]] auto group_tasks(F f) const {
    return with<detail::part_group_tasks>(std::move(f));
  }

  // ---- When an item is finished. Without any of these: with the first result of its group.

  /// The first result, also if it is "nothing". An item's result is a TaskResult.
  [[nodiscard]] auto first() const { return one(Policy::first()); }
  /// The first result that is not "nothing" (function.hpp).
  [[nodiscard]] auto first_answer() const { return one(Policy::first_answer()); }
  /// As `first_answer`, but in steps: the next step waits until all tasks of the one before it have
  /// found nothing or failed. If `group_tasks` gives a vector of vectors, each of those is a step;
  /// else each task is one.
  [[nodiscard]] auto stages() const { return one(Policy::stages()); }
  /// `k` results that are not "nothing". An item's result is a std::vector<TaskResult>, in order of
  /// arrival.
  [[nodiscard]] auto answers(std::uint32_t k) const { return many(Policy::answers(k)); }
  /// Every task runs. An item's result is a std::vector<TaskResult>, in the order of its tasks. A
  /// task that failed makes the item fail; one that found nothing is left out, unless TaskResult is
  /// a std::optional.
  [[nodiscard]] auto all() const { return many(Policy::all()); }
  /// One of `first`, `first_answer` and `stages`, chosen when the program runs. `run` throws
  /// FarmError (invalid_argument) for another.
  [[nodiscard]] auto policy(Policy policy) const { return one(policy); }

  /// The program decides: `f(const Item&, const Task&, TaskResult, State&)` is called with each
  /// result of a group and returns an Update<Result, Task> (update.hpp). Result is then the item's
  /// result, of any type. Without a `Group` from `group_tasks` there is no state: `f(const Item&,
  /// const Task&, TaskResult)`. A task that found nothing is told only if TaskResult is a
  /// std::optional.
  template <typename F>
  [[nodiscard]] auto update_group(F f) const {
    return with<detail::part_update_group>(std::move(f));
  }
  /// With `update_group`: `f(const Item&, const Task&, const std::vector<TaskError>&, State&)` sees
  /// each task that failed. It returns nothing, or an Update as above (for a task in its place).
  template <typename F>
  [[nodiscard]] auto task_failed(F f) const {
    return with<detail::part_task_failed>(std::move(f));
  }
  /// The result of an item whose group ran out of tasks undecided: `f(const Item&)`, or with a
  /// state `f(const Item&, State&)`. Without it, the state is the result if it converts to one and
  /// a task gave a result (or `task_failed` saw the failures); else the item fails.
  template <typename F>
  [[nodiscard]] auto incomplete_group(F f) const {
    return with<detail::part_incomplete_group>(std::move(f));
  }
  /// What stands for the result of an item that failed: a value, or `f(const Item&, const
  /// std::vector<TaskError>&)` that makes one. Without it, `run` throws ItemFailed and
  /// `run_outcomes` gives the errors.
  template <typename F>
  [[nodiscard]] auto on_failure(F value_or_f) const {
    return with<detail::part_on_failure>(std::move(value_or_f));
  }

  // ---- What tasks write while they run.

  /// `f(const Item&, const Task&, std::uint32_t attempt, std::string_view chunk)` is called with what
  /// a task writes to its standard output, soon after it was written: in order, without a gap, and
  /// before the result of that task is told. Only tasks write that ask their worker for it, as those
  /// of `fanmill-worker command` do by `"stream": true`; of others nothing comes.
  ///
  /// A chunk has 1 to 65536 bytes, ends anywhere, and is valid during the call. `attempt` counts from
  /// 1: a task that is tried again begins to write anew. What it wrote may be incomplete: when the
  /// worker's connection is lost, the task goes on, but no more of its output comes; and nothing comes
  /// of an item that is finished. While `f` runs or the input keeps `run` waiting, at most 1 MiB of
  /// each running task is held here; then its worker stops reading from the task, which has to wait.
  template <typename F>
  [[nodiscard]] auto task_output(F f) const {
    auto job = with<detail::part_task_output>(std::move(f));
    job.want_output();
    return job;
  }

  // ---- What becomes of the results. Without any of these, `run` returns them in the order of the
  // items.

  /// `f(Results&, Result, std::size_t index)`, or with `const Item&` as fourth, is called once for
  /// each item, in order of completion; `index` is the item's, from 0. `run` returns the Results,
  /// which begin as `initial`. So results need not be kept.
  template <typename Results, typename F>
  [[nodiscard]] auto update_results(Results initial, F f) const {
    return with<detail::part_update_results>(
        detail::ResultsUpdate<Results, F>{std::move(initial), std::move(f)});
  }
  /// `f(Results&)` is called once at the end, with what `run` would return; if it returns
  /// something, `run` returns that.
  template <typename F>
  [[nodiscard]] auto process_results(F f) const {
    return with<detail::part_process_results>(std::move(f));
  }
  /// `update_results` is called in the order of the items. Results that wait for an earlier item
  /// are kept; when they come to 256 MiB, no more items are pulled until it is there.
  [[nodiscard]] Job in_order() const {
    return changed([&](detail::RunSettings& settings) { settings.in_order = true; });
  }

  ///@{
  /// What was set, for `Manager::run`. The types are fanmill's own and may change.
  [[nodiscard]] const detail::RunSettings& settings() const noexcept { return settings_; }
  [[nodiscard]] const std::tuple<Parts...>& parts() const noexcept { return parts_; }
  ///@}

 private:
  template <typename Change>
  Job changed(const Change& change) const {
    Job job = *this;
    change(job.settings_);
    return job;
  }

  [[nodiscard]] auto one(Policy policy) const {
    auto job = with<detail::part_shape>(detail::OneResult{});
    job.set_policy(policy);
    return job;
  }
  [[nodiscard]] auto many(Policy policy) const {
    auto job = with<detail::part_shape>(detail::ManyResults{});
    job.set_policy(policy);
    return job;
  }
  void set_policy(Policy policy) { settings_.policy = policy; }
  void want_output() { settings_.output = true; }

  template <std::size_t n, typename Part>
  [[nodiscard]] auto with(Part part) const {
    static_assert(std::copy_constructible<Part>,
                  "the callbacks of a job must be copyable: a job is a value");
    return [&]<std::size_t... i>(std::index_sequence<i...>) {
      return Job<TaskResult, detail::Chosen<i == n, Part, Parts>...>(
          settings_, {detail::choose<i == n>(part, std::get<i>(parts_))...});
    }
    (std::index_sequence_for<Parts...>{});
  }

  template <typename, typename...>
  friend class Job;

  detail::RunSettings settings_;
  std::tuple<Parts...> parts_;
};

/// A job whose tasks give a TaskResult: what the workers' function returns, without its
/// std::optional (with it, the "nothing" is a result that the job wants to see). `void`: the
/// results do not matter; `run` returns nothing then.
template <typename TaskResult>
auto job() {
  static_assert(std::is_void_v<TaskResult> || Transmissible<TaskResult>,
                "the TaskResult of this job can't be sent; FANMILL_FIELDS makes a struct sendable "
                "(fields.hpp)");
  return detail::EmptyJob<Job, TaskResult>({}, {});
}

}  // namespace fanmill::inline v0
