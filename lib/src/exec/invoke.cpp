#include "exec/invoke.hpp"

#include <string>
#include <utility>

#include "base/utf8.hpp"
#include "exec/exception_text.hpp"

namespace fanmill::exec {

Completion invoke(const std::vector<Function>& functions, const Invocation& invocation,
                  std::stop_token& stop, std::chrono::steady_clock::time_point& now) {
  Completion completion{.attempt = invocation.attempt};
  if (invocation.function >= functions.size()) {
    completion.kind = Completion::Kind::rejected;
    completion.error_text = "no function of index " + std::to_string(invocation.function) +
                            ": this worker has " + std::to_string(functions.size());
    return completion;
  }
  try {
    FunctionResult result = functions[invocation.function](invocation, stop);
    completion.payload = std::move(result.payload);
    completion.nothing = result.nothing;
  } catch (...) {
    const ExceptionText thrown = describe_current_exception();
    completion.kind = Completion::Kind::failed;
    completion.error_type = cut_utf8(thrown.type, error_type_bytes_max);
    completion.error_text = cut_utf8(thrown.text, error_text_bytes_max);
  }
  const auto begun = std::exchange(now, std::chrono::steady_clock::now());
  completion.busy = now - begun;
  return completion;
}

}  // namespace fanmill::exec
