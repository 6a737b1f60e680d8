// Planted bugs: a simulator that never fails is untested. Each name is one bug that somebody might
// write; the test program sim_planted is the only one in which they exist (it compiles the core
// with FANMILL_PLANTING), switches on one at a time and demands that the simulator finds it.
// Everywhere else FANMILL_PLANTED(name) is the constant false, and what depends on it is not
// compiled into anything.
#pragma once

// The name, and what is broken by it.
#define FANMILL_PLANTS(X)                                                                       \
  X(acks_count_messages, "a repeated result is counted, so another one is acknowledged unseen") \
  X(acks_run_ahead, "heartbeats acknowledge results that still compute")                        \
  X(sibling_survives, "a decision forgets to kill every second sibling")                        \
  X(recall_loses_task, "a task given back on request is not queued again")                      \
  X(lost_task_forgotten, "a lost worker's tasks are not queued again")                          \
  X(waiting_blamed, "tasks that only waited at a lost worker are blamed")                       \
  X(blame_ignored, "no lost worker is ever counted against its task")                           \
  X(retries_one_more, "a failing task gets one retry too many")                                 \
  X(stale_hello_taken, "a repeated or replayed hello opens a session")                          \
  X(foreign_claim_kept, "a hello may claim another worker's attempt")                           \
  X(stranger_unheld, "an unknown attempt that runs does not occupy its slot")                   \
  X(stage_early, "a stage begins while one task of the former runs")                            \
  X(k_counts_nothing, "k answers: 'nothing' counts as an answer")                               \
  X(first_answer_takes_nothing, "first answer: 'nothing' decides")                              \
  X(group_end_twice, "the end of a group is told twice")                                        \
  X(group_end_late, "a group that ran out of tasks is not ended")                               \
  X(replace_keeps_tasks, "a replaced task goes on")                                             \
  X(suspect_gets_work, "a silent worker gets tasks")                                            \
  X(suspected_once, "a worker that recovered is not suspected again in time")                   \
  X(stall_ignored, "the manager's own absence counts as the workers' silence")                  \
  X(grace_ignored, "a lost connection loses its tasks at once")                                 \
  X(death_unnoticed, "silence never ends a session")                                            \
  X(drained_gets_work, "a worker that drains gets tasks")                                       \
  X(goodbye_loses_tasks, "tasks of a worker that left are not queued again")                    \
  X(credit_one_more, "a worker is given one task more than its credit")                         \
  X(bytes_unlimited, "the credit in bytes is not looked at")                                    \
  X(time_limit_never, "the manager does not watch time limits")                                 \
  X(cut_off_judged, "a time limit counts against a worker that can't be heard")                 \
  X(farewell_forgotten, "a manager that shuts down tells nobody")                               \
  X(duplicate_task_run, "a worker runs a repeated task again")                                  \
  X(killed_task_run, "a worker starts a task that was killed while it waited")                  \
  X(result_forgotten_early, "a worker forgets a result when it is sent")                        \
  X(results_unrepeated, "a worker does not send a kept result again")                           \
  X(kill_unanswered, "a worker does not answer the kill of a waiting task")                     \
  X(late_kill_unanswered, "a worker does not answer a kill verdict on what has just ended")     \
  X(dropped_task_run, "a worker goes on with tasks that the welcome told it to drop")           \
  X(order_broken, "results are released before those of earlier items")                         \
  X(look_ahead_ignored, "the client pulls without end")                                         \
  X(concluded_early, "the client concludes a group while a task runs")                          \
  X(replaced_task_told, "the client asks about a task that was replaced")                       \
  X(drain_takes_begun, "a drained job gives up groups that have begun")                         \
  X(retried_in_place, "a failed task goes back to its worker though another one idles")         \
  X(retry_waits_on, "a failed task waits for another worker without end")                       \
  X(retry_blocks, "a task that waits for another worker keeps the others waiting")              \
  X(leaving_blamed, "what a worker runs that says goodbye counts as lost")                      \
  X(failing_unreset, "a result does not end a worker's row of failures")                        \
  X(failing_last, "the last worker that takes tasks is drained for its failures")               \
  X(output_undropped, "a worker passes output of a lost session on in the next one")            \
  X(output_taken_early, "output is taken before the client has taken it")                       \
  X(output_untaken, "a task that nobody waits for any more is left waiting for its reader")     \
  X(revoke_unanswered, "a worker does not answer for a task that its executor gave back")       \
  X(row_cut_short, "a worker does not hear the last of several ends that it is told together")  \
  X(batch_cut_short, "the last result of a batch is not taken")                                 \
  X(part_window_ignored, "a payload's parts are sent without waiting for any to be taken")      \
  X(parts_count_as_begun, "a task counts as started while its payload is on its way")           \
  X(parts_go_on, "the parts of a task go on after it was killed")                               \
  X(parts_untold, "a manager does not tell which parts of a result it has")                     \
  X(half_results_taken, "a result counts though not all of its parts came")                     \
  X(parts_unawaited, "a worker starts a task before all of its payload is there")               \
  X(parts_survive_session, "a worker keeps a half payload for the next session")                \
  X(large_result_lost, "a result that is on its way in parts is forgotten with its session")    \
  X(ahead_judged_begun, "what waits at an executor runs on though the welcome says kill")       \
  X(begun_unheard, "a worker does not take in what its executor has begun")                     \
  X(waiting_forgotten, "a slot counts as free though its executor begins what waits there")

namespace fanmill::core {

enum class Plant {
  none,
#define FANMILL_PLANT_NAME(name, words) name,
  FANMILL_PLANTS(FANMILL_PLANT_NAME)
#undef FANMILL_PLANT_NAME
};

}  // namespace fanmill::core

#ifdef FANMILL_PLANTING
namespace fanmill::core {
/// The one bug that exists now. Set before threads start.
inline Plant planted_bug = Plant::none;
}  // namespace fanmill::core
#define FANMILL_PLANTED(name) (::fanmill::core::planted_bug == ::fanmill::core::Plant::name)
#else
#define FANMILL_PLANTED(name) false
#endif
