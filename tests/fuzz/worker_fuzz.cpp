// A worker whose manager says anything in any order, over connections that come and go, with
// executors that finish, die and write as they like, and a clock that jumps. All invariants hold
// after each step; what it sends can be read; each slot runs one task and is stopped once at most.
#include <algorithm>
#include <chrono>

#include "core/worker.hpp"
#include "core/worker_invariants.hpp"
#include "messages.hpp"

namespace fanmill::fuzz {
namespace {

using namespace std::chrono_literals;
using namespace core;

class Bench {
 public:
  explicit Bench(Choices& choices)
      : choices_(choices),
        options_(options(choices)),
        worker_(options_),
        slots_(options_.slots + options_.ahead_max) {
    step(WorkerStarted{});
  }

  [[nodiscard]] bool over() const { return ended_; }

  void act() {
    now_ = choices_.later(now_, worker_.next_deadline());
    step(event());
    if (!ended_ && choices_.one_in(2)) tick();
  }

  // Told to leave, and with its executors done, it ends.
  void finish() {
    if (!ended_) step(StopRequested{});
    for (std::uint32_t slot = 0; slot < slots_.size() && !ended_; ++slot) {
      if (slots_[slot].busy)
        step(TaskFinished{.slot = slot, .attempt = slots_[slot].attempt, .result = {}});
    }
    for (int turns = 0; !ended_ && turns < 1000; ++turns) {
      const std::optional<Instant> next = worker_.next_deadline();
      if (!next) found("a worker that leaves waits for nothing");
      now_ = std::max(now_, *next);
      tick();
    }
    must(ended_, "a worker that leaves does not end");
  }

 private:
  struct Slot {
    bool busy = false;
    bool begun = false;
    bool stopped = false;
    bool asked_back = false;
    bool passes_output = false;
    AttemptId attempt;
    std::uint64_t written = 0;
    std::uint64_t taken = 0;
  };

  static WorkerOptions options(Choices& choices) {
    WorkerOptions options{.uuid = {.low = 7, .high = 9}, .software = "test", .host = "here"};
    const std::uint8_t flags = choices.byte();
    options.slots = static_cast<std::uint16_t>(1 + flags % 3);
    options.features |= feature::output | feature::parts;
    options.monitored = (flags & 0x10U) != 0;
    if ((flags & 0x20U) != 0) options.features = choices.number();
    if ((flags & 0x40U) != 0) options.encodings = encoding_bit(Encoding::json);
    if ((flags & 0x80U) != 0) options.manager_lost_after = 3s;
    const std::uint8_t more = choices.byte();
    if (more % 4 == 1) options.functions = {"f", "g"};
    if (more % 8 == 2) options.farm = 1;
    if (more % 8 == 3) options.give_up_after = Duration::max();
    if (more % 2 == 0 && !options.monitored) options.ahead_max = 1 + more / 64;
    options.ahead_time = 10s;
    options.begins_told = options.ahead_max > 0 && (more & 0x20U) != 0;
    return options;
  }

  WorkerEvent event() {
    const auto slot = choices_.below(slots_.size());
    static_assert(std::variant_size_v<WorkerEvent> == 13, "a new event belongs here, too");
    // Without a session little can happen, so one is mostly there.
    if (!worker_.is_welcome() && choices_.one_in(2)) return heard(any_welcome(choices_, ids_));
    switch (choices_.below(32)) {
      case 0:
        return rare();
      case 1: {
        const Duration gap = choices_.duration();
        now_ += gap;
        return WorkerLoopStalled{gap};
      }
      case 2:
        return ExecutorDied{.slot = slot,
                            .attempt = attempt_of(slot),
                            .detail = choices_.number32(),
                            .text = choices_.text(8)};
      case 3:
      case 4:
      case 5:
        return TaskFinished{.slot = slot, .attempt = attempt_of(slot), .result = result()};
      case 6:
        return row(slot);
      case 7:
      case 8:
      case 9:
      case 10:
        return output(slot);
      case 13:
      case 14:
        // Executors say so of what they were asked for, or told to stop, and had not begun.
        if (!slots_[slot].asked_back && !slots_[slot].stopped)
          return heard(any_manager_message(choices_, ids_));
        return TaskRevoked{.slot = slot, .attempt = attempt_of(slot)};
      case 15:
      case 16:
      case 17:
        // No more at once than it has slots.
        if (options_.begins_told && begun_count() >= options_.slots)
          return heard(any_manager_message(choices_, ids_));
        return TaskBegun{.slot = slot, .attempt = attempt_of(slot)};
      case 11:
      case 12:
        return heard(
            OutputTaken{.attempt = known(attempt_of(slot)), .offset = slots_[slot].written});
      default:
        return heard(any_manager_message(choices_, ids_));
    }
  }

  WorkerEvent rare() {
    switch (choices_.below(8)) {
      case 0:
        return WorkerMalformedReceived{"nonsense"};
      case 1:
        return StopRequested{.drain = choices_.one_in(2)};
      case 2:
        return WorkerConnected{};
      default:
        return WorkerConnectionLost{};
    }
  }

  static WorkerEvent heard(const Message& message) {
    if (auto received = as_received(message)) return WorkerMessageReceived{std::move(*received)};
    return WorkerMalformedReceived{"what nobody can send"};
  }

  static AttemptId known(AttemptId attempt) { return attempt.valid() ? attempt : AttemptId{1}; }

  /// Mostly what runs there.
  AttemptId attempt_of(std::uint32_t slot) {
    return choices_.one_in(16) ? ids_.attempts.any(choices_) : slots_[slot].attempt;
  }

  core::Result result() {
    core::Result result;
    const std::uint8_t choice = choices_.byte();
    if (choice % 4 == 1) result.outcome = AttemptOutcome::failed;
    if (choice % 8 == 2) result.outcome = AttemptOutcome::rejected;
    if (choice % 8 == 3) result.error_text = std::string(2000, 'e');
    if (choice % 8 == 6) result.busy = choices_.duration();
    // Beyond the smallest frame, so that it may go in parts, and beyond a window.
    if (choice % 8 == 4) result.payload = Payload::raw(std::string(20000, 'r'));
    return result;
  }

  // Never more than the window beyond what was taken.
  WorkerEvent output(std::uint32_t slot) {
    Slot& writer = slots_[slot];
    const std::uint64_t room = writer.taken + limits::output_window_bytes - writer.written;
    const std::uint64_t size = std::min(room, 1 + choices_.byte() * std::uint64_t{700});
    if (!writer.busy || !writer.passes_output || size == 0)
      return heard(any_manager_message(choices_, ids_));
    writer.written += size;
    return OutputWritten{
        .slot = slot, .attempt = writer.attempt, .bytes = Bytes(std::string(size, 'o'))};
  }

  // Of some slots in a row, of which one may be told twice.
  WorkerEvent row(std::uint32_t first) {
    TasksFinished row;
    for (std::uint32_t i = 0; i < slots_.size(); ++i) {
      const auto slot = static_cast<std::uint32_t>((first + i) % slots_.size());
      row.tasks.push_back({.slot = slot, .attempt = attempt_of(slot), .result = result()});
      if (choices_.one_in(3)) break;
    }
    if (choices_.one_in(8)) row.tasks.push_back(row.tasks.front());
    return row;
  }

  [[nodiscard]] std::size_t begun_count() const {
    return static_cast<std::size_t>(
        std::count_if(slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.begun; }));
  }

  void step(WorkerEvent event) {
    reach("event of a worker", event);
    if (const auto* begun = std::get_if<TaskBegun>(&event)) {
      Slot& slot = slots_[begun->slot];
      slot.begun |= slot.busy && slot.attempt == begun->attempt;
    }
    if (const auto* received = std::get_if<WorkerMessageReceived>(&event)) hear(received->message);
    if (const auto* done = std::get_if<TaskFinished>(&event)) release(done->slot, done->attempt);
    if (const auto* row = std::get_if<TasksFinished>(&event)) {
      for (const TaskFinished& done : row->tasks) release(done.slot, done.attempt);
    }
    if (const auto* died = std::get_if<ExecutorDied>(&event)) release(died->slot, died->attempt);
    if (const auto* back = std::get_if<TaskRevoked>(&event)) release(back->slot, back->attempt);
    WorkerActions actions;
    worker_.step(now_, std::move(event), actions);
    carry_out(actions);
  }

  void hear(const Message& message) {
    reach("message to a worker", message);
    if (const auto* task = std::get_if<Task>(&message)) ids_.attempts.add(task->attempt);
    if (const auto* tasks = std::get_if<Tasks>(&message)) {
      for (const Task& each : tasks->tasks) ids_.attempts.add(each.attempt);
    }
    if (const auto* welcome = std::get_if<Welcome>(&message)) ids_.sessions.add(welcome->session);
  }

  void tick() {
    WorkerActions actions;
    worker_.tick(now_, actions);
    carry_out(actions);
    const std::optional<Instant> next = worker_.next_deadline();
    must(!next || *next > now_, "a deadline that has passed stays");
  }

  void release(std::uint32_t slot, AttemptId attempt) {
    if (slots_[slot].busy && slots_[slot].attempt == attempt) slots_[slot] = {};
  }

  void carry_out(const WorkerActions& actions) {
    for (const WorkerAction& action : actions) {
      reach("order of a worker", action);
      must(!ended_, "an order behind the last");
      std::visit([this](const auto& order) { on(order); }, action);
    }
    must_be_empty(WorkerInvariants::check(worker_));
    must(worker_.ended() == ended_, "it ends without an order, or goes on behind it");
    if (!ended_) check_slots();
  }

  void check_slots() {
    std::size_t busy = 0;
    for (const Slot& slot : slots_) busy += slot.busy ? 1 : 0;
    must(busy == worker_.running_count(), "it counts other slots in use than there are");
  }

  void on(const OpenConnection&) {}
  void on(const WorkerSend& send) {
    must_be_sendable(send.message, send.version);
    if (const auto* hello = std::get_if<Hello>(&send.message)) ids_.greeting = hello->greeting;
  }
  void on(const StartTask& start) {
    Slot& slot = slots_.at(start.slot);
    must(!slot.busy, "a second task in a slot");
    const auto busy = static_cast<std::size_t>(
        std::count_if(slots_.begin(), slots_.end(), [](const Slot& each) { return each.busy; }));
    slot = {.busy = true,
            .begun = busy < options_.slots,
            .passes_output = start.passes_output,
            .attempt = start.task.attempt};
  }
  void on(const StopTask& stop) {
    Slot& slot = slots_.at(stop.slot);
    must(slot.busy && slot.attempt == stop.attempt, "a task is stopped that does not run");
    must(!slot.stopped, "a task is stopped twice");
    slot.stopped = true;
  }
  void on(const RevokeTask& revoke) {
    Slot& slot = slots_.at(revoke.slot);
    must(slot.busy && slot.attempt == revoke.attempt, "a task is asked back that is not there");
    must(!slot.asked_back && !slot.stopped, "a task is asked back twice, or after it was stopped");
    slot.asked_back = true;
  }
  void on(const TakeOutput& take) {
    Slot& slot = slots_.at(take.slot);
    must(slot.attempt == take.attempt && take.taken <= slot.written && take.taken > slot.taken,
         "output is taken that was not written");
    slot.taken = take.taken;
  }
  void on(const DropOutput& drop) {
    Slot& slot = slots_.at(drop.slot);
    must(slot.attempt == drop.attempt && slot.passes_output,
         "output is dropped that is not passed on");
    slot.passes_output = false;
  }
  void on(const EndWorker&) { ended_ = true; }
  void on(const WorkerNote&) {}

  Choices& choices_;
  WorkerOptions options_;
  Worker worker_;
  std::vector<Slot> slots_;
  Instant now_{1h};
  Ids ids_;
  bool ended_ = false;
};

}  // namespace
}  // namespace fanmill::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return fanmill::fuzz::play<fanmill::fuzz::Bench>(data, size);
}
