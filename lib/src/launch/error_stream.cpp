#include "launch/error_stream.hpp"

namespace fanmill::launch {

void ErrorStream::take(std::string_view chunk, std::string& shown) {
  tail_.append(chunk);
  if (tail_.size() > 2 * tail_max) tail_.erase(0, tail_.size() - tail_max);
  while (!chunk.empty()) {
    const std::size_t newline = chunk.find('\n');
    line_.append(chunk.substr(0, newline));
    chunk.remove_prefix(newline == std::string_view::npos ? chunk.size() : newline + 1);
    while (line_.size() > line_max) {
      show(std::string_view(line_).substr(0, line_max), shown);
      line_.erase(0, line_max);
    }
    if (newline == std::string_view::npos) return;
    show(line_, shown);
    line_.clear();
  }
}

void ErrorStream::finish(std::string& shown) {
  if (line_.empty()) return;
  show(line_, shown);
  line_.clear();
}

std::string ErrorStream::tail() const {
  if (tail_.size() <= tail_max) return tail_;
  const std::string last = tail_.substr(tail_.size() - tail_max);
  const std::size_t newline = last.find('\n');
  const bool cut_a_line = newline != std::string::npos && newline + 1 < last.size();
  return cut_a_line ? last.substr(newline + 1) : last;
}

void ErrorStream::show(std::string_view line, std::string& shown) const {
  shown.append(prefix_).append(line).push_back('\n');
}

}  // namespace fanmill::launch
