// One run over one list of items.
#include <algorithm>
#include <functional>

#include "catch.hpp"
#include "client_rig.hpp"

namespace fanmill::core::test {
namespace {

constexpr auto first = Policy::Kind::first;
constexpr auto asks = Policy::Kind::client;

TEST_CASE("a run opens its job, submits its items and ends with the job", "[client]") {
  ClientRig rig;
  CHECK(rig.client.may_pull());
  rig.pull(first, 1);
  rig.pull(first, 1);
  rig.step(InputEnded{});
  CHECK(rig.claim_all() == "submit 0, submit 1, close");
  CHECK_FALSE(rig.client.may_pull());
  rig.group_ended(1);
  rig.group_ended(0);
  CHECK(rig.claim_all() == "conclude 1 decided, conclude 0 decided");
  rig.concluded(1);
  CHECK(rig.claim_all() == "release 1");
  rig.step(JobEndReceived{});
  CHECK(rig.claim_all() == "-");
  rig.concluded(0);
  CHECK(rig.claim_all() == "release 0, finished");
  CHECK(rig.client.finished());
}

TEST_CASE("an empty list is a run too", "[client]") {
  ClientRig rig;
  rig.step(InputEnded{});
  rig.step(JobEndReceived{});
  CHECK(rig.claim_all() == "close, finished");
}

TEST_CASE("ordered items are released in the order of the input", "[client]") {
  ClientRig rig({.ordered = true});
  for (int i = 0; i < 3; ++i) rig.pull(first, 1);
  for (const std::uint64_t item : {2, 0, 1}) rig.group_ended(item);
  rig.claim_all();
  rig.concluded(2, 1000);
  CHECK(rig.claim_all() == "-");
  CHECK(rig.client.result_bytes_waiting() == 1000);
  rig.concluded(0);
  CHECK(rig.claim_all() == "release 0");
  rig.concluded(1);
  CHECK(rig.claim_all() == "release 1, release 2");
  CHECK(rig.client.result_bytes_waiting() == 0);
}

TEST_CASE("pulling stops while enough is under way", "[client]") {
  SECTION("tasks") {
    ClientRig rig({.lookahead_tasks = 4});
    rig.pull(first, 2);
    CHECK(rig.client.may_pull());
    rig.pull(first, 2);
    CHECK_FALSE(rig.client.may_pull());
    rig.group_ended(0);
    CHECK(rig.client.may_pull());
    rig.claim_all();
  }
  SECTION("bytes") {
    ClientRig rig({.lookahead_bytes = 100});
    rig.pull(first, 2, 50);
    CHECK_FALSE(rig.client.may_pull());
    rig.group_ended(0);
    CHECK(rig.client.may_pull());
    rig.claim_all();
  }
  SECTION("until it may look further ahead") {
    ClientRig rig({.lookahead_tasks = 1});
    rig.pull(first, 1);
    CHECK_FALSE(rig.client.may_pull());
    rig.client.set_lookahead_tasks(2);
    CHECK(rig.client.may_pull());
    rig.pull(first, 1);
    rig.client.set_lookahead_tasks(1);
    CHECK_FALSE(rig.client.may_pull());
    rig.group_ended(0);
    rig.claim_all();
    CHECK_FALSE(rig.client.may_pull());
  }
  SECTION("items whose result is being made") {
    ClientRig rig({.lookahead_tasks = 2});
    rig.pull(first, 1);
    rig.pull(first, 1);
    rig.group_ended(0);
    rig.group_ended(1);
    CHECK_FALSE(rig.client.may_pull());
    rig.concluded(0);
    CHECK(rig.client.may_pull());
    rig.claim_all();
  }
}

TEST_CASE("pulling stops while too many results wait for an earlier item", "[client]") {
  ClientRig rig({.ordered = true, .result_bytes_waiting_max = 1000});
  rig.pull(first, 1);
  rig.pull(first, 1);
  rig.group_ended(1);
  rig.concluded(1, 1000);
  CHECK_FALSE(rig.client.may_pull());
  rig.group_ended(0);
  rig.concluded(0, 5000);
  CHECK(rig.client.may_pull());
  rig.claim_all();
}

TEST_CASE("even results without bytes are bounded", "[client]") {
  ClientRig rig({.ordered = true, .result_bytes_waiting_max = 1000});
  rig.pull(first, 1);
  std::uint64_t item = 1;
  for (; rig.client.may_pull(); ++item) {
    REQUIRE(item < 1000);
    rig.pull(first, 1);
    rig.group_ended(item);
    rig.concluded(item, 0);
  }
  rig.claim_all();
}

TEST_CASE("an item larger than every limit still goes alone", "[client]") {
  ClientRig rig({.ordered = true, .lookahead_tasks = 1, .lookahead_bytes = 0});
  CHECK(rig.client.may_pull());
  rig.pull(first, 5, 100);
  CHECK_FALSE(rig.client.may_pull());
  rig.group_ended(0);
  rig.concluded(0);
  CHECK(rig.client.may_pull());
  rig.claim_all();
}

TEST_CASE("nothing is kept of items behind one that takes for ever", "[client]") {
  ClientRig rig;
  rig.pull(first, 1);
  for (std::uint64_t item = 1; item < 1000; ++item) {
    rig.pull(first, 1);
    rig.group_ended(item);
    rig.concluded(item, 10);
    REQUIRE(rig.client.may_pull());
    rig.claim_all();
  }
  CHECK(rig.client.open_groups() == 1);
  CHECK(rig.client.open_tasks() == 1);
  CHECK(rig.client.result_bytes_waiting() == 0);
}

TEST_CASE("a group's callback is asked about each end, one at a time", "[client]") {
  ClientRig rig;
  rig.pull(asks, 3);
  rig.task_ended(0, 1);
  rig.task_ended(0, 0);
  CHECK(rig.claim_all() == "submit 0, ask 0/1");
  CHECK(rig.client.open_tasks() == 1);
  rig.answered(0);
  CHECK(rig.claim_all() == "ask 0/0");
  rig.answered(0);
  CHECK(rig.claim_all() == "-");
  rig.task_ended(0, 2);
  CHECK(rig.claim_all() == "ask 0/2");
  // It has run out of tasks without a decision.
  rig.answered(0);
  CHECK(rig.claim_all() == "update 100 done, conclude 0");
  rig.concluded(0);
  CHECK(rig.claim_all() == "release 0");
}

TEST_CASE("the outcome of a task reaches its callback", "[client]") {
  ClientRig rig;
  rig.pull(asks, 1);
  rig.claim_all();
  rig.step(TaskEndReceived{
      {.job = job, .group = GroupId{100}, .outcome = {.kind = OutcomeKind::failed}}});
  CHECK(rig.expect_only<CallUpdate>().outcome.kind == OutcomeKind::failed);
}

TEST_CASE("the result of a group reaches its conclusion", "[client]") {
  ClientRig rig;
  rig.pull(first, 1);
  rig.claim_all();
  GroupResult result{.decided = true, .answers = {{.task = 0, .payload = Payload::raw("42")}}};
  rig.step(GroupEndReceived{{.job = job, .result = result}});
  CHECK(rig.expect_only<CallConclude>().result == result);
}

TEST_CASE("a decision ends the group, and later ends of its tasks are ignored", "[client]") {
  ClientRig rig;
  rig.pull(asks, 3);
  rig.task_ended(0, 0);
  rig.task_ended(0, 1);
  rig.answered(0, 5, false, true);
  CHECK(rig.claim_all() == "submit 0, ask 0/0, update 100 done, conclude 0 decided");
  CHECK(rig.client.open_tasks() == 0);
  rig.task_ended(0, 2);
  rig.answered(0);
  CHECK(rig.claim_all() == "-");
}

TEST_CASE("a callback adds tasks, which are numbered on", "[client]") {
  ClientRig rig;
  rig.pull(asks, 1);
  rig.task_ended(0, 0);
  rig.answered(0, 2);
  CHECK(rig.claim_all() == "submit 0, ask 0/0, update 100 add 2");
  CHECK(rig.client.open_tasks() == 2);
  rig.task_ended(0, 2);
  rig.task_ended(0, 2);  // Twice: once is enough.
  rig.task_ended(0, 7);  // There is no such task.
  CHECK(rig.claim_all() == "ask 0/2");
  rig.answered(0);
  rig.task_ended(0, 1);
  rig.answered(0);
  CHECK(rig.claim_all() == "ask 0/1, update 100 done, conclude 0");
}

TEST_CASE("a callback replaces tasks, whose ends are late from then on", "[client]") {
  ClientRig rig;
  rig.pull(asks, 4);
  rig.task_ended(0, 0);
  rig.task_ended(0, 1);  // Waits for the answer, and is overtaken by it.
  rig.answered(0, 2, true);
  CHECK(rig.claim_all() == "submit 0, ask 0/0, update 100 replace add 2");
  CHECK(rig.client.open_tasks() == 2);
  rig.task_ended(0, 2);
  rig.task_ended(0, 3);
  CHECK(rig.claim_all() == "-");
  rig.task_ended(0, 4);
  CHECK(rig.claim_all() == "ask 0/4");
  rig.answered(0);
  rig.task_ended(0, 5);
  rig.answered(0);
  CHECK(rig.claim_all() == "ask 0/5, update 100 done, conclude 0");
}

TEST_CASE("replacing all tasks by none ends the group undecided", "[client]") {
  ClientRig rig;
  rig.pull(asks, 3);
  rig.task_ended(0, 0);
  rig.answered(0, 0, true);
  CHECK(rig.claim_all() == "submit 0, ask 0/0, update 100 done, conclude 0");
}

TEST_CASE("a group without tasks is concluded without the manager", "[client]") {
  ClientRig rig;
  rig.pull(asks, 0);
  rig.step(InputEnded{});
  CHECK(rig.claim_all() == "conclude 0, close");
  rig.step(JobEndReceived{});
  CHECK(rig.claim_all() == "-");
  rig.concluded(0);
  CHECK(rig.claim_all() == "release 0, finished");
}

TEST_CASE("a group with a built-in policy and no tasks is the manager's matter", "[client]") {
  ClientRig rig;
  rig.pull(first, 0);
  CHECK(rig.claim_all() == "submit 0");
}

TEST_CASE("bytes of a long-lived group count only while its tasks are open", "[client]") {
  ClientRig rig;
  rig.pull(asks, 3, 10);
  CHECK(rig.client.open_bytes() == 30);
  rig.task_ended(0, 1);
  CHECK(rig.client.open_bytes() == 20);
  rig.answered(0, 1);
  CHECK(rig.client.open_bytes() == 21);
  rig.task_ended(0, 0);
  CHECK(rig.client.open_bytes() == 11);
  rig.claim_all();
}

TEST_CASE("a cancelled run releases nothing more and ends with its job", "[client]") {
  ClientRig rig;
  rig.pull(first, 1);
  rig.pull(asks, 1);
  rig.pull(first, 1);
  rig.group_ended(0);
  rig.task_ended(1, 0);
  rig.claim_all();
  rig.step(RunCancelled{});
  rig.step(RunCancelled{});
  CHECK(rig.claim_all() == "cancel");
  CHECK_FALSE(rig.client.may_pull());
  rig.concluded(0);
  rig.answered(1);
  rig.group_ended(2);
  rig.pull(first, 1);
  rig.step(InputEnded{});
  CHECK(rig.claim_all() == "-");
  rig.step(JobEndReceived{});
  CHECK(rig.claim_all() == "cut off");
}

TEST_CASE("a run is cancelled after its job has ended", "[client]") {
  ClientRig rig;
  rig.pull(first, 1);
  rig.step(InputEnded{});
  rig.group_ended(0);
  rig.step(JobEndReceived{});
  rig.claim_all();
  rig.step(RunCancelled{});
  CHECK(rig.claim_all() == "cut off");
}

TEST_CASE("a drained run finishes what has begun, in order, and forgets the rest", "[client]") {
  ClientRig rig({.ordered = true});
  rig.pull(first, 1);
  rig.pull(asks, 2);
  rig.pull(first, 1);
  rig.pull(first, 1);
  rig.claim_all();
  rig.step(RunDrained{});
  rig.step(RunDrained{});
  CHECK(rig.claim_all() == "drain");
  CHECK_FALSE(rig.client.may_pull());
  rig.group_withdrawn(1);
  rig.group_withdrawn(2);
  rig.group_withdrawn(2);
  CHECK(rig.client.items_withdrawn() == 2);
  CHECK(rig.client.open_tasks() == 2);
  rig.group_ended(3);
  rig.concluded(3);
  CHECK(rig.claim_all() == "conclude 3 decided");
  rig.group_ended(0);
  rig.concluded(0);
  CHECK(rig.claim_all() == "conclude 0 decided, release 0, release 3");
  rig.step(JobEndReceived{});
  CHECK(rig.claim_all() == "drained");
}

TEST_CASE("a drained run without order forgets at once", "[client]") {
  ClientRig rig;
  rig.pull(first, 1);
  rig.pull(first, 1);
  rig.step(InputEnded{});
  rig.claim_all();
  rig.step(RunDrained{});
  rig.group_withdrawn(0);
  rig.group_ended(1);
  rig.concluded(1);
  CHECK(rig.claim_all() == "drain, conclude 1 decided, release 1");
  rig.step(JobEndReceived{});
  CHECK(rig.claim_all() == "drained");
}

TEST_CASE("a drained run may still be cancelled", "[client]") {
  ClientRig rig;
  rig.pull(first, 1);
  rig.step(RunDrained{});
  rig.step(RunCancelled{});
  CHECK(rig.claim_all() == "submit 0, drain, cancel");
  rig.step(JobEndReceived{});
  CHECK(rig.claim_all() == "cut off");
}

TEST_CASE("a job that its manager ends cuts the run off", "[client]") {
  ClientRig rig;
  rig.pull(first, 1);
  SECTION("before the input ended") {
    rig.group_ended(0);
    rig.claim_all();
  }
  SECTION("with an open group") {
    rig.step(InputEnded{});
    CHECK(rig.claim_all() == "submit 0, close");
  }
  rig.step(JobEndReceived{});
  CHECK(rig.claim_all() == "cut off");
}

TEST_CASE("what belongs to another run is ignored", "[client]") {
  ClientRig rig;
  rig.pull(first, 1);
  rig.pull(asks, 1);
  rig.claim_all();
  rig.step(GroupEndReceived{{.job = JobId{2}, .item = 0}});
  rig.step(TaskEndReceived{{.job = JobId{2}, .item = 1}});
  CHECK(rig.claim_all() == "-");
}

// Items 0 of the states. What a group with a policy of its own and one that asks do differently has
// a state for each.
TEST_CASE("every fact in every state is handled or ignored by a client", "[client]") {
  using Step = std::function<void(ClientRig&)>;
  const std::vector<std::pair<std::string, Step>> states = {
      {"empty", [](ClientRig&) {}},
      {"racing", [](ClientRig& rig) { rig.pull(first, 2); }},
      {"asking", [](ClientRig& rig) { rig.pull(asks, 2); }},
      {"calling",
       [](ClientRig& rig) {
         rig.pull(asks, 2);
         rig.task_ended(0, 0);
       }},
      {"concluding",
       [](ClientRig& rig) {
         rig.pull(first, 1);
         rig.group_ended(0);
       }},
      {"released",
       [](ClientRig& rig) {
         rig.pull(first, 1);
         rig.group_ended(0);
         rig.concluded(0);
       }},
      {"cancelled",
       [](ClientRig& rig) {
         rig.pull(first, 1);
         rig.step(RunCancelled{});
       }},
      {"finished",
       [](ClientRig& rig) {
         rig.step(InputEnded{});
         rig.step(JobEndReceived{});
       }},
  };
  struct Row {
    std::string fact;
    Step happen;
    std::string expected;
  };
  const std::vector<Row> rows = {
      {"input ended", [](ClientRig& rig) { rig.step(InputEnded{}); },
       "empty: close; racing: close; asking: close; calling: close; concluding: close; released: "
       "close"},
      {"task ended", [](ClientRig& rig) { rig.task_ended(0, 1); }, "asking: ask 0/1"},
      {"group ended", [](ClientRig& rig) { rig.group_ended(0); }, "racing: conclude 0 decided"},
      {"job ended", [](ClientRig& rig) { rig.step(JobEndReceived{}); },
       "empty: cut off; racing: cut off; asking: cut off; calling: cut off; concluding: cut off; "
       "released: cut off; cancelled: cut off"},
      {"update answered", [](ClientRig& rig) { rig.answered(0, 1); }, "calling: update 100 add 1"},
      {"update answered, done", [](ClientRig& rig) { rig.answered(0, 0, false, true); },
       "calling: update 100 done, conclude 0 decided"},
      {"group withdrawn",
       [](ClientRig& rig) {
         rig.group_withdrawn(0);
         // Only the number of withdrawn items shows it.
         if (rig.client.items_withdrawn() > 0) rig.step(RunDrained{});
       },
       "racing: drain; asking: drain; calling: drain"},
      {"item concluded", [](ClientRig& rig) { rig.concluded(0); }, "concluding: release 0"},
      {"run cancelled", [](ClientRig& rig) { rig.step(RunCancelled{}); },
       "empty: cancel; racing: cancel; asking: cancel; calling: cancel; concluding: cancel; "
       "released: cancel"},
      {"run drained", [](ClientRig& rig) { rig.step(RunDrained{}); },
       "empty: drain; racing: drain; asking: drain; calling: drain; concluding: drain; "
       "released: drain"},
  };
  for (const Row& row : rows) {
    std::string what_happens;
    for (const auto& [name, enter] : states) {
      ClientRig rig;
      enter(rig);
      rig.claim_all();
      row.happen(rig);
      const std::string done = rig.claim_all();
      if (done == "-") continue;
      if (!what_happens.empty()) what_happens += "; ";
      what_happens.append(name).append(": ").append(done);
    }
    INFO(row.fact);
    CHECK(what_happens == row.expected);
  }
}

TEST_CASE("what is returned at once is what would be appended", "[client]") {
  const auto all_of = [](bool at_once) {
    std::string told;
    const auto tell = [&](const ClientAction& action) { told += in_short(action) + ", "; };
    Client client({.job = job, .ordered = true});
    ClientActions actions;
    client.open(actions);
    const auto flush = [&] {
      std::for_each(actions.begin(), actions.end(), tell);
      actions.clear();
    };
    const auto pull = [&](ItemPulled item) {
      if (!at_once) return client.step(std::move(item), actions), flush();
      if (auto order = client.take(std::move(item), actions)) tell(TellManager(std::move(*order)));
      flush();
    };
    const auto end = [&](DeliverGroupEnd group_end) {
      if (!at_once) return client.step(GroupEndReceived{std::move(group_end)}, actions), flush();
      if (auto call = client.take(std::move(group_end), actions)) tell(std::move(*call));
      flush();
    };
    flush();
    pull({.policy = Policy::first(), .tasks = {TaskSpec{}}});
    pull({.policy = {Policy::Kind::client, 1}});  // no task, so its call comes at once
    pull({.policy = Policy::first(), .tasks = {TaskSpec{}}});
    pull({.policy = Policy::first(), .tasks = {TaskSpec{}}});
    end({.job = JobId{2}, .item = 2});  // another's
    end({.job = job, .item = 2, .result = {.decided = true}});
    end({.job = job, .item = 2, .result = {.decided = true}});  // late
    client.step(ItemConcluded{.item = 2}, actions);
    client.step(ItemConcluded{.item = 1}, actions);
    client.step(RunDrained{}, actions);
    end({.job = job, .item = 0, .result = {.withdrawn = true}});  // those behind it go
    client.step(JobEndReceived{}, actions);
    end({.job = job, .item = 3, .result = {.decided = true}});  // its job was over before
    return told;
  };
  CHECK(all_of(true) == all_of(false));
  CHECK(all_of(true) ==
        "open, submit 0, conclude 1, submit 2, submit 3, conclude 2 decided, drain, release 1, "
        "release 2, cut off, ");
}

}  // namespace
}  // namespace fanmill::core::test
