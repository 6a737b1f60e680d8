// A farm of your own: manager and worker on channels alone. What fanmill::Manager has and this one
// has not: groups and kills, limits, retries, labels, and more than one task under way to a worker.
//
//     build/release/bin/20_standalone_farm
//
// starts three workers of itself: `20_standalone_farm ENDPOINT` is one.
#include <algorithm>
#include <cstdint>
#include <deque>
#include <fanmill/channel.hpp>
#include <iostream>
#include <list>
#include <optional>
#include <utility>
#include <vector>

#include "start_self.hpp"
#include "steps_to_1.hpp"

namespace {

const fanmill::ChannelOptions speech{.speech = "collatz farm"};

int work(const char* endpoint) {
  fanmill::Channel manager = fanmill::Channel::connect(endpoint, speech);
  while (const auto start = manager.read_checked<std::int64_t>())
    manager.write(steps_to_1(*start.value));
  return manager.state() == fanmill::ChannelState::ended ? 0 : 1;  // a goodbye, or a loss
}

struct Worker {
  fanmill::Channel channel;
  std::optional<std::size_t> task;  // the one that it has
};

int manage(const char* program) {
  Processes processes(program);
  fanmill::Listener listener("tcp://127.0.0.1:*", speech);
  for (int i = 0; i < 3; ++i) processes.start({listener.endpoint()});

  std::vector<std::int64_t> answers(2000);
  std::deque<std::size_t> open;  // tasks that nobody has
  for (std::size_t i = 0; i < answers.size(); ++i) open.push_back(i);
  std::list<Worker> workers;
  for (std::size_t missing = answers.size(); missing > 0;) {
    std::vector<fanmill::WaitFor> events{acceptable(listener)};
    for (Worker& worker : workers) events.push_back(readable(worker.channel));
    fanmill::wait_any(events);
    while (auto channel = listener.try_accept()) workers.push_back({std::move(*channel), {}});
    for (auto worker = workers.begin(); worker != workers.end();) {
      const auto answer = worker->channel.read_checked<std::int64_t>(std::chrono::seconds(0));
      if (answer && worker->task) {
        answers[*worker->task] = *answer.value;
        missing -= 1;
        worker->task.reset();
      } else if (answer.ended || answer.lost) {  // gone: others do its task
        if (worker->task) open.push_front(*worker->task);
        worker = workers.erase(worker);
        continue;
      }
      if (!worker->task && !open.empty()) {
        worker->task = open.front();
        open.pop_front();
        worker->channel.post(static_cast<std::int64_t>(*worker->task) + 1);
      }
      ++worker;
    }
  }
  const auto most = std::max_element(answers.begin(), answers.end());
  std::cout << answers.size() << " answers; the most steps, " << *most << ", are those from "
            << most - answers.begin() + 1 << '\n';
  return 0;  // the channels say goodbye, the workers end, and are waited for
}

}  // namespace

int main(int argc, char** argv) { return argc > 1 ? work(argv[1]) : manage(argv[0]); }

// Output:
// 2000 answers; the most steps, 181, are those from 1161
