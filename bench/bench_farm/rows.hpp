// The rows that bench_farm measures: one function each, spread over rows_*.cpp.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "scratch.hpp"

namespace bench {

struct Settings {
  Scratch& scratch;
  int rounds = 5;
  bool quick = false;  // a few minutes for all rows together: fewer tasks, no giants

  [[nodiscard]] std::int64_t tasks(std::int64_t full) const {
    return quick ? std::max<std::int64_t>(full / 4, 1) : full;
  }
};

struct Row {
  std::string name;
  std::string what;
  void (*run)(const Settings&);
};

// rows_rates.cpp
void empty_tasks(const Settings& settings);
void plain_peers(const Settings& settings);
void payloads(const Settings& settings);
void keys(const Settings& settings);
void alone(const Settings& settings);
void large_alone(const Settings& settings);
void bare_frames_alone(const Settings& settings);
void plain_peers_alone(const Settings& settings);
void many_alone(const Settings& settings);
void idle_alone(const Settings& settings);
void fan_in(const Settings& settings);
// rows_trips.cpp
void round_trips(const Settings& settings);
void trips_alone(const Settings& settings);
// rows_durations.cpp
void durations(const Settings& settings);
void computing_alone(const Settings& settings);
// rows_queue.cpp
void queued(const Settings& settings);
void numbers_of_tasks(const Settings& settings);
// rows_workers.cpp
void numbers_of_workers(const Settings& settings);
// rows_groups.cpp
void groups(const Settings& settings);

}  // namespace bench
