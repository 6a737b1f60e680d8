// The options of managers and jobs: checked, and turned into the core's.
#pragma once

#include <fanmill/detail/run.hpp>
#include <fanmill/manager.hpp>
#include <string>

#include "core/manager.hpp"

namespace fanmill::api {

/// Throws FarmError (invalid_argument) that names option, value and range.
void check(const ManagerOptions& options);
void check(const detail::RunSettings& settings);

/// With a farm and an incarnation of its own. Throws FarmError (io_error).
core::ManagerOptions core_options(const ManagerOptions& options);

/// An endpoint as bound, as a worker on this host connects to it: "tcp://0.0.0.0:5557" becomes
/// "tcp://127.0.0.1:5557".
std::string reachable_here(const std::string& bound);

}  // namespace fanmill::api
