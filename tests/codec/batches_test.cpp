// Records of batches: which are short, and that a batch says the same however its records are written.
#include <random>

#include "catch.hpp"
#include "codec/samples.hpp"

namespace fanmill::codec_test {
namespace {

using namespace std::chrono_literals;

core::Task task(std::uint64_t serial) {
  return {.attempt = AttemptId{attempt_1 + serial},
          .group = GroupId{group_1 + serial},
          .item = serial,
          .task = TaskId{task_1 + serial},
          .payload = Payload::raw("8 bytes.")};
}

core::Result result(std::uint64_t serial) {
  return {.attempt = AttemptId{attempt_1 + serial},
          .busy = 17us,
          .payload = Payload::raw("8 bytes."),
          .cpu = 16us,
          .memory = 4096};
}

core::Message batch_of(std::vector<core::Task> tasks) {
  return core::Tasks{.session = session, .acknowledged = 0, .tasks = std::move(tasks)};
}
core::Message batch_of(std::vector<core::Result> results) {
  return core::Results{.session = session, .started = 0, .results = std::move(results)};
}

// Whether `next` is told by a short record behind `first`. Checks that both arrive as they are.
template <typename Record>
bool is_short(const Record& first, const Record& next) {
  const core::Message message = batch_of({first, next});
  const OwnedFrames frames = encoded(message);
  CHECK(decoded(frames).value_or_raise().message == message);
  const std::size_t payloads =
      (first.payload.bytes.size() + 7) / 8 * 8 + (next.payload.bytes.size() + 7) / 8 * 8;
  const std::size_t records = frames.header.size() - limits::batch_header_bytes - payloads;
  CHECK((records == 56 || records == 96));
  return records == 56;
}

template <typename Change>
bool is_short_task(const Change& change) {
  core::Task next = task(1);
  change(next);
  return is_short(task(0), next);
}

template <typename Change>
bool is_short_result(const Change& change) {
  core::Result next = result(1);
  change(next);
  return is_short(result(0), next);
}

}  // namespace

TEST_CASE("a task is told by a short record if it is the one before, further on", "[unit][codec]") {
  CHECK(is_short(task(0), task(1)));
  CHECK(is_short(task(0), task(255)));
  CHECK_FALSE(is_short(task(0), task(256)));
  CHECK_FALSE(is_short(task(1), task(0)));
  CHECK_FALSE(is_short(task(0), task(0)));
  CHECK(is_short_task([](core::Task& next) { next.function = 255; }));
  CHECK(is_short_task([](core::Task& next) { next.payload = {}; }));
  CHECK(is_short_task([](core::Task& next) { next.payload = Payload::json("[1, 2]"); }));
  CHECK(is_short_task(
      [](core::Task& next) { next.payload = Payload::raw(std::string(70001, 'x')); }));
  CHECK_FALSE(is_short_task([](core::Task& next) { next.attempt.value += 1; }));
  CHECK_FALSE(is_short_task([](core::Task& next) { next.group.value -= 1; }));
  CHECK_FALSE(is_short_task([](core::Task& next) { next.task.value += 1; }));
  CHECK_FALSE(is_short_task([](core::Task& next) { next.item = 7; }));
  CHECK_FALSE(is_short_task([](core::Task& next) { next.number = 2; }));
  CHECK_FALSE(is_short_task([](core::Task& next) { next.time_limit = 1ms; }));
}

TEST_CASE("a result is told by a short record if little of it is new", "[unit][codec]") {
  CHECK(is_short(result(0), result(1)));
  CHECK(is_short(result(0), result(127)));
  CHECK(is_short(result(128), result(0)));
  CHECK_FALSE(is_short(result(0), result(128)));
  CHECK_FALSE(is_short(result(129), result(0)));
  CHECK_FALSE(is_short(result(0), result(0)));
  CHECK(is_short_result([](core::Result& next) { next.payload = {}; }));
  CHECK(is_short_result([](core::Result& next) { next.busy = 65535us; }));
  CHECK_FALSE(is_short_result([](core::Result& next) { next.busy = 65536us; }));
  CHECK(is_short_result([](core::Result& next) { next.cpu = 65535us; }));
  CHECK_FALSE(is_short_result([](core::Result& next) { next.cpu = 65536us; }));
  const auto of_bytes = [](std::size_t size) {
    return is_short_result(
        [size](core::Result& next) { next.payload = Payload::raw(std::string(size, 'x')); });
  };
  CHECK(of_bytes(65535));
  CHECK_FALSE(of_bytes(65536));
  CHECK_FALSE(is_short_result([](core::Result& next) { next.memory += 1; }));
  CHECK_FALSE(is_short_result([](core::Result& next) { next.nothing = true; }));
  CHECK_FALSE(
      is_short_result([](core::Result& next) { next.outcome = core::AttemptOutcome::failed; }));
  CHECK_FALSE(is_short_result([](core::Result& next) { next.detail = 257; }));
}

TEST_CASE("times in short records are rounded up, and none is below 0", "[unit][codec]") {
  core::Result soon = result(1);
  soon.busy = 1ns;
  soon.cpu = -5us;
  const auto read = decoded(encoded(batch_of({result(0), soon}))).value_or_raise();
  const core::Result& next = std::get<core::Results>(read.message).results.at(1);
  CHECK(next.busy == 1us);
  CHECK(next.cpu == 0us);
}

TEST_CASE("ids of tasks go round at 64 bits", "[unit][codec]") {
  core::Task last = task(0);
  last.item = ~std::uint64_t{0};
  core::Task next = task(3);
  next.item = 2;
  CHECK(is_short(last, next));
}

// Numbers that are alike, nearly alike and far apart.
TEST_CASE("any batch arrives as it was sent", "[unit][codec]") {
  std::mt19937_64 random(20261122);
  const auto below = [&](std::uint64_t limit) { return random() % limit; };
  const auto near_by = [&](std::uint64_t number, std::uint64_t step) {
    return below(8) == 0 ? random() | 1 : number + step;
  };
  const auto payload = [&] {
    return below(5) == 0 ? Payload{} : Payload::raw(std::string(below(70), 'p'));
  };
  for (int round = 0; round < 300; ++round) {
    std::vector<core::Task> tasks{task(0)};
    std::vector<core::Result> results{result(0)};
    for (std::uint64_t left = below(20); left > 0; --left) {
      core::Task next = tasks.back();
      const std::uint64_t step = 1 + below(260);
      next.attempt.value = near_by(next.attempt.value, step);
      next.group.value = near_by(next.group.value, step);
      next.task.value = near_by(next.task.value, step);
      next.item = near_by(next.item, step);
      next.function = static_cast<std::uint16_t>(below(256));
      if (below(8) == 0) next.number += 1;
      next.payload = payload();
      tasks.push_back(next);
      core::Result other = results.back();
      other.attempt.value = near_by(other.attempt.value, below(300) - 140);
      other.busy = std::chrono::microseconds(below(70000));
      other.nothing = below(6) == 0;
      other.payload = payload();
      results.push_back(other);
    }
    for (const core::Message& message : {batch_of(tasks), batch_of(results)}) {
      CAPTURE(round);
      REQUIRE(decoded(encoded(message)).value_or_raise().message == message);
    }
  }
}

}  // namespace fanmill::codec_test
