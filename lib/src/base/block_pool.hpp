// A pool of small blocks of memory, for payloads: those that one thread fills and another lets go.
//
// A farm's threads hand each other hundreds of thousands of small payloads a second. malloc keeps what a
// thread frees in a list of seven, and then takes the lock of the arena that the block came from. Here each
// thread keeps a few hundred blocks of each size, and passes them on by the hundred. Blocks are malloc's,
// and what is too many goes back to it. With sanitizers all of it does at once, so that they see every use.
#pragma once

#include <cstddef>

namespace fanmill {

/// Larger blocks are not pooled.
inline constexpr std::size_t pooled_block_bytes_max = 120;

/// At most `pooled_block_bytes_max`, aligned as malloc does; null if there is no memory.
[[nodiscard]] void* allocate_block(std::size_t size) noexcept;
/// On any thread. `size` as it was asked for.
void free_block(void* block, std::size_t size) noexcept;

}  // namespace fanmill
