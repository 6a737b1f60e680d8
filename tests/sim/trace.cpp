#include "trace.hpp"

#include <cstdio>

namespace fanmill::sim {

void Trace::add(std::string line) {
  if (mode_ == Mode::print) std::printf("%s\n", line.c_str());
  lines_.push_back(std::move(line));
  if (lines_.size() > lines_kept_max) lines_.pop_front();
}

}  // namespace fanmill::sim
