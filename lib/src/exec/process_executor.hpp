// ProcessExecutor: runs tasks in processes of their own, which can be ended at any moment with all
// that they have started; this process, the worker, never runs user code.
//
// It forks (warden.hpp): make it while the process has one thread, before there is a zmq context and
// before keys are read. After that it belongs to the worker's loop like any executor.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/descriptor.hpp"
#include "base/wakeup.hpp"
#include "exec/executor.hpp"
#include "exec/keeper.hpp"
#include "exec/ledger.hpp"
#include "exec/warden.hpp"

namespace fanmill::exec {

/// What programs to run, for workers whose tasks are not functions of this program.
struct Programs {
  struct Plan {
    CommandPlan command;
    /// The program stays for the tasks that follow: it is given this line and answers with one.
    std::optional<std::string> line;
  };
  /// The program for a task; or why there is none, as a completion (its slot and attempt are filled
  /// in). On the loop's thread; must not block.
  std::function<std::variant<Plan, Completion>(const Invocation&)> plan;
  /// What the end of a program means. The report's texts may be taken.
  std::function<Completion(const CommandPlan&, Report&)> conclude;
  bool passes_output = false;  // of tasks that ask for it, see CommandPlan::output_window
};

struct ProcessExecutorOptions {
  std::uint32_t slots = 1;           // at least 1
  std::vector<Function> functions;   // either these
  std::optional<Programs> programs;  // or this
  TaskLimits limits;                 // of each task, whatever it asks for
  Grade best = Grade::cgroup;        // the grade to try for
  std::string spool_folder;          // exists; empty: /tmp
};

class ProcessExecutor final : public Executor {
 public:
  /// Throws FarmError: invalid_argument if this process has more than one thread, io_error if it
  /// can't fork.
  explicit ProcessExecutor(ProcessExecutorOptions options);
  /// Ends all that runs, with its descendants, and waits for that.
  ~ProcessExecutor() override;

  /// What kills reach, from the first keeper.
  [[nodiscard]] Grade grade() const { return grade_; }

  [[nodiscard]] std::uint32_t slot_count() const override { return options_.slots; }
  [[nodiscard]] std::uint32_t ahead_count() const override;
  [[nodiscard]] bool tells_begun() const override { return true; }
  void start(std::uint32_t slot, Invocation&& invocation) override;
  bool flush(bool looks_soon) override;
  void stop(std::uint32_t slot) override;
  void revoke(std::uint32_t slot) override;
  [[nodiscard]] int completions_fd() const override { return events_.get(); }
  /// Throws FarmError (io_error) if every process of it was killed at once, so that there is nobody
  /// to fork others.
  void take(std::vector<Completion>& out) override;
  void take_begun(std::vector<Begun>& out) override;
  void take_output(std::vector<OutputChunk>& out) override;
  void output_taken(std::uint32_t slot, AttemptId attempt, std::uint64_t taken) override;
  void drop_output(std::uint32_t slot, AttemptId attempt) override;
  bool wait_idle(Duration limit) override;

 private:
  // A task, from its start to its completion.
  struct Place {
    bool busy = false;
    bool stopped = false;
    bool revoked = false;
    bool asked_back = false;              // from its keeper
    std::optional<std::uint32_t> keeper;  // else it waits for one
    Invocation invocation;
    CommandPlan command;
    std::optional<std::string> line;
  };
  // A keeper, and the places of what it was given: it runs the first, the others wait there.
  struct Slot {
    std::optional<Link> keeper;
    std::optional<Ledger> ledger;  // the keeper's, once it is ready
    std::deque<std::uint32_t> given;
    std::size_t given_bytes = 0;  // of their payloads
    std::size_t sent = 0;         // of those given: the others' orders wait for `flush`
    bool has_orders = false;      // that wait
    bool is_urgent = false;       // one of them takes something back
    bool out_of_step = false;     // its resident program
  };

  void order_keeper();
  void order_warden();
  void watch(const Link& link, std::uint64_t tag);
  void watch_reports(std::uint32_t slot);
  void watch_again(const Link& link, std::uint64_t tag);
  void update_watch(const Link& link, std::uint64_t tag);
  void take_events(int limit_ms);
  void take_reports();
  void take_from_warden();
  void take_from_spare();
  void take_from_keeper(std::uint32_t slot);
  void take_made(Link::Message&& message, std::optional<Ledger>& ledger);
  void take_report(std::uint32_t slot, Report&& report);
  void come_back(std::uint32_t place);
  void keeper_lost(std::uint32_t slot);
  std::optional<std::uint32_t> lost_with(const Slot& slot, const std::deque<std::uint32_t>& given);
  void dispatch();
  [[nodiscard]] std::optional<std::uint32_t> keeper_for(const Place& place) const;
  void give(std::uint32_t slot, std::uint32_t place);
  [[nodiscard]] std::uint32_t ahead_each() const;
  [[nodiscard]] bool may_gather(const Slot& slot) const;
  void send_orders();
  void take_back(Slot& slot, const std::deque<std::uint32_t>::iterator& which);
  void note_begun(const Slot& slot);
  void ask_back(std::uint32_t place);
  void ask_back_for_idle();
  [[nodiscard]] bool passes_output(std::uint32_t place, AttemptId attempt) const;
  void send_about(std::uint32_t place, const Order& order);
  void complete(std::uint32_t place, Completion completion);
  [[nodiscard]] Completion completion_of(const Place& place, Report& report) const;

  ProcessExecutorOptions options_;
  KeeperOptions keeper_options_;
  Grade grade_ = Grade::process_group;
  bool is_graded_ = false;           // a keeper has told
  std::set<std::uint64_t> written_;  // tags of links that are watched for room to write, too
  // Epoll instances: of what the loop is woken for, and of keepers' links that can be read, for which
  // they ring the bell.
  Descriptor events_;
  Descriptor reports_;
  Wakeup wakeup_;  // the bell; also for completions that no link brings
  std::optional<Link> warden_;
  pid_t first_warden_ = -1;
  std::optional<std::uint64_t> warden_maker_;  // who was asked for another: the tag of its link
  std::size_t keepers_ordered_ = 0;
  std::optional<Link> spare_;  // a keeper without a slot
  std::optional<Ledger> spare_ledger_;
  std::vector<std::uint32_t> unsent_;  // slots that have orders
  std::uint32_t fruitless_ = 0;        // keepers lost in a row that had tasks and began none
  std::vector<Slot> slots_;
  std::vector<Place> places_;
  std::deque<std::uint32_t> queue_;  // places whose tasks wait for a keeper
  std::vector<Completion> completions_;
  std::vector<Begun> begun_;
  std::vector<OutputChunk> outputs_;  // before the completions
  std::uint32_t busy_ = 0;
};

}  // namespace fanmill::exec
