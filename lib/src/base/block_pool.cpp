#include "base/block_pool.hpp"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>
#include <utility>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FANMILL_BLOCK_POOL 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define FANMILL_BLOCK_POOL 0
#endif
#endif
#ifndef FANMILL_BLOCK_POOL
#define FANMILL_BLOCK_POOL 1
#endif

namespace fanmill {
namespace {

// glibc gives memory in steps of 16 bytes, of which it takes 8; so a block of each class costs no more
// than it would by itself.
constexpr std::size_t step = 16;
constexpr std::size_t head = 8;
constexpr std::size_t class_of(std::size_t size) { return (size + head - 1) / step; }
constexpr std::size_t class_bytes(std::size_t which) { return (which + 1) * step - head; }
constexpr std::size_t class_count = class_of(pooled_block_bytes_max) + 1;
static_assert(class_bytes(class_count - 1) == pooled_block_bytes_max);

// As many as travel together: a pair of them covers what a turn of a loop takes and gives.
struct Magazine {
  static constexpr std::uint32_t room = 128;
  std::uint32_t count = 0;
  // Blocks are not linked through their own memory: whoever frees one need not have it in its cache.
  std::array<void*, room> blocks;
};

void drop(std::unique_ptr<Magazine> magazine) {
  if (magazine == nullptr) return;
  for (std::uint32_t i = 0; i < magazine->count; ++i) std::free(magazine->blocks[i]);
}

/// Full magazines of one class, for whoever has run out. Nobody waits for another, who may not be there
/// any more: in a process that was forked while a thread had the lock.
class Depot {
 public:
  [[nodiscard]] std::unique_ptr<Magazine> take() {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    return !lock || count_ == 0 ? nullptr : std::move(full_[--count_]);
  }
  void put(std::unique_ptr<Magazine> magazine) {
    {
      const std::unique_lock lock(mutex_, std::try_to_lock);
      if (lock && count_ < full_.size()) full_[count_++] = std::move(magazine);
    }
    drop(std::move(magazine));
  }

 private:
  // 4,096 blocks: more are kept by those who use them.
  std::mutex mutex_;
  std::size_t count_ = 0;
  std::array<std::unique_ptr<Magazine>, 32> full_;
};

union Depots {
  std::array<Depot, class_count> of;
  constexpr Depots() : of{} {}
  ~Depots() {}  // NOLINT: they live as long as any thread does
};
constinit Depots depots;

/// What one thread has of one class.
class Shelf {
 public:
  [[nodiscard]] void* take(std::size_t which) {
    if (current_ == nullptr || current_->count == 0) refill(which);
    if (current_ == nullptr || current_->count == 0) return std::malloc(class_bytes(which));
    const std::uint32_t at = --current_->count;
    // It is to be written, and so will be one of the next, which others may have had.
    if (at >= ahead) __builtin_prefetch(current_->blocks[at - ahead], 1);
    return current_->blocks[at];
  }
  void put(void* block, std::size_t which) {
    if (current_ == nullptr || current_->count == Magazine::room) make_room(which);
    if (current_ == nullptr || current_->count == Magazine::room) return std::free(block);
    current_->blocks[current_->count++] = block;
  }
  void clear() {
    drop(std::move(current_));
    drop(std::move(other_));
  }

 private:
  static constexpr std::uint32_t ahead = 4;

  void refill(std::size_t which) {
    if (other_ != nullptr && other_->count > 0) return std::swap(current_, other_);
    std::unique_ptr<Magazine> full = depots.of[which].take();
    if (full == nullptr) return;
    // What was empty is of no use; a magazine is made again where one is needed.
    other_ = std::exchange(current_, std::move(full));
  }
  void make_room(std::size_t which) {
    if (other_ != nullptr && other_->count == 0) return std::swap(current_, other_);
    if (other_ != nullptr) depots.of[which].put(std::move(other_));
    other_ = std::exchange(current_, std::unique_ptr<Magazine>(new (std::nothrow) Magazine));
  }

  std::unique_ptr<Magazine> current_;
  std::unique_ptr<Magazine> other_;  // empty or full, but for its first days
};

struct Shelves {
  std::array<Shelf, class_count> of;
  ~Shelves() {
    for (Shelf& shelf : of) shelf.clear();
  }
};

// Plain pointers need no guard; null before the thread's first block and after its end.
thread_local Shelves* mine = nullptr;
thread_local bool is_over = false;

/// Ends with its thread. What others of the thread's own still free goes to malloc then.
struct Owner {
  std::unique_ptr<Shelves> shelves{new (std::nothrow) Shelves};
  Owner() { mine = shelves.get(); }
  ~Owner() {
    mine = nullptr;
    is_over = true;
  }
};

[[gnu::noinline]] Shelves* open_shelves() noexcept {
  if (is_over) return nullptr;
  thread_local Owner owner;
  return owner.shelves.get();
}

Shelves* shelves() noexcept {
  if (FANMILL_BLOCK_POOL == 0) return nullptr;
  return mine != nullptr ? mine : open_shelves();
}

}  // namespace

void* allocate_block(std::size_t size) noexcept {
  const std::size_t which = class_of(size);
  if (FANMILL_BLOCK_POOL == 0) return std::malloc(size);
  Shelves* const all = shelves();
  // Of the class's size in any case: another thread may put it on its shelf.
  return all == nullptr ? std::malloc(class_bytes(which)) : all->of[which].take(which);
}

void free_block(void* block, std::size_t size) noexcept {
  const std::size_t which = class_of(size);
  Shelves* const all = shelves();
  if (all == nullptr) return std::free(block);
  all->of[which].put(block, which);
}

}  // namespace fanmill
