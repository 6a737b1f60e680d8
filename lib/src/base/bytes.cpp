#include <fanmill/bytes.hpp>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>

#include "base/assert.hpp"
#include "base/block_pool.hpp"
#include "base/growing_bytes.hpp"

namespace fanmill::inline v0 {
namespace {

// Of Block::size. Nobody has so many bytes.
constexpr std::uint64_t slice_bit = std::uint64_t{1} << 63;
constexpr std::uint64_t borrowed_bit = std::uint64_t{1} << 62;
constexpr std::uint64_t elsewhere_bits = slice_bit | borrowed_bit;
// The block is the pool's; else malloc's, because what grows is to be moved by realloc.
constexpr std::uint64_t pooled_bit = std::uint64_t{1} << 61;
constexpr std::uint64_t size_bits = pooled_bit - 1;
// The first memory of bytes that grow; most that do have more.
constexpr std::size_t growing_bytes_min = 64U << 10;

}  // namespace

// The bytes follow the block in the same allocation; its size keeps them 8-byte aligned, which lets
// Cap'n Proto read them in place. Those that lie elsewhere have a bit in their size, and a Slice or a
// Borrowed behind the block.
struct Bytes::Block {
  std::atomic<std::uint64_t> owners{1};
  std::uint64_t size;

  [[nodiscard]] bool is_slice() const { return (size & slice_bit) != 0; }
  [[nodiscard]] bool is_borrowed() const { return (size & borrowed_bit) != 0; }
  [[nodiscard]] bool is_elsewhere() const { return (size & elsewhere_bits) != 0; }
  [[nodiscard]] bool is_pooled() const { return (size & pooled_bit) != 0; }
  char* data() { return reinterpret_cast<char*>(this + 1); }
  /// The bytes are elsewhere, and so many.
  void lies_elsewhere(std::uint64_t where, std::uint64_t count) {
    size = (size & pooled_bit) | where | count;
  }
};

struct Bytes::Elsewhere {
  const char* begin;
};

struct Bytes::Slice : Elsewhere {
  Block* whole;
};

struct Bytes::Borrowed : Elsewhere {
  void* owner;
  void (*give_back)(void* owner);
};

Bytes Bytes::allocate(std::size_t size) {
  Bytes bytes;
  if (size == 0) return bytes;
  static_assert(sizeof(Block) % 8 == 0);
  const std::size_t total = sizeof(Block) + size;
  const bool is_pooled = total <= pooled_block_bytes_max;
  void* memory = is_pooled ? allocate_block(total) : std::malloc(total);
  if (memory == nullptr) throw std::bad_alloc();
  bytes.block_ = new (memory) Block{.size = size | (is_pooled ? pooled_bit : 0)};
  return bytes;
}

Bytes::Bytes(std::string_view text) : Bytes(allocate(text.size())) {
  if (!text.empty()) std::memcpy(mutable_data(), text.data(), text.size());
}

Bytes::Bytes(std::span<const std::byte> bytes)
    : Bytes(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size())) {}

void Bytes::share() noexcept { block_->owners.fetch_add(1, std::memory_order_relaxed); }

Bytes Bytes::borrow(std::string_view bytes, void* owner, void (*give_back)(void* owner)) {
  if (bytes.empty()) {
    give_back(owner);
    return {};
  }
  FANMILL_ASSERT(reinterpret_cast<std::uintptr_t>(bytes.data()) % 8 == 0, bytes.size());
  Bytes borrowed = allocate(sizeof(Borrowed));
  borrowed.block_->lies_elsewhere(borrowed_bit, bytes.size());
  new (borrowed.block_->data()) Borrowed{{bytes.data()}, owner, give_back};
  return borrowed;
}

Bytes Bytes::slice(std::size_t offset, std::size_t size) const {
  FANMILL_ASSERT(offset <= this->size() && size <= this->size() - offset, offset, size);
  if (size == 0) return {};
  if (size == this->size()) return *this;
  Bytes bytes = allocate(sizeof(Slice));
  Bytes whole = *this;
  // A slice of a slice shares the bytes themselves.
  if (block_->is_slice()) {
    const Slice* outer = reinterpret_cast<const Slice*>(block_->data());
    outer->whole->owners.fetch_add(1, std::memory_order_relaxed);
    whole = adopt(outer->whole);
  }
  bytes.block_->lies_elsewhere(slice_bit, size);
  new (bytes.block_->data()) Slice{{data() + offset}, static_cast<Block*>(whole.detach())};
  return bytes;
}

Bytes Bytes::adopt(void* detached) noexcept {
  Bytes bytes;
  bytes.block_ = static_cast<Block*>(detached);
  return bytes;
}

const char* Bytes::data() const noexcept {
  if (block_ == nullptr) return "";
  if (block_->is_elsewhere()) return reinterpret_cast<const Elsewhere*>(block_->data())->begin;
  return block_->data();
}
std::size_t Bytes::size() const noexcept {
  return block_ == nullptr ? 0 : block_->size & size_bits;
}
char* Bytes::mutable_data() noexcept { return block_->data(); }

void Bytes::release() noexcept {
  // Release on the way down, acquire before freeing: the last owner must see every other owner's
  // reads done. Who is the only owner stays it, as nobody else has a share to copy; so most are spared
  // the locked instruction.
  if (block_->owners.load(std::memory_order_acquire) == 1 ||
      block_->owners.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    std::size_t beside = block_->size & size_bits;  // what follows the block
    if (block_->is_slice()) {
      adopt(reinterpret_cast<const Slice*>(block_->data())->whole).release();
      beside = sizeof(Slice);
    } else if (block_->is_borrowed()) {
      const auto* borrowed = reinterpret_cast<const Borrowed*>(block_->data());
      borrowed->give_back(borrowed->owner);
      beside = sizeof(Borrowed);
    }
    const bool is_pooled = block_->is_pooled();
    block_->~Block();
    if (is_pooled) {
      free_block(block_, sizeof(Block) + beside);
    } else {
      std::free(block_);
    }
  }
  block_ = nullptr;
}

void GrowingBytes::append(std::string_view more, std::size_t total) {
  const std::size_t before = bytes_.size();
  const std::size_t needed = before + more.size();
  FANMILL_ASSERT(total >= needed, total, needed);
  if (more.empty()) return;
  if (needed > capacity_) {
    // Doubled, so that even where it has to be copied each byte is copied once, on the average.
    const std::size_t wanted =
        std::min(total, std::max({needed, 2 * capacity_, growing_bytes_min}));
    // Nobody else looks at the block while it moves.
    void* moved = std::realloc(static_cast<void*>(bytes_.block_), sizeof(Bytes::Block) + wanted);
    if (moved == nullptr) throw std::bad_alloc();
    bytes_.block_ =
        before == 0 ? new (moved) Bytes::Block{.size = 0} : static_cast<Bytes::Block*>(moved);
    capacity_ = wanted;
  }
  std::memcpy(bytes_.mutable_data() + before, more.data(), more.size());
  bytes_.block_->size = needed;
}

}  // namespace fanmill::inline v0
