// How often each fault, policy and noteworthy event occurred, so that what the seeds cover can be
// seen.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

// The names, as the table prints them.
// clang-format off
#define FANMILL_SIM_COUNTS(X)                                                                   \
  X(worker_crash) X(worker_hang) X(worker_pause) X(worker_leave) X(worker_stop)                 \
  X(worker_reborn) X(late_joiner) X(plain_worker) X(monitored_worker) X(liar) X(lie_told)       \
  X(connection_cut) X(partition) X(replay_after_cut) X(replay_into_restart)                     \
  X(message_duplicated) X(garbage_to_worker) X(send_to_gone) X(gone_reported) X(slow_link)      \
  X(manager_stall) X(manager_restart) X(drain_requested) X(run_cancelled) X(shutdown_at_end)    \
  X(run_drained) X(item_withdrawn)                                                              \
  X(policy_first) X(policy_first_answer) X(policy_k_answers) X(policy_all) X(policy_stages)     \
  X(policy_client) X(group_empty) X(group_grown) X(group_replaced) X(group_done_early)          \
  X(group_decided) X(group_undecided) X(task_started) X(task_ok) X(task_nothing)                \
  X(task_failed) X(time_limit) X(executor_crash) X(poison) X(deaf_to_stop) X(task_stopped)      \
  X(quarantined) X(kill_sent) X(recall_sent) X(result_late) X(result_unknown) X(requeued)       \
  X(session_opened) X(session_resumed) X(session_suspected) X(worker_lost) X(worker_left)       \
  X(hello_refused) X(hello_stale) X(who_sent) X(malformed) X(unexpected) X(unknown_kind)        \
  X(claim_refused) X(keep_judged) X(drop_judged) X(kill_judged) X(duplicate_ignored)            \
  X(result_repeated) X(bad_worker) X(worker_failing) X(output_delivered) X(output_told) \
  X(output_held_back) X(output_dropped) X(tasks_batched) X(results_batched) X(task_revoked) X(row_ended) X(task_overtook) \
  X(task_in_parts) X(result_in_parts) X(killed_between_parts) X(result_cut_short)               \
  X(lost_between_parts) X(result_too_large)
// clang-format on

namespace fanmill::sim {

enum class Count : std::uint8_t {
#define FANMILL_SIM_NAME(name) name,
  FANMILL_SIM_COUNTS(FANMILL_SIM_NAME)
#undef FANMILL_SIM_NAME
      end_of_list
};
inline constexpr std::size_t count_kinds = static_cast<std::size_t>(Count::end_of_list);

const char* to_string(Count count);

struct Tally {
  std::array<std::uint64_t, count_kinds> counts{};

  void add(Count count, std::uint64_t by = 1) { counts[static_cast<std::size_t>(count)] += by; }
  [[nodiscard]] std::uint64_t of(Count count) const {
    return counts[static_cast<std::size_t>(count)];
  }
  Tally& operator+=(const Tally& other) {
    for (std::size_t i = 0; i < count_kinds; ++i) counts[i] += other.counts[i];
    return *this;
  }
};

}  // namespace fanmill::sim
