#include "codec/samples.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace fanmill::codec_test {

using namespace std::chrono_literals;

namespace {

constexpr core::Uuid uuid{.low = 0x8899aabbccddeeff, .high = 0x0011223344556677};
constexpr core::Uuid boot{.low = 0x0123456789abcdef, .high = 0xfedcba9876543210};

core::Hello plain_hello() {
  return {.encodings = core::encoding_bit(Encoding::none) | core::encoding_bit(Encoding::json),
          .uuid = uuid,
          .pid = 4242,
          .greeting = 1,
          .software = "plain.py 1.0",
          .host = "alder",
          .functions = {"square"}};
}

core::Hello full_hello() {
  return {.resume = session,
          .slots = 8,
          .containment = core::Containment::cgroup,
          .features = core::feature::heartbeat | core::feature::kill | core::feature::time_limit,
          .encodings = 0b1111,
          .uuid = uuid,
          .boot = boot,
          .farm = 0x00c0ffee00c0ffee,
          .pid = 31337,
          .greeting = 7,
          .incarnation = 3,
          .prefetch = 2,
          .software = "fanmill 0.1.0",
          .host = "björk.example",
          .functions = {"factor", "solve", "überprüfen"},
          .labels = {"gpu", "memory=64G"},
          .cookie = "not a secret",
          .holdings = {{AttemptId{attempt_1}, core::HoldingState::running},
                       {AttemptId{attempt_1 + 1}, core::HoldingState::unstarted},
                       {AttemptId{attempt_1 + 2}, core::HoldingState::result}}};
}

core::Welcome welcome() {
  return {.session = session,
          .features = core::feature::heartbeat | core::feature::kill,
          .farm = 0x00c0ffee00c0ffee,
          .incarnation = 3,
          .greeting = 1,
          .heartbeat = 2s,
          .suspect = 6s,
          .dead = 20s,
          .frame_bytes_max = 1 << 20,
          .unacknowledged_max = 65536};
}

core::Welcome judging_welcome() {
  core::Welcome judging = welcome();
  judging.greeting = 7;
  judging.judgements = {{AttemptId{attempt_1}, core::Verdict::keep},
                        {AttemptId{attempt_1 + 1}, core::Verdict::kill},
                        {AttemptId{attempt_1 + 2}, core::Verdict::drop}};
  return judging;
}

core::Task task(Payload payload) {
  return {.attempt = AttemptId{attempt_1},
          .group = GroupId{group_1},
          .task = TaskId{task_1},
          .payload = std::move(payload)};
}

core::Task full_task() {
  core::Task full = task(Payload::raw(std::string_view("\0\1\xfe\xff\n", 5)));
  full.function = 2;
  full.acknowledged = 17;
  full.time_limit = 1500ms;
  full.number = 3;
  full.item = 9999;
  return full;
}

core::Result result(core::AttemptOutcome outcome) {
  return {.attempt = AttemptId{attempt_1}, .outcome = outcome, .busy = 1234567us};
}

core::Result ok_result(Payload payload) {
  core::Result ok = result(core::AttemptOutcome::ok);
  ok.payload = std::move(payload);
  return ok;
}

core::Result nothing_result() {
  core::Result nothing = result(core::AttemptOutcome::ok);
  nothing.nothing = true;
  return nothing;
}

core::Result failed_result() {
  core::Result failed = result(core::AttemptOutcome::failed);
  failed.error_type = "ValueError";
  failed.error_text = "not a number: \"größer\"\n  in square()\n";
  return failed;
}

core::Result crashed_result(std::uint32_t detail, std::string words) {
  core::Result crashed = result(core::AttemptOutcome::crashed);
  crashed.detail = detail;
  crashed.error_text = std::move(words);
  return crashed;
}

core::Result measured_result() {
  core::Result measured = crashed_result(9, "out of memory");
  measured.error_type = "signal 9 (SIGKILL)";
  measured.cpu = 1200034us;
  measured.memory = 327155712;
  return measured;
}

core::Result ended_result() {
  core::Result ended = failed_result();
  ended.error_type = "exit 3";
  ended.detail = 256 + 3;
  ended.memory = 4096;
  return ended;
}

core::Welcome welcome_with_parts() {
  core::Welcome with_parts = welcome();
  with_parts.features |= core::feature::parts;
  with_parts.payload_bytes_max = std::uint64_t{1} << 30;
  return with_parts;
}

core::Task task_in_parts() {
  core::Task in_parts = task({.bytes = {}, .encoding = Encoding::object});
  in_parts.in_parts = true;
  return in_parts;
}

core::Result result_in_parts() {
  core::Result in_parts = ok_result({.bytes = {}, .encoding = Encoding::raw});
  in_parts.in_parts = true;
  return in_parts;
}

// The task that stands `step` further on in the list of a job.
core::Task further(core::Task task, std::uint64_t step, Payload payload) {
  task.attempt.value += step;
  task.group.value += step;
  task.task.value += step;
  task.item += step;
  task.payload = std::move(payload);
  return task;
}

core::Tasks tasks() {
  core::Tasks batch{.session = session, .acknowledged = 9, .tasks = {}};
  batch.tasks = {task({}), full_task(), task(Payload::raw(""))};
  batch.tasks[0].payload = Payload::json("[1,2,3]");
  batch.tasks[1].acknowledged = 0;
  batch.tasks[1].payload = {};
  for (std::size_t i = 0; i < batch.tasks.size(); ++i) batch.tasks[i].attempt.value += i;
  batch.tasks.push_back(further(batch.tasks.back(), 1, Payload::raw("8 bytes.")));
  batch.tasks.push_back(further(batch.tasks.back(), 255, {}));
  batch.tasks.back().function = 2;
  return batch;
}

core::Result further(core::Result result, std::int64_t step, Payload payload) {
  result.attempt.value += static_cast<std::uint64_t>(step);
  result.busy = 17us;
  result.payload = std::move(payload);
  return result;
}

core::Results results() {
  core::Results batch{.session = session, .started = 12, .results = {}};
  batch.results = {ok_result(Payload::json("14")), nothing_result(), crashed_result(9, "")};
  batch.results[2].cpu = 1200034us;
  batch.results[2].memory = 327155712;
  batch.results[2].payload = Payload::raw("evidence");
  for (std::size_t i = 0; i < batch.results.size(); ++i) batch.results[i].attempt.value += i;
  batch.results.push_back(ok_result({}));
  batch.results.push_back(further(batch.results.back(), 127, Payload::json("[2,7]")));
  batch.results.push_back(further(batch.results.back(), -128, {}));
  batch.results.back().cpu = 65535us;
  return batch;
}

core::Refuse refuse_version() {
  return {.code = core::RefuseCode::version,
          .protocol_min = 1,
          .protocol_max = 1,
          .greeting = 1,
          .words = "this manager speaks protocol 1 to 1, the worker 7 to 9: update one of them"};
}

core::Refuse refuse_limit() {
  return {.session = session,
          .code = core::RefuseCode::limit,
          .protocol_min = 1,
          .protocol_max = 1,
          .retry = 30s,
          .words = "10000 workers are connected, the limit (workers_max) is 10000"};
}

core::Kill group_kill(bool if_unstarted) {
  return {.session = session, .group = GroupId{group_1}, .if_unstarted = if_unstarted};
}

}  // namespace

std::vector<Sample> samples() {
  using core::AttemptOutcome;
  const AttemptId attempt{attempt_1};
  return {
      {"hello", "a plain worker's first", plain_hello()},
      {"hello-resume", "every field set; comes back with three attempts", full_hello()},
      {"welcome", "no attempts were named", welcome()},
      {"welcome-verdicts", "keep, kill and drop", judging_welcome()},
      {"refuse-version", "no version in common; for good", refuse_version()},
      {"refuse-limit", "closes a session; try again in 30 s", refuse_limit()},
      {"who", "to a peer that said anything but Hello", core::Who{1, 1}},
      {"task", "without a payload", task({})},
      {"task-json", "", task(Payload::json("[1,2,3]"))},
      {"task-raw", "every field set", full_task()},
      {"task-empty", "a payload of no bytes is still a frame", task(Payload::raw(""))},
      {"result", "without a payload", result(AttemptOutcome::ok)},
      {"result-json", "", ok_result(Payload::json("{\"n\":14}"))},
      {"result-nothing", "the function found nothing", nothing_result()},
      {"result-failed", "two texts", failed_result()},
      {"result-signal", "the executor died of SIGSEGV", crashed_result(11, "")},
      {"result-exit", "the executor ended with status 3", crashed_result(256 + 3, "killed")},
      {"result-measured", "every field set but the payload", measured_result()},
      {"result-failed-exit", "a failure with an exit status; no cpu time known", ended_result()},
      {"result-time-limit", "", result(AttemptOutcome::time_limit)},
      {"result-rejected", "", result(AttemptOutcome::rejected)},
      {"kill", "one attempt", core::Kill{.attempt = attempt}},
      {"kill-if-unstarted", "a recall", core::Kill{.attempt = attempt, .if_unstarted = true}},
      {"kill-group", "every attempt of a group", group_kill(false)},
      {"kill-group-if-unstarted", "", group_kill(true)},
      {"killed", "it was running", core::Killed{attempt, false, 1500us}},
      {"killed-unstarted", "", core::Killed{attempt, true, 0us}},
      {"heartbeat-worker", "", core::Heartbeat{.session = session, .started = 12}},
      {"heartbeat-manager", "", core::Heartbeat{.session = session, .acknowledged = 9}},
      {"heartbeat-echo", "", core::Heartbeat{session, 0, 9, true}},
      {"goodbye", "", core::Goodbye{.session = session}},
      {"goodbye-drain", "", core::Goodbye{.session = session, .drain = true}},
      {"goodbye-closed", "",
       core::Goodbye{.session = session, .closed = true, .words = "the farm is closed"}},
      {"goodbye-status", "a worker ends with 5",
       core::Goodbye{.session = session, .detail = 5, .words = "SIGTERM"}},
      {"welcome-parts", "payloads may come in parts", welcome_with_parts()},
      {"task-parts", "its payload follows in parts", task_in_parts()},
      {"result-parts", "its payload came before in parts", result_in_parts()},
      {"part", "from the middle of a payload",
       core::Part{attempt, 262144, 1000000, Bytes("a piece of it")}},
      {"part-taken", "", core::PartTaken{attempt, 524288}},
      {"tasks",
       "five at once: with a payload of 7 bytes, with every field but one set, with a payload of "
       "no bytes; two "
       "short records, a step of 1 and one of 255",
       tasks()},
      {"results",
       "six at once: one that found nothing, one with every field set; two short records, a step "
       "of 127 "
       "and one of -128",
       results()},
      {"output", "the third line of a task", core::Output{attempt, 14, Bytes("ready\n")}},
      {"output-taken", "both lines before it were taken", core::OutputTaken{attempt, 14}},
  };
}

core::Message sample(const std::string& name) {
  for (const Sample& each : samples()) {
    if (each.name == name) return each.message;
  }
  throw std::logic_error("no sample " + name);
}

OwnedFrames encoded(const core::Message& message, std::uint16_t version) {
  codec::HeaderBuffer buffer;
  const codec::Frames frames = codec::encode(message, version, buffer).value_or_raise();
  OwnedFrames owned{std::string(frames.header), {}};
  if (frames.has_payload) owned.payload = frames.payload.str();
  return owned;
}

Result<codec::Decoded> decoded(const OwnedFrames& frames) {
  if (!frames.payload) return codec::decode(frames.header, nullptr);
  const Bytes payload{std::string_view(*frames.payload)};
  return codec::decode(frames.header, &payload);
}

std::string fault_of(const OwnedFrames& frames) {
  const auto result = decoded(frames);
  return result ? "no error" : result.error().message;
}

std::string source_tree() {
  if (const char* source = std::getenv("FANMILL_SOURCE"); source != nullptr) return source;
  const std::string here = __FILE__;  // <tree>/tests/codec/samples.cpp
  const std::size_t end = here.rfind("tests/codec/");
  return end == 0 ? "." : here.substr(0, end - 1);
}

std::optional<std::string> file_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return {};
  return std::string(std::istreambuf_iterator<char>(file), {});
}

bool freezing() {
  const char* wanted = std::getenv("FANMILL_FREEZE");
  return wanted != nullptr && std::string_view(wanted) == "1";
}

}  // namespace fanmill::codec_test
