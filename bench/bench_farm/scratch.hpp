// A folder of this run's own: ipc sockets, and the state folder with the farm's keys, so that nobody's
// own keys are touched.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace bench {

class Scratch {
 public:
  Scratch() {
    char name[] = "/tmp/fanmill-bench.XXXXXX";
    if (::mkdtemp(name) == nullptr) throw std::runtime_error("mkdtemp");
    folder_ = name;
    ::setenv("XDG_STATE_HOME", folder_.c_str(), 1);
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  /// An endpoint that nobody uses.
  std::string endpoint(bool tcp) {
    if (tcp) return "tcp://127.0.0.1:*";
    return "ipc://" + folder_ + "/" + std::to_string(serial_++);
  }

 private:
  std::string folder_;
  int serial_ = 0;
};

}  // namespace bench
