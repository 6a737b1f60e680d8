#include "exec/invoke.hpp"

#include <chrono>
#include <string>
#include <utility>

#include "base/utf8.hpp"
#include "exec/exception_text.hpp"

namespace fanmill::exec {

Completion invoke(const std::vector<Function>& functions, const Invocation& invocation,
                  std::stop_token stop) {
  Completion completion{.attempt = invocation.attempt};
  if (invocation.function >= functions.size()) {
    completion.kind = Completion::Kind::rejected;
    completion.error_text = "no function of index " + std::to_string(invocation.function) +
                            ": this worker has " + std::to_string(functions.size());
    return completion;
  }
  const auto start = std::chrono::steady_clock::now();
  try {
    FunctionResult result = functions[invocation.function](invocation, std::move(stop));
    completion.payload = std::move(result.payload);
    completion.nothing = result.nothing;
  } catch (...) {
    const ExceptionText thrown = describe_current_exception();
    completion.kind = Completion::Kind::failed;
    completion.error_type = cut_utf8(thrown.type, error_type_bytes_max);
    completion.error_text = cut_utf8(thrown.text, error_text_bytes_max);
  }
  completion.busy = std::chrono::steady_clock::now() - start;
  return completion;
}

}  // namespace fanmill::exec
