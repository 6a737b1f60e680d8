// The inside of core::Manager. Its functions are spread over manager_sessions.cpp (who is there),
// manager_hello.cpp (who comes, with what), manager_tasks.cpp (how attempts and tasks end),
// manager_output.cpp (what tasks write while they run), manager_parts.cpp (payloads in parts),
// manager_groups.cpp (jobs, groups, policies), manager_lanes.cpp (tasks without records),
// manager_dispatch.cpp (who gets what), manager_recall.cpp (who gives what back) and
// manager_blame.cpp (what is learnt from failures).
//
// All times inside are attentive time: the clock less the time for which the loop did not run
// (LoopStalled), so a stall of the manager ages nobody.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/flat_map.hpp"
#include "base/sequence_map.hpp"
#include "base/slab.hpp"
#include "core/manager_tables.hpp"

namespace fanmill::core {

struct ManagerState {
  explicit ManagerState(ManagerOptions given);

  ManagerOptions options;
  Counters counters;

  Slab<JobRecord> jobs;
  Slab<LaneRecord> lanes;
  Slab<GroupRecord> groups;
  Slab<TaskRecord> tasks;
  Slab<AttemptRecord> attempts;
  Slab<AttemptExtra> extras;
  Slab<SessionRecord> sessions;
  Slab<KindRecord> kinds;
  Slab<ProfileRecord> profiles;

  FlatMap job_of_id;
  IdMap group_of_id;
  IdMap attempt_of_id;
  FlatMap session_of_id;
  FlatMap session_of_peer;
  std::map<Uuid, std::uint32_t> session_of_worker;
  std::set<Uuid> failing_workers;  // drained for it; while they may come back
  std::map<std::string, std::uint32_t, std::less<>> kind_of_key;
  std::map<std::string, std::uint32_t, std::less<>> profile_of_key;

  IdSource<GroupId> group_ids;
  IdSource<TaskId> task_ids;
  IdSource<AttemptId> attempt_ids;
  IdSource<SessionId> session_ids;

  IndexList<KindRecord, &KindRecord::with_ready> kinds_with_ready;
  IndexList<SessionRecord, &SessionRecord::owing> sessions_owing;
  std::size_t jobs_drained = 0;
  std::size_t ready_total = 0;
  std::size_t backlog_total = 0;  // sessions with waiting tasks
  std::size_t idle_total = 0;     // sessions with a free slot
  std::size_t slots_total = 0;    // of sessions that take tasks
  std::size_t credit_total = 0;   // of those, how many tasks they may hold
  std::size_t slots_present = 0;  // of sessions that are connected
  Instant presence_counted;       // up to when Counters::slots_present is
  std::int64_t order_front = 0;
  std::optional<Instant> recalls_due;  // what is not worth a recall yet may be then
  DeadlineHeap<Timer> timers;
  Instant now;         // attentive time
  Duration stalled{};  // clock minus attentive time
  bool shut = false;
  std::vector<std::uint32_t> tasks_added;  // by the latest add_tasks
  ManagerActions* out = nullptr;           // of the step or tick under way
  std::uint64_t turn = 0;                  // counts steps and ticks, from 1

  // manager.cpp: events
  void on(MessageReceived&& event);
  void on(MalformedReceived&& event);
  void on(ConnectionLost&& event);
  void on(JobOpened&& event);
  void on(GroupSubmitted&& event);
  void on(GroupUpdated&& event);
  void on(OutputConsumed&& event);
  void on(JobClosed&& event);
  void on(JobCancelled&& event);
  void on(JobDrained&& event);
  void on(DrainRequested&& event);
  void on(ShutdownRequested&& event);
  void on(LoopStalled&& event);

  // manager_hello.cpp
  void on_hello(PeerId peer, Hello&& hello, std::string&& address);
  std::optional<Refuse> reason_to_refuse(const Hello& hello) const;
  void refuse(PeerId peer, Refuse refusal, const std::string& who);
  std::uint32_t open_session(PeerId peer, const Hello& hello, std::string&& address,
                             std::uint16_t version);
  std::vector<Judgement> judge_holdings(std::uint32_t session, const Hello& hello);
  Verdict judge(std::uint32_t session, const Hello& hello, const Holding& holding);
  void hold_stranger(std::uint32_t session, const Holding& holding);
  void hold_again(std::uint32_t session, std::uint32_t attempt, const Holding& holding);
  void retire_session(std::uint32_t former, PeerId successor);

  // manager_sessions.cpp
  void on_message(std::uint32_t session, Message&& message);
  void on_session_message(std::uint32_t session, Result&& result);
  void on_session_message(std::uint32_t session, Results&& results);
  void on_session_message(std::uint32_t session, Killed&& killed);
  void on_session_message(std::uint32_t session, Heartbeat&& heartbeat);
  void on_session_message(std::uint32_t session, Goodbye&& goodbye);
  void on_session_message(std::uint32_t session, Output&& output);
  void on_session_message(std::uint32_t session, Part&& part);
  void on_session_message(std::uint32_t session, PartTaken&& taken);
  void on_session_message(std::uint32_t session, Unknown&& unknown);
  bool names_current(std::uint32_t session, SessionId named);
  void ask_who(PeerId peer);
  template <typename Other>
  void on_session_message(std::uint32_t session, Other&&);
  void send(SessionRecord& session, Message message, std::optional<Encoding> convert_to = {});
  void send_task(SessionRecord& session, Task&& task, std::optional<Encoding> convert_to);
  void heard(std::uint32_t session);
  void count_presence();
  [[nodiscard]] Instant beat_due(const SessionRecord& session) const;
  [[nodiscard]] Instant look_due(Instant silent) const;
  void silence_passed(std::uint32_t session);
  void send_passed(std::uint32_t session);
  enum class Departure : std::uint8_t { lost, left, refused };
  void end_session(std::uint32_t session, Departure departure, const std::string& why);
  void forget_peer(SessionRecord& session);
  void ask_to_leave(std::uint32_t session, std::string words);
  void drain(std::uint32_t session);
  void violation(std::uint32_t session, RefuseCode code, const std::string& words);

  // manager_output.cpp
  [[nodiscard]] std::string output_fault(std::uint32_t session, std::uint32_t attempt,
                                         const Output& output) const;
  void take_output(std::uint32_t attempt, std::uint64_t offset);
  void tell_taken(std::uint32_t attempt, std::uint64_t offset);

  // manager_parts.cpp
  void push_parts(SessionRecord& session);
  void stop_parts(const AttemptRecord& attempt);
  void part_with(AttemptRecord& attempt);
  [[nodiscard]] std::string part_fault(const SessionRecord& session, const AttemptRecord* attempt,
                                       const Part& part) const;
  bool take_parts(std::uint32_t session, const AttemptRecord& attempt, Result& result);

  // manager_tasks.cpp
  void take_result(std::uint32_t session, std::uint32_t attempt, Result&& result);
  void take_killed(std::uint32_t session, std::uint32_t attempt, const Killed& killed);
  void release_attempt(std::uint32_t attempt);
  void discount(AttemptRecord& attempt);
  void detach_from_task(std::uint32_t attempt);
  void erase_attempt(std::uint32_t attempt);
  [[nodiscard]] const AttemptExtra& extra_of(const AttemptRecord& attempt) const;
  AttemptExtra& make_extra(AttemptRecord& attempt);
  [[nodiscard]] const Uuid& worker_of(const AttemptRecord& attempt) const;
  void stop_timer(const AttemptRecord& attempt);
  void settle_attempts(std::uint32_t task);
  void kill_attempt(std::uint32_t attempt, bool tell);
  void attempt_lost(std::uint32_t attempt, const SessionRecord& session, bool blamed,
                    bool may_return, const std::string& why);
  void attempt_failed(std::uint32_t attempt, const SessionRecord& session, TaskError error);
  void judge_task(std::uint32_t task, const char* why);
  void finish_task(std::uint32_t task, Outcome&& outcome, SessionId session = {});
  void erase_task(std::uint32_t task);
  void time_limit_passed(std::uint32_t attempt);

  // manager_groups.cpp
  std::uint32_t open_group(GroupRecord&& group);
  const std::vector<std::uint32_t>& add_tasks(std::uint32_t group, TaskSpecs&& specs);
  void release_stage(std::uint32_t group, bool front);
  /// What the end of a task means to its group.
  struct Meaning {
    bool decides = false;
    bool counts = false;  // as an answer
  };
  [[nodiscard]] static Meaning meaning_of(const Outcome& outcome, const Policy& policy,
                                          std::size_t answers_before);
  void task_ended_in_group(std::uint32_t group, std::uint32_t task_number, Outcome&& outcome,
                           SessionId session);
  void end_members(std::uint32_t group);
  void end_group(std::uint32_t group, bool decided, GroupResult&& result);
  /// A group that is open: its record, or what is left of one that had none yet.
  struct OpenGroup {
    GroupId id;
    std::uint32_t record = no_index;
    std::uint64_t item = 0;
  };
  void withdraw_group(std::uint32_t job, const OpenGroup& group);
  void withdraw_stranded();
  [[nodiscard]] bool is_stranded(const GroupRecord& group) const;
  void close_group(std::uint32_t group, const char* why = "");
  void tell_group_end(std::uint64_t item, std::uint32_t killed, std::uint32_t dropped,
                      const char* why);
  void end_job_if_done(std::uint32_t job);
  void cancel_job(std::uint32_t job);

  // manager_lanes.cpp
  [[nodiscard]] std::size_t place_of(const JobRecord& job, const TaskSpec& task) const;
  bool enter_lane(std::uint32_t job, GroupId group, GroupSubmitted& event);
  void record_oldest(const LaneRecord& lane);
  void first_leaves(std::uint32_t lane);
  void first_has_left(std::uint32_t lane);
  void assign_first(std::uint32_t lane, std::uint32_t session);
  std::uint32_t make_records(LaneRecord& lane, LoneTask&& task);
  void make_records_of(std::uint32_t attempt);
  void finish_unrecorded(std::uint32_t attempt, Outcome&& outcome, SessionId session);
  bool end_waiting(GroupId group);
  std::vector<OpenGroup> take_groups(std::uint32_t job);
  void end_unrecorded(std::uint32_t job, std::uint64_t item, const char* why = "");

  // manager_dispatch.cpp
  std::uint32_t use_kind(std::string_view function, PayloadFamily family);
  void release_kind(std::uint32_t kind);
  std::uint32_t use_profile(const Hello& hello);
  void release_profile(std::uint32_t profile);
  void make_ready(std::uint32_t task, bool front);
  void has_one_more(std::uint32_t kind);
  void has_less(std::uint32_t kind, std::size_t count);
  void unqueue(std::uint32_t task);
  struct Match {
    std::uint32_t task = no_index;  // no_index: the first of the lane
    std::uint32_t lane = no_index;
    std::uint32_t session = no_index;
    std::int64_t order = 0;
  };
  void dispatch();
  [[nodiscard]] bool is_next_again(const Match& last, SessionRecord::Room room) const;
  [[nodiscard]] Match next_match() const;
  [[nodiscard]] Match first_match(SessionRecord::Room room) const;
  [[nodiscard]] bool races(const TaskRecord& task) const;
  std::uint32_t session_with_room(const KindRecord& kind, SessionRecord::Room room,
                                  const Uuid& but = {}) const;
  void assign(std::uint32_t task, std::uint32_t session);
  std::uint32_t open_attempt(SessionRecord& session, std::size_t bytes);
  void hold_new(std::uint32_t session, std::uint32_t attempt);
  void send_attempt(SessionRecord& session, AttemptRecord& attempt, std::uint32_t kind,
                    Task&& task);
  [[nodiscard]] Duration time_limit_of(const AttemptRecord& attempt) const;
  void hold(std::uint32_t session, std::uint32_t attempt, bool running);
  void fill_running(std::uint32_t session);
  void start_counted(std::uint32_t session, std::uint32_t started);
  void set_running(std::uint32_t attempt);
  void refresh_room(std::uint32_t session);
  [[nodiscard]] bool row_is_over(SessionRecord& session) const;
  [[nodiscard]] bool is_far_ahead(const SessionRecord& session) const;
  static void adapt_credit(SessionRecord& session, Duration busy);
  [[nodiscard]] bool is_held_up(const SessionRecord& session, Duration patience) const;
  void refresh_backlog(std::uint32_t session);
  void tell_unserved();
  [[nodiscard]] std::string what_is_offered(char family) const;
  void owe_acknowledgement(std::uint32_t index);
  void acknowledge_owed();
  [[nodiscard]] std::optional<Instant> acknowledgement_due() const;
  [[nodiscard]] std::uint32_t unacknowledged_max() const;

  // manager_recall.cpp
  void recall_for_idle();
  void recall(std::uint32_t attempt);
  void recall_some(const ProfileRecord& profile, std::uint32_t session, std::size_t most);
  void recall_surplus(std::uint32_t session);
  [[nodiscard]] bool is_worth_recalling(const SessionRecord& session);
  void end_recall(AttemptRecord& attempt);
  [[nodiscard]] bool waits_elsewhere(const ProfileRecord& profile,
                                     const AttemptRecord& attempt) const;

  // manager_blame.cpp
  void add_error(TaskRecord& task, TaskError error, const Uuid& worker);
  [[nodiscard]] Match match(const KindRecord& kind, SessionRecord::Room room) const;
  std::uint32_t session_for_retry(const KindRecord& kind, const TaskRecord& task,
                                  SessionRecord::Room room) const;
  void count_result(SessionRecord& session);
  void count_failure(SessionRecord& session, GroupId group);
  [[nodiscard]] bool is_failing(const SessionRecord& session) const;
  void drain_if_failing(std::uint32_t session);

  // Observations.
  [[nodiscard]] bool observes(int level) const { return options.observe_level >= level; }
  void observe(Observation::Kind kind, const SessionRecord& session, std::string text);
  void observe_task(Observation::Kind kind, const TaskRecord& task, const SessionRecord* session,
                    const AttemptRecord* attempt, std::string text, const Payload& payload = {});
};

/// Failures that the function reports and time limits use up retries; what takes a worker or an
/// executor with it, or was never run, uses up lost attempts.
[[nodiscard]] bool uses_up_retries(TaskError::Kind kind);
/// Of many errors the last few are kept; but all that a task was quarantined for.
void keep_error(std::vector<TaskError>& errors, TaskError&& error, std::uint32_t lost_attempts_max);

/// The words for a number of things: "1 task", "3 tasks".
std::string counted(std::uint64_t count, const char* thing);

}  // namespace fanmill::core
