// A pipeline on channels: each stage is a process that reads from one channel and writes to the
// next. A slow stage holds back those before it; a goodbye runs through all, and so does a loss.
//
//     build/release/bin/21_pipeline
//
// starts its two stages: `21_pipeline STAGE FROM TO`, which may be started in any order.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <fanmill/channel.hpp>
#include <filesystem>
#include <iostream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "start_self.hpp"
#include "steps_to_1.hpp"

namespace {

using Entry = std::pair<std::int64_t, std::int64_t>;  // a number, and its steps to 1

// What a stage does with what comes, and gives to the next.
void count_steps(fanmill::Channel& from, fanmill::Channel& to) {
  while (const auto number = from.read_checked<std::int64_t>())
    to.write(Entry{*number.value, steps_to_1(*number.value)});
}

void keep_records(fanmill::Channel& from, fanmill::Channel& to) {
  std::int64_t most = -1;
  while (const auto entry = from.read_checked<Entry>()) {
    if (entry.value->second > std::exchange(most, std::max(most, entry.value->second)))
      to.write(*entry.value);
  }
}

int run_stage(std::string_view name, const char* from_endpoint, const char* to_endpoint) {
  fanmill::Listener listener(from_endpoint);
  fanmill::Channel to = fanmill::Channel::connect(to_endpoint);
  fanmill::Channel from = listener.accept();
  name == "steps" ? count_steps(from, to) : keep_records(from, to);
  // Without a goodbye of its own, so that nobody takes half of the numbers for all of them.
  if (from.state() == fanmill::ChannelState::lost) std::_Exit(1);
  return 0;
}

int run_pipeline(const char* program) {
  std::string folder = (std::filesystem::temp_directory_path() / "pipeline-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) return 1;
  const std::string first = "ipc://" + folder + "/steps";
  const std::string second = "ipc://" + folder + "/records";
  fanmill::Listener results("ipc://" + folder + "/results");
  {
    Processes processes(program);
    processes.start({"records", second, "ipc://" + folder + "/results"});
    processes.start({"steps", first, second});
    std::thread source([&] {
      fanmill::Channel to = fanmill::Channel::connect(first);
      for (std::int64_t number = 1; number <= 1000; ++number) to.write(number);
    });
    fanmill::Channel from = results.accept();
    while (const auto entry = from.read_checked<Entry>())
      std::cout << entry.value->first << ':' << entry.value->second << ' ';
    std::cout << to_string(from.state()) << '\n';
    source.join();
  }
  std::filesystem::remove_all(folder);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return argc == 4 ? run_stage(argv[1], argv[2], argv[3]) : run_pipeline(argv[0]);
}

// Output:
// 1:0 2:1 3:7 6:8 7:16 9:19 18:20 25:23 27:111 54:112 73:115 97:118 129:121 171:124 231:127 313:130 327:143 649:144 703:170 871:178 ended
