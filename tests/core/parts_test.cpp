// Payloads in parts, as both ends see them: taken apart, put together, bounded on their way.
#include "core/parts.hpp"

#include <vector>

#include "catch.hpp"

namespace fanmill::core::test {
namespace {

constexpr std::size_t frame = limits::header_bytes_max;  // and so a part
constexpr std::size_t window = limits::part_window(frame);

std::string text_of(std::size_t size) {
  std::string text(size, ' ');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i % 23);
  return text;
}

PartSender sender() {
  PartSender made;
  made.set_frame_limit(frame);
  return made;
}

/// All that fits in the window now.
std::vector<Part> send(PartSender& from) {
  std::vector<Part> parts;
  while (auto part = from.next()) parts.push_back(*part);
  return parts;
}

}  // namespace

TEST_CASE("a payload goes in parts that share its bytes and comes together again", "[unit][core]") {
  PartSender from = sender();
  PartReceiver to;
  const Bytes payload(text_of(50000));
  from.add(AttemptId{1}, payload);
  std::size_t rounds = 0;
  while (!to.is_whole()) {
    REQUIRE(++rounds < 100);
    for (const Part& part : send(from)) {
      CHECK(part.bytes.data() == payload.data() + part.offset);
      CHECK(to.fault_of(part, frame).empty());
      to.take(part, true);
      CHECK(from.under_way() <= window);
      if (const auto offset = to.to_tell(frame)) CHECK(from.taken(AttemptId{1}, *offset));
    }
  }
  CHECK(to.finish() == payload);
  CHECK_FALSE(to.attempt().valid());
  CHECK(from.empty());
  CHECK(from.next_whole() == AttemptId{1});
  CHECK(from.next_whole() == std::nullopt);
}

TEST_CASE("what is under way fits in the window, and what is told makes room", "[unit][core]") {
  PartSender from = sender();
  from.add(AttemptId{1}, Bytes(text_of(2 * window)));
  CHECK(send(from).size() == 4);
  CHECK(from.under_way() == window);
  CHECK(from.taken(AttemptId{1}, frame));
  const std::vector<Part> more = send(from);
  REQUIRE(more.size() == 1);
  CHECK(more[0].offset == window);

  CHECK_FALSE(from.taken(AttemptId{1}, frame));               // told before
  CHECK_FALSE(from.taken(AttemptId{1}, window + 2 * frame));  // never sent
  CHECK_FALSE(from.taken(AttemptId{2}, 1));                   // nothing that is on its way
  CHECK(send(from).empty());
}

TEST_CASE("what follows a payload waits until that is sent, and tells of it, too", "[unit][core]") {
  PartSender from = sender();
  from.add(AttemptId{1}, Bytes(text_of(frame + 1)));
  from.add(AttemptId{2}, Bytes(text_of(frame + 2)));
  const std::vector<Part> parts = send(from);
  REQUIRE(parts.size() == 4);
  CHECK(parts[1].attempt == AttemptId{1});
  CHECK(parts[2].attempt == AttemptId{2});
  CHECK(from.taken(AttemptId{2}, frame));
  CHECK(from.next_whole() == AttemptId{1});
  CHECK(from.next_whole() == std::nullopt);
  CHECK(from.under_way() == 2);
}

TEST_CASE("a payload that is dropped is sent no further, and what is under way counts on",
          "[unit][core]") {
  PartSender from = sender();
  from.add(AttemptId{1}, Bytes(text_of(2 * window)));
  from.add(AttemptId{2}, Bytes(text_of(2 * frame)));
  CHECK(send(from).size() == 4);
  from.drop(AttemptId{1});
  CHECK_FALSE(from.sends(AttemptId{1}));
  CHECK(send(from).empty());
  CHECK(from.taken(AttemptId{1}, 2 * frame));
  CHECK(send(from).size() == 2);
  CHECK(from.taken(AttemptId{2}, 2 * frame));
  CHECK(from.next_whole() == AttemptId{2});  // the other never was
  CHECK(from.next_whole() == std::nullopt);
  CHECK(from.empty());
}

TEST_CASE("one that was not begun, or of which nothing is under way, is dropped without a trace",
          "[unit][core]") {
  PartSender from = sender();
  from.add(AttemptId{1}, Bytes(text_of(window + 1)));
  from.add(AttemptId{2}, Bytes(text_of(frame + 1)));
  from.drop(AttemptId{2});
  send(from);
  CHECK(from.taken(AttemptId{1}, window));
  from.drop(AttemptId{1});
  CHECK(from.empty());
  CHECK(from.under_way() == 0);
  CHECK(send(from).empty());
}

TEST_CASE("what no honest sender does is told in words", "[unit][core]") {
  using Catch::Matchers::ContainsSubstring;
  PartReceiver to;
  const auto part = [](std::uint64_t attempt, std::uint64_t offset, std::size_t size,
                       std::uint64_t total) {
    return Part{.attempt = AttemptId{attempt},
                .offset = offset,
                .total = total,
                .bytes = Bytes(text_of(size))};
  };
  CHECK_THAT(to.fault_of(part(1, 10, 5, 100), frame), ContainsSubstring("expected 0"));
  to.take(part(1, 0, 10, 100), true);
  CHECK(to.fault_of(part(1, 10, 5, 100), frame).empty());
  CHECK_THAT(to.fault_of(part(1, 11, 5, 100), frame), ContainsSubstring("expected 10"));
  CHECK_THAT(to.fault_of(part(1, 5, 10, 100), frame), ContainsSubstring("expected 10"));
  CHECK_THAT(to.fault_of(part(1, 10, 5, 101), frame), ContainsSubstring("others said 100"));
  CHECK_THAT(to.fault_of(part(2, 0, 5, 100), frame), ContainsSubstring("is not whole"));
  CHECK(to.fault_of(part(1, 0, 10, 100), frame).empty());  // it came twice
  CHECK(to.is_repeated(part(1, 0, 10, 100)));

  to.clear();
  to.take(part(3, 0, window, 2 * window), true);
  CHECK_THAT(to.fault_of(part(3, window, 1, 2 * window), frame), ContainsSubstring("are allowed"));
  CHECK(to.to_tell(frame) == window);
  CHECK(to.fault_of(part(3, window, 1, 2 * window), frame).empty());
}

TEST_CASE("memory grows with what has come, not with what was announced", "[unit][core]") {
  GrowingBytes bytes;
  const std::string piece = text_of(100000);
  std::string all;
  for (int i = 0; i < 20; ++i) {
    bytes.append(piece, std::size_t{1} << 40);
    all += piece;
    CHECK(bytes.capacity() <= std::max<std::size_t>(2 * all.size(), 64U << 10));
  }
  CHECK(bytes.finish().view() == all);
  CHECK(bytes.size() == 0);
}

TEST_CASE("bytes that nobody wants are counted and not kept", "[unit][core]") {
  PartReceiver to;
  to.take({.attempt = AttemptId{1}, .total = 20, .bytes = Bytes(text_of(10))}, true);
  to.take({.attempt = AttemptId{1}, .offset = 10, .total = 20, .bytes = Bytes(text_of(10))}, false);
  CHECK(to.is_whole());
  CHECK(to.to_tell(frame) == 20);
  CHECK(to.finish().empty());
}

}  // namespace fanmill::core::test
