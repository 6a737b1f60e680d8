// What a corpus grows from: the frozen bytes and samples of the other tests, and for the cores
// streams of any bytes.
#pragma once

#include <string>
#include <vector>

namespace fanmill::fuzz {

/// Of the target of this name. `tree` is the root of the sources. Throws std::runtime_error for a
/// target that has none.
std::vector<std::string> seeds_of(const std::string& target, const std::string& tree);

}  // namespace fanmill::fuzz
