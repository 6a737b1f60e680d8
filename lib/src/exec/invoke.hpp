// One call of a user's function, whatever it does but end the process.
#pragma once

#include <cstddef>
#include <stop_token>
#include <vector>

#include "exec/executor.hpp"

namespace fanmill::exec {

// As much of an error as a result's header has room for; net compares them with the wire's limits.
inline constexpr std::size_t error_type_bytes_max = 200;
inline constexpr std::size_t error_text_bytes_max = 1500;

/// What it gave or threw, and how long it ran. Without the slot.
Completion invoke(const std::vector<Function>& functions, const Invocation& invocation,
                  std::stop_token stop);

}  // namespace fanmill::exec
