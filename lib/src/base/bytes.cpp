#include <fanmill/bytes.hpp>

#include <atomic>
#include <cstring>
#include <new>

namespace fanmill::inline v0 {

// The bytes follow the block in the same allocation; its size keeps them 8-byte aligned, which lets
// Cap'n Proto read them in place.
struct Bytes::Block {
  std::atomic<std::uint64_t> owners{1};
  std::uint64_t size;

  char* data() { return reinterpret_cast<char*>(this + 1); }
};

Bytes Bytes::allocate(std::size_t size) {
  Bytes bytes;
  if (size == 0) return bytes;
  static_assert(sizeof(Block) % 8 == 0);
  void* memory = ::operator new(sizeof(Block) + size);
  bytes.block_ = new (memory) Block{.size = size};
  return bytes;
}

Bytes::Bytes(std::string_view text) {
  *this = make(text.size(), [&](char* to) { std::memcpy(to, text.data(), text.size()); });
}

Bytes::Bytes(std::span<const std::byte> bytes)
    : Bytes(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size())) {}

Bytes::Bytes(const Bytes& other) noexcept : block_(other.block_) {
  if (block_ != nullptr) block_->owners.fetch_add(1, std::memory_order_relaxed);
}

Bytes Bytes::adopt(void* detached) noexcept {
  Bytes bytes;
  bytes.block_ = static_cast<Block*>(detached);
  return bytes;
}

const char* Bytes::data() const noexcept { return block_ == nullptr ? "" : block_->data(); }
std::size_t Bytes::size() const noexcept { return block_ == nullptr ? 0 : block_->size; }
char* Bytes::mutable_data() noexcept { return block_->data(); }

void Bytes::release() noexcept {
  if (block_ == nullptr) return;
  // Release on the way down, acquire before freeing: the last owner must see every other owner's
  // reads done.
  if (block_->owners.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    block_->~Block();
    ::operator delete(block_);
  }
  block_ = nullptr;
}

}  // namespace fanmill::inline v0
