// What detail::run.hpp leaves to the library: the parts of a typed run that know no type.
#include <fanmill/detail/run.hpp>

#include <algorithm>
#include <fanmill/error.hpp>

namespace fanmill::inline v0::detail {

std::uint32_t function_number(const RunSettings& settings, const std::string& name) {
  if (name.empty() || name == settings.function) return 0;
  const auto found = std::find(settings.functions.begin(), settings.functions.end(), name);
  if (found == settings.functions.end()) {
    throw FarmError(ErrorCode::invalid_argument,
                    "a task calls the function \"" + name +
                        "\", which its job does not name; add it to the job: .functions({\"" +
                        name + "\"})");
  }
  return static_cast<std::uint32_t>(found - settings.functions.begin()) + 1;
}

TaskError local_error(ErrorCode code, const std::string& text) {
  return {.kind = TaskError::Kind::failed, .type = to_string(code), .text = text};
}

void refuse_payload(const std::string& words) {
  throw FarmError(ErrorCode::payload_too_large, words);
}

std::string too_large_words(std::uint64_t item, std::size_t task, std::size_t bytes,
                            std::size_t bytes_max) {
  return "item " + std::to_string(item) + ": its task " + std::to_string(task) + " has " +
         std::to_string(bytes) + " bytes, more than the " + std::to_string(bytes_max) +
         " that one may have (ManagerOptions::payload_bytes_max); send less, for example a file's "
         "name in place of what is in it";
}

}  // namespace fanmill::inline v0::detail
