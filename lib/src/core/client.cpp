#include "core/client.hpp"

#include <algorithm>
#include <deque>

#include "base/assert.hpp"
#include "base/sequence_map.hpp"
#include "core/plant.hpp"

namespace fanmill::core {
namespace {

std::size_t bytes_of(const TaskSpec& task) { return task.payload.bytes.size(); }

// One task of a group with Policy::client.
struct OpenTask {
  std::size_t bytes = 0;
  bool ended = false;
};

// What is kept of a group with Policy::client only: the tasks from `first_task` on. Those before
// have ended, or were replaced: their ends are late.
struct Asked {
  GroupId group;  // known from the first end on
  std::deque<OpenTask> tasks;
  std::uint32_t first_task = 0;
  bool calling = false;  // CallUpdate is out
  std::deque<DeliverTaskEnd> uncalled;
};

struct Item {
  enum Phase : std::uint8_t {
    submitted,   // its group is open at the manager
    concluding,  // CallConclude is out
    concluded,   // its result waits for an earlier item's
    withdrawn,   // waits for its turn to be forgotten
  };
  std::uint64_t phase : 2 = submitted;
  std::uint64_t bytes : 62 = 0;  // of the payloads of its open tasks; concluded: of its result
  std::uint32_t tasks_open = 0;
  std::uint32_t asked = no_index;  // with Policy::client only
  void set_bytes(std::size_t count) { bytes = count & (~std::uint64_t{0} >> 2); }
};
// There are as many as the look-ahead allows.
static_assert(sizeof(Item) == 16);

}  // namespace

struct ClientState {
  explicit ClientState(ClientOptions given) : options(std::move(given)) {}

  ClientOptions options;
  bool opened = false;
  bool input_ended = false;
  bool cancelled = false;
  bool drained = false;
  bool job_ended = false;
  bool finished = false;
  // Those pulled and not released, so what it holds is bounded by the look-ahead even behind an
  // item that takes for ever.
  SequenceMap<Item> items;
  Slab<Asked> asked;
  std::uint64_t pulled = 0;
  std::uint64_t turn = 0;           // in order: the next to be released
  std::size_t items_submitted = 0;  // whose group is open at the manager
  std::uint64_t released = 0;
  std::uint64_t withdrawn = 0;
  std::size_t items_open = 0;  // without their result
  std::size_t tasks_open = 0;
  std::size_t bytes_open = 0;
  std::size_t result_bytes_waiting = 0;

  template <typename Fact>
  void take(Fact&& fact, ClientActions& out) {
    FANMILL_ASSERT(opened, options.job);
    if (finished) return;
    on(std::forward<Fact>(fact), out);
    finish_if_done(out);
  }
  void on(ItemPulled&& event, ClientActions& out);
  void on(InputEnded&& event, ClientActions& out);
  void on(TaskEndReceived&& event, ClientActions& out);
  void on(GroupEndReceived&& event, ClientActions& out);
  void on(JobEndReceived&& event, ClientActions& out);
  void on(UpdateAnswered&& event, ClientActions& out);
  void on(ItemConcluded&& event, ClientActions& out);
  void on(RunCancelled&& event, ClientActions& out);
  void on(RunDrained&& event, ClientActions& out);

  std::optional<GroupSubmitted> pull(ItemPulled&& event, ClientActions& out);
  std::optional<CallConclude> end_group(DeliverGroupEnd&& end, ClientActions& out);
  void open_tasks(Item& item, const TaskSpecs& tasks);
  void end_task(Item& item, std::uint32_t task);
  void end_all_tasks(Item& item);
  void update_group(Item& item, UpdateAnswered&& answer, ClientActions& out);
  void call_or_conclude(std::uint64_t index, Item& item, ClientActions& out);
  [[nodiscard]] CallConclude conclude(std::uint64_t index, Item& item, GroupResult&& result);
  void withdraw(std::uint64_t index, Item& item);
  void release_in_turn(ClientActions& out);
  void release(std::uint64_t index, const Item& item, ClientActions& out);
  void forget(std::uint64_t index, const Item& item);
  [[nodiscard]] Asked& asked_of(const Item& item) { return asked[item.asked]; }
  void abandon();
  void finish_if_done(ClientActions& out);
  template <typename Order>
  void tell(Order&& order, ClientActions& out) {
    out.emplace_back(std::in_place_type<TellManager>, std::forward<Order>(order));
  }
  /// The item in this phase, or null: late answers and ends are normal after an item is over.
  [[nodiscard]] Item* find(std::uint64_t index, Item::Phase phase);
};

Client::Client(ClientOptions options) : state_(std::make_unique<ClientState>(std::move(options))) {
  FANMILL_ASSERT(state_->options.job.valid());
  FANMILL_ASSERT(state_->options.lookahead_tasks >= 1);
}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

void Client::open(ClientActions& out) {
  ClientState& state = *state_;
  FANMILL_ASSERT(!state.opened, state.options.job);
  state.opened = true;
  state.tell(JobOpened{.client = state.options.client,
                       .job = state.options.job,
                       .options = state.options.job_options},
             out);
}

void Client::step(ClientEvent event, ClientActions& out) {
  std::visit([&](auto& fact) { state_->take(std::move(fact), out); }, event);
}
std::optional<GroupSubmitted> Client::take(ItemPulled&& event, ClientActions& out) {
  FANMILL_ASSERT(state_->opened, state_->options.job);
  if (state_->finished) return std::nullopt;
  return state_->pull(std::move(event), out);
}
std::optional<CallConclude> Client::take(DeliverGroupEnd&& end, ClientActions& out) {
  FANMILL_ASSERT(state_->opened, state_->options.job);
  if (state_->finished) return std::nullopt;
  std::optional<CallConclude> call = state_->end_group(std::move(end), out);
  if (!call) state_->finish_if_done(out);
  return call;
}
void Client::step(ItemConcluded&& event, ClientActions& out) {
  state_->take(std::move(event), out);  // NOLINT(performance-move-const-arg): as the others
}

bool Client::may_pull() const {
  const ClientState& state = *state_;
  if (!state.opened || state.input_ended || state.cancelled || state.job_ended) return false;
  // Nothing is under way that could make room later, so whatever the limits say, it goes on.
  if (state.items_open == 0 || FANMILL_PLANTED(look_ahead_ignored)) return true;
  const ClientOptions& options = state.options;
  return state.items_open < options.lookahead_tasks && state.tasks_open < options.lookahead_tasks &&
         state.bytes_open < options.lookahead_bytes &&
         state.result_bytes_waiting < options.result_bytes_waiting_max;
}

void Client::set_lookahead_tasks(std::size_t tasks) {
  FANMILL_ASSERT(tasks >= 1);
  state_->options.lookahead_tasks = tasks;
}

bool Client::finished() const { return state_->finished; }
std::size_t Client::result_bytes_waiting() const { return state_->result_bytes_waiting; }
std::size_t Client::open_tasks() const { return state_->tasks_open; }
std::size_t Client::open_bytes() const { return state_->bytes_open; }
std::size_t Client::open_groups() const { return state_->items_open; }
std::uint64_t Client::items_pulled() const { return state_->pulled; }
std::uint64_t Client::items_released() const { return state_->released; }
std::uint64_t Client::items_withdrawn() const { return state_->withdrawn; }

void ClientState::on(ItemPulled&& event, ClientActions& out) {
  if (std::optional<GroupSubmitted> order = pull(std::move(event), out))
    tell(std::move(*order), out);
}

std::optional<GroupSubmitted> ClientState::pull(ItemPulled&& event, ClientActions& out) {
  FANMILL_ASSERT(!input_ended, "an item after the end of the input", options.job);
  if (cancelled || job_ended) return std::nullopt;
  const std::uint64_t index = pulled++;
  Item& item = items.insert(index, Item{});
  const bool is_asked = event.policy.kind == Policy::Kind::client;
  if (is_asked) item.asked = asked.insert(Asked{});
  items_open += 1;
  items_submitted += 1;
  open_tasks(item, event.tasks);
  if (is_asked && event.tasks.empty()) {
    // No end of a task would ever name the manager's group, so it is given none.
    out.emplace_back(conclude(index, item, {}));
    return std::nullopt;
  }
  return GroupSubmitted{
      .job = options.job, .item = index, .policy = event.policy, .tasks = std::move(event.tasks)};
}

void ClientState::on(InputEnded&&, ClientActions& out) {
  if (input_ended || cancelled || job_ended) return;
  input_ended = true;
  tell(JobClosed{options.job}, out);
}

void ClientState::on(TaskEndReceived&& event, ClientActions& out) {
  DeliverTaskEnd& end = event.end;
  if (end.job != options.job) return;
  Item* item = find(end.item, Item::Phase::submitted);
  // The group is decided, or these tasks were replaced while this was on its way.
  if (item == nullptr || item->asked == no_index) return;
  Asked& mine = asked_of(*item);
  if (end.task < mine.first_task) return;
  const std::size_t at = end.task - mine.first_task;
  if (at >= mine.tasks.size() || mine.tasks[at].ended) return;
  mine.group = end.group;
  end_task(*item, end.task);
  const std::uint64_t index = end.item;
  mine.uncalled.push_back(std::move(end));
  call_or_conclude(index, *item, out);
}

void ClientState::on(GroupEndReceived&& event, ClientActions& out) {
  if (std::optional<CallConclude> call = end_group(std::move(event.end), out))
    out.emplace_back(std::move(*call));
}

std::optional<CallConclude> ClientState::end_group(DeliverGroupEnd&& end, ClientActions& out) {
  if (end.job != options.job) return std::nullopt;
  Item* item = find(end.item, Item::Phase::submitted);
  if (item == nullptr) return std::nullopt;
  if (end.result.withdrawn) {
    withdraw(end.item, *item);
    release_in_turn(out);
    return std::nullopt;
  }
  if (item->asked != no_index) return std::nullopt;
  return conclude(end.item, *item, std::move(end.result));
}

void ClientState::on(JobEndReceived&&, ClientActions&) {
  job_ended = true;
  // What is still open at the manager now was ended from outside (it is shut down): no answer will
  // come.
  if (!input_ended || items_submitted > 0) abandon();
}

void ClientState::on(UpdateAnswered&& event, ClientActions& out) {
  Item* item = find(event.item, Item::Phase::submitted);
  if (item == nullptr || item->asked == no_index || !asked_of(*item).calling) return;
  asked_of(*item).calling = false;
  if (event.done) {
    tell(GroupUpdated{.group = asked_of(*item).group, .done = true}, out);
    out.emplace_back(conclude(event.item, *item, {.decided = true}));
    return;
  }
  const std::uint64_t index = event.item;
  update_group(*item, std::move(event), out);
  call_or_conclude(index, *item, out);
}

void ClientState::on(ItemConcluded&& event, ClientActions& out) {
  Item* item = find(event.item, Item::Phase::concluding);
  if (item == nullptr) return;
  items_open -= 1;
  item->phase = Item::Phase::concluded;
  item->set_bytes(std::max(event.bytes, limits::waiting_item_bytes_min));
  result_bytes_waiting += item->bytes;
  if (!options.ordered || FANMILL_PLANTED(order_broken)) {
    release(event.item, *item, out);
    return;
  }
  release_in_turn(out);
}

void ClientState::on(RunCancelled&&, ClientActions& out) {
  if (cancelled) return;
  if (!job_ended) tell(JobCancelled{options.job}, out);
  abandon();
}

void ClientState::on(RunDrained&&, ClientActions& out) {
  if (cancelled || drained || job_ended) return;
  drained = true;
  input_ended = true;
  tell(JobDrained{options.job}, out);
}

void ClientState::open_tasks(Item& item, const TaskSpecs& tasks) {
  std::size_t bytes = 0;
  for (const TaskSpec& task : tasks) {
    bytes += bytes_of(task);
    // A built-in policy ends its tasks as a whole; nothing need be known of each.
    if (item.asked != no_index) asked_of(item).tasks.push_back({.bytes = bytes_of(task)});
  }
  item.tasks_open += static_cast<std::uint32_t>(tasks.size());
  item.set_bytes(item.bytes + bytes);
  tasks_open += tasks.size();
  bytes_open += bytes;
}

void ClientState::end_task(Item& item, std::uint32_t task) {
  Asked& mine = asked_of(item);
  OpenTask& ended = mine.tasks[task - mine.first_task];
  ended.ended = true;
  item.tasks_open -= 1;
  tasks_open -= 1;
  item.set_bytes(item.bytes - ended.bytes);
  bytes_open -= ended.bytes;
  while (!mine.tasks.empty() && mine.tasks.front().ended) {
    mine.tasks.pop_front();
    mine.first_task += 1;
  }
}

void ClientState::end_all_tasks(Item& item) {
  tasks_open -= item.tasks_open;
  bytes_open -= item.bytes;
  item.tasks_open = 0;
  item.bytes = 0;
  if (item.asked == no_index) return;
  Asked& mine = asked_of(item);
  mine.first_task += static_cast<std::uint32_t>(mine.tasks.size());
  mine.tasks.clear();
}

void ClientState::update_group(Item& item, UpdateAnswered&& answer, ClientActions& out) {
  if (answer.replace && !FANMILL_PLANTED(replaced_task_told)) {
    end_all_tasks(item);
    asked_of(item).uncalled.clear();
  }
  open_tasks(item, answer.add);
  const Asked& mine = asked_of(item);
  // A group that has run out is closed next, which ends whatever was replaced.
  const bool runs_out = item.tasks_open == 0 && mine.uncalled.empty();
  if (runs_out || (answer.add.empty() && !answer.replace)) return;
  tell(GroupUpdated{.group = mine.group, .add = std::move(answer.add), .replace = answer.replace},
       out);
}

// One call at a time; when there is nothing left to ask about and nothing runs, the group has run
// out of tasks.
void ClientState::call_or_conclude(std::uint64_t index, Item& item, ClientActions& out) {
  Asked& mine = asked_of(item);
  if (mine.calling) return;
  if (!mine.uncalled.empty()) {
    mine.calling = true;
    DeliverTaskEnd end = std::move(mine.uncalled.front());
    mine.uncalled.pop_front();
    out.emplace_back(CallUpdate{.item = index,
                                .task = end.task,
                                .outcome = std::move(end.outcome),
                                .session = end.session});
    return;
  }
  if (item.tasks_open > (FANMILL_PLANTED(concluded_early) ? 1 : 0)) return;
  tell(GroupUpdated{.group = mine.group, .done = true}, out);
  out.emplace_back(conclude(index, item, {}));
}

CallConclude ClientState::conclude(std::uint64_t index, Item& item, GroupResult&& result) {
  end_all_tasks(item);
  if (item.asked != no_index) asked_of(item).uncalled.clear();
  items_submitted -= 1;
  item.phase = Item::Phase::concluding;
  return {.item = index, .result = std::move(result)};
}

void ClientState::withdraw(std::uint64_t index, Item& item) {
  end_all_tasks(item);
  items_open -= 1;
  items_submitted -= 1;
  withdrawn += 1;
  item.phase = Item::Phase::withdrawn;
  if (!options.ordered) forget(index, item);
}

/// What stands at the head of the order and is ready goes.
void ClientState::release_in_turn(ClientActions& out) {
  if (!options.ordered) return;
  for (; turn < pulled; ++turn) {
    const Item* head = items.find(turn);
    if (head == nullptr) continue;
    if (head->phase == Item::Phase::withdrawn) {
      forget(turn, *head);
    } else if (head->phase == Item::Phase::concluded) {
      release(turn, *head, out);
    } else {
      return;
    }
  }
}

void ClientState::release(std::uint64_t index, const Item& item, ClientActions& out) {
  result_bytes_waiting -= item.bytes;
  released += 1;
  out.emplace_back(ReleaseItem{index});
  forget(index, item);
}

void ClientState::forget(std::uint64_t index, const Item& item) {
  if (item.asked != no_index) asked.erase(item.asked);
  items.erase(index);
}

void ClientState::abandon() {
  cancelled = true;
  items = {};
  asked = {};
  items_open = 0;
  items_submitted = 0;
  tasks_open = 0;
  bytes_open = 0;
  result_bytes_waiting = 0;
}

void ClientState::finish_if_done(ClientActions& out) {
  if (!job_ended || !items.empty()) return;
  finished = true;
  using How = RunFinished::How;
  out.emplace_back(RunFinished{cancelled ? How::cancelled
                               : drained ? How::drained
                                         : How::complete});
}

Item* ClientState::find(std::uint64_t index, Item::Phase phase) {
  Item* item = items.find(index);
  return item == nullptr || item->phase != phase ? nullptr : item;
}

}  // namespace fanmill::core
