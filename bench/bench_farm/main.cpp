// fanmill in real processes, beside bare ZeroMQ sockets that do the same in the same minute. Prints a
// line for each figure of each round; scripts/bench makes tables of them.
//
//     bench_farm [--rounds 5] [--quick] [ROW...]        bench_farm --list
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <exception>
#include <iostream>
#include <string_view>

#include "bare_trips.hpp"
#include "farm.hpp"
#include "load.hpp"
#include "rows.hpp"

namespace {

using bench::Row;

const std::vector<Row>& all_rows() {
  static const std::vector<Row> rows = {
      {"empty", "empty tasks on two workers, beside one message for each", bench::empty_tasks},
      {"plain-peers", "the same with workers that take no batches", bench::plain_peers},
      {"payload", "8 bytes, 4 KiB and 1 MiB there and back", bench::payloads},
      {"round-trip", "one task at a time", bench::round_trips},
      {"duration", "tasks of 0 to 10 ms on 2 and 64 workers", bench::durations},
      {"tasks", "the rate from 10^4 to 10^7 tasks, and the memory", bench::numbers_of_tasks},
      {"queued", "10^6 and 10^7 tasks queued before a worker comes", bench::queued},
      {"workers", "1 to 4,000 workers: rate, and heartbeats", bench::numbers_of_workers},
      {"groups", "groups of five, the first answer decides", bench::groups},
      {"keys", "ipc, tcp in plaintext, and tcp with keys", bench::keys},
      {"alone", "empty tasks without a limit beside them, for a profiler", bench::alone},
      {"alone-computing", "the same with tasks of 100 us", bench::computing_alone},
      {"alone-trip", "one task at a time on one core", bench::trips_alone},
      {"alone-plain-peers", "two workers without batches in plaintext", bench::plain_peers_alone},
      {"alone-bare-frames", "the bare sockets beside those", bench::bare_frames_alone},
      {"alone-many", "1,000 workers at empty tasks", bench::many_alone},
      {"alone-idle", "4,000 workers and nothing to do", bench::idle_alone},
      {"alone-fan-in", "2,000 slots behind 2,000 connections, and behind 20", bench::fan_in},
      {"alone-1MiB", "1 MiB there and back in plaintext", bench::large_alone},
  };
  return rows;
}

/// What child processes of this program do; nothing for the program itself.
std::optional<int> run_role(const std::vector<std::string>& arguments) {
  const auto at = [&](std::size_t i) { return i < arguments.size() ? arguments[i] : ""; };
  const bool plain = !arguments.empty() && arguments.back() == "plain";
  if (at(0) == "bare") return bench::echo_bare(at(1), std::stoll(at(2)), at(3) == "sleep", at(4));
  if (at(0) == "hand-over") return bench::echo_hand_over(at(1));
  if (at(0) == "tcp") return bench::echo_tcp(at(1), at(2));
  if (at(0) == "worker") {
    const bool spins = !at(1).empty() && at(1) != "plain";
    return bench::serve_tasks(plain, std::chrono::nanoseconds(spins ? std::stoll(at(1)) : 0));
  }
  if (at(0) == "plain-peer") return bench::run_plain_peer(std::stoi(at(1)), plain);
  if (at(0) == "load") return bench::run_load(std::stoi(at(1)), std::stoi(at(2)));
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (const auto status = run_role({argv + 1, argv + argc})) return *status;

  CLI::App app("fanmill beside bare ZeroMQ: a line for each figure of each round.");
  int rounds = 5;
  bool quick = false;
  bool list = false;
  std::vector<std::string> names;
  for (const Row& row : all_rows()) names.push_back(row.name);
  std::vector<std::string> chosen;
  app.add_option("--rounds", rounds, "counted rounds of each row")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  app.add_flag("--quick", quick, "fewer tasks, no giants");
  app.add_flag("--list", list, "the rows");
  app.add_option("ROW", chosen, "what to measure (default: all but those alone)")
      ->check(CLI::IsMember(names));
  CLI11_PARSE(app, argc, argv);

  bench::Scratch scratch;
  const bench::Settings settings{scratch, rounds, quick};
  for (const Row& row : all_rows()) {
    if (list) std::printf("%-12s %s\n", row.name.c_str(), row.what.c_str());
    const bool meant = chosen.empty()
                           ? !row.name.starts_with("alone")
                           : std::find(chosen.begin(), chosen.end(), row.name) != chosen.end();
    if (list || !meant) continue;
    try {
      row.run(settings);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "bench_farm: %s: %s\n", row.name.c_str(), error.what());
      return 1;
    }
  }
  return 0;
}
