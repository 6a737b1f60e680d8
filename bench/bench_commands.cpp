// Commands per second: `true` through fanmill-broker with two slots, beside a bare posix_spawn loop
// that keeps two running, xargs -P2 and GNU parallel -j2, where they are installed. Alternating
// rounds; ratios to the bare loop of the same round.
//
//     bench_commands [--commands 4000] [--rounds 5] [--flat 0]
#include <sys/wait.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "bench_table.hpp"

namespace {

using bench::Clock;
namespace fs = std::filesystem;

double bare(int commands) {
  const auto begin = Clock::now();
  int running = 0;
  const auto reap = [&] {
    ::waitpid(-1, nullptr, 0);
    running -= 1;
  };
  for (int i = 0; i < commands; ++i) {
    if (running == 2) reap();
    char name[] = "/bin/true";
    std::string item = std::to_string(i);  // as the others have one: with an argument it does more
    char* arguments[] = {name, item.data(), nullptr};
    pid_t pid = 0;
    if (posix_spawn(&pid, name, nullptr, nullptr, arguments, environ) == 0) running += 1;
  }
  while (running > 0) reap();
  return commands / bench::seconds_since(begin);
}

double timed(const std::string& command, int commands) {
  const auto begin = Clock::now();
  if (std::system(command.c_str()) != 0) return 0;  // NOLINT: a benchmark of shell commands
  return commands / bench::seconds_since(begin);
}

bool is_installed(const std::string& program) {
  return std::system(("command -v " + program + " >/dev/null").c_str()) == 0;  // NOLINT
}

std::string list_of(int commands, const fs::path& folder) {
  const std::string path = folder / (std::to_string(commands) + ".txt");
  std::ofstream file(path);
  for (int i = 0; i < commands; ++i) file << i << '\n';
  return path;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Commands per second through two slots.");
  int commands = 4000;
  int rounds = 5;
  int flat = 0;
  app.add_option("--commands", commands, "of each tool and round")->capture_default_str();
  app.add_option("--rounds", rounds, "alternating rounds")->capture_default_str();
  app.add_option("--flat", flat, "also 250 and so many commands through fanmill, once; 0: not");
  CLI11_PARSE(app, argc, argv);

  char name[] = "/tmp/bench-commands.XXXXXX";
  const fs::path folder = ::mkdtemp(name);
  const std::string broker =
      (fs::read_symlink("/proc/self/exe").parent_path() / "fanmill-broker").string();
  const auto fanmill = [&](int count) {
    return timed(broker + " run --quiet --local 2 --input " + list_of(count, folder) +
                     " -- /bin/true {} >/dev/null",
                 count);
  };
  const std::string list = list_of(commands, folder);
  std::vector<std::pair<std::string, std::string>> tools = {
      {"xargs -P2", "xargs -P2 -n1 /bin/true < " + list},
      {"GNU parallel -j2", "parallel -j2 /bin/true {} < " + list + " 2>/dev/null"}};
  std::erase_if(tools, [](const auto& tool) {
    const bool missing = !is_installed(tool.first.starts_with("xargs") ? "xargs" : "parallel");
    if (missing) std::printf("%s is not installed\n", tool.first.c_str());
    return missing;
  });

  std::map<std::string, std::vector<double>> rates;
  std::map<std::string, std::vector<double>> ratios;
  for (int round = 0; round < rounds; ++round) {
    const double limit = bare(commands);
    rates["posix_spawn, bare"].push_back(limit);
    const auto note = [&](const std::string& tool, double rate) {
      rates[tool].push_back(rate);
      ratios[tool].push_back(rate / limit);
    };
    note("fanmill", fanmill(commands));
    for (const auto& [tool, command] : tools) note(tool, timed(command, commands));
  }
  std::printf("%d commands a round, %d rounds, two at a time.\n\n", commands, rounds);
  std::puts("| tool | commands/s, median | over the bare loop, median (min to max) |");
  std::puts("|---|---|---|");
  for (const auto& [tool, list_of_rates] : rates) {
    std::printf("| %s | %.0f |", tool.c_str(), bench::median(list_of_rates));
    if (const auto found = ratios.find(tool); found != ratios.end()) {
      std::printf(" %.2f (%.2f to %.2f) |\n", bench::median(found->second),
                  bench::quantile(found->second, 0), bench::quantile(found->second, 1));
    } else {
      std::puts(" |");
    }
  }
  for (const int count : {250, flat}) {
    if (flat > 0) std::printf("fanmill, %d commands: %.0f a second\n", count, fanmill(count));
  }
  fs::remove_all(folder);
  return 0;
}
