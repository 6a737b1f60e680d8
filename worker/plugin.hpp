// Plug-ins: a function out of a shared library (fanmill/plugin.h).
#pragma once

#include <fanmill/function.hpp>
#include <string>

namespace fanmill::worker {

/// Loads the library and finds its function. Throws FarmError (invalid_argument) in words that name
/// the file.
Function plugin_function(const std::string& file);

}  // namespace fanmill::worker
