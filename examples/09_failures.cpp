// Items that fail: a function that throws is tried again `retries` times; then the item has failed,
// and the program chooses what that means: an outcome, a value in its place, or an exception.
//
//     build/release/bin/09_failures
#include <cstdint>
#include <fanmill/fanmill.hpp>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

/// Texts with a question mark need three attempts. std::stoll throws for those that are no number.
std::int64_t number_in(const std::string& text, const fanmill::TaskContext& context) {
  if (text.ends_with('?') && context.attempt < 3) throw std::runtime_error("not sure yet");
  return std::stoll(text);
}

int run_manager(const char* program) {
  fanmill::Manager manager;
  manager.start_workers(2, {program, "worker"});
  const std::vector<std::string> texts{"6", "six", "7?"};
  const auto numbers = fanmill::job<std::int64_t>().retries(2);

  // Each item's result, or its errors: one for each attempt.
  for (const auto& outcome : manager.run_outcomes(texts, numbers)) {
    std::cout << texts[outcome.item] << ": ";
    if (outcome.ok()) {
      std::cout << outcome.value() << '\n';
      continue;
    }
    const fanmill::TaskError& last = outcome.errors.back();
    std::cout << to_string(last.kind) << " " << outcome.errors.size() << " times, at last with "
              << last.type << ": " << last.text << '\n';
  }

  // A value in place of the result, or what a function of the item and its errors makes of it.
  for (const std::int64_t number : manager.run(texts, numbers.on_failure(-1))) {
    std::cout << number << ' ';
  }
  std::cout << '\n';

  // Without either, the first item that has failed ends the run. The manager is as good as new.
  try {
    manager.run(texts, numbers);
  } catch (const fanmill::ItemFailed& failed) {
    std::cout << "ended by item " << failed.item() << ", after " << failed.errors().size()
              << " attempts\n";
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) return fanmill::serve(number_in);
  return run_manager(argv[0]);
}

// Output:
// 6: 6
// six: failed 3 times, at last with std::invalid_argument: stoll
// 7?: 7
// 6 -1 7
// ended by item 1, after 3 attempts
