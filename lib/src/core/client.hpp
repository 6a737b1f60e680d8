// The client's state machine: one run over one list of items. How far to read ahead, which groups
// are open, whose turn it is, in what order results may go out.
//
// A value like core::Manager. It holds no user type: it says when a callback is due (`CallUpdate`,
// `CallConclude`) and is told the answer; results themselves stay with its driver, which files them
// under the item's index until `ReleaseItem` names it. Its orders to the manager are manager
// events, so an embedded manager takes them as they are.
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "core/job.hpp"
#include "core/manager_actions.hpp"
#include "core/manager_events.hpp"

namespace fanmill::core {

struct ClientOptions {
  ClientId client = embedded_client;
  JobId job;
  JobOptions job_options;
  bool ordered = false;  // release items in the order of the input; else in the order of completion
  // Tasks submitted and not ended (a group with a built-in policy ends as a whole) before pulling
  // stops, and items without their result; at least 1.
  std::size_t lookahead_tasks = limits::lookahead_tasks_min;
  std::size_t lookahead_bytes = limits::lookahead_bytes;  // of their payloads
  std::size_t result_bytes_waiting_max =
      limits::result_bytes_waiting_max;  // of results that wait for an earlier item
};

// Events.

/// The next item was pulled from the input (only while `may_pull`, never after InputEnded). Items
/// are numbered from 0 in this order. A group with Policy::client may come without tasks: the
/// manager never hears of it.
struct ItemPulled {
  Policy policy;
  TaskSpecs tasks;
};
struct InputEnded {};
/// The manager's word: DeliverTaskEnd, DeliverGroupEnd, DeliverJobEnd.
struct TaskEndReceived {
  DeliverTaskEnd end;
};
struct GroupEndReceived {
  DeliverGroupEnd end;
};
struct JobEndReceived {};
/// The answer to CallUpdate. `done` wins over `add`. With `replace` the group's other tasks are
/// ended and never asked about; what is added gets the next task numbers, which count up over the
/// whole life of the group.
struct UpdateAnswered {
  std::uint64_t item = 0;
  TaskSpecs add;
  bool replace = false;
  bool done = false;
};
/// The answer to CallConclude: the item has its result (or its error), of about so many bytes that
/// are kept until it is released.
struct ItemConcluded {
  std::uint64_t item = 0;
  std::size_t bytes = 0;
};
/// End the run: nothing more is pulled, called or released. Ends with RunFinished.
struct RunCancelled {};
/// End the run softly: nothing more is pulled; items whose tasks no worker was given yet are
/// withdrawn (no callback hears of them again), the others are finished and released. Ends with
/// RunFinished.
struct RunDrained {};

using ClientEvent =
    std::variant<ItemPulled, InputEnded, TaskEndReceived, GroupEndReceived, JobEndReceived,
                 UpdateAnswered, ItemConcluded, RunCancelled, RunDrained>;

// Actions.

/// For the manager.
struct TellManager {
  template <typename Order>
  requires std::constructible_from<ManagerEvent, Order&&>
  // NOLINTNEXTLINE(bugprone-forwarding-reference-overload): of no TellManager
  explicit TellManager(Order&& order) : event(std::forward<Order>(order)) {}
  ManagerEvent event;
};
/// A task of a group with Policy::client has ended: ask the user's function, answer with
/// UpdateAnswered. One at a time for each item; the group's other ends wait for the answer.
struct CallUpdate {
  std::uint64_t item = 0;
  std::uint32_t task = 0;
  Outcome outcome;
  SessionId session = {};  // of the worker that gave a result
};
/// The group is over: make the item's result, answer with ItemConcluded. A group with
/// Policy::client that was not decided by its callback comes with an empty, undecided result; one
/// that was, comes decided.
struct CallConclude {
  std::uint64_t item = 0;
  GroupResult result;
};
/// The item's result may go out now.
struct ReleaseItem {
  std::uint64_t item = 0;
};
/// The last action.
struct RunFinished {
  enum class How : std::uint8_t {
    complete,   // the input has ended and every item was released
    drained,    // on request: what was released is all there will be
    cancelled,  // on request, or the manager ended the job before its items
  };
  How how = How::complete;
};

using ClientAction = std::variant<TellManager, CallUpdate, CallConclude, ReleaseItem, RunFinished>;
using ClientActions = std::vector<ClientAction>;

struct ClientState;

class Client {
 public:
  explicit Client(ClientOptions options);
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  /// Must be called once before the first step: opens the job.
  void open(ClientActions& out);
  /// Takes in one fact. No time: a client waits for others only. O(1). Nothing is kept of items
  /// that are gone, even behind one that takes for ever (which keeps the memory of its neighbours).
  void step(ClientEvent event, ClientActions& out);
  ///@{
  /// The same for what comes once for each item. What comes of it as a rule is returned, not appended: an
  /// order for the manager (TellManager), a call. It stands before what is appended.
  [[nodiscard]] std::optional<GroupSubmitted> take(ItemPulled&& event, ClientActions& out);
  [[nodiscard]] std::optional<CallConclude> take(DeliverGroupEnd&& end, ClientActions& out);
  void step(ItemConcluded&& event, ClientActions& out);
  ///@}

  /// Whether the next item should be pulled now.
  [[nodiscard]] bool may_pull() const;
  /// From now on; at least 1. What was pulled before stays.
  void set_lookahead_tasks(std::size_t tasks);
  [[nodiscard]] bool finished() const;
  /// Why nothing is pulled: so many bytes of results wait for an earlier item.
  /// A small result counts as its bookkeeping at least, so that many tiny ones are bounded too.
  [[nodiscard]] std::size_t result_bytes_waiting() const;
  /// Tasks that count against lookahead_tasks, and their bytes.
  [[nodiscard]] std::size_t open_tasks() const;
  [[nodiscard]] std::size_t open_bytes() const;
  /// Items that were pulled and have no result yet.
  [[nodiscard]] std::size_t open_groups() const;
  [[nodiscard]] std::uint64_t items_pulled() const;
  [[nodiscard]] std::uint64_t items_released() const;
  /// Items that were pulled and given up because the run was drained.
  [[nodiscard]] std::uint64_t items_withdrawn() const;

 private:
  std::unique_ptr<ClientState> state_;
};

}  // namespace fanmill::core
