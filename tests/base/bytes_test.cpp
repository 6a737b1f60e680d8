#include <fanmill/bytes.hpp>

#include <array>
#include <thread>
#include <vector>

#include "catch.hpp"

namespace fanmill {

TEST_CASE("no bytes cost nothing and can be read", "[unit][base]") {
  Bytes none;
  CHECK(none.empty());
  CHECK(none.data() != nullptr);
  CHECK(none.view().empty());
  CHECK(none.detach() == nullptr);
  CHECK(Bytes::adopt(nullptr) == none);
  CHECK(Bytes("") == none);
  CHECK(Bytes::make(0, [](char*) { FAIL("nothing to fill"); }) == none);
}

TEST_CASE("bytes are copied in once and compared by content", "[unit][base]") {
  std::string text("with\0zero", 9);
  const Bytes bytes(text);
  text[0] = 'W';
  CHECK(bytes.size() == 9);
  CHECK(bytes.str() == std::string("with\0zero", 9));
  CHECK(bytes == Bytes(std::string_view("with\0zero", 9)));
  CHECK_FALSE(bytes == Bytes(text));
  const std::array<std::byte, 2> raw = {std::byte{0xff}, std::byte{0}};
  CHECK(Bytes(std::span<const std::byte>(raw)).view() == std::string_view("\xff\0", 2));
}

TEST_CASE("copies share the bytes, which live as long as the last of them", "[unit][base]") {
  std::vector<Bytes> copies;
  {
    const Bytes original("shared");
    copies = {original, original};
    CHECK(copies[0].data() == original.data());
  }
  copies.erase(copies.begin());
  CHECK(copies[0].view() == "shared");
  Bytes moved = std::move(copies[0]);
  CHECK(copies[0].empty());
  const Bytes& same = moved;
  moved = same;  // to itself
  CHECK(moved.view() == "shared");
}

TEST_CASE("bytes are 8-byte aligned, whatever their size", "[unit][base]") {
  for (std::size_t size = 1; size < 40; ++size) {
    const Bytes bytes = Bytes::make(size, [&](char* to) { std::fill_n(to, size, 'x'); });
    CHECK(reinterpret_cast<std::uintptr_t>(bytes.data()) % 8 == 0);
    CHECK(bytes.str() == std::string(size, 'x'));
  }
}

TEST_CASE("a detached reference keeps the bytes until it is adopted", "[unit][base]") {
  Bytes bytes("far away");
  const char* where = bytes.data();
  Bytes copy = bytes;
  void* plain = bytes.detach();
  CHECK(bytes.empty());
  copy = Bytes();
  const Bytes back = Bytes::adopt(plain);
  CHECK(back.data() == where);
  CHECK(back.view() == "far away");
}

TEST_CASE("threads may own copies of the same bytes", "[unit][base]") {
  std::vector<std::thread> threads;
  {
    const Bytes bytes(std::string(1000, 'x'));
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([copy = bytes]() {
        for (int j = 0; j < 1000; ++j) {
          const Bytes another = copy;
          if (another.size() != 1000) std::abort();
        }
      });
    }
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace fanmill
