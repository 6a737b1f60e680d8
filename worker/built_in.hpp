// The functions that fanmill-worker has built in, for trying a farm out before there is a worker of
// one's own. They take their items in every encoding.
#pragma once

#include <fanmill/function.hpp>
#include <string>
#include <vector>

namespace fanmill::worker {

struct BuiltIn {
  std::string name;
  std::string description;  ///< one line for --help
  Function function;
};

/// In the order in which --help shows them.
std::vector<BuiltIn> built_in_functions();

}  // namespace fanmill::worker
