// Who a process is: ids that no two of them share, and the numbers that tell its lives apart.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "core/message.hpp"

namespace fanmill::net {

/// Of this host since it started (/proc/sys/kernel/random/boot_id); not valid() if it can't be
/// read. Containers of one host share it.
[[nodiscard]] core::Uuid boot_id();
/// 128 bits from the kernel's source of randomness; always valid().
[[nodiscard]] core::Uuid random_uuid();
[[nodiscard]] std::string host_name();

/// One higher at each call by any process of this user: 1 to incarnation_max, in a file of the
/// state folder. The number is on the disk before this returns. Error: io_error, when there is no
/// such folder, the file holds something else, or the numbers are used up.
[[nodiscard]] Result<std::uint32_t> next_incarnation();
/// The same with a folder of the caller's choice.
[[nodiscard]] Result<std::uint32_t> next_incarnation(const std::string& folder);

}  // namespace fanmill::net
