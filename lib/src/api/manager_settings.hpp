// The options of managers and jobs: checked, and turned into the core's.
#pragma once

#include <fanmill/detail/run.hpp>
#include <fanmill/manager.hpp>
#include <memory>
#include <string>
#include <vector>

#include "core/manager.hpp"
#include "net/gate.hpp"

namespace fanmill::api {

/// Throws FarmError (invalid_argument) that names option, value and range.
void check(const ManagerOptions& options);
void check(const detail::RunSettings& settings);

/// With a farm and an incarnation of its own. Throws FarmError (io_error).
core::ManagerOptions core_options(const ManagerOptions& options);

/// An endpoint as bound, as workers connect to it: "tcp://0.0.0.0:5557" becomes "tcp://node3:5557",
/// and for workers on this host, which may not know that name, "tcp://127.0.0.1:5557".
std::vector<std::string> reachable(const std::string& bound);

/// Who may come in, and what a Join says of that.
struct Entrance {
  std::shared_ptr<net::Gate> gate;
  std::shared_ptr<const net::SecretKey> secret_key;  // null: no keys, as below
  std::string server_key;
  std::string pair_file;
  std::string authorized_file;
};
/// With the user's keys, made if need be, if there is an endpoint that needs them. Throws FarmError
/// (io_error; invalid_argument for a file of keys that says nonsense).
Entrance entrance(const ManagerOptions& options);

}  // namespace fanmill::api
