// Numbers that no two lives share.
#include "net/identity.hpp"

#include <algorithm>
#include <fstream>
#include <future>
#include <vector>

#include "catch.hpp"
#include "scratch_folder.hpp"

using namespace fanmill;
using namespace fanmill::net;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("a host has one boot id, and uuids are never alike") {
  CHECK(boot_id().valid());
  CHECK(boot_id() == boot_id());
  CHECK(random_uuid().valid());
  CHECK(random_uuid() != random_uuid());
  CHECK_FALSE(host_name().empty());
}

TEST_CASE("incarnations count from 1 and survive in their file") {
  const test::ScratchFolder scratch;
  CHECK(next_incarnation(scratch.path()).value() == 1);
  CHECK(next_incarnation(scratch.path()).value() == 2);
  std::ifstream file(scratch.path() + "/incarnation");
  std::string line;
  std::getline(file, line);
  CHECK(line == "2");
}

TEST_CASE("managers that start at once get different incarnations") {
  const test::ScratchFolder scratch;
  std::vector<std::future<std::uint32_t>> starts;
  for (int i = 0; i < 8; ++i) {
    starts.push_back(
        std::async(std::launch::async, [&] { return next_incarnation(scratch.path()).value(); }));
  }
  std::vector<std::uint32_t> numbers;
  for (auto& start : starts) numbers.push_back(start.get());
  std::sort(numbers.begin(), numbers.end());
  CHECK(numbers == std::vector<std::uint32_t>{1, 2, 3, 4, 5, 6, 7, 8});
}

TEST_CASE("an incarnation is never guessed") {
  const test::ScratchFolder scratch;
  const std::string path = scratch.path() + "/incarnation";
  for (const char* text : {"", "12", "x\n", "-1\n", "12 \n", "99999999\n", "4294967297\n"}) {
    std::ofstream(path, std::ios::trunc) << text;
    const auto next = next_incarnation(scratch.path());
    INFO(text);
    REQUIRE_FALSE(next.ok());
    CHECK_THAT(next.error().message, ContainsSubstring(path));
  }
  std::ofstream(path, std::ios::trunc) << incarnation_max << "\n";
  CHECK_THAT(next_incarnation(scratch.path()).error().message, ContainsSubstring("used up"));
  CHECK_THAT(next_incarnation(scratch.path() + "/nowhere").error().message,
             ContainsSubstring("XDG_STATE_HOME"));
}
