#include "base/ids.hpp"

#include <sstream>
#include <type_traits>
#include <unordered_set>

#include "catch.hpp"

namespace fanmill {

static_assert(!std::is_convertible_v<TaskId, AttemptId>);
static_assert(!std::is_convertible_v<std::uint64_t, TaskId>);

TEST_CASE("0 is never a valid id", "[unit][base]") {
  CHECK_FALSE(SessionId{}.valid());
  CHECK(SessionId{1}.valid());
}

TEST_CASE("ids count up from 1 and carry their incarnation", "[unit][base]") {
  IdSource<AttemptId> source(incarnation_max);
  const AttemptId first = source.next();
  const AttemptId second = source.next();
  CHECK(first < second);
  CHECK(first.value == (std::uint64_t{incarnation_max} << serial_bits) + 1);
  CHECK(incarnation_of(first) == incarnation_max);
  CHECK(incarnation_of(second) == incarnation_max);
}

TEST_CASE("the next id can be seen without being given out", "[unit][base]") {
  IdSource<AttemptId> source(1);
  const AttemptId next = source.peek();
  CHECK(source.peek() == next);
  CHECK(source.next() == next);
  CHECK(source.peek() > next);
}

TEST_CASE("a later incarnation never makes an earlier one's ids", "[unit][base]") {
  IdSource<TaskId> before(1);
  IdSource<TaskId> after(2);
  const TaskId last{(std::uint64_t{2} << serial_bits) - 1};  // of incarnation 1
  CHECK(incarnation_of(last) == 1);
  CHECK(before.next() < after.next());
  CHECK(last < IdSource<TaskId>(2).next());
}

TEST_CASE("an id says what it is of", "[unit][base]") {
  std::ostringstream text;
  text << SessionId{7} << ", " << AttemptId{8} << ", " << GroupId{9} << ", " << TaskId{10} << ", "
       << PeerId{11} << ", " << ClientId{12} << ", " << JobId{13};
  CHECK(text.str() == "session 7, attempt 8, group 9, task 10, peer 11, client 12, job 13");
}

TEST_CASE("ids can be hashed", "[unit][base]") {
  const std::unordered_set<PeerId> peers = {PeerId{1}, PeerId{2}, PeerId{1}};
  CHECK(peers.size() == 2);
}

}  // namespace fanmill
