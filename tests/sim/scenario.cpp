#include "scenario.hpp"

#include <algorithm>
#include <array>

namespace fanmill::sim {
namespace {

using namespace std::chrono_literals;
using core::Policy;

// Two functions are enough to have workers that know both, one, or both in the other order.
const std::array<std::vector<std::string>, 5> function_lists = {{
    {"f"},
    {"f", "g"},
    {"g", "f"},
    {"f", "g"},
    {"g"},
}};

class Drawer {
 public:
  explicit Drawer(std::uint64_t seed) : rng_(seed) { scenario_.seed = seed; }

  Scenario draw() {
    draw_manager();
    draw_jobs();
    draw_workers();
    draw_faults();
    // Every attempt that there can be, one after another on one slot, and the silences that must be
    // sat out.
    scenario_.finish_max = 6 * work_total_ + 20 * options().dead + 400s;
    scenario_.shutdown_at_end = rng_.percent(50);
    // Last, so that seeds of before mean what they meant.
    for (JobPlan& job : scenario_.jobs)
      if (rng_.percent(8)) job.drained = rng_.duration(Duration{}, scenario_.healed);
    draw_blame();
    draw_output();
    draw_batches();
    draw_parts();
    draw_told();
    return std::move(scenario_);
  }

 private:
  core::ManagerOptions& options() { return scenario_.manager; }

  void draw_manager() {
    static constexpr std::array<Duration, 4> beats = {300ms, 1000ms, 2000ms, 2000ms};
    beat_ = rng_.pick(beats);
    options().farm = 7;
    options().boot = {.low = 1, .high = 2};
    options().heartbeat = beat_;
    options().suspect = beat_ * rng_.between(2, 4);
    options().dead = options().suspect + beat_ * rng_.between(2, 8);
    options().grace_same_host = rng_.percent(80) ? Duration{} : beat_;
    options().grace_remote = beat_ * rng_.between(0, 6);
    options().prefetch = rng_.below(4);
    if (rng_.percent(20)) options().credit_bytes = rng_.between(1, 200);
    options().incarnation = rng_.percent(90) ? 1 : rng_.between(1, 1000);
    options().observe_level = 0;
    scenario_.healed = beat_ * rng_.between(4, 40);
  }

  void draw_jobs() {
    const std::uint32_t jobs = rng_.percent(60) ? 1 : rng_.between(2, 3);
    for (std::uint32_t job = 0; job < jobs; ++job) scenario_.jobs.push_back(draw_job(job));
  }

  JobPlan draw_job(std::uint32_t job) {
    JobPlan plan;
    plan.options.functions =
        rng_.percent(60) ? std::vector<std::string>{"f"} : std::vector<std::string>{"f", "g"};
    plan.options.retries = rng_.percent(50) ? 0 : rng_.between(1, 3);
    plan.options.lost_attempts_max = rng_.between(1, 4);
    plan.ordered = rng_.percent(50);
    static constexpr std::array<std::size_t, 4> lookaheads = {1, 3, 10, 100};
    plan.lookahead_tasks = rng_.pick(lookaheads);
    if (rng_.percent(20)) plan.result_bytes_max = rng_.between(1, 40);
    plan.after_previous = rng_.percent(50);
    if (rng_.percent(8)) plan.cancelled = rng_.duration(Duration{}, scenario_.healed);
    plan.callback_delay = rng_.percent(50) ? Duration{} : beat_ * rng_.between(1, 3) / 4;
    plan.lazy = rng_.percent(30);
    const bool one_policy = rng_.percent(50);
    const auto kind = static_cast<Policy::Kind>(rng_.below(6));
    const std::uint32_t items = rng_.between(rng_.percent(5) ? 0 : 1, 10);
    for (std::uint32_t item = 0; item < items; ++item) {
      const auto item_kind = one_policy ? kind : static_cast<Policy::Kind>(rng_.below(6));
      plan.items.push_back(draw_item(plan, job, item, item_kind));
    }
    return plan;
  }

  ItemPlan draw_item(const JobPlan& job_plan, std::uint32_t job, std::uint32_t item,
                     Policy::Kind kind) {
    ItemPlan plan;
    plan.policy = {.kind = kind, .k = kind == Policy::Kind::k_answers ? rng_.between(1, 3) : 1};
    // A plain item is a group of one task under `first`.
    std::uint32_t tasks = kind == Policy::Kind::first && rng_.percent(50) ? 1 : rng_.between(1, 6);
    if (rng_.percent(4)) tasks = 0;
    std::uint32_t stage = 0;
    for (std::uint32_t task = 0; task < tasks; ++task) {
      Work work = draw_work(job_plan);
      work.job = job;
      work.item = item;
      work.task = task;
      if (kind == Policy::Kind::stages) {
        stage += rng_.percent(50) ? rng_.between(1, 2) : 0;
        work.stage = stage;
      }
      work_total_ += duration_max(work);
      plan.tasks.push_back(work);
    }
    plan.tasks_max = tasks + rng_.below(4);
    return plan;
  }

  Work draw_work(const JobPlan& job_plan) {
    using Behaviour = Work::Behaviour;
    Work work;
    work.function = static_cast<std::uint8_t>(
        rng_.below(static_cast<std::uint32_t>(job_plan.options.functions.size())));
    work.micros = micros(rng_.skewed(beat_ / 100, beat_ * 8));
    const std::uint32_t dice = rng_.below(100);
    if (dice < 50)
      work.behaviour = Behaviour::answers;
    else if (dice < 70)
      work.behaviour = Behaviour::finds_nothing;
    else if (dice < 78)
      work.behaviour = Behaviour::fails;
    else if (dice < 85)
      work.behaviour = Behaviour::fails_at_first;
    else if (dice < 88)
      work.behaviour = Behaviour::crashes;
    else if (dice < 92)
      work.behaviour = Behaviour::crashes_at_first;
    else if (dice < 94)
      work.behaviour = Behaviour::poisons;
    else if (dice < 96)
      work.behaviour = Behaviour::hangs;
    work.fails = static_cast<std::uint8_t>(rng_.between(1, 2));
    work.deaf = rng_.percent(6) && work.behaviour != Behaviour::hangs ? 1 : 0;
    if (work.behaviour == Behaviour::hangs || rng_.percent(5)) {
      work.time_limit_ms = std::max(1U, micros(beat_ * rng_.between(1, 6)) / 1000);
    }
    return work;
  }

  static std::uint32_t micros(Duration duration) {
    return static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(duration).count());
  }
  static Duration duration_max(const Work& work) {
    return work.duration() + std::chrono::milliseconds(work.time_limit_ms) +
           limits::time_limit_slack;
  }

  void draw_workers() {
    const std::uint32_t workers = rng_.percent(10) ? rng_.between(5, 8) : rng_.between(1, 4);
    for (std::uint32_t worker = 0; worker < workers; ++worker)
      scenario_.workers.push_back(draw_worker());
    WorkerPlan healer = core_worker();
    healer.joins = scenario_.healed;
    healer.functions = {"f", "g"};
    healer.slots = 2;
    healer.features = core::feature::heartbeat | core::feature::kill | core::feature::time_limit;
    scenario_.workers.push_back(healer);
  }

  WorkerPlan draw_worker() {
    const std::uint32_t dice = rng_.below(100);
    WorkerPlan plan = core_worker();
    if (dice < 12) {
      plan.model = WorkerPlan::Model::plain;
      plan.slots = 1;
      plan.features = 0;
      plan.monitored = false;
    } else if (dice < 22) {
      plan.model = WorkerPlan::Model::liar;
    }
    if (rng_.percent(30)) plan.joins = rng_.duration(Duration{}, scenario_.healed);
    return plan;
  }

  WorkerPlan core_worker() {
    WorkerPlan plan;
    plan.slots = static_cast<std::uint16_t>(rng_.between(1, 3));
    plan.prefetch = rng_.percent(60) ? 0 : rng_.between(1, 3);
    plan.features = core::feature::heartbeat | core::feature::kill | core::feature::time_limit;
    if (rng_.percent(10)) plan.features &= ~core::feature::kill;
    if (rng_.percent(10)) plan.features &= ~core::feature::time_limit;
    if (rng_.percent(5)) plan.features &= ~core::feature::heartbeat;
    plan.monitored = rng_.percent(10);
    plan.same_host = rng_.percent(50);
    plan.functions = rng_.pick(function_lists);
    plan.latency = rng_.skewed(10us, beat_ / 4);
    plan.jitter = rng_.skewed(1us, beat_ / 4);
    plan.repeats = rng_.percent(20) ? rng_.between(1, 100) : 0;
    plan.stop_delay = rng_.skewed(10us, beat_ / 2);
    plan.stops_by_death = rng_.percent(60);
    return plan;
  }

  void draw_faults() {
    if (rng_.percent(10)) return;  // a good day must work as well
    using Kind = FaultPlan::Kind;
    const std::uint32_t faults = rng_.between(1, 8);
    for (std::uint32_t i = 0; i < faults; ++i) {
      FaultPlan fault;
      fault.kind =
          static_cast<Kind>(rng_.below(static_cast<std::uint32_t>(Kind::drain_requested) + 1));
      // A restart resets most of what the other faults have brought about, so it stays rare.
      if (fault.kind == Kind::manager_restart && !rng_.percent(40))
        fault.kind = Kind::connection_cut;
      fault.at = rng_.duration(Duration{}, scenario_.healed);
      fault.worker = rng_.below(static_cast<std::uint32_t>(scenario_.workers.size() - 1));
      fault.length = draw_length();
      fault.comes_back = rng_.percent(70);
      scenario_.faults.push_back(fault);
    }
  }

  void draw_blame() {
    options().retry_elsewhere = rng_.percent(20) ? Duration{} : beat_ * rng_.between(1, 20) / 2;
    // A run of a few dozen tasks is short for the rule of real farms.
    if (rng_.percent(80))
      options().failing = {.tasks_min = rng_.between(1, 5),
                           .rounds_min = rng_.below(3),
                           .groups_min = rng_.between(1, 3),
                           .results_min = rng_.between(1, 3),
                           .results_per_failure = rng_.below(3)};
    for (std::size_t worker = 0; worker + 1 < scenario_.workers.size(); ++worker) {
      WorkerPlan& plan = scenario_.workers[worker];
      plan.failing = plan.model == WorkerPlan::Model::core && rng_.percent(12);
    }
  }

  void draw_output() {
    for (JobPlan& job : scenario_.jobs) job.options.output = rng_.percent(40);
    for (WorkerPlan& worker : scenario_.workers) {
      const bool passes = worker.model != WorkerPlan::Model::plain && rng_.percent(40);
      if (passes) worker.features |= core::feature::output;
    }
  }

  /// Managers and workers that send many things at once, beside those that do not.
  void draw_batches() {
    if (rng_.percent(20)) options().features &= ~core::feature::batch;
    if (rng_.percent(30)) options().prefetch = rng_.between(4, 40);
    if (rng_.percent(50)) options().prefetch_most = rng_.between(1, 60);
    for (WorkerPlan& worker : scenario_.workers) {
      const bool takes = worker.model != WorkerPlan::Model::plain && rng_.percent(60);
      if (takes) worker.features |= core::feature::batch;
      if (rng_.percent(50)) worker.ahead_max = rng_.between(1, 12);
      worker.ahead_time = rng_.duration(beat_ / 10, beat_ * 20);
    }
  }

  /// Frames so small that payloads are large, at a manager that takes parts; so does the healer, or
  /// large tasks might wait for ever.
  void draw_parts() {
    if (rng_.percent(60)) {
      if (rng_.percent(30)) options().features &= ~core::feature::parts;
      return;
    }
    options().frame_bytes_max = limits::header_bytes_max;
    options().payload_bytes_max = rng_.percent(70) ? limits::payload_bytes_max : 20000;
    // The oracle learns from what is observed which task a large one is.
    options().observe_level = 2;
    for (WorkerPlan& worker : scenario_.workers) {
      const bool is_healer = &worker == &scenario_.workers.back();
      const bool takes = worker.model != WorkerPlan::Model::plain && rng_.percent(70);
      if (takes || is_healer) worker.features |= core::feature::parts;
    }
    // Output would come in as small pieces, each of which waits for its client: hours of it.
    for (JobPlan& job : scenario_.jobs) job.options.output = false;
    const std::uint32_t large = rng_.between(5, 70);
    for (JobPlan& job : scenario_.jobs) {
      for (ItemPlan& item : job.items) {
        for (Work& work : item.tasks) {
          if (rng_.percent(large)) work.extra = extra();
          if (rng_.percent(large)) work.answer_extra = extra();
        }
      }
    }
  }
  /// Workers of processes: what waits at one of these may be overtaken.
  void draw_told() {
    for (WorkerPlan& worker : scenario_.workers) {
      worker.begins_told = worker.ahead_max > 0 && !worker.monitored && rng_.percent(50);
      if (worker.begins_told) worker.ahead_time *= 10;
    }
  }
  /// About a frame, or up to four windows.
  std::uint16_t extra() {
    const std::uint32_t most = rng_.percent(30) ? 4200 : 60000;
    return static_cast<std::uint16_t>(rng_.between(rng_.percent(50) ? 0 : 4000, most));
  }

  /// Shorter than a suspicion, between suspicion and death, or longer than that.
  Duration draw_length() {
    switch (rng_.below(3)) {
      case 0:
        return rng_.duration(beat_ / 10, options().suspect);
      case 1:
        return rng_.duration(options().suspect, options().dead);
      default:
        return rng_.duration(options().dead, 2 * options().dead);
    }
  }

  Rng rng_;
  Scenario scenario_;
  Duration beat_{};
  Duration work_total_{};
};

Count count_of(Policy::Kind kind) {
  switch (kind) {
    case Policy::Kind::first:
      return Count::policy_first;
    case Policy::Kind::first_answer:
      return Count::policy_first_answer;
    case Policy::Kind::k_answers:
      return Count::policy_k_answers;
    case Policy::Kind::all:
      return Count::policy_all;
    case Policy::Kind::stages:
      return Count::policy_stages;
    case Policy::Kind::client:
      break;
  }
  return Count::policy_client;
}

}  // namespace

Scenario draw_scenario(std::uint64_t seed) { return Drawer(seed).draw(); }

void tally(const Scenario& scenario, Tally& tally) {
  for (const JobPlan& job : scenario.jobs) {
    for (const ItemPlan& item : job.items) {
      tally.add(count_of(item.policy.kind));
      if (item.tasks.empty()) tally.add(Count::group_empty);
    }
  }
  for (const WorkerPlan& worker : scenario.workers) {
    if (worker.model == WorkerPlan::Model::plain) tally.add(Count::plain_worker);
    if (worker.model == WorkerPlan::Model::liar) tally.add(Count::liar);
    if (worker.monitored) tally.add(Count::monitored_worker);
    if (worker.failing) tally.add(Count::bad_worker);
    if (worker.joins > Duration{}) tally.add(Count::late_joiner);
  }
}

}  // namespace fanmill::sim
