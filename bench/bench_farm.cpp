// Tasks per second, round trip, and what a task costs the manager, for empty tasks on two worker
// processes, each beside a bare ROUTER and DEALERs with the same window in the same run. Rounds
// alternate between the two; medians are printed.
//
//     bench_farm [--rounds 5] [--tasks 100000] [--part rates|round-trips|keys|memory|alone]
//
// `alone` runs nothing but fanmill (tcp, window 32, ten rounds), for a profiler.
#include <CLI/CLI.hpp>
#include <fanmill/fanmill.hpp>
#include <filesystem>
#include <memory>
#include <optional>
#include <ranges>
#include <string_view>
#include <zmq.hpp>

#include "bench_table.hpp"

namespace {

using bench::Child;
using bench::Clock;

constexpr int workers = 2;

enum class Transport { ipc, tcp, plain_tcp };  // tcp: with keys

/// An endpoint that nobody uses: each bench process has a folder of its own for its ipc sockets.
class Endpoints {
 public:
  Endpoints() : folder_("/tmp/fanmill-bench-" + std::to_string(getpid())) {
    std::filesystem::create_directory(folder_);
    std::filesystem::permissions(folder_, std::filesystem::perms::owner_all);
  }
  ~Endpoints() { std::filesystem::remove_all(folder_); }
  Endpoints(const Endpoints&) = delete;
  Endpoints& operator=(const Endpoints&) = delete;

  std::string fresh(bool tcp) {
    if (tcp) return "tcp://127.0.0.1:*";
    return "ipc://" + folder_ + "/" + std::to_string(serial_++);
  }

 private:
  std::string folder_;
  int serial_ = 0;
};

// ---- The bare limit: a ROUTER that keeps `window` messages of two frames at each echoing DEALER.

int echo_bare(const std::string& endpoint) {
  zmq::context_t context;
  zmq::socket_t socket(context, zmq::socket_type::dealer);
  socket.set(zmq::sockopt::sndhwm, 0);
  socket.set(zmq::sockopt::rcvhwm, 0);
  socket.connect(endpoint);
  socket.send(zmq::str_buffer("ready"));
  for (;;) {
    zmq::message_t header;
    zmq::message_t payload;
    static_cast<void>(socket.recv(header));
    static_cast<void>(socket.recv(payload));
    socket.send(header, zmq::send_flags::sndmore);
    socket.send(payload, zmq::send_flags::none);
  }
}

struct Figures {
  double rate = 0;          // tasks per second
  double cpu_per_task = 0;  // seconds of the manager's process
};

class BareFarm {
 public:
  BareFarm(const std::string& endpoint, int count) : socket_(context_, zmq::socket_type::router) {
    socket_.set(zmq::sockopt::sndhwm, 0);
    socket_.set(zmq::sockopt::rcvhwm, 0);
    socket_.bind(endpoint);
    const std::string bound = socket_.get(zmq::sockopt::last_endpoint);
    for (int i = 0; i < count; ++i)
      children_.push_back(std::make_unique<Child>(std::vector<std::string>{"bare", bound}));
    for (int i = 0; i < count; ++i) {
      zmq::message_t id;
      zmq::message_t ready;
      static_cast<void>(socket_.recv(id));
      static_cast<void>(socket_.recv(ready));
      ids_.push_back(id.to_string());
    }
  }

  Figures run(std::int64_t tasks, int window) {
    const double cpu = bench::cpu_seconds();
    const Clock::time_point begin = Clock::now();
    std::int64_t sent = 0;
    for (int i = 0; i < window; ++i) {
      for (const std::string& id : ids_) send(id, sent++);
    }
    for (std::int64_t done = 0; done < sent; ++done) {
      const zmq::message_t id = receive();
      if (sent < tasks) send(id.to_string(), sent++);
    }
    const auto done = static_cast<double>(sent);
    return {done / bench::seconds_since(begin), (bench::cpu_seconds() - cpu) / done};
  }

  std::vector<double> round_trips(int count) {
    std::vector<double> times;
    for (int i = 0; i < count; ++i) {
      const Clock::time_point begin = Clock::now();
      send(ids_.front(), i);
      static_cast<void>(receive());
      times.push_back(bench::seconds_since(begin));
    }
    return times;
  }

 private:
  // A result; whose it is.
  zmq::message_t receive() {
    zmq::message_t id;
    zmq::message_t header;
    zmq::message_t payload;
    static_cast<void>(socket_.recv(id));
    static_cast<void>(socket_.recv(header));
    static_cast<void>(socket_.recv(payload));
    return id;
  }
  void send(const std::string& id, std::int64_t number) {
    std::array<std::int64_t, 8> header{};  // 64 bytes, about what a task's header has
    socket_.send(zmq::buffer(id), zmq::send_flags::sndmore);
    socket_.send(zmq::buffer(header), zmq::send_flags::sndmore);
    socket_.send(zmq::buffer(&number, sizeof number), zmq::send_flags::none);
  }

  zmq::context_t context_;
  zmq::socket_t socket_;
  std::vector<std::string> ids_;
  std::vector<std::unique_ptr<Child>> children_;
};

// ---- fanmill, through its public interface.

std::int64_t empty_task(std::int64_t number) { return number; }
std::string echo_task(const std::string& bytes) { return bytes; }

class Farm {
 public:
  /// `window`: what each worker holds; nothing: as fanmill likes.
  Farm(const std::string& endpoint, int count, std::optional<int> window, bool plain = false)
      : manager_({.endpoints = {endpoint},
                  .insecure_plaintext = plain ? fanmill::InsecurePlaintext::on_this_host
                                              : fanmill::InsecurePlaintext::no,
                  .prefetch = prefetch_of(window)}) {
    setenv("FANMILL_ENDPOINT", manager_.endpoints().front().c_str(), 1);
    std::vector<std::string> worker = {"worker"};
    if (plain) worker.emplace_back("plain");
    for (int i = 0; i < count; ++i) children_.push_back(std::make_unique<Child>(worker));
    if (!manager_.wait_for_workers(static_cast<std::size_t>(count), std::chrono::seconds(30))) {
      throw std::runtime_error("the workers did not join");
    }
  }

  Figures run(std::int64_t tasks) {
    const double cpu = bench::cpu_seconds();
    const Clock::time_point begin = Clock::now();
    // Results in order and none kept: what most programs do.
    const auto job = fanmill::job<std::int64_t>()
                         .function("empty")
                         .update_results(std::int64_t{0}, [](std::int64_t& sum, std::int64_t result,
                                                             std::size_t) { sum += result; })
                         .in_order();
    manager_.run(std::views::iota(std::int64_t{0}, tasks), job);
    const auto done = static_cast<double>(tasks);
    return {done / bench::seconds_since(begin), (bench::cpu_seconds() - cpu) / done};
  }

  /// Bytes per second there and back, in tasks of `size` bytes.
  double echo(std::int64_t tasks, std::size_t size) {
    const std::string bytes(size, 'x');
    const Clock::time_point begin = Clock::now();
    const auto job = fanmill::job<std::string>().function("echo").update_results(
        0, [](int&, const std::string&, std::size_t) {});
    manager_.run(std::views::iota(std::int64_t{0}, tasks) |
                     std::views::transform([&](std::int64_t) { return bytes; }),
                 job);
    return 2.0 * static_cast<double>(size) * static_cast<double>(tasks) /
           bench::seconds_since(begin);
  }

  std::vector<double> round_trips(int count) {
    std::vector<double> times;
    Clock::time_point before = Clock::now();
    const auto job = fanmill::job<std::int64_t>().function("empty").lookahead(1).update_results(
        0, [&](int&, std::int64_t, std::size_t) {
          const Clock::time_point now = Clock::now();
          times.push_back(std::chrono::duration<double>(now - before).count());
          before = now;
        });
    manager_.run(std::views::iota(0, count), job);
    return times;
  }

 private:
  static std::optional<std::uint32_t> prefetch_of(std::optional<int> window) {
    if (!window) return std::nullopt;
    return static_cast<std::uint32_t>(*window - 1);
  }

  fanmill::Manager manager_;
  std::vector<std::unique_ptr<Child>> children_;
};

/// `pinned`: fanmill keeps to the same window; else it chooses its own.
void compare_rates(Endpoints& endpoints, bool tcp, int window, bool pinned, std::int64_t tasks,
                   int rounds) {
  BareFarm bare(endpoints.fresh(tcp), workers);
  Farm farm(endpoints.fresh(tcp), workers, pinned ? std::optional(window) : std::nullopt);
  std::vector<double> bare_rates;
  std::vector<double> rates;
  std::vector<double> ratios;
  std::vector<double> bare_cpu;
  std::vector<double> cpu;
  for (int round = -1; round < rounds; ++round) {
    const Figures limit = bare.run(tasks, window);
    const Figures ours = farm.run(tasks);
    if (round < 0) continue;  // the first warms up both
    bare_rates.push_back(limit.rate);
    rates.push_back(ours.rate);
    ratios.push_back(ours.rate / limit.rate);
    bare_cpu.push_back(limit.cpu_per_task);
    cpu.push_back(ours.cpu_per_task);
  }
  std::printf("| %s, window %3d%s | %8.0f | %8.0f | %4.2f (%4.2f to %4.2f) | %6.2f | %6.2f |\n",
              tcp ? "tcp" : "ipc", window, pinned ? "" : ", fanmill's own",
              bench::median(bare_rates), bench::median(rates), bench::median(ratios),
              bench::quantile(ratios, 0), bench::quantile(ratios, 1), 1e6 * bench::median(bare_cpu),
              1e6 * bench::median(cpu));
  std::fflush(stdout);
}

void compare_round_trips(Endpoints& endpoints, bool tcp, int count) {
  BareFarm bare(endpoints.fresh(tcp), 1);
  Farm farm(endpoints.fresh(tcp), 1, 1);
  bare.round_trips(count / 10);
  farm.round_trips(count / 10);
  const std::vector<double> limit = bare.round_trips(count);
  const std::vector<double> ours = farm.round_trips(count);
  std::printf("| %s | %6.1f | %6.1f | %6.1f | %6.1f | %4.2f |\n", tcp ? "tcp" : "ipc",
              1e6 * bench::median(limit), 1e6 * bench::quantile(limit, 0.99),
              1e6 * bench::median(ours), 1e6 * bench::quantile(ours, 0.99),
              bench::median(ours) / bench::median(limit));
  std::fflush(stdout);
}

/// Tasks that are queued while there is no worker; then the run is stopped.
void measure_memory(std::int64_t tasks) {
  fanmill::Manager manager;
  const double before = bench::resident_bytes();
  double after = 0;
  const auto items = std::views::iota(std::int64_t{0}, tasks + 1) |
                     std::views::transform([&](std::int64_t number) {
                       if (number == tasks) {
                         // The last few may still be on their way to the manager.
                         while (manager.counters().tasks < static_cast<std::uint64_t>(tasks / 2)) {
                           std::this_thread::yield();
                         }
                         after = bench::resident_bytes();
                         manager.stop();
                       }
                       return number;
                     });
  try {
    manager.run(items, fanmill::job<std::int64_t>()
                           .lookahead(static_cast<std::size_t>(2 * tasks))
                           .update_results(0, [](int&, std::int64_t, std::size_t) {}));
  } catch (const fanmill::FarmError&) {
    // stopped, as it was told to
  }
  std::printf(
      "\nMemory of a queued task of 8 bytes, both sides of the manager's process: %.0f bytes (%lld "
      "queued)\n",
      (after - before) / static_cast<double>(tasks), static_cast<long long>(tasks));
}

void print_rates(Endpoints& endpoints, std::int64_t tasks, int rounds) {
  std::puts(
      "Empty tasks, 8 bytes there and back, two worker processes; medians of alternating "
      "rounds.\n");
  std::puts(
      "| transport, window per worker | bare tasks/s | fanmill tasks/s | ratio (min to max) | bare "
      "us of manager cpu a task | fanmill us |");
  std::puts("|---|---|---|---|---|---|");
  for (const bool tcp : {true, false}) {
    for (const int window : {1, 32, 256})
      compare_rates(endpoints, tcp, window, true, window == 1 ? tasks / 10 : tasks, rounds);
    compare_rates(endpoints, tcp, 256, false, tasks, rounds);
  }
}

void print_round_trips(Endpoints& endpoints) {
  std::puts("\nRound trip of one task, one worker, microseconds.\n");
  std::puts(
      "| transport | bare median | bare p99 | fanmill median | fanmill p99 | ratio of medians |");
  std::puts("|---|---|---|---|---|---|");
  for (const bool tcp : {true, false}) compare_round_trips(endpoints, tcp, 5000);
}

/// What keys cost: the same farm by ipc, by tcp as it is, and by tcp in plaintext; rounds alternate.
void print_keys(Endpoints& endpoints, std::int64_t tasks, int rounds) {
  struct Row {
    const char* name;
    Transport transport;
    std::vector<double> rates = {};
    std::vector<double> cpu = {};
    std::vector<double> megabytes = {};
    std::vector<double> trips = {};
  };
  std::vector<Row> rows = {{"ipc", Transport::ipc},
                           {"tcp, plaintext", Transport::plain_tcp},
                           {"tcp, with keys (CURVE)", Transport::tcp}};
  constexpr std::size_t large = 64 << 10;
  for (int round = -1; round < rounds; ++round) {
    for (Row& row : rows) {
      Farm farm(endpoints.fresh(row.transport != Transport::ipc), workers, std::nullopt,
                row.transport == Transport::plain_tcp);
      const Figures figures = farm.run(tasks);
      const double bytes = farm.echo(tasks / 50, large);
      const std::vector<double> trips = farm.round_trips(2000);
      if (round < 0) continue;  // the first warms up
      row.rates.push_back(figures.rate);
      row.cpu.push_back(figures.cpu_per_task);
      row.megabytes.push_back(bytes / 1e6);
      row.trips.insert(row.trips.end(), trips.begin(), trips.end());
    }
  }
  std::puts("\nWhat keys cost; medians of alternating rounds.\n");
  std::puts(
      "| transport | empty tasks/s | us of manager cpu a task | 64 KiB there and back, MB/s | "
      "round "
      "trip us, median | p99 |");
  std::puts("|---|---|---|---|---|---|");
  for (const Row& row : rows) {
    std::printf("| %s | %8.0f | %6.2f | %6.0f | %6.1f | %6.1f |\n", row.name,
                bench::median(row.rates), 1e6 * bench::median(row.cpu),
                bench::median(row.megabytes), 1e6 * bench::median(row.trips),
                1e6 * bench::quantile(row.trips, 0.99));
  }
  std::fflush(stdout);
}

void run_alone(Endpoints& endpoints, std::int64_t tasks) {
  Farm farm(endpoints.fresh(true), workers, 32);
  std::vector<double> rates;
  for (int round = 0; round < 10; ++round) rates.push_back(farm.run(tasks).rate);
  std::printf("fanmill alone, tcp, window 32: %.0f tasks/s\n", bench::median(rates));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::string_view(argv[1]) == "bare") return echo_bare(argv[2]);
  if (argc >= 2 && std::string_view(argv[1]) == "worker") {
    fanmill::Join join = fanmill::Join::find();
    if (argc == 3) join = join.with_insecure_plaintext();
    return fanmill::serve(join,
                          fanmill::Functions().add("empty", empty_task).add("echo", echo_task));
  }

  CLI::App app("Empty tasks on two workers, beside bare ZeroMQ sockets.");
  int rounds = 5;
  std::int64_t tasks = 100'000;
  app.add_option("--rounds", rounds, "counted rounds of each row")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  app.add_option("--tasks", tasks, "tasks of each round")
      ->check(CLI::Range(1000, 100'000'000))
      ->capture_default_str();
  std::string part = "all";
  app.add_option("--part", part, "what to measure")
      ->check(CLI::IsMember({"all", "rates", "round-trips", "keys", "memory", "alone"}))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  Endpoints endpoints;
  if (part == "alone") run_alone(endpoints, tasks);
  if (part == "all" || part == "rates") print_rates(endpoints, tasks, rounds);
  if (part == "all" || part == "round-trips") print_round_trips(endpoints);
  if (part == "all" || part == "keys") print_keys(endpoints, tasks, rounds);
  if (part == "all" || part == "memory") measure_memory(tasks);
  return 0;
}
