// One call of a user's function, whatever it does but end the process.
#pragma once

#include <chrono>
#include <cstddef>
#include <stop_token>
#include <vector>

#include "exec/executor.hpp"

namespace fanmill::exec {

// As much of an error as a result's header has room for; net compares them with the wire's limits.
inline constexpr std::size_t error_type_bytes_max = 200;
inline constexpr std::size_t error_text_bytes_max = 1500;

/// What it gave or threw, and how long it ran. Without the slot. `now` is the moment at which it begins,
/// and behind the call that at which it has ended: the next may begin with that.
Completion invoke(const std::vector<Function>& functions, const Invocation& invocation,
                  std::stop_token& stop, std::chrono::steady_clock::time_point& now);

}  // namespace fanmill::exec
