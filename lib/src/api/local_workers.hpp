// LocalWorkers: the worker processes that one manager started on its own host.
#pragma once

#include <cstddef>
#include <fanmill/join.hpp>
#include <fanmill/manager.hpp>
#include <functional>
#include <string>
#include <vector>

#include "launch/supervisor.hpp"

namespace fanmill::api {

class LocalWorkers {
 public:
  /// `on_ended` is called on a thread of its own when a worker has ended for good.
  explicit LocalWorkers(std::function<void()> on_ended) : on_ended_(std::move(on_ended)) {}

  /// Throws FarmError: invalid_argument for an empty command, io_error.
  void start(std::size_t count, std::vector<std::string> command, const StartOptions& options,
             const Join& join);

  /// Some were started, and none of them will be running again.
  [[nodiscard]] bool are_over() const;
  /// Why, in words that say what to do.
  [[nodiscard]] std::string why() const;

 private:
  struct Started {
    std::string program;
    launch::Supervisor supervisor;
  };

  std::function<void()> on_ended_;
  std::vector<Started> started_;  // one for each call of `start`: their options differ
};

}  // namespace fanmill::api
