// The table of peers, and the counts that stay true when a task could not be sent.
#include "net/connections.hpp"

#include "catch.hpp"
#include "net/unsent_tasks.hpp"

using namespace fanmill;
using namespace fanmill::net;

TEST_CASE("a peer is found by its number, its routing id and its descriptor until it is erased") {
  Connections table(10);
  const PeerId peer = table.add("r1", 7).peer;
  CHECK(table.find(peer)->routing_id == "r1");
  CHECK(table.find("r1")->peer == peer);
  CHECK(table.find_descriptor(7)->peer == peer);
  table.erase(peer);
  CHECK(table.find(peer) == nullptr);
  CHECK(table.find("r1") == nullptr);
  CHECK(table.find_descriptor(7) == nullptr);
  CHECK(table.size() == 0);
  CHECK(table.stranger_count() == 0);
  CHECK(table.add("r1", 7).peer != peer);  // numbers are never used again
}

TEST_CASE("a descriptor that another peer has taken stays with that one") {
  Connections table(10);
  Connection& former = table.add("former", 7);
  table.release_descriptor(former);
  Connection& now = table.add("now", 7);
  table.release_descriptor(former);
  table.reclaim_descriptor(former);
  CHECK(table.find_descriptor(7) == &now);
  table.erase(now.peer);
  CHECK(table.find_descriptor(7) == nullptr);
  table.reclaim_descriptor(former);
  CHECK(table.find_descriptor(7) == &former);
}

TEST_CASE("of peers without a session only so many are kept, the oldest goes first") {
  Connections table(2);
  Connection& first = table.add("a", 1);
  const PeerId second = table.add("b", 2).peer;
  table.open_session(first, SessionId{1}, 1);
  table.add("c", 3);
  CHECK_FALSE(table.surplus_stranger());
  table.add("d", 4);
  CHECK(table.surplus_stranger() == second);
  table.erase(second);
  CHECK_FALSE(table.surplus_stranger());
}

TEST_CASE("the connections of a user's other workers are counted") {
  Connections table(10);
  const core::Uuid one{.low = 1};
  const core::Uuid two{.low = 2};
  CHECK(table.count_others("node3", one) == 0);
  Connection& first = table.add("r1", 1, "node3");
  Connection& second = table.add("r2", 2, "node3");
  Connection& third = table.add("r3", 3, "node4");
  CHECK(table.count_others("node3", one) == 0);  // none has said who it is
  for (int i = 0; i < 2; ++i) {                  // again is no more
    table.name_worker(first, one);
    table.name_worker(second, one);
    table.name_worker(third, one);
  }
  CHECK(table.count_others("node3", one) == 0);
  CHECK(table.count_others("node3", two) == 2);
  table.name_worker(second, two);
  CHECK(table.count_others("node3", one) == 1);
  CHECK(table.count_others("node3", core::Uuid{.low = 3}) == 2);
  CHECK(table.count_others("node4", two) == 1);
  table.name_worker(first, {});
  CHECK(table.count_others("node3", two) == 0);
  table.erase(second.peer);
  CHECK(table.count_others("node3", one) == 0);
}

TEST_CASE("a started count of the worker becomes the core's when tasks were not sent") {
  UnsentTasks tasks;
  tasks.sent();    // core 1, worker 1
  tasks.unsent();  // core 2
  tasks.unsent();  // core 3
  tasks.sent();    // core 4, worker 2
  tasks.sent();    // core 5, worker 3
  CHECK(tasks.started(0) == 0);
  CHECK(tasks.started(1) == 1);
  CHECK(tasks.started(2) == 4);
  CHECK(tasks.started(3) == 5);
  tasks.unsent();  // core 6
  tasks.sent();    // core 7, worker 4
  CHECK(tasks.started(3) == 5);
  CHECK(tasks.started(4) == 7);
}

TEST_CASE("results that the shell gave in a worker's name are not acknowledged to it") {
  UnsentTasks tasks;
  CHECK(tasks.acknowledged(3) == 3);
  tasks.unsent();
  CHECK(tasks.acknowledged(3) == 3);  // the core has not counted it yet
  tasks.answered();
  CHECK(tasks.acknowledged(4) == 3);
}
