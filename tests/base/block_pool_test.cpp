#include "base/block_pool.hpp"

#include <cstdint>
#include <cstring>
#include <fanmill/bytes.hpp>
#include <thread>
#include <vector>

#include "base/growing_bytes.hpp"
#include "catch.hpp"

namespace fanmill {
namespace {

struct Piece {
  unsigned char* memory;
  std::size_t size;
  unsigned char mark;
};

Piece make_piece(std::size_t size, unsigned char mark) {
  auto* const memory = static_cast<unsigned char*>(allocate_block(size));
  REQUIRE(memory != nullptr);
  std::memset(memory, mark, size);
  return {memory, size, mark};
}

bool is_whole(const Piece& piece) {
  for (std::size_t i = 0; i < piece.size; ++i)
    if (piece.memory[i] != piece.mark) return false;
  return true;
}

}  // namespace

TEST_CASE("blocks of every size are aligned and nobody else's", "[unit][base]") {
  // More than a thread keeps of a size, so that they go through all places where blocks wait.
  std::vector<Piece> pieces;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 6000; ++i) {
      const std::size_t size = 1 + static_cast<std::size_t>(i) % pooled_block_bytes_max;
      pieces.push_back(make_piece(size, static_cast<unsigned char>(i)));
      REQUIRE(reinterpret_cast<std::uintptr_t>(pieces.back().memory) % 16 == 0);
    }
    for (const Piece& piece : pieces) REQUIRE(is_whole(piece));
    for (const Piece& piece : pieces) free_block(piece.memory, piece.size);
    pieces.clear();
  }
}

TEST_CASE("blocks may be freed by another thread, which may end before them", "[unit][base]") {
  constexpr std::size_t size = 48;
  std::vector<Piece> pieces;
  for (int round = 0; round < 20; ++round) {
    std::thread([&] {
      for (int i = 0; i < 1000; ++i)
        pieces.push_back(make_piece(size, static_cast<unsigned char>(i)));
    }).join();
    for (const Piece& piece : pieces) REQUIRE(is_whole(piece));
    std::thread([&] {
      for (const Piece& piece : pieces) free_block(piece.memory, piece.size);
    }).join();
    pieces.clear();
  }
}

TEST_CASE("bytes that grew, slices and borrowed ones go back to where they came from",
          "[unit][base]") {
  const auto give_back = [](void* owner) { *static_cast<int*>(owner) += 1; };
  alignas(8) static const char elsewhere[] = "elsewhere";
  int given_back = 0;
  for (int i = 0; i < 1000; ++i) {
    GrowingBytes growing;
    growing.append("small", 5);
    const Bytes grown = growing.finish();
    const Bytes borrowed = Bytes::borrow(elsewhere, &given_back, give_back);
    const Bytes pooled("pooled text");
    const Bytes large(std::string(200, 'l'));
    const Bytes first = pooled.slice(0, 6);
    const Bytes second = large.slice(1, 2);
    REQUIRE(grown.view() == "small");
    REQUIRE(borrowed.view() == "elsewhere");
    REQUIRE(first.view() == "pooled");
    REQUIRE(second.view() == "ll");
  }
  CHECK(given_back == 1000);
}

}  // namespace fanmill
