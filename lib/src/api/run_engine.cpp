#include "api/run_engine.hpp"

#include <fanmill/error.hpp>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "core/limits.hpp"

namespace fanmill::api {
namespace {

// Items pulled before deliveries are looked at again.
constexpr int pulls_per_turn_max = 256;
// How old a posted event may become while callbacks or a slow input keep this thread busy.
constexpr std::chrono::microseconds event_age_max{200};

core::ClientOptions client_options(JobId job, const detail::RunSettings& settings) {
  core::ClientOptions options{
      .job = job,
      .ordered = settings.in_order,
      .lookahead_tasks = settings.lookahead.value_or(limits::lookahead_tasks_min),
      .lookahead_bytes = settings.lookahead_bytes};
  options.job_options.functions = {settings.function};
  options.job_options.functions.insert(options.job_options.functions.end(),
                                       settings.functions.begin(), settings.functions.end());
  options.job_options.retries = settings.retries;
  options.job_options.lost_attempts_max = settings.lost_attempts_max;
  options.job_options.output = settings.output;
  return options;
}

core::TaskSpecs specs_of(std::vector<detail::TaskToSend>&& tasks) {
  core::TaskSpecs specs;
  specs.reserve(tasks.size());
  for (detail::TaskToSend& task : tasks) {
    specs.push_back({.payload = std::move(task.payload),
                     .function = task.function,
                     .stage = task.stage,
                     .time_limit = task.time_limit});
  }
  return specs;
}

/// Into `end`, whose list keeps its memory.
void put(core::GroupResult&& result, detail::GroupEnd& end) {
  end.decided = result.decided;
  end.errors = std::move(result.errors);
  end.answers.clear();
  for (core::Answer& answer : result.answers) {
    end.answers.push_back({.task = answer.task,
                           .nothing = answer.nothing,
                           .payload = std::move(answer.payload),
                           .session = answer.session.value});
  }
}

}  // namespace

RunEngine::RunEngine(RunPorts ports, JobId job, detail::Runner& runner,
                     const detail::RunSettings& settings)
    : ports_(std::move(ports)),
      job_(job),
      lookahead_is_fixed_(settings.lookahead.has_value()),
      runner_(runner),
      client_(client_options(job, settings)),
      flushed_(std::chrono::steady_clock::now()) {
  runner_.payload_bytes_max = ports_.payload_bytes_max;
  runner_.worker_name = ports_.worker_name;
}

void RunEngine::run() {
  Inbox::Contents contents;
  runner_.listen([&inbox = ports_.inbox] { inbox.nudge(); });
  client_.open(actions());
  perform();
  while (!client_.finished()) {
    look_ahead();
    pull_some();
    const bool more = !input_ended_ && !input_paused_ && client_.may_pull();
    flush(!more);
    if (client_.finished()) break;
    ports_.inbox.take(contents, !more);
    take_in(contents);
  }
  flush();
  runner_.listen({});
  if (error_) std::rethrow_exception(error_);
}

/// Workers come and go, and hold more the shorter their tasks are. The most that they held counts:
/// what is read ahead less must first be worked off.
void RunEngine::look_ahead() {
  if (lookahead_is_fixed_) return;
  const std::size_t wanted = limits::lookahead_for(ports_.credit());
  if (wanted <= lookahead_) return;
  lookahead_ = wanted;
  client_.set_lookahead_tasks(wanted);
}

void RunEngine::pull_some() {
  for (int i = 0; i < pulls_per_turn_max; ++i) {
    if (error_ || input_ended_ || input_paused_ || !client_.may_pull()) return;
    pull_one();
    flush_if_due();
  }
}

void RunEngine::pull_one() {
  detail::PulledItem& pulled = pulled_;
  pulled.tasks.clear();
  detail::Pull said = detail::Pull::ended;
  guarded([&] { said = runner_.pull(pulled); });
  if (error_) return;
  if (said == detail::Pull::item) {
    std::optional<core::GroupSubmitted> order = client_.take(
        core::ItemPulled{.policy = pulled.policy, .tasks = specs_of(std::move(pulled.tasks))},
        actions());
    if (order) events_.push_back(std::move(*order));
    perform();
    return;
  }
  // Only callbacks bring more, and only open items have callbacks; or another thread does, and says
  // so.
  if (said == detail::Pull::awaited ||
      (said == detail::Pull::not_now && client_.open_groups() > 0)) {
    input_paused_ = true;
    return;
  }
  input_ended_ = true;
  step(core::InputEnded{});
}

/// Calls the typed half. What it throws ends the run.
template <typename Call>
void RunEngine::guarded(const Call& call) {
  try {
    call();
  } catch (...) {
    error_ = std::current_exception();
    client_.step(core::RunCancelled{}, actions());
    perform();
  }
}

template <typename Fact>
void RunEngine::step(Fact&& fact) {
  client_.step(std::forward<Fact>(fact), actions());
  perform();
}

/// Carries out `actions()`, and those that follow from them, in order.
void RunEngine::perform() {
  // An action's own steps come back here; the outermost call does the work, or the order would be
  // lost.
  if (performing_ || actions().empty()) return;
  performing_ = true;
  while (!actions().empty()) {
    core::ClientActions& performed = actions();
    filling_ ^= 1;
    for (core::ClientAction& action : performed)
      std::visit([&](auto& one) { perform(std::move(one)); }, action);
    performed.clear();
  }
  performing_ = false;
}

void RunEngine::perform(core::TellManager&& action) { events_.push_back(std::move(action.event)); }

void RunEngine::perform(core::CallUpdate&& action) {
  if (error_) return;
  detail::GroupUpdate update;
  guarded([&] {
    update =
        runner_.update(action.item, action.task, std::move(action.outcome), action.session.value);
  });
  input_paused_ = false;
  if (error_) return;
  step(core::UpdateAnswered{.item = action.item,
                            .add = specs_of(std::move(update.add)),
                            .replace = update.replace,
                            .done = update.done});
  flush_if_due();
}

void RunEngine::perform(core::CallConclude&& action) {
  if (error_) return;
  std::size_t bytes = 0;
  put(std::move(action.result), end_);
  guarded([&] { bytes = runner_.conclude(action.item, end_); });
  end_.answers.clear();  // large ones are not kept for the next
  input_paused_ = false;
  if (error_) return;
  step(core::ItemConcluded{.item = action.item, .bytes = bytes});
  flush_if_due();
}

void RunEngine::perform(const core::ReleaseItem& action) {
  if (error_) return;
  guarded([&] { runner_.release(action.item); });
  input_paused_ = false;
  flush_if_due();
}

void RunEngine::perform(const core::RunFinished& action) {
  using How = core::RunFinished::How;
  if (action.how == How::complete || error_) return;
  const std::string words =
      action.how == How::cancelled
          ? "the manager was shut down while this run was under way"
          : "the run was drained; items finished: " + std::to_string(client_.items_released()) +
                ", read but not begun: " + std::to_string(client_.items_withdrawn());
  error_ = std::make_exception_ptr(FarmError(ErrorCode::stopped, words));
}

void RunEngine::take_in(Inbox::Contents& contents) {
  if (contents.error && !error_) {
    guarded([&] { raise(*contents.error); });
  }
  if (contents.drain && !error_) {
    input_ended_ = true;
    step(core::RunDrained{});
  }
  if (contents.workers_ended && !error_) guarded(ports_.check_workers);
  if (contents.nudged) input_paused_ = false;
  const auto take = [this](auto&& delivery) {
    take_in(std::forward<decltype(delivery)>(delivery));
  };
  const auto foresee = [](const core::DeliverGroupEnd& end) {
    if (!end.result.answers.empty()) end.result.answers.front().payload.bytes.prefetch();
  };
  contents.deliveries.take_all(take, take, foresee, core::handed_over_kept_max);
}

void RunEngine::take_in(core::DeliverGroupEnd&& group_end) {
  if (group_end.job != job_) return;
  if (std::optional<core::CallConclude> call = client_.take(std::move(group_end), actions()))
    perform(std::move(*call));
  perform();
}

void RunEngine::take_in(core::ManagerAction&& delivery) {
  if (auto* task_end = std::get_if<core::DeliverTaskEnd>(&delivery)) {
    if (task_end->job == job_) step(core::TaskEndReceived{.end = std::move(*task_end)});
  } else if (auto* output = std::get_if<core::DeliverOutput>(&delivery)) {
    if (output->job == job_) take_output(*output);
  } else if (auto* job_end = std::get_if<core::DeliverJobEnd>(&delivery)) {
    if (job_end->job == job_) step(core::JobEndReceived{});
  }
}

void RunEngine::take_output(const core::DeliverOutput& output) {
  if (error_) return;  // the job is cancelled, and with it all that writes
  guarded([&] { runner_.output(output.item, output.task, output.number, output.bytes.view()); });
  events_.push_back(core::OutputConsumed{.attempt = output.attempt,
                                         .offset = output.offset + output.bytes.size()});
  flush_if_due();
}

void RunEngine::flush(bool waits) {
  if (events_.empty()) return;
  ports_.post(events_, waits);
  flushed_ = std::chrono::steady_clock::now();
}

void RunEngine::flush_if_due() {
  if (events_.empty()) return;
  if (runner_.pull_may_block || std::chrono::steady_clock::now() - flushed_ >= event_age_max)
    flush();
}

}  // namespace fanmill::api
