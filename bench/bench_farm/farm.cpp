#include "farm.hpp"

#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <ranges>
#include <stdexcept>

#include "work.hpp"

namespace bench {
namespace {

using namespace std::chrono_literals;

fanmill::ManagerOptions options_of(const std::string& endpoint, const FarmShape& shape) {
  fanmill::ManagerOptions options{.endpoints = {endpoint}};
  if (shape.plain) options.insecure_plaintext = fanmill::InsecurePlaintext::on_this_host;
  options.spin = shape.spin;
  if (shape.window) options.prefetch = static_cast<std::uint32_t>(*shape.window - 1);
  return options;
}

std::int64_t empty_task(std::int64_t number) { return number; }
fanmill::Payload echo_task(const fanmill::Payload& payload) { return payload; }

std::int64_t sleep_task(std::int64_t ns) {
  sleep_for_ns(ns);
  return ns;
}
std::int64_t spin_task(std::int64_t ns) {
  spin_for_ns(ns);
  return ns;
}

/// The first of its group answers at once, the others when they are told to stop.
std::int64_t race_task(std::int64_t number, const std::stop_token& stop) {
  if (number == 0) return number;
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any().wait(lock, stop, [] { return false; });
  return number;
}

}  // namespace

int serve_tasks(bool plain, std::chrono::nanoseconds spin) {
  fanmill::Join join = fanmill::Join::find();
  if (plain) join = join.with_insecure_plaintext();
  return fanmill::serve(join,
                        fanmill::Functions()
                            .add("empty", empty_task)
                            .add("echo", echo_task)
                            .add("sleep", sleep_task)
                            .add("spin", spin_task)
                            .add("race", race_task),
                        {.spin = spin});
}

Farm::Farm(const std::string& endpoint, FarmShape shape)
    : shape_(std::move(shape)), manager_(options_of(endpoint, shape_)) {
  add_workers(shape_.workers);
}

void Farm::add_workers(int count) {
  for (int i = 0; i < count; ++i) start(shape_.role);
  wait_for(children_.size());
}

void Farm::add_load(int count, int slots) {
  start({"load", std::to_string(count), std::to_string(slots)});
  wait_for(static_cast<std::size_t>(count));
}

void Farm::start(std::vector<std::string> role) {
  ::setenv("FANMILL_ENDPOINT", manager_.endpoints().front().c_str(), 1);
  if (shape_.spin.count() > 0) role.push_back(std::to_string(shape_.spin.count()));
  if (shape_.plain) role.emplace_back("plain");
  children_.push_back(std::make_unique<Child>(role));
}

void Farm::wait_for(std::size_t workers) {
  if (!manager_.wait_for_workers(workers, 60s))
    throw std::runtime_error("of " + std::to_string(workers) + " workers only " +
                             std::to_string(manager_.workers().size()) + " joined");
}

Figures Farm::run(std::int64_t tasks, std::optional<std::size_t> lookahead) {
  const double cpu = cpu_seconds();
  const Clock::time_point begin = Clock::now();
  auto job = fanmill::job<std::int64_t>()
                 .function("empty")
                 .update_results(std::int64_t{0}, [](std::int64_t& sum, std::int64_t result,
                                                     std::size_t) { sum += result; })
                 .in_order();
  if (lookahead) job = job.lookahead(*lookahead);
  manager_.run(std::views::iota(std::int64_t{0}, tasks), job);
  const auto done = static_cast<double>(tasks);
  return {done / seconds_since(begin), (cpu_seconds() - cpu) / done};
}

Figures Farm::echo(std::int64_t tasks, std::size_t bytes) {
  const fanmill::Payload payload = fanmill::Payload::raw(std::string(bytes, 'x'));
  const double cpu = cpu_seconds();
  const Clock::time_point begin = Clock::now();
  const auto job = fanmill::job<fanmill::Payload>()
                       .function("echo")
                       .update_results(0, [](int&, const fanmill::Payload&, std::size_t) {})
                       .in_order();
  manager_.run(std::views::iota(std::int64_t{0}, tasks) |
                   std::views::transform([&](std::int64_t) { return payload; }),
               job);
  const auto done = static_cast<double>(tasks);
  return {done / seconds_since(begin), (cpu_seconds() - cpu) / done};
}

double Farm::work(const std::string& function, std::int64_t tasks, std::chrono::nanoseconds each) {
  const Clock::time_point begin = Clock::now();
  const auto job = fanmill::job<std::int64_t>()
                       .function(function)
                       .update_results(0, [](int&, std::int64_t, std::size_t) {})
                       .in_order();
  manager_.run(std::views::iota(std::int64_t{0}, tasks) |
                   std::views::transform([&](std::int64_t) { return each.count(); }),
               job);
  return seconds_since(begin);
}

std::vector<double> Farm::round_trips(int count) {
  std::vector<double> times;
  Clock::time_point before = Clock::now();
  const auto job = fanmill::job<std::int64_t>().function("empty").lookahead(1).update_results(
      0, [&](int&, std::int64_t, std::size_t) {
        const Clock::time_point now = Clock::now();
        times.push_back(std::chrono::duration<double>(now - before).count());
        before = now;
      });
  manager_.run(std::views::iota(0, count), job);
  return times;
}

}  // namespace bench
