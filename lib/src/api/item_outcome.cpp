#include <fanmill/item_outcome.hpp>

#include <utility>

namespace fanmill::inline v0 {
namespace {

std::string words(std::uint64_t item, const std::vector<TaskError>& errors) {
  std::string text = "item " + std::to_string(item) + " failed: ";
  if (errors.empty()) return text + "its tasks ended without an answer";
  text += to_string(errors.back());
  if (errors.size() > 1) text += " (and " + std::to_string(errors.size() - 1) + " more before it)";
  return text;
}

}  // namespace

ItemFailed::ItemFailed(std::uint64_t item, std::vector<TaskError> errors)
    : std::runtime_error(words(item, errors)), item_(item), errors_(std::move(errors)) {}

}  // namespace fanmill::inline v0
