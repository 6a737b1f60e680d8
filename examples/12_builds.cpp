// Across builds: workers that were built last week meet a manager that was built today, or the
// other way round. Fields travel by name; what may be missing says so.
//
//     build/release/bin/12_builds
//
// Both builds are in this one file, each in a namespace of its own.
#include <cstdint>
#include <fanmill/fanmill.hpp>
#include <iostream>
#include <string>

namespace last_week {

struct Options {
  std::string color;
  std::int16_t depth = 0;
};
FANMILL_FIELDS(Options, color, depth)

std::string show(const Options& options) {
  return options.color + ", depth " + std::to_string(options.depth);
}

}  // namespace last_week

namespace today {

struct Options {
  int depth = 0;       // wider than it was
  std::string colour;  // renamed; it keeps its old name on the way
  int retries = 3;     // new, and old programs don't send it
};
FANMILL_FIELDS(Options, depth, (colour, "color"), (retries, fanmill::or_default))

std::string show(const Options& options) {
  return options.colour + ", depth " + std::to_string(options.depth) + ", " +
         std::to_string(options.retries) + " retries";
}

}  // namespace today

namespace {

int run_manager(const char* program) {
  fanmill::Manager manager;
  manager.start_workers(1, {program, "worker"});
  const auto old_worker = fanmill::job<std::string>().function("last week's");
  const auto new_worker = fanmill::job<std::string>().function("today's");
  const last_week::Options old_options{.color = "red", .depth = 2};
  const today::Options new_options{.depth = 4, .colour = "blue", .retries = 5};

  for (const auto& text : manager.run({old_options}, new_worker)) std::cout << text << '\n';
  for (const auto& text : manager.run({new_options}, old_worker)) std::cout << text << '\n';

  // What does not fit is refused in words.
  const auto outcomes = manager.run_outcomes({today::Options{.depth = 70000}}, old_worker);
  std::cout << outcomes[0].errors.back().text << '\n';
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  using fanmill::Functions;
  if (argc > 1)
    return serve(Functions().add("last week's", last_week::show).add("today's", today::show));
  return run_manager(argv[0]);
}

// Output:
// red, depth 2, 3 retries
// blue, depth 4
// field depth of struct Options: expected an integer from -32768 to 32767, got integer 70000
