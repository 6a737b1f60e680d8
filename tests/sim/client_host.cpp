#include "client_host.hpp"

#include <algorithm>

#include "oracle.hpp"

namespace fanmill::sim {
namespace {

core::ClientOptions options_of(const JobPlan& plan, std::uint32_t number, JobId job) {
  return {.client = ClientId{1 + number},
          .job = job,
          .job_options = plan.options,
          .ordered = plan.ordered,
          .lookahead_tasks = plan.lookahead_tasks,
          .result_bytes_waiting_max = plan.result_bytes_max};
}

}  // namespace

ClientHost::ClientHost(Surroundings& around, const JobPlan& plan, std::uint32_t number,
                       std::uint32_t run, JobId job, Rng rng)
    : around_(around),
      plan_(plan),
      number_(number),
      run_(run),
      job_(job),
      rng_(rng),
      client_(options_of(plan, number, job)) {}

void ClientHost::open() {
  around_.oracle.job_known(number_, plan_.options);
  core::ClientActions actions;
  client_.open(actions);
  for (core::ClientAction& action : actions) std::visit([this](auto& order) { on(order); }, action);
  wake_later();
}

void ClientHost::cancel() {
  if (finished_ || cancelled_) return;
  around_.tally.add(Count::run_cancelled);
  cancelled_ = true;
  calls_.clear();
  outputs_.clear();
  step(core::RunCancelled{});
}

void ClientHost::drain() {
  if (finished_ || cancelled_ || drained_) return;
  around_.tally.add(Count::run_drained);
  drained_ = true;
  input_ended_ = true;
  step(core::RunDrained{});
}

void ClientHost::receive(const core::DeliverTaskEnd& end) {
  items_.at(end.item).ended.insert(end.task);
  step(core::TaskEndReceived{end});
}
void ClientHost::receive(const core::DeliverGroupEnd& end) {
  items_.at(end.item).over = true;
  step(core::GroupEndReceived{end});
}

void ClientHost::receive(const core::DeliverOutput& output) {
  demand(plan_.options.output, "output is delivered to who listens", job_, output.attempt);
  const Item& item = items_.at(output.item);
  demand(output.task < item.tasks.size() && !item.over && item.ended.count(output.task) == 0,
         "output comes before the end of its task", output.attempt);
  std::uint64_t& end = output_ends_[output.attempt];
  demand(output.offset == end, "output of an attempt has no gap", output.attempt, output.offset,
         "after", end);
  end += output.bytes.size();
  demand(
      output.bytes.view() == output_of(item.tasks[output.task], output.offset, output.bytes.size()),
      "output is what the function writes", output.attempt);
  around_.tally.add(Count::output_delivered);
  if (finished_ || cancelled_) return;
  outputs_.push_back({.attempt = output.attempt, .offset = end});
  wake_later();
}
void ClientHost::receive_job_end() { step(core::JobEndReceived{}); }

void ClientHost::step(core::ClientEvent event) {
  core::ClientActions actions;
  client_.step(std::move(event), actions);
  for (core::ClientAction& action : actions) std::visit([this](auto& order) { on(order); }, action);
  wake_later();
}

void ClientHost::wake_later() {
  const bool has_work =
      !outputs_.empty() || !calls_.empty() || (!input_ended_ && client_.may_pull());
  if (awake_ || finished_ || !has_work) return;
  awake_ = true;
  Duration delay = rng_.percent(50) ? Duration{} : rng_.duration(Duration{}, plan_.callback_delay);
  if (plan_.lazy && calls_.empty()) delay += rng_.duration(Duration{}, 4 * plan_.callback_delay);
  around_.agenda.add(around_.now() + delay, Event::Kind::client_turn, number_, run_);
}

void ClientHost::turn() {
  awake_ = false;
  if (finished_) return;
  if (!outputs_.empty()) {
    // Whoever is quick takes all that has come.
    do {
      outbox_.emplace_back(outputs_.front());
      outputs_.pop_front();
    } while (!outputs_.empty() && rng_.percent(80));
  } else if (!calls_.empty()) {
    const std::variant<core::CallUpdate, core::CallConclude> call = std::move(calls_.front());
    calls_.pop_front();
    if (const auto* asked = std::get_if<core::CallUpdate>(&call)) update(*asked);
    if (const auto* asked = std::get_if<core::CallConclude>(&call)) conclude(*asked);
  } else if (!input_ended_ && client_.may_pull()) {
    pull();
  }
  wake_later();
}

void ClientHost::pull() {
  if (items_.size() == plan_.items.size()) {
    input_ended_ = true;
    step(core::InputEnded{});
    return;
  }
  const auto open =
      std::count_if(items_.begin(), items_.end(), [](const Item& item) { return !item.concluded; });
  demand(open == 0 || static_cast<std::size_t>(open) < plan_.lookahead_tasks,
         "the client reads ahead no further than told", job_, open);
  const ItemPlan& plan = plan_.items[items_.size()];
  Item& item = items_.emplace_back();
  std::vector<core::TaskSpec> specs;
  for (Work work : plan.tasks) {
    work.run = run_;
    item.tasks.push_back(work);
    specs.push_back(task_spec(work));
  }
  around_.trace.note(around_.now(), "client ", number_, " pulls item ", items_.size() - 1);
  step(core::ItemPulled{.policy = plan.policy, .tasks = std::move(specs)});
}

void ClientHost::on(core::CallUpdate& call) {
  demand(!cancelled_, "a cancelled run asks nothing", job_, "item", call.item);
  Item& item = items_.at(call.item);
  demand(!item.done && !item.concluded, "no update is asked for after the group is done", "item",
         call.item);
  demand(call.task < item.tasks.size() && item.replaced.count(call.task) == 0,
         "no update is asked for of a replaced task", "item", call.item, "task", call.task);
  demand(item.asked.insert(call.task).second, "an update is asked for once", "item", call.item,
         "task", call.task);
  if (call.outcome.kind == OutcomeKind::result && !call.outcome.nothing) {
    demand(call.outcome.payload == answer_of(item.tasks[call.task]),
           "results are what the function gives", "item", call.item, "task", call.task);
  }
  calls_.push_back(call);
}

void ClientHost::update(const core::CallUpdate& call) {
  const ItemPlan& plan = plan_.items.at(call.item);
  Item& item = items_.at(call.item);
  core::UpdateAnswered answer{.item = call.item};
  const std::uint32_t dice = rng_.below(100);
  if (dice < 15) {
    around_.tally.add(Count::group_done_early);
    answer.done = item.done = true;
  } else if (dice < 45 && item.tasks.size() < plan.tasks_max) {
    answer.replace = rng_.percent(25);
    around_.tally.add(answer.replace ? Count::group_replaced : Count::group_grown);
    if (answer.replace) {
      for (std::uint32_t task = 0; task < item.tasks.size(); ++task)
        if (item.asked.count(task) == 0) item.replaced.insert(task);
    }
    for (std::uint32_t more = rng_.between(1, 2); more > 0; --more) {
      const Work work = grown_task(plan, call.item, static_cast<std::uint32_t>(item.tasks.size()));
      item.tasks.push_back(work);
      answer.add.push_back(task_spec(work));
    }
  }
  around_.trace.note(around_.now(), "client ", number_, " updates item ", call.item, " add ",
                     answer.add.size(), answer.replace ? " replace" : "",
                     answer.done ? " done" : "");
  step(std::move(answer));
}

Work ClientHost::grown_task(const ItemPlan& plan, std::uint64_t item, std::uint32_t task) {
  // Like one of the item's own, so that its plan stays the measure of what it may cost.
  Work work = plan.tasks.at(rng_.below(static_cast<std::uint32_t>(plan.tasks.size())));
  work.run = run_;
  work.job = number_;
  work.item = static_cast<std::uint32_t>(item);
  work.task = task;
  return work;
}

void ClientHost::on(core::CallConclude& call) {
  demand(!cancelled_, "a cancelled run asks nothing", job_, "item", call.item);
  Item& item = items_.at(call.item);
  const bool asks = plan_.items[call.item].policy.kind == core::Policy::Kind::client;
  demand(!item.concluded, "an item is concluded once", job_, "item", call.item);
  item.concluded = true;
  if (asks) {
    demand(call.result.decided == item.done, "a group is decided if its callback says so", "item",
           call.item);
    for (std::uint32_t task = 0; task < item.tasks.size() && !item.done; ++task) {
      demand(item.asked.count(task) + item.replaced.count(task) == 1,
             "a group runs out when all its tasks were told", "item", call.item, "task", task);
    }
  }
  around_.tally.add(call.result.decided ? Count::group_decided : Count::group_undecided);
  check_answers(item, call.item, call.result);
  calls_.push_back(call);
}

void ClientHost::check_answers(const Item& item, std::uint64_t index,
                               const core::GroupResult& result) const {
  for (const core::Answer& answer : result.answers) {
    demand(answer.task < item.tasks.size(), "answers name tasks of their group", "item", index);
    demand(answer.nothing || answer.payload == answer_of(item.tasks[answer.task]),
           "results are what the function gives", "item", index, "task", answer.task);
  }
}

void ClientHost::conclude(const core::CallConclude& call) {
  step(core::ItemConcluded{.item = call.item, .bytes = 8 * call.result.answers.size()});
}

void ClientHost::on(core::ReleaseItem& order) {
  Item& item = items_.at(order.item);
  demand(item.concluded && !item.released, "an item is released once, after its result", job_,
         "item", order.item);
  demand(!plan_.ordered || order.item >= next_in_order_, "items are released in order", job_,
         "item", order.item, "after", next_in_order_);
  demand(!plan_.ordered || drained_ || order.item == next_in_order_,
         "only a drained run leaves items out", job_, "item", order.item, "after", next_in_order_);
  next_in_order_ = order.item + 1;
  demand(!cancelled_, "a cancelled run releases nothing", job_, "item", order.item);
  item.released = true;
  released_count_ += 1;
}

void ClientHost::on(core::RunFinished& order) {
  demand(!finished_, "a run finishes once", job_);
  using How = core::RunFinished::How;
  // A job may end before its client's request to drain it arrives.
  demand(cancelled_ == (order.how == How::cancelled) && (drained_ || order.how != How::drained),
         "a run is complete unless it was cancelled or drained", job_);
  const std::uint64_t withdrawn = client_.items_withdrawn();
  demand(withdrawn == 0 || drained_, "only a drained run gives items up", job_, withdrawn);
  demand(order.how != How::complete || released_count_ == plan_.items.size(),
         "a complete run has released all its items", job_, released_count_);
  demand(order.how != How::drained || released_count_ + withdrawn == items_.size(),
         "a drained run has released or given up each of its items", job_, released_count_,
         withdrawn);
  around_.tally.add(Count::item_withdrawn, withdrawn);
  finished_ = true;
  around_.trace.note(around_.now(), "client ", number_, " has finished");
}

}  // namespace fanmill::sim
