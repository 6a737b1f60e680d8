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

TEST_CASE("borrowed bytes are given back by whoever has the last share", "[unit][base]") {
  alignas(8) static const char text[] = "elsewhere";
  int given_back = 0;
  const auto give_back = [](void* owner) { *static_cast<int*>(owner) += 1; };
  Bytes slice;
  {
    const Bytes borrowed = Bytes::borrow("", &given_back, give_back);
    CHECK(borrowed.empty());
    CHECK(given_back == 1);
  }
  {
    const Bytes borrowed = Bytes::borrow(text, &given_back, give_back);
    CHECK(borrowed.data() == text);
    CHECK(borrowed == Bytes("elsewhere"));
    slice = borrowed.slice(4, 5);
    const Bytes copy = Bytes::adopt(Bytes(borrowed).detach());
  }
  CHECK(given_back == 1);
  CHECK(slice.view() == "where");
  slice = {};
  CHECK(given_back == 2);
}

TEST_CASE("a slice shares its bytes, which live as long as it does", "[unit][base]") {
  Bytes slice;
  Bytes inner;
  {
    const Bytes whole("0123456789");
    slice = whole.slice(2, 6);
    CHECK(slice.data() == whole.data() + 2);
    inner = slice.slice(1, 3);
    CHECK(inner.data() == whole.data() + 3);
    CHECK(whole.slice(0, 10).data() == whole.data());
    CHECK(whole.slice(10, 0).empty());
  }
  CHECK(slice.view() == "234567");
  CHECK(slice == Bytes("234567"));
  slice = Bytes();
  const Bytes copy = Bytes::adopt(inner.detach());
  CHECK(copy.view() == "345");
}

}  // namespace fanmill
