#include "manager_fixture.hpp"

#include <algorithm>
#include <exception>

namespace fanmill::core::test {
namespace {

std::string serial(std::uint64_t id) {
  return std::to_string(id & ((std::uint64_t{1} << serial_bits) - 1));
}

std::string short_message(const Welcome& welcome) {
  std::string text = "welcome";
  const char* const words[] = {"", " keep ", " drop ", " kill "};
  for (const Judgement& judgement : welcome.judgements) {
    text += words[static_cast<std::size_t>(judgement.verdict)];
    text += serial(judgement.attempt.value);
  }
  return text;
}
std::string short_message(const Refuse& refuse) {
  const char* const codes[] = {"",      "version",  "malformed", "farm", "cookie", "old_manager",
                               "limit", "protocol", "replaced"};
  return std::string("refuse ") + codes[static_cast<std::size_t>(refuse.code)];
}
std::string short_message(const Who&) { return "who"; }
std::string short_message(const Task& task) {
  return "task " + serial(task.attempt.value) + " (" +
         (task.in_parts ? "in parts" : task.payload.bytes.str()) + ")";
}
std::string short_message(const Tasks& tasks) {
  std::string text;
  for (const Task& task : tasks.tasks) {
    text += text.empty() ? "" : " + ";
    text += short_message(task);
  }
  return text + " acknowledged " + std::to_string(tasks.acknowledged);
}
std::string short_message(const Kill& kill) {
  return (kill.if_unstarted ? "recall " : "kill ") + serial(kill.attempt.value);
}
std::string short_message(const Heartbeat& heartbeat) {
  return (heartbeat.echo ? "ask " : "heartbeat ") + std::to_string(heartbeat.acknowledged);
}
std::string short_message(const OutputTaken& taken) {
  return "taken " + serial(taken.attempt.value) + " to " + std::to_string(taken.offset);
}
std::string short_message(const Part& part) {
  return "part " + serial(part.attempt.value) + " from " + std::to_string(part.offset);
}
std::string short_message(const PartTaken& taken) {
  return "part taken " + serial(taken.attempt.value) + " to " + std::to_string(taken.offset);
}
std::string short_message(const Goodbye& goodbye) {
  return std::string("goodbye") + (goodbye.drain ? " drain" : "") +
         (goodbye.closed ? " closed" : "");
}
template <typename Other>
std::string short_message(const Other&) {
  return "a message that managers do not send";
}

std::string short_action(const Send& send) {
  std::string text =
      std::visit([](const auto& message) { return short_message(message); }, send.message);
  if (send.convert_to) text += *send.convert_to == Encoding::json ? " as json" : " as object";
  return std::to_string(send.peer.value) + ": " + text;
}
std::string short_action(const ForgetPeer& forget) {
  return "forget " + std::to_string(forget.peer.value);
}
std::string short_action(const DeliverTaskEnd& end) {
  return "end " + std::to_string(end.item) + "." + std::to_string(end.task) + " " +
         (end.outcome.nothing ? "nothing" : to_string(end.outcome.kind));
}
std::string short_action(const DeliverOutput& output) {
  return "output " + std::to_string(output.item) + "." + std::to_string(output.task) + "#" +
         std::to_string(output.number) + " from " + std::to_string(output.offset);
}
std::string short_action(const DeliverGroupEnd& end) {
  const GroupResult& result = end.result;
  std::string text = "item " + std::to_string(end.item);
  if (result.withdrawn) return text + " withdrawn";
  text += result.decided ? " decided" : " undecided";
  const char* separator = " by ";
  for (const Answer& answer : result.answers) {
    text += separator + std::to_string(answer.task) + (answer.nothing ? "?" : "");
    separator = "+";
  }
  const auto count = [&](std::size_t number, const char* what) {
    if (number > 0) text += " " + std::to_string(number) + " " + what;
  };
  count(result.errors.size(), "errors");
  count(result.tasks_killed, "killed");
  count(result.tasks_dropped, "dropped");
  return text;
}
std::string short_action(const DeliverJobEnd& end) {
  return "job " + std::to_string(end.job.value) + " over";
}
std::string short_action(const Observation& observation) {
  const char* const kinds[] = {"joined",   "returned",    "suspect",  "recovered",
                               "left",     "refused",     "assigned", "ended",
                               "requeued", "group ended", "failing",  "function missing"};
  const std::string words = kinds[static_cast<std::size_t>(observation.kind)];
  return "saw " + words + (observation.level == 0 ? ": " + observation.text : "");
}

bool only_shows_life(const ManagerAction& action) {
  const Send* send = std::get_if<Send>(&action);
  const Heartbeat* heartbeat = send == nullptr ? nullptr : std::get_if<Heartbeat>(&send->message);
  return heartbeat != nullptr && !heartbeat->echo;
}

}  // namespace

std::string in_short(const ManagerAction& action) {
  return std::visit([](const auto& one) { return short_action(one); }, action);
}

ManagerOptions bench_options() {
  return {.farm = 77,
          .incarnation = 1,
          .boot = {.low = 1, .high = 1},
          .prefetch = 0,
          .acknowledge_wait = 0s};
}

AttemptId attempt(std::uint64_t serial_number, std::uint32_t incarnation) {
  return AttemptId{(std::uint64_t{incarnation} << serial_bits) + serial_number};
}
Holding running(std::uint64_t serial_number) {
  return {attempt(serial_number), HoldingState::running};
}
Holding unstarted(std::uint64_t serial_number) {
  return {attempt(serial_number), HoldingState::unstarted};
}
Holding with_result(std::uint64_t serial_number) {
  return {attempt(serial_number), HoldingState::result};
}
Result result_of(std::uint64_t serial_number, std::string_view text) {
  return {.attempt = attempt(serial_number), .busy = 1ms, .payload = Payload::json(text)};
}
Result nothing_of(std::uint64_t serial_number) {
  return {.attempt = attempt(serial_number), .nothing = true};
}
Result failure_of(std::uint64_t serial_number, AttemptOutcome outcome) {
  return {.attempt = attempt(serial_number), .outcome = outcome, .error_type = "Trouble"};
}
Killed killed(std::uint64_t serial_number, bool was_unstarted) {
  return {.attempt = attempt(serial_number), .unstarted = was_unstarted};
}

ManagerFixture::ManagerFixture(ManagerOptions options) : manager(std::move(options)) {
  step(JobOpened{.client = embedded_client, .job = job_, .options = {}});
}

ManagerFixture::~ManagerFixture() {
  if (std::uncaught_exceptions() > 0) return;
  CHECK(take() == "-");
  step(ShutdownRequested{});
  CHECK(ManagerInvariants::leftovers(manager) == std::vector<std::string>{});
  CHECK(manager.worker_count() == 0);
  CHECK(manager.slot_count() == 0);
  CHECK_FALSE(manager.next_deadline());
}

void ManagerFixture::step(ManagerEvent event) {
  ManagerActions actions;
  manager.step(now, std::move(event), actions);
  take_in(std::move(actions));
}

void ManagerFixture::tick() {
  ManagerActions actions;
  manager.tick(now, actions);
  take_in(std::move(actions));
  REQUIRE(ManagerInvariants::check_handed_out(manager) == std::vector<std::string>{});
}

void ManagerFixture::turn(ManagerEvent event) {
  step(std::move(event));
  tick();
}

void ManagerFixture::pass(Duration duration) {
  const Instant end = now + duration;
  const auto claimed_before = static_cast<std::ptrdiff_t>(unclaimed.size());
  while (now < end) {
    now = std::max(now, std::min(end, manager.next_deadline().value_or(end)));
    tick();
    REQUIRE(manager.next_deadline().value_or(end + 1s) > now);  // else the loop would spin
  }
  unclaimed.erase(
      std::remove_if(unclaimed.begin() + claimed_before, unclaimed.end(), only_shows_life),
      unclaimed.end());
}

Hello ManagerFixture::hello_of(std::uint64_t peer, const Guest& guest) {
  const std::uint64_t worker = guest.worker != 0 ? guest.worker : peer;
  std::uint32_t& greeting = greetings_[worker];
  greeting = guest.greeting != 0 ? guest.greeting : greeting + 1;
  return {.slots = guest.slots,
          .containment = guest.containment,
          .features = guest.features,
          .encodings = guest.encodings,
          .uuid = {.low = worker, .high = 0},
          .boot = {.low = guest.same_host ? 1U : 2U, .high = 1},
          .pid = static_cast<std::uint32_t>(worker),
          .greeting = greeting,
          .prefetch = guest.prefetch,
          .software = "bench 1",
          .host = "node",
          .functions = guest.functions,
          .holdings = guest.holdings};
}

void ManagerFixture::greet(std::uint64_t peer, const Guest& guest) {
  turn(MessageReceived{
      .peer = PeerId{peer}, .message = hello_of(peer, guest), .address = "10.0.0.1:5"});
}

Welcome ManagerFixture::join(std::uint64_t peer, const Guest& guest) {
  greet(peer, guest);
  for (auto action = unclaimed.rbegin(); action != unclaimed.rend(); ++action) {
    Send* send = std::get_if<Send>(&*action);
    if (send == nullptr || send->peer != PeerId{peer}) continue;
    if (Welcome* found = std::get_if<Welcome>(&send->message)) {
      Welcome welcome = std::move(*found);
      unclaimed.erase(std::prev(action.base()));
      return welcome;
    }
  }
  FAIL("no welcome: " << unclaimed_in_short());
  return {};
}

void ManagerFixture::say(std::uint64_t peer, Message message) {
  turn(MessageReceived{.peer = PeerId{peer}, .message = std::move(message)});
}

void ManagerFixture::beat(std::uint64_t peer, std::uint32_t started, bool echo) {
  say(peer, Heartbeat{.session = session_of(peer), .started = started, .echo = echo});
}

void ManagerFixture::lose(std::uint64_t peer) { turn(ConnectionLost{PeerId{peer}}); }

void ManagerFixture::open_job(JobOptions options) {
  job_ = JobId{job_.value + 1};
  turn(JobOpened{.client = embedded_client, .job = job_, .options = std::move(options)});
}

void ManagerFixture::submit(std::vector<TaskSpec> tasks, Policy policy) {
  const std::uint64_t item = items_++;
  groups_[item] = GroupId{(std::uint64_t{1} << serial_bits) + item + 1};
  for (TaskSpec& spec : tasks) name_task(item, spec);
  turn(GroupSubmitted{.job = job_, .item = item, .policy = policy, .tasks = std::move(tasks)});
}

void ManagerFixture::race(std::uint32_t tasks, Policy policy) {
  submit(std::vector<TaskSpec>(tasks), policy);
}

void ManagerFixture::items(std::uint32_t count) {
  for (std::uint32_t i = 0; i < count; ++i) race(1);
}

void ManagerFixture::update(std::uint64_t item, std::uint32_t add, bool replace) {
  std::vector<TaskSpec> tasks(add);
  for (TaskSpec& spec : tasks) name_task(item, spec);
  turn(GroupUpdated{.group = group_of(item), .add = std::move(tasks), .replace = replace});
}

void ManagerFixture::decide(std::uint64_t item) {
  turn(GroupUpdated{.group = group_of(item), .done = true});
}

void ManagerFixture::name_task(std::uint64_t item, TaskSpec& spec) {
  const std::uint32_t number = tasks_given_[item]++;
  if (spec.payload.encoding != Encoding::none && !spec.payload.bytes.empty()) return;
  const std::string name = std::to_string(item) + "." + std::to_string(number);
  const Encoding encoding =
      spec.payload.encoding == Encoding::none ? Encoding::json : spec.payload.encoding;
  spec.payload = Payload{.bytes = Bytes(name), .encoding = encoding};
}

std::string ManagerFixture::take() {
  std::string text = unclaimed_in_short();
  unclaimed.clear();
  return text;
}

void ManagerFixture::check_empty() {
  step(JobClosed{job_});
  REQUIRE_FALSE(unclaimed.empty());
  CHECK(in_short(unclaimed.back()) == "job " + std::to_string(job_.value) + " over");
  unclaimed.pop_back();
  CHECK(ManagerInvariants::leftovers(manager) == std::vector<std::string>{});
}

std::string ManagerFixture::unclaimed_in_short() const {
  std::string text;
  for (const ManagerAction& action : unclaimed) {
    if (!text.empty()) text += ", ";
    text += in_short(action);
  }
  return text.empty() ? "-" : text;
}

void ManagerFixture::take_in(ManagerActions&& actions) {
  for (ManagerAction& action : actions) {
    if (const Send* send = std::get_if<Send>(&action)) {
      if (const Welcome* welcome = std::get_if<Welcome>(&send->message)) {
        sessions_[send->peer.value] = welcome->session;
      }
    }
    unclaimed.push_back(std::move(action));
  }
  const std::vector<std::string> broken = ManagerInvariants::check(manager);
  REQUIRE(broken == std::vector<std::string>{});
}

}  // namespace fanmill::core::test
