// TypedRun: one run over items of one type with one job: calls its callbacks, encodes tasks,
// decodes results, keeps what the callbacks need of items that are not finished. Machinery of
// manager.hpp, not for users.
#pragma once

#include <algorithm>
#include <cstdint>
#include <fanmill/detail/item_slots.hpp>
#include <fanmill/detail/item_source.hpp>
#include <fanmill/detail/job_types.hpp>
#include <fanmill/detail/run.hpp>
#include <fanmill/error.hpp>
#include <fanmill/item_outcome.hpp>
#include <optional>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace fanmill::inline v0::detail {

/// `outcomes`: failed items are kept as such instead of ending the run.
template <typename Source, typename JobType, bool outcomes>
class TypedRun final : public Runner {
  using Types = JobTypes<typename Source::Item, JobType>;
  using Item = typename Types::Item;
  using Task = typename Types::Task;
  using TaskResult = typename Types::TaskResult;
  using State = typename Types::State;
  using Result = typename Types::Result;
  static constexpr bool collects = outcomes || !Types::updates_results;
  static_assert(!outcomes || (!Types::updates_results && !Types::processes),
                "run_outcomes gives the outcome of each item; leave out update_results and "
                "process_results, or use run");

 public:
  TypedRun(Source source, const JobType& job)
      : source_(std::move(source)), settings_(job.settings()), parts_(job.parts()) {
    const Policy::Kind kind = settings_.policy.kind;
    if (!Types::many && (kind == Policy::Kind::k_answers || kind == Policy::Kind::all)) {
      throw FarmError(ErrorCode::invalid_argument,
                      "policy(): answers and all give several results for each item: use "
                      ".answers(k) or .all()");
    }
    pull_may_block = Source::may_block;
    if constexpr (Types::updates_group) settings_.policy = {Policy::Kind::client, 1};
    if constexpr (Types::updates_results) results_.emplace(part<part_update_results>().results);
  }

  Pull pull(PulledItem& pulled) override {
    return source_.pull([&]<typename Value>(Value&& value) {
      if constexpr (std::same_as<std::remove_cvref_t<Value>, Item>) {
        take(std::forward<Value>(value), pulled);
      } else {
        take(Item(std::forward<Value>(value)), pulled);
      }
    });
  }

  void listen([[maybe_unused]] const std::function<void()>& wake) override {
    if constexpr (requires { source_.listen(wake); }) source_.listen(wake);
  }

  GroupUpdate update(std::uint64_t item, std::uint32_t task, Outcome outcome,
                     [[maybe_unused]] std::uint64_t session) override {
    if constexpr (Types::updates_group) {
      Slot& slot = slots_.at(item);
      if (outcome.kind == OutcomeKind::killed) return {};
      if (outcome.kind != OutcomeKind::result)
        return on_task_failed(item, slot, task, std::move(outcome.errors));
      if (outcome.nothing && !is_optional_v<TaskResult>) {
        slot.answered = true;
        forget_task(slot, task);
        return {};
      }
      std::optional<TaskResult> result = read(outcome.payload, session, slot.errors);
      if (!result) return on_task_failed(item, slot, task, {slot.errors.back()});
      slot.answered = true;
      GroupUpdate update =
          apply(item, slot, call(part<part_update_group>(), slot, task, std::move(*result)));
      forget_task(slot, task);
      return update;
    } else {
      return {};
    }
  }

  void output([[maybe_unused]] std::uint64_t item, [[maybe_unused]] std::uint32_t task,
              [[maybe_unused]] std::uint32_t attempt,
              [[maybe_unused]] std::string_view chunk) override {
    if constexpr (Types::takes_output) {
      const Slot* const slot = slots_.find(item);
      // Written before its task was ended, as the item was finished without it.
      if (slot == nullptr || slot->result || !has_task(*slot, task)) return;
      std::invoke(part<part_task_output>(), *slot->item, task_of(*slot, task), attempt, chunk);
    }
  }

  std::size_t conclude(std::uint64_t item, GroupEnd& end) override {
    std::size_t bytes = sizeof(Result);
    for (const GroupAnswer& answer : end.answers) bytes += answer.payload.bytes.size();
    Slot* const slot = slots_.find(item);
    std::optional<Result> result;
    if (slot == nullptr || slot->too_large.empty()) {
      if constexpr (Types::updates_group) {
        result = group_result(*slot);
      } else {
        result = policy_result(slot, end);
      }
    }
    if (!result && slot != nullptr) {
      end.errors.insert(end.errors.begin(), std::make_move_iterator(slot->errors.begin()),
                        std::make_move_iterator(slot->errors.end()));
    }
    if (!result) result = replacement(item, slot, end.errors);
    store(item, slot, std::move(result), std::move(end.errors));
    return bytes;
  }

  void release([[maybe_unused]] std::uint64_t item) override {
    if constexpr (!collects) {
      Slot& slot = slots_.at(item);
      const auto index = static_cast<std::size_t>(item);
      auto& f = part<part_update_results>().f;
      if constexpr (Types::results_take_item) {
        std::invoke(f, *results_, std::move(*slot.result), index, std::as_const(*slot.item));
      } else {
        std::invoke(f, *results_, std::move(*slot.result), index);
      }
      slots_.erase(item);
    }
  }

  /// What the run returns. Once, after its end.
  auto take() {
    if constexpr (outcomes) {
      return std::move(outcomes_);
    } else {
      typename Types::Results results = take_results();
      if constexpr (Types::processes) {
        auto& f = part<part_process_results>();
        using Processed = std::invoke_result_t<decltype(f), typename Types::Results&>;
        if constexpr (!std::is_void_v<Processed>) {
          return std::decay_t<Processed>(std::invoke(f, results));
        } else {
          std::invoke(f, results);
          return results;
        }
      } else if constexpr (!std::same_as<typename Types::Results, std::vector<std::monostate>>) {
        return results;
      }
    }
  }

 private:
  /// What is kept of an item that is not finished.
  struct Slot {
    Slot() noexcept {}  // NOLINT: else all of it is cleared before
    std::optional<Item> item;
    std::optional<State> state;
    std::vector<std::optional<Task>> tasks;  // by their number; empty: ended, or the item itself
    std::optional<Result> result;
    std::vector<TaskError> errors;
    std::string too_large;  // not empty: a payload can't be sent, so the item fails
    bool answered = false;  // a task of the group ended well
  };

  template <std::size_t n>
  auto& part() {
    return std::get<n>(parts_);
  }

  // ---- Items to tasks.

  template <typename Value>
  void take(Value&& value, PulledItem& pulled) {
    const std::uint64_t index = pulled_++;
    if constexpr (outcomes) {
      outcomes_.emplace_back().item = index;
    } else if constexpr (collects) {
      collected_.emplace_back();
    }
    pulled.policy = settings_.policy;
    if constexpr (Types::keeps_item) {
      Slot& slot = slots_[index];
      slot.item.emplace(std::forward<Value>(value));
      make_tasks(index, std::as_const(*slot.item), &slot, pulled);
    } else {
      make_tasks(index, std::as_const(value), nullptr, pulled);
    }
    // Nothing to ask about: any policy but the client's says at once that the group is over.
    if (Types::updates_group && pulled.tasks.empty()) pulled.policy = Policy::first();
  }

  void make_tasks(std::uint64_t index, const Item& item, [[maybe_unused]] Slot* slot,
                  PulledItem& pulled) {
    if constexpr (!Types::groups) {
      send(index, item, 0, pulled.tasks);
      if constexpr (Types::updates_group) slot->tasks.emplace_back();  // stands for the item
    } else {
      auto group = std::invoke(part<part_group_tasks>(), item);
      if constexpr (Types::has_state) {
        slot->state.emplace(std::move(group.state));
        send_all(index, slot, std::move(group.tasks), pulled.tasks);
      } else {
        send_all(index, slot, std::move(group), pulled.tasks);
      }
    }
    const Slot* const kept = slots_.find(index);
    if (kept != nullptr && !kept->too_large.empty()) pulled.tasks.clear();
  }

  void send_all(std::uint64_t index, [[maybe_unused]] Slot* slot, std::vector<Task> tasks,
                std::vector<TaskToSend>& out) {
    const bool stages = settings_.policy.kind == Policy::Kind::stages;
    out.reserve(tasks.size());
    std::uint32_t stage = 0;
    for (auto&& task : tasks) {
      if constexpr (Stage<Task>) {
        if (stages) {
          for (const auto& one : task) send(index, one, stage, out);
          stage += 1;
          continue;
        }
      }
      if constexpr (Sendable<Task>) {
        send(index, task, stage, out);
      } else {
        throw FarmError(ErrorCode::invalid_argument,
                        "group_tasks gives vectors of calls; only a job with stages() takes them");
      }
      if (stages) stage += 1;
      if constexpr (Types::keeps_tasks) slot->tasks.emplace_back(std::move(task));
    }
  }

  template <typename Value>
  void send(std::uint64_t index, const Value& value, std::uint32_t stage,
            std::vector<TaskToSend>& out) {
    TaskToSend task;
    task.stage = stage;
    task.time_limit = settings_.time_limit;
    if constexpr (std::same_as<Value, Call>) {
      task.payload = value.payload();
      task.function = function_number(settings_, value.function());
      task.time_limit = value.time_limit_or(settings_.time_limit);
    } else {
      task.payload = encode(value);
    }
    if (task.payload.bytes.size() > payload_bytes_max) {
      slots_[index].too_large =
          too_large_words(index, out.size(), task.payload.bytes.size(), payload_bytes_max);
    }
    out.push_back(std::move(task));
  }

  // ---- Groups with callbacks.

  const Task& task_of(const Slot& slot, std::uint32_t number) const {
    if constexpr (!Types::groups) {
      if (number == 0) return *slot.item;
    }
    return *slot.tasks.at(number);
  }

  bool has_task(const Slot& slot, std::uint32_t number) const {
    const bool is_item = !Types::groups && number == 0;
    return is_item || (number < slot.tasks.size() && slot.tasks[number]);
  }

  void forget_task(Slot& slot, std::uint32_t number) { slot.tasks.at(number).reset(); }

  template <typename F, typename Told>
  auto call(F& f, Slot& slot, std::uint32_t task, Told&& told) {
    if constexpr (Types::has_state) {
      return std::invoke(f, std::as_const(*slot.item), task_of(slot, task),
                         std::forward<Told>(told), *slot.state);
    } else {
      return std::invoke(f, std::as_const(*slot.item), task_of(slot, task),
                         std::forward<Told>(told));
    }
  }

  GroupUpdate on_task_failed(std::uint64_t item, Slot& slot, std::uint32_t task,
                             std::vector<TaskError> errors) {
    GroupUpdate update;
    if constexpr (Types::failed_is_called) {
      auto& f = part<part_task_failed>();
      using Returned = decltype(call(f, slot, task, std::as_const(errors)));
      if constexpr (std::is_void_v<Returned>) {
        call(f, slot, task, std::as_const(errors));
      } else if constexpr (is_update<Returned>) {
        update = apply(item, slot, call(f, slot, task, std::as_const(errors)));
      } else {
        update =
            apply(item, slot, Update<Result, Task>(call(f, slot, task, std::as_const(errors))));
      }
    }
    keep_errors(slot, std::move(errors));
    forget_task(slot, task);
    return update;
  }

  template <typename Added>
  GroupUpdate apply(std::uint64_t item, Slot& slot, Update<Result, Added> said) {
    GroupUpdate update;
    update.replace = said.replaces();
    update.done = said.is_done();
    if (said.is_done()) {
      slot.result = std::move(said.result());
      return update;
    }
    if constexpr (std::same_as<Added, Task>) {
      send_all(item, &slot, std::move(said.tasks()), update.add);
    }
    // `conclude` finds the words and lets the item fail.
    if (!slot.too_large.empty()) update.done = true;
    return update;
  }

  static void keep_errors(Slot& slot, std::vector<TaskError> errors) {
    constexpr std::size_t kept_max = 8;  // as many as one task's outcome carries
    for (TaskError& error : errors) {
      if (slot.errors.size() == kept_max) slot.errors.erase(slot.errors.begin());
      slot.errors.push_back(std::move(error));
    }
  }

  // ---- Results of items.

  /// Nothing, and one more error, if the payload is not what the job said.
  std::optional<TaskResult> read(const Payload& payload, std::uint64_t session,
                                 std::vector<TaskError>& errors) {
    try {
      return decode<TaskResult>(payload);
    } catch (const FarmError& error) {
      errors.push_back(local_error(
          error.code(), std::string("the result is not of the job's type: ") + error.what()));
      errors.back().worker = worker_name(session);
      return std::nullopt;
    }
  }

  std::optional<Result> group_result(Slot& slot) {
    if (slot.result) return std::move(slot.result);
    const Item& item = *slot.item;
    if constexpr (Types::incomplete_takes_state) {
      return valued<Result>(part<part_incomplete_group>(), item, *slot.state);
    } else if constexpr (Types::incomplete_set) {
      return valued<Result>(part<part_incomplete_group>(), item);
    } else if constexpr (Types::has_state && std::convertible_to<State, Result>) {
      // A state that nothing has touched is no result.
      if (slot.answered || Types::failed_is_called || slot.errors.empty())
        return std::move(*slot.state);
    }
    return std::nullopt;
  }

  std::optional<Result> policy_result(Slot* slot, GroupEnd& end) {
    const std::size_t errors_before = end.errors.size();
    std::optional<Result> result;
    std::vector<TaskResult> all;
    if constexpr (Types::many) {
      if (settings_.policy.kind == Policy::Kind::all) {
        std::sort(end.answers.begin(), end.answers.end(),
                  [](const GroupAnswer& a, const GroupAnswer& b) { return a.task < b.task; });
      }
      for (const GroupAnswer& answer : end.answers) {
        if (answer.nothing && !is_optional_v<TaskResult>) continue;
        std::optional<TaskResult> one = read(answer.payload, answer.session, end.errors);
        if (!one) return std::nullopt;
        all.push_back(std::move(*one));
      }
      // `all` is decided when every task has ended, well or not.
      const bool lacks = settings_.policy.kind == Policy::Kind::all && !end.errors.empty();
      if (end.decided && !lacks) return all;
    } else if (end.decided && !end.answers.empty()) {
      const GroupAnswer& answer = end.answers.front();
      if (!answer.nothing || is_optional_v<TaskResult>)
        result = read(answer.payload, answer.session, end.errors);
    }
    if (result || end.errors.size() != errors_before) return result;
    if constexpr (Types::incomplete_set) {
      const Item& item = *slot->item;
      if constexpr (Types::incomplete_takes_answers) {
        return valued<Result>(part<part_incomplete_group>(), item, all);
      } else {
        return valued<Result>(part<part_incomplete_group>(), item);
      }
    }
    return std::nullopt;
  }

  /// What stands for a failed item's result. Throws if nothing does and the run was not told to go
  /// on.
  std::optional<Result> replacement([[maybe_unused]] std::uint64_t item, Slot* slot,
                                    std::vector<TaskError>& errors) {
    const bool too_large = slot != nullptr && !slot->too_large.empty();
    if (too_large) errors.push_back(local_error(ErrorCode::payload_too_large, slot->too_large));
    if constexpr (Types::failure_set && Types::failure_calls) {
      return valued<Result>(part<part_on_failure>(), std::as_const(*slot->item),
                            std::as_const(errors));
    } else if constexpr (Types::failure_set) {
      return Result(part<part_on_failure>());
    } else if constexpr (outcomes) {
      return std::nullopt;
    } else {
      if (too_large) refuse_payload(slot->too_large);
      throw ItemFailed(item, std::move(errors));
    }
  }

  void store(std::uint64_t item, [[maybe_unused]] Slot* slot, std::optional<Result> result,
             [[maybe_unused]] std::vector<TaskError>&& errors) {
    const auto index = static_cast<std::size_t>(item);
    if constexpr (outcomes) {
      if (!result) outcomes_[index].errors = std::move(errors);
      outcomes_[index].result = std::move(result);
    } else if constexpr (collects) {
      collected_[index] = std::move(result);
    } else {
      Slot& kept = slots_[item];
      if (result) kept.result.emplace(std::move(*result));
      return;
    }
    if (slot != nullptr) slots_.erase(item);
  }

  typename Types::Results take_results() {
    if constexpr (Types::updates_results) {
      return std::move(*results_);
    } else {
      typename Types::Results results;
      results.reserve(collected_.size());
      for (std::optional<Result>& result : collected_) results.push_back(std::move(*result));
      return results;
    }
  }

  Source source_;
  RunSettings settings_;
  std::remove_cvref_t<decltype(std::declval<JobType>().parts())> parts_;
  std::uint64_t pulled_ = 0;
  ItemSlots<Slot> slots_;
  std::vector<ItemOutcome<Result>> outcomes_;       // of run_outcomes
  std::vector<std::optional<Result>> collected_;    // of run without update_results
  std::optional<typename Types::Results> results_;  // of run with it
};

}  // namespace fanmill::inline v0::detail
