#include "process.hpp"

#include "core_process.hpp"
#include "liar.hpp"
#include "oracle.hpp"
#include "plain_process.hpp"

namespace fanmill::sim {

void Process::open_link() {
  close_link(false);
  const Network::Endpoint from{.worker = identity_.worker,
                               .life = identity_.life,
                               .latency = plan_.latency,
                               .jitter = plan_.jitter,
                               .repeats = plan_.repeats};
  link_ = around_.network.connect(from, around_.incarnation);
}

void Process::close_link(bool linger) {
  if (link_) around_.network.close(*link_, linger);
  link_.reset();
}

void Process::send(const core::Message& message, std::uint16_t version) {
  FANMILL_ASSERT(link_.has_value(), "a worker sends without a connection:", describe(message));
  around_.trace.note(around_.now(), "worker ", identity_.worker, " sends ", Lazy{message});
  around_.network.send_to_manager(*link_, around_.writer.write(message, version));
}

void Process::end(bool restart, bool linger) {
  around_.trace.note(around_.now(), "worker ", identity_.worker, " ends");
  close_link(linger);
  ended_ = true;
  wants_restart_ = restart;
}

void Process::die() {
  if (!ended_) end(true, false);
}

void Process::ask_wake(Instant at) {
  if (wake_asked_ && *wake_asked_ <= at && *wake_asked_ > around_.now()) return;
  wake_asked_ = at;
  around_.agenda.add(at, Event::Kind::worker_due, identity_.worker, identity_.life);
}

std::unique_ptr<Process> make_process(Surroundings& around, const WorkerPlan& plan,
                                      Process::Identity identity, Rng rng) {
  switch (plan.model) {
    case WorkerPlan::Model::core:
      return std::make_unique<CoreProcess>(around, plan, identity, rng);
    case WorkerPlan::Model::plain:
      return std::make_unique<PlainProcess>(around, plan, identity, rng);
    case WorkerPlan::Model::liar:
      break;
  }
  return std::make_unique<Liar>(around, plan, identity, rng);
}

core::Hello hello_of(const WorkerPlan& plan, const Process::Identity& identity) {
  core::Hello hello;
  hello.slots = plan.slots;
  hello.features = plan.features;
  hello.encodings = core::encoding_bit(Encoding::raw);
  hello.uuid = identity.uuid;
  hello.boot = identity.boot;
  hello.pid = 100 * identity.worker + identity.life;
  hello.prefetch = plan.prefetch;
  hello.software = "simulated";
  hello.host = "node";
  hello.functions = plan.functions;
  return hello;
}

std::optional<core::Result> result_of(const core::Task& task, const Work& work) {
  using Behaviour = Work::Behaviour;
  core::Result result{.attempt = task.attempt, .busy = work.duration()};
  const bool succeeds =
      work.behaviour == Behaviour::answers || ((work.behaviour == Behaviour::fails_at_first ||
                                                work.behaviour == Behaviour::crashes_at_first) &&
                                               work.succeeds_at(task.number));
  if (succeeds) {
    result.payload = answer_of(work);
    return result;
  }
  switch (work.behaviour) {
    case Behaviour::finds_nothing:
      result.nothing = true;
      return result;
    case Behaviour::fails:
    case Behaviour::fails_at_first:
    case Behaviour::hangs:  // for a worker that can't be stopped it is only a very long task
      result.outcome = core::AttemptOutcome::failed;
      result.error_type = "SimulatedError";
      result.error_text = "as drawn";
      return result;
    default:
      return std::nullopt;
  }
}

void cut_to_frame(core::Result& result, std::size_t frame_bytes_max) {
  if (result.payload.bytes.size() <= frame_bytes_max) return;
  result = {.attempt = result.attempt,
            .outcome = core::AttemptOutcome::failed,
            .busy = result.busy,
            .error_type = "payload_too_large"};
}

}  // namespace fanmill::sim
