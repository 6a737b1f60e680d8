#include "codec/holdings.hpp"

#include "catch.hpp"
#include "core/limits.hpp"

namespace fanmill::codec {

using core::Holding;
using core::HoldingState;

namespace {
std::string fault_of(std::string_view frame) {
  const auto read = read_holdings(frame);
  return read ? "no error" : read.error().message;
}
}  // namespace

TEST_CASE("a record is 16 little-endian bytes", "[unit][codec]") {
  const std::vector<Holding> holdings = {{AttemptId{0x0102030405060708}, HoldingState::result}};
  const Bytes frame = write_records(holdings);
  CHECK(frame.view() == std::string_view("\x08\x07\x06\x05\x04\x03\x02\x01\x03\0\0\0\0\0\0\0", 16));
  CHECK(read_holdings(frame.view()).value() == holdings);
}

TEST_CASE("no records need no bytes", "[unit][codec]") {
  CHECK(write_records(std::vector<Holding>{}).empty());
  CHECK(read_judgements("").value().empty());
}

TEST_CASE("records may come in any order", "[unit][codec]") {
  std::vector<Holding> holdings;
  for (std::uint64_t i = 1; i <= 100; ++i) {
    holdings.push_back({AttemptId{i * 37 % 101}, HoldingState::running});
  }
  CHECK(read_holdings(write_records(holdings).view()).value() == holdings);
}

TEST_CASE("a record that can't be meant is an error", "[unit][codec]") {
  const std::string good(
      write_records(std::vector<Holding>{{AttemptId{9}, HoldingState::running}}).view());
  CHECK(fault_of(good) == "no error");
  CHECK(fault_of(good.substr(1)) ==
        "Hello records: the frame has 15 bytes, expected a multiple of 16");
  CHECK(fault_of(std::string(16, '\0')) ==
        "Hello records: the attempt of record 0 is 0, which is no id");
  CHECK(fault_of(good + good) == "Hello records: an attempt is named twice");
  std::string bad_state = good;
  bad_state[8] = 4;
  CHECK(fault_of(bad_state) == "Hello records: the state of record 0 is 4, expected 1 to 3");
}

TEST_CASE("as many records are read as one frame holds, and no more", "[unit][codec]") {
  std::vector<Holding> holdings;
  for (std::uint64_t i = 1; i <= limits::holdings_max; ++i) {
    holdings.push_back({AttemptId{i}, HoldingState::result});
  }
  CHECK(read_holdings(write_records(holdings).view()).value().size() == limits::holdings_max);
  holdings.push_back({AttemptId{limits::holdings_max + 1}, HoldingState::result});
  CHECK(fault_of(write_records(holdings).view()) ==
        "Hello records: 65537 of them, expected at most 65536");
}

}  // namespace fanmill::codec
