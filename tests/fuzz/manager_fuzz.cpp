// A manager and a crowd: workers that say anything in any order, truths and lies, over connections
// that come and go, clients that do what they may, and a clock that jumps. All invariants hold after
// each step; every group and every job ends once; nothing is left behind.
#include <array>
#include <chrono>
#include <map>
#include <set>

#include "core/manager.hpp"
#include "core/manager_invariants.hpp"
#include "messages.hpp"

namespace fanmill::fuzz {
namespace {

using namespace std::chrono_literals;
using namespace core;

class Crowd {
 public:
  explicit Crowd(Choices& choices) : choices_(choices), manager_(options(choices)) { open_job(); }

  [[nodiscard]] static bool over() { return false; }
  void act() {
    now_ = choices_.later(now_, manager_.next_deadline());
    step(event());
    if (choices_.one_in(2)) tick();
  }

  void finish() {
    tick();
    for (std::uint64_t job = 1; job <= jobs_.size(); ++job) step(JobCancelled{JobId{job}});
    step(ShutdownRequested{});
    must_be_empty(ManagerInvariants::leftovers(manager_));
    for (const JobSeen& job : jobs_) must(job.ends == 1, "a job does not end once");
    const Counters& counters = manager_.counters();
    must(counters.groups_ended == counters.groups_submitted, "a group does not end once");
    must(counters.tasks_submitted == counters.tasks_ok + counters.tasks_failed +
                                         counters.tasks_quarantined + counters.tasks_killed +
                                         counters.tasks_dropped,
         "a task does not end once");
  }

 private:
  // Beyond the smallest frame, so that it goes in parts, and beyond a window.
  const Bytes large_{std::string(20000, 'x')};

  struct JobSeen {
    bool closed = false;
    int ends = 0;
  };

  // What a worker at a connection knows.
  struct PeerSeen {
    SessionId session;
    std::vector<AttemptId> given;  // the latest few
  };

  static ManagerOptions options(Choices& choices) {
    ManagerOptions options;
    const std::uint8_t flags = choices.byte();
    options.prefetch = flags % 4;
    options.observe_level = flags / 4 % 4;
    options.sessions_max = 1 + flags / 16 % 8;
    options.credit_bytes = (flags & 0x80U) != 0 ? 5 : limits::credit_bytes;
    if (choices.one_in(8)) options.cookie = "c";
    if (choices.one_in(8)) options.features = choices.number();
    if (choices.one_in(4)) options.frame_bytes_max = limits::header_bytes_max;
    if (choices.one_in(4)) options.payload_bytes_max = options.frame_bytes_max;
    if (choices.one_in(8)) options.unacknowledged_max = 1;
    if (choices.one_in(4)) options.failing = {1, 1, 1, 1, 1};
    return options;
  }

  // Mostly the truth: a lie is only worth something beside it.
  Message message(std::uint32_t peer) {
    const PeerSeen& seen = peers_[peer];
    if (!seen.session.valid() && choices_.one_in(2)) return greeting(peer);
    if (seen.given.empty() || choices_.one_in(8)) return any_worker_message(choices_, ids_);
    const AttemptId attempt = choices_.one_of(seen.given);
    switch (choices_.below(8)) {
      case 0:
        return Heartbeat{.session = seen.session, .started = choices_.below(8)};
      case 1:
      case 2:
        return Killed{.attempt = attempt, .unstarted = choices_.one_in(2)};
      case 3:
        return output(attempt);
      case 4:
        return core::Result{.attempt = attempt,
                            .outcome = static_cast<AttemptOutcome>(choices_.below(5))};
      case 5:
        return choices_.one_in(4) ? Message(Goodbye{.session = seen.session, .drain = true})
                                  : Message(greeting(peer));
      default:
        return core::Result{.attempt = attempt, .nothing = choices_.one_in(4)};
    }
  }

  // The worker that always speaks over this connection, or over the one before it.
  Hello greeting(std::uint32_t peer) {
    const std::uint8_t flags = choices_.byte();
    Hello hello{.slots = static_cast<std::uint16_t>(1 + flags % 3),
                .containment = flags % 8 >= 4 ? Containment::cgroup : Containment::process,
                .features = flags % 16 >= 8 ? choices_.below(64) : 63U,
                .encodings = 15,
                .uuid = {.low = 1 + peer / 2, .high = 1},
                .boot = {.low = 1U + flags % 32 / 16, .high = 1},
                .greeting = ++greetings_,
                .prefetch = flags / 32U % 4,
                .functions = {""}};
    if (choices_.one_in(4)) hello.functions.emplace_back("f");
    for (const std::uint32_t before : {peer, peer ^ 1U}) {
      for (const AttemptId given : peers_[before].given) {
        if (const auto state = choices_.below(4); state > 0)
          hello.holdings.push_back({given, static_cast<HoldingState>(state)});
      }
    }
    return hello;
  }

  Output output(AttemptId attempt) {
    std::uint64_t& written = written_[attempt.value];
    const std::size_t size = 1 + choices_.byte() % 4 * std::size_t{16000};
    Output output{.attempt = attempt, .offset = written, .bytes = Bytes(std::string(size, 'o'))};
    written += size;
    return output;
  }

  ManagerEvent event() {
    const std::uint32_t place = choices_.below(peers_.size());
    const PeerId peer{1 + place};
    static_assert(std::variant_size_v<ManagerEvent> == 13, "a new event belongs here, too");
    switch (choices_.below(32)) {
      case 0:
        return rare(peer);
      case 1:
      case 2:
        return update();
      case 3:
      case 4:
        return output_consumed();
      case 5:
      case 6:
      case 7:
      case 8:
        return submission();
      default:
        if (auto said = as_received(message(place)))
          return MessageReceived{.peer = peer, .message = std::move(*said), .address = "here"};
        return MalformedReceived{peer, "what nobody can send"};
    }
  }

  ManagerEvent rare(PeerId peer) {
    switch (choices_.below(16)) {
      case 0:
        return MalformedReceived{peer, "nonsense"};
      case 1:
      case 2:
        return DrainRequested{ids_.sessions.any(choices_)};
      case 3: {
        const Duration gap = choices_.duration();
        now_ += gap;
        return LoopStalled{gap};
      }
      case 4:
        if (choices_.one_in(2)) return ShutdownRequested{};
        return JobCancelled{any_job()};
      case 5:
      case 6:
        if (jobs_.size() < 4) open_job();
        return close_job();
      default:
        return ConnectionLost{peer};
    }
  }

  void open_job() {
    jobs_.emplace_back();
    step(JobOpened{.client = ClientId{1},
                   .job = JobId{jobs_.size()},
                   .options = {.functions = {"", "f"},
                               .retries = choices_.below(3),
                               .lost_attempts_max = 1 + choices_.below(3),
                               .output = choices_.one_in(2)}});
  }

  JobId any_job() { return JobId{1 + choices_.below(jobs_.size())}; }

  ManagerEvent close_job() {
    const JobId job = any_job();
    jobs_[job.value - 1].closed = true;
    return choices_.one_in(2) ? ManagerEvent(JobClosed{job}) : ManagerEvent(JobDrained{job});
  }

  // A client that has closed its job submits no more.
  ManagerEvent submission() {
    const JobId job = any_job();
    if (jobs_[job.value - 1].closed || items_ == items_max) return update();
    const std::uint8_t kind = choices_.byte();
    return GroupSubmitted{.job = job,
                          .item = items_++,
                          .policy = {static_cast<Policy::Kind>(kind % 6), 1U + kind / 6 % 3},
                          .tasks = tasks()};
  }

  // Of groups of policy client anything; the others are only ended.
  ManagerEvent update() {
    const GroupId group = ids_.groups.any(choices_);
    if (!client_groups_.contains(group.value))
      return GroupUpdated{.group = group, .add = {}, .done = true};
    return GroupUpdated{
        .group = group, .add = tasks(), .replace = choices_.one_in(3), .done = choices_.one_in(4)};
  }

  // What was delivered of an attempt, or a part of that; also twice.
  ManagerEvent output_consumed() {
    const AttemptId attempt = ids_.attempts.any(choices_);
    const auto seen = delivered_.find(attempt.value);
    const std::uint64_t delivered = seen == delivered_.end() ? 0 : seen->second;
    return OutputConsumed{attempt, choices_.one_in(2) ? delivered / 2 : delivered};
  }

  std::vector<TaskSpec> tasks() {
    std::vector<TaskSpec> list(choices_.below(5));
    for (std::uint32_t i = 0; i < list.size(); ++i) {
      const std::uint8_t choice = choices_.byte();
      list[i] = {.payload = choice % 4 == 1 ? Payload::json("1") : Payload::raw("xx"),
                 .function = choice / 4 % 8 == 1 ? 1U : 0U,
                 .stage = i / 2,
                 .time_limit = choice / 32 * 1s};
      if (choice % 32 == 6) list[i].payload = {large_, Encoding::raw};
    }
    return list;
  }

  void step(ManagerEvent event) {
    reach("event of a manager", event);
    if (const auto* received = std::get_if<MessageReceived>(&event))
      reach("message to a manager", received->message);
    const std::uint64_t groups = manager_.counters().groups_submitted;
    const auto* submitted = std::get_if<GroupSubmitted>(&event);
    const bool is_client = submitted != nullptr && submitted->policy.kind == Policy::Kind::client;
    ManagerActions actions;
    manager_.step(now_, std::move(event), actions);
    // None is taken for a job that is gone. Those that are taken have numbers in their order.
    if (manager_.counters().groups_submitted > groups) {
      const GroupId group{(std::uint64_t{1} << serial_bits) + groups + 1};
      ids_.groups.add(group);
      if (is_client) client_groups_.insert(group.value);
    }
    carry_out(actions);
  }

  void tick() {
    ManagerActions actions;
    manager_.tick(now_, actions);
    carry_out(actions);
    must_be_empty(ManagerInvariants::check_handed_out(manager_));
    const std::optional<Instant> next = manager_.next_deadline();
    must(!next || *next > now_, "a deadline that has passed stays");
  }

  void carry_out(const ManagerActions& actions) {
    for (const ManagerAction& action : actions) {
      reach("order of a manager", action);
      std::visit([this](const auto& order) { on(order); }, action);
    }
    must_be_empty(ManagerInvariants::check(manager_));
  }

  void on(const Send& send) {
    must_be_sendable(send.message, send.version);
    must(send.peer.valid() && send.peer.value <= peers_.size(), "a message to nobody");
    PeerSeen& seen = peers_[send.peer.value - 1];
    if (const auto* welcome = std::get_if<Welcome>(&send.message)) {
      ids_.sessions.add(welcome->session);
      seen.session = welcome->session;
      seen.given.clear();
      for (const Judgement& judged : welcome->judgements) seen.given.push_back(judged.attempt);
    }
    const auto give = [&](const Task& task) {
      ids_.attempts.add(task.attempt);
      seen.given.push_back(task.attempt);
    };
    if (const auto* task = std::get_if<Task>(&send.message)) give(*task);
    if (const auto* tasks = std::get_if<Tasks>(&send.message)) {
      for (const Task& each : tasks->tasks) give(each);
    }
    while (seen.given.size() > 8) seen.given.erase(seen.given.begin());
  }
  void on(const ForgetPeer&) {}
  void on(const DeliverTaskEnd& end) {
    must(client_groups_.contains(end.group.value),
         "a task's end of a group that did not ask for it");
  }
  void on(const DeliverOutput& output) {
    std::uint64_t& delivered = delivered_[output.attempt.value];
    must(output.offset == delivered, "output with a gap, or twice");
    delivered += output.bytes.size();
  }
  void on(const DeliverGroupEnd& end) { must(++ends_[end.item] == 1, "a group ends twice"); }
  void on(const DeliverJobEnd& end) {
    must(++jobs_.at(end.job.value - 1).ends == 1, "a job ends twice");
  }
  void on(const Observation&) {}

  static constexpr std::uint64_t items_max = 60;  // or an input takes too long

  Choices& choices_;
  Manager manager_;
  Instant now_{1h};
  Ids ids_;
  std::array<PeerSeen, 6> peers_;
  std::uint32_t greetings_ = 0;
  std::vector<JobSeen> jobs_;
  std::set<std::uint64_t> client_groups_;             // those of Policy::client
  std::map<std::uint64_t, std::uint64_t> written_;    // bytes, by attempt
  std::map<std::uint64_t, std::uint64_t> delivered_;  // the same
  std::map<std::uint64_t, int> ends_;                 // by item
  std::uint64_t items_ = 0;
};

}  // namespace
}  // namespace fanmill::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return fanmill::fuzz::play<fanmill::fuzz::Crowd>(data, size);
}
