// A farm of your own: manager and worker on channels alone. fanmill::Manager has what this one has
// not: groups, kills, limits, retries, labels. It starts its workers: `20_standalone_farm ENDPOINT`.
//
//     build/release/bin/20_standalone_farm
#include <algorithm>
#include <cstdint>
#include <fanmill/channel.hpp>
#include <iostream>
#include <numeric>
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
  std::vector<std::size_t> open(answers.size());  // tasks that nobody has
  std::iota(open.begin(), open.end(), std::size_t{0});
  std::vector<Worker> workers;
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
        if (worker->task) open.push_back(*worker->task);
        worker = workers.erase(worker);
        continue;
      }
      if (!worker->task && !open.empty()) {
        worker->task = open.back();
        open.pop_back();
        worker->channel.post(static_cast<std::int64_t>(*worker->task) + 1);
      }
      ++worker;
    }
  }
  std::cout << answers.size() << " answers, at most " << std::ranges::max(answers) << " steps\n";
  return 0;  // the channels say goodbye, and the workers end
}

}  // namespace

int main(int argc, char** argv) try {
  return argc > 1 ? work(argv[1]) : manage(argv[0]);
} catch (const fanmill::FarmError& error) {  // a worker that comes when all is over, say
  std::cerr << error.what() << '\n';
  return 1;
}

// Output:
// 2000 answers, at most 181 steps
