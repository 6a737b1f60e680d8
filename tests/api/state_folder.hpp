// Another user's, as far as keys go: another state folder for as long as this is there.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "scratch_folder.hpp"

namespace fanmill::test {

class StateFolder {
 public:
  StateFolder() : before_(std::getenv("XDG_STATE_HOME")) {
    ::setenv("XDG_STATE_HOME", folder_.path().c_str(), 1);
  }
  ~StateFolder() { ::setenv("XDG_STATE_HOME", before_.c_str(), 1); }
  StateFolder(const StateFolder&) = delete;
  StateFolder& operator=(const StateFolder&) = delete;

  [[nodiscard]] std::filesystem::path keys() const { return folder_.path() + "/fanmill/keys"; }

 private:
  ScratchFolder folder_;
  std::string before_;
};

}  // namespace fanmill::test
