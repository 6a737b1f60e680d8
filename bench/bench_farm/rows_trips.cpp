// The round trip of one task, its worker idle: beside bare sockets, beside bare sockets with a thread
// more on each side, and beside TCP. Free, and with everything pinned to one core. Free, the two ends
// of the TCP connection are kept on two cores, as a farm's are.
#include "bare_trips.hpp"
#include "farm.hpp"
#include "pinned.hpp"
#include "rows.hpp"
#include "sample.hpp"

namespace bench {
namespace {

double say(const std::string& row, const std::string& what, const std::vector<double>& times) {
  sample(row, what + "_us", 1e6 * median(times));
  sample(row, what + "_p99_us", 1e6 * quantile(times, 0.99));
  return median(times);
}

void measure(const Settings& settings, bool tcp, bool pinned) {
  const std::string row =
      std::string("round-trip/") + (tcp ? "tcp" : "ipc") + (pinned ? "/pinned" : "/free");
  const Pinned pin(pinned ? cores().front() : -1);
  const auto count = static_cast<int>(settings.tasks(8000));
  BareFarm bare(settings.scratch.endpoint(tcp), 1);
  HandOverPair hand_over(settings.scratch.endpoint(tcp));
  TcpPair connection(!pinned);
  Farm farm(settings.scratch.endpoint(tcp), {.workers = 1, .window = 1});
  for (int round = -1; round < settings.rounds; ++round) {
    const std::vector<double> bare_times = bare.round_trips(count);
    const std::vector<double> hand_over_times = hand_over.round_trips(count);
    const std::vector<double> tcp_times = connection.round_trips(count);
    const std::vector<double> our_times = farm.round_trips(count);
    if (round < 0) continue;
    const double bare_median = say(row, "bare", bare_times);
    const double hand_over_median = say(row, "hand_over", hand_over_times);
    const double tcp_median = say(row, "tcp", tcp_times);
    const double ours = say(row, "fanmill", our_times);
    sample(row, "over_bare", ours / bare_median);
    sample(row, "ratio", ours / hand_over_median);
    sample(row, "over_tcp", ours / tcp_median);
  }
}

// With a spinning wait at both ends, each of which has a core to itself, beside blocking TCP there.
void measure_spinning(const Settings& settings) {
  const std::string row = "round-trip/spin/free";
  const auto count = static_cast<int>(settings.tasks(8000));
  TcpPair connection(true);
  Farm farm(settings.scratch.endpoint(true),
            {.workers = 1, .window = 1, .spin = std::chrono::microseconds(500)});
  for (int round = -1; round < settings.rounds; ++round) {
    const std::vector<double> tcp_times = connection.round_trips(count);
    const std::vector<double> our_times = farm.round_trips(count);
    if (round < 0) continue;
    const double tcp_median = say(row, "tcp", tcp_times);
    sample(row, "over_tcp", say(row, "fanmill", our_times) / tcp_median);
  }
}

}  // namespace

void trips_alone(const Settings& settings) {
  const Pinned pin(cores().front());
  Farm farm(settings.scratch.endpoint(true), {.workers = 1, .window = 1});
  for (int round = 0; round < settings.rounds; ++round)
    say("round-trip/alone", "fanmill", farm.round_trips(static_cast<int>(settings.tasks(20'000))));
}

void round_trips(const Settings& settings) {
  for (const bool tcp : {true, false}) {
    for (const bool pinned : {false, true}) measure(settings, tcp, pinned);
  }
  measure_spinning(settings);
}

}  // namespace bench
