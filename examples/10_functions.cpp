// Several functions in one worker. A job names the one it wants; a job that names none gets the
// first; and a group's tasks may each call another.
//
//     build/release/bin/10_functions
//
// Workers need not all have the same: a task waits for one that offers its function.
#include <cctype>
#include <cstdint>
#include <fanmill/fanmill.hpp>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

namespace {

std::string shout(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

std::string backwards(const std::string& text) { return {text.rbegin(), text.rend()}; }

std::int64_t length(const std::string& text) { return std::ssize(text); }

// The second parameter, if there is one: a std::stop_token, or all that is known of the task.
std::string label(const std::string& text, const fanmill::TaskContext& context) {
  return std::to_string(context.item + 1) + ". " + text;
}

fanmill::Functions all_functions() {
  return fanmill::Functions()
      .add("shout", shout)
      .add("backwards", backwards)
      .add("length", length)
      .add("label", label);
}

void print(const std::vector<std::string>& texts) {
  for (const std::string& text : texts) std::cout << text << ", ";
  std::cout << '\n';
}

int run_manager(const char* program) {
  fanmill::Manager manager;
  manager.start_workers(2, {program, "worker"});
  const std::vector<std::string> words{"fan", "mill"};
  const auto texts = fanmill::job<std::string>();

  print(manager.run(words, texts));
  print(manager.run(words, texts.function("label")));
  const auto lengths = manager.run(words, fanmill::job<std::int64_t>().function("length"));
  std::cout << lengths[0] << ", " << lengths[1] << '\n';

  // The names are listed so that a misspelt one is refused; its task would wait for ever.
  const auto both = texts.functions({"shout", "backwards"}).group_tasks([](const std::string& w) {
    return std::vector{fanmill::call("shout", w), fanmill::call("backwards", w)};
  });
  for (const auto& ways : manager.run(words, both.all())) print(ways);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) return fanmill::serve(all_functions());
  return run_manager(argv[0]);
}

// Output:
// FAN, MILL,
// 1. fan, 2. mill,
// 3, 4
// FAN, naf,
// MILL, llim,
