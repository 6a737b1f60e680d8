#include <fanmill/worker_info.hpp>

namespace fanmill::inline v0 {

const char* to_string(WorkerInfo::State state) noexcept {
  switch (state) {
    case WorkerInfo::State::live:
      return "live";
    case WorkerInfo::State::suspect:
      return "suspect";
    case WorkerInfo::State::lost:
      return "lost";
    case WorkerInfo::State::draining:
      return "draining";
  }
  return "unknown";
}

}  // namespace fanmill::inline v0
