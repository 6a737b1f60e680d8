// Factoring by a race. Each number is a group of methods whose bounds grow from stage to stage; the
// first factor found ends the group, and the workers still busy on it are killed off it at once.
// Cofactors that are not prime go on as new items, until every number of the list is a product of
// primes. Every line of output is checked by multiplying.
//
// A whole program, with options and its own checks, so larger than the numbered examples, which show
// one idea each; 03_first_answer.cpp is this one's.
//
//     factor_race LIST [--workers 4] [--kills-min 0]     LIST: numbers in decimal, one a line
//     factor_race worker      one of its workers, here or on another host
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "factor_methods.hpp"

namespace {

/// One number of the list and what is known of it.
struct Line {
  mpz_class number;
  std::vector<mpz_class> primes;
};

/// A part of a line's number that still has to be split.
struct Composite {
  std::size_t line = 0;
  fanmill::BigInteger number;
};

class FactorRace {
 public:
  explicit FactorRace(std::vector<Line> lines) : lines_(std::move(lines)) {
    for (std::size_t line = 0; line < lines_.size(); ++line) sort_out(line, lines_[line].number);
  }

  void run(fanmill::Manager& manager) {
    manager.run(
        feed_,
        fanmill::job<fanmill::BigInteger>()
            .functions({"trial", "rho", "p-1", "fermat"})
            .group_tasks([](const Composite& item) { return race_for(item.number); })
            .stages()
            .on_failure([](const Composite& item, const std::vector<fanmill::TaskError>& errors) {
              throw std::runtime_error("no method split " + item.number.to_decimal() +
                                       (errors.empty() ? "" : "; " + to_string(errors.front())));
              return fanmill::BigInteger();
            })
            .update_results(0, [this](int&, const fanmill::BigInteger& factor, std::size_t,
                                      const Composite& item) { split(item, factor); }));
    if (on_terminal_) std::fputs("\n", stderr);
  }

  /// Prints each number with its primes. Returns whether all of it multiplies out.
  bool print() const {
    bool right = true;
    for (const Line& line : lines_) {
      std::vector<mpz_class> primes = line.primes;
      std::sort(primes.begin(), primes.end());
      mpz_class product = 1;
      std::cout << line.number << " =";
      for (const mpz_class& prime : primes) {
        std::cout << (product == 1 ? " " : " x ") << prime;
        product *= prime;
        right &= is_prime(prime);
      }
      std::cout << (product == line.number ? "\n" : "   WRONG\n");
      right &= product == line.number;
    }
    return right;
  }

  [[nodiscard]] std::size_t races() const { return races_; }

 private:
  void sort_out(std::size_t line, const mpz_class& part) {
    if (part == 1) return;
    if (is_prime(part)) {
      lines_[line].primes.push_back(part);
    } else {
      feed_.push({line, to_big(part)});
    }
  }

  void split(const Composite& item, const fanmill::BigInteger& found) {
    races_ += 1;
    const mpz_class factor = to_mpz(found);
    sort_out(item.line, factor);
    sort_out(item.line, to_mpz(item.number) / factor);
    if (on_terminal_) std::fprintf(stderr, "\r%zu races won, %zu waiting ", races_, feed_.size());
  }

  std::vector<Line> lines_;
  fanmill::Feed<Composite> feed_;
  std::size_t races_ = 0;
  bool on_terminal_ = isatty(STDERR_FILENO) != 0;
};

std::vector<Line> read_list(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error(path + " can't be read");
  std::vector<Line> lines;
  for (std::string text; std::getline(file, text);) {
    mpz_class number;
    // GMP would skip blanks between digits.
    const bool digits = text.find_first_not_of("0123456789") == std::string::npos;
    if (!digits || number.set_str(text, 10) != 0 || number < 1) {
      std::string words = path + ", line " + std::to_string(lines.size() + 1);
      words += ": expected a whole number from 1 in decimal, got '";
      words += text;
      throw std::runtime_error(words + "'");
    }
    lines.push_back({number, {}});
  }
  return lines;
}

int run_manager(const char* program, const std::string& list, std::size_t workers,
                std::uint64_t kills_min) {
  const auto begin = std::chrono::steady_clock::now();
  FactorRace race(read_list(list));
  fanmill::Manager manager;
  manager.start_workers(workers, {program, "worker"});
  // Not needed, workers may join at any time; but a race should have its runners at the start.
  manager.wait_for_workers(workers, std::chrono::seconds(10));
  race.run(manager);
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
  const bool right = race.print();

  const fanmill::Counters counters = manager.counters();
  const double busy = std::chrono::duration<double>(counters.busy).count();
  std::printf(
      "\n%zu races on %zu workers in %.1f s: %llu tasks, %llu results, %llu killed on their "
      "workers, "
      "%llu dropped from the queue; workers busy %.0f %% of the time\n",
      race.races(), workers, wall.count(), static_cast<unsigned long long>(counters.tasks),
      static_cast<unsigned long long>(counters.results),
      static_cast<unsigned long long>(counters.killed),
      static_cast<unsigned long long>(counters.dropped),
      100 * busy / (wall.count() * static_cast<double>(workers)));
  if (!right) std::puts("wrong: a line above does not multiply out to its number");
  if (counters.killed < kills_min) {
    std::printf("too few kills: %llu, expected at least %llu\n",
                static_cast<unsigned long long>(counters.killed),
                static_cast<unsigned long long>(kills_min));
  }
  return right && counters.killed >= kills_min ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "worker") {
    return fanmill::serve(factor_functions());
  }
  CLI::App app("Factors every number of a list by racing methods against each other.");
  std::string list;
  std::size_t workers = 4;
  std::uint64_t kills_min = 0;
  app.add_option("list", list, "numbers in decimal, one a line")
      ->required()
      ->check(CLI::ExistingFile);
  app.add_option("--workers", workers, "worker processes to start")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option("--kills-min", kills_min, "fail below so many kills")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    return run_manager(argv[0], list, workers, kills_min);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "factor_race: %s\n", error.what());
    return 1;
  }
}
