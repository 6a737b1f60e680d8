// Payloads in parts, as the worker sees them: of tasks on their way in, of results on their way out.
#include "catch.hpp"
#include "worker_rig.hpp"

namespace fanmill::core::test {
namespace {

using Catch::Matchers::ContainsSubstring;

constexpr std::uint64_t part = limits::header_bytes_max;  // a frame's size, and so a part's
constexpr std::uint64_t window = limits::part_window(part);

WorkerOptions taking_options() {
  WorkerOptions options = plain_options();
  options.features |= feature::parts;
  return options;
}

struct Rig : WorkerRig {
  explicit Rig(WorkerOptions given = taking_options()) : WorkerRig(std::move(given)) {
    terms.frame_bytes_max = part;
    terms.payload_bytes_max = 100 * part;
    start_and_welcome();
    now += 1s;  // so that the end of this session is no sign of one that can't last
  }
  void announce(std::uint64_t attempt) {
    receive(Task{.attempt = AttemptId{attempt},
                 .group = GroupId{attempt},
                 .task = TaskId{attempt},
                 .payload = {.bytes = {}, .encoding = Encoding::raw},
                 .in_parts = true});
  }
  void receive_part(std::uint64_t attempt, std::uint64_t offset, std::uint64_t total,
                    std::uint64_t size = part) {
    receive(Part{.attempt = AttemptId{attempt},
                 .offset = offset,
                 .total = total,
                 .bytes = Bytes(std::string(size, 'x'))});
  }
  void finish_large(std::uint64_t attempt, std::uint64_t bytes, std::uint32_t slot = 0) {
    step(TaskFinished{.slot = slot,
                      .attempt = AttemptId{attempt},
                      .result = {.busy = 3ms, .payload = Payload::raw(std::string(bytes, 'r'))}});
  }
  void receive_taken(std::uint64_t attempt, std::uint64_t offset) {
    receive(PartTaken{.attempt = AttemptId{attempt}, .offset = offset});
  }
};

constexpr const char* first_window =
    "part 1 from 0, part 1 from 4096, part 1 from 8192, part 1 from 12288";

}  // namespace

TEST_CASE("a task starts when all of its payload is there, and none behind it before",
          "[unit][worker]") {
  WorkerOptions options = taking_options();
  options.slots = 2;
  Rig rig(options);
  rig.announce(1);
  rig.receive_task(2);
  CHECK(rig.claim_all() == "-");
  rig.receive_part(1, 0, 2 * part);
  CHECK(rig.claim_all() == "part taken 1 to 4096");
  rig.receive_part(1, 0, 2 * part);  // twice
  CHECK(rig.claim_all() == "-");
  CHECK(rig.worker.counters().parts_unknown == 1);
  rig.receive_part(1, part, 2 * part);
  CHECK(rig.expect_sent<PartTaken>().offset == 2 * part);
  const StartTask start = rig.expect<StartTask>();
  CHECK(start.task.payload == Payload::raw(std::string(2 * part, 'x')));
  CHECK(rig.claim_all() == "start 2");
}

TEST_CASE("a kill between the parts of a task drops what has come; what still comes is told of",
          "[unit][worker]") {
  Rig rig;
  rig.announce(1);
  rig.receive_part(1, 0, 3 * part);
  CHECK(rig.claim_all() == "part taken 1 to 4096");
  SECTION("a kill") { rig.receive(Kill{.attempt = AttemptId{1}}); }
  SECTION("a recall") { rig.receive(Kill{.attempt = AttemptId{1}, .if_unstarted = true}); }
  SECTION("of its group") { rig.receive(Kill{.session = rig.terms.session, .group = GroupId{1}}); }
  CHECK(rig.claim_all() == "unstarted 1");
  rig.receive_part(1, part, 3 * part);
  CHECK(rig.claim_all() == "part taken 1 to 8192");
  rig.announce(2);
  rig.receive_part(2, 0, part);
  CHECK(rig.claim_all() == "part taken 2 to 4096, start 2");
}

TEST_CASE("a task that came half is not in the next hello, and is not started", "[unit][worker]") {
  Rig rig;
  rig.run_task(1);
  rig.announce(2);
  rig.receive_part(2, 0, 3 * part);
  rig.claim_all();
  rig.lose_connection();
  rig.expect<OpenConnection>();
  const Hello hello = rig.expect_sent<Hello>();
  CHECK(hello.holdings == std::vector<Holding>{{AttemptId{1}, HoldingState::running}});
  rig.welcome({{AttemptId{1}, Verdict::keep}});
  rig.receive_part(2, part, 3 * part);  // of the session before
  CHECK(rig.claim_all() == "part taken 2 to 8192");
  rig.finish(0, 1);
  CHECK(rig.claim_all() == "result 1");
}

TEST_CASE("a payload beyond the worker's limit is rejected at its first part", "[unit][worker]") {
  WorkerOptions options = taking_options();
  options.payload_bytes_max = 2 * part;
  Rig rig(options);
  rig.announce(1);
  rig.receive_part(1, 0, 3 * part);
  CHECK(rig.expect_sent<PartTaken>().offset == part);
  const Result result = rig.expect_sent<Result>();
  CHECK(result.outcome == AttemptOutcome::rejected);
  CHECK(result.error_text == "its payload has 12288 bytes; this worker takes 8192");
  rig.receive_part(1, part, 3 * part);
  CHECK(rig.claim_all() == "part taken 1 to 8192");
}

TEST_CASE("a manager that lies about parts costs its session", "[unit][worker]") {
  Rig rig;
  rig.announce(1);
  rig.announce(2);
  rig.receive_part(1, 0, 9 * part);
  rig.claim_all();
  std::string words;
  SECTION("a gap") {
    words = "expected 4096";
    rig.receive_part(1, 2 * part, 9 * part);
  }
  SECTION("an overlap") {
    words = "expected 4096";
    rig.receive_part(1, 1, 9 * part);
  }
  SECTION("another task's in the middle") {
    words = "is not whole";
    rig.receive_part(2, 0, 9 * part);
  }
  SECTION("another size") {
    words = "others said";
    rig.receive_part(1, part, 8 * part);
  }
  CHECK(rig.claim_all() == "hello 2");
  CHECK_THAT(rig.notes.back().text, ContainsSubstring(words));
}

TEST_CASE("parts without the feature are ignored, and such a task is rejected", "[unit][worker]") {
  Rig rig(plain_options());
  rig.receive_part(1, 0, 2 * part);
  rig.receive_taken(1, part);
  CHECK(rig.worker.counters().messages_ignored == 2);
  rig.announce(1);
  CHECK(rig.expect_sent<Result>().outcome == AttemptOutcome::rejected);
}

TEST_CASE("a large result goes in parts, as far as they are taken, and is said behind the last",
          "[unit][worker]") {
  Rig rig;
  rig.run_task(1);
  rig.finish_large(1, 6 * part);
  CHECK(rig.claim_all() == first_window);
  CHECK(rig.worker.unacknowledged_count() == 1);
  rig.receive_taken(1, part);
  CHECK(rig.claim_all() == "part 1 from 16384");
  rig.receive_taken(1, 3 * part);
  CHECK(rig.expect_sent<Part>().offset == 5 * part);
  const Result result = rig.expect_sent<Result>();
  CHECK(result.in_parts);
  CHECK(result.payload == Payload{.bytes = {}, .encoding = Encoding::raw});
  rig.receive(Heartbeat{.session = rig.terms.session, .acknowledged = 1});
  CHECK(rig.worker.unacknowledged_count() == 0);
}

TEST_CASE("small results, heartbeats and tasks pass a large one, and are acknowledged before it",
          "[unit][worker]") {
  Rig rig;
  rig.run_task(1);
  rig.finish_large(1, 5 * part);
  CHECK(rig.claim_all() == first_window);
  rig.do_task(2);
  rig.receive(Heartbeat{.session = rig.terms.session, .acknowledged = 1, .echo = true});
  CHECK(rig.claim_all() == "heartbeat");
  CHECK(rig.worker.unacknowledged_count() == 1);
  rig.receive_taken(1, window);
  CHECK(rig.claim_all() == "part 1 from 16384, result 1");
  rig.receive(Heartbeat{.session = rig.terms.session, .acknowledged = 2});
  CHECK(rig.worker.unacknowledged_count() == 0);
}

TEST_CASE("a kill stops the rest of a large result and is answered", "[unit][worker]") {
  Rig rig;
  rig.run_task(1);
  rig.finish_large(1, 50 * part);
  CHECK(rig.claim_all() == first_window);
  rig.run_task(2);
  rig.finish_large(2, 2 * part);
  CHECK(rig.claim_all() == "-");
  SECTION("of the attempt") { rig.receive(Kill{.attempt = AttemptId{1}}); }
  SECTION("of its group") { rig.receive(Kill{.session = rig.terms.session, .group = GroupId{1}}); }
  CHECK(rig.claim_all() == "killed 1");
  rig.receive_taken(1, window);
  CHECK(rig.claim_all() == "part 2 from 0, part 2 from 4096, result 2");
}

TEST_CASE("a recall leaves a large result alone", "[unit][worker]") {
  Rig rig;
  rig.run_task(1);
  rig.finish_large(1, 50 * part);
  CHECK(rig.claim_all() == first_window);
  rig.receive(Kill{.attempt = AttemptId{1}, .if_unstarted = true});
  CHECK(rig.claim_all() == "-");
}

TEST_CASE("a large result is sent again from its beginning in the next session", "[unit][worker]") {
  Rig rig;
  rig.run_task(1);
  rig.finish_large(1, 5 * part);
  CHECK(rig.claim_all() == first_window);
  rig.do_task(2);
  SECTION("one that was not whole") {}
  SECTION("one that was said, and not acknowledged") {
    rig.receive_taken(1, window);
    CHECK(rig.claim_all() == "part 1 from 16384, result 1");
  }
  rig.lose_connection();
  rig.expect<OpenConnection>();
  CHECK(rig.expect_sent<Hello>().holdings ==
        std::vector<Holding>{{AttemptId{2}, HoldingState::result},
                             {AttemptId{1}, HoldingState::result}});
  rig.welcome({{AttemptId{1}, Verdict::keep}, {AttemptId{2}, Verdict::keep}});
  CHECK(rig.claim_all() == std::string("result 2, ") + first_window);
  rig.receive_taken(1, window);
  CHECK(rig.claim_all() == "part 1 from 16384, result 1");
}

TEST_CASE("a result beyond what the manager takes fails in words", "[unit][worker]") {
  Rig rig;
  rig.run_task(1);
  rig.finish_large(1, 100 * part + 1);
  const Result result = rig.expect_sent<Result>();
  CHECK(result.error_type == "payload_too_large");
  CHECK(result.error_text == "the result has 409601 bytes; the manager takes 409600");
}

TEST_CASE("a worker that leaves waits for its large results as long as they move",
          "[unit][worker]") {
  Rig rig;
  rig.run_task(1);
  rig.finish_large(1, 6 * part);
  rig.step(StopRequested{.drain = true});
  CHECK(rig.claim_all() == std::string(first_window) + ", drain, echo?");
  rig.now += 15s;
  rig.receive_taken(1, part);
  CHECK(rig.claim_all() == "part 1 from 16384");
  rig.now += 15s;
  rig.receive_taken(1, 2 * part);
  CHECK(rig.claim_all() == "part 1 from 20480, result 1");
  rig.receive(Heartbeat{.session = rig.terms.session, .acknowledged = 1});
  CHECK(rig.claim_all() == "goodbye, end 5");
}

}  // namespace fanmill::core::test
