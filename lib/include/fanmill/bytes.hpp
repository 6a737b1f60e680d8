// Bytes: an immutable, shared run of bytes behind one pointer.
//
// It is how payloads travel: encoded once, then handed from the submitting thread to the loop
// thread and to the socket without a copy. It is not a container to build in (use std::string for
// that). Copies share the bytes; the last owner frees them. Different threads may own copies of the
// same bytes; one Bytes object belongs to one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <fanmill/export.hpp>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace fanmill::inline v0 {

class GrowingBytes;

/// A share in bytes that nobody changes any more: one pointer. Copying is cheap and allocates
/// nothing.
class FANMILL_EXPORT Bytes {
 public:
  /// No bytes; costs no allocation.
  Bytes() noexcept = default;
  ///@{
  /// Copies what it is given. One allocation; none if that is empty. Throws std::bad_alloc.
  explicit Bytes(std::string_view text);
  explicit Bytes(std::span<const std::byte> bytes);
  ///@}
  /// Frees the bytes if nobody else has a share in them.
  ~Bytes() {
    if (block_ != nullptr) release();
  }

  /// Shares the bytes of `other`.
  Bytes(const Bytes& other) noexcept : block_(other.block_) {
    if (block_ != nullptr) share();
  }
  /// Takes the share of `other`, which then has no bytes.
  Bytes(Bytes&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  /// Gives its own share up and shares the bytes of `other`, or takes them from one that is moved.
  Bytes& operator=(Bytes other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }

  /// Makes `size` bytes, 8-byte aligned, and lets `fill(char*)` write them before anybody else sees
  /// them; not called for none. Throws std::bad_alloc, and what `fill` throws.
  template <typename Fill>
  static Bytes make(std::size_t size, Fill&& fill) {
    Bytes bytes = allocate(size);
    if (size > 0) fill(bytes.mutable_data());
    return bytes;
  }

  /// A share in bytes that lie elsewhere: nothing is copied. They must be 8-byte aligned and stay as
  /// they are until `give_back(owner)` is called: once, by whoever has the last share, on any thread;
  /// it must not throw. At once if there are no bytes. Costs a small allocation. Throws
  /// std::bad_alloc; nothing is given back then.
  static Bytes borrow(std::string_view bytes, void* owner, void (*give_back)(void* owner));

  /// A share in `size` of the bytes, from `offset` on: nothing is copied, and all of them live as
  /// long as it does. Costs a small allocation. Both must lie within. Throws std::bad_alloc.
  [[nodiscard]] Bytes slice(std::size_t offset, std::size_t size) const;

  /// Never null, 8-byte aligned if there are bytes and they are no slice that begins between; no
  /// zero follows them. Valid while this object, or a copy of it, lives.
  [[nodiscard]] const char* data() const noexcept;
  /// How many bytes.
  [[nodiscard]] std::size_t size() const noexcept;
  /// Whether there are none.
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  /// Valid while this object, or a copy of it, lives.
  [[nodiscard]] std::string_view view() const noexcept { return {data(), size()}; }
  /// Asks the processor to have the bytes at hand soon, for whoever is about to read what another
  /// thread wrote. Changes nothing and costs next to nothing; does nothing for no bytes.
  void prefetch() const noexcept { __builtin_prefetch(block_, 1); }
  /// A copy of the bytes.
  [[nodiscard]] std::string str() const { return std::string(view()); }

  /// Gives the ownership of one reference away as a plain pointer, for a C interface that frees by
  /// callback; `adopt` takes it back. Null for no bytes.
  [[nodiscard]] void* detach() noexcept { return std::exchange(block_, nullptr); }
  /// Takes back what `detach` gave away; each may be taken back once. Null gives no bytes.
  static Bytes adopt(void* detached) noexcept;

  /// Whether the bytes are equal, wherever they lie.
  friend bool operator==(const Bytes& a, const Bytes& b) noexcept { return a.view() == b.view(); }

 private:
  friend class GrowingBytes;
  struct Block;
  struct Elsewhere;
  struct Slice;
  struct Borrowed;
  static Bytes allocate(std::size_t size);
  char* mutable_data() noexcept;
  void share() noexcept;
  void release() noexcept;

  Block* block_ = nullptr;
};

}  // namespace fanmill::inline v0
