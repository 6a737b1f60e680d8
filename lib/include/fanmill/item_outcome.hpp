// ItemOutcome: what became of one item: its result, or why there is none. ItemFailed: the exception
// for the latter.
#pragma once

#include <cstdint>
#include <fanmill/export.hpp>
#include <fanmill/outcome.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace fanmill::inline v0 {

/// Thrown by `Manager::run` at the first item without a result, after everything else of the run
/// was ended. Not a FarmError: the farm did its work. `what()` names the item and its errors.
class FANMILL_EXPORT ItemFailed : public std::runtime_error {
 public:
  /// Makes the words of `what()` of the two.
  ItemFailed(std::uint64_t item, std::vector<TaskError> errors);
  /// The item's index in the input, from 0.
  [[nodiscard]] std::uint64_t item() const noexcept { return item_; }
  /// One for each attempt that gave no result (the last few), oldest first. Empty if every task of
  /// the item's group ended well but none decided it.
  [[nodiscard]] const std::vector<TaskError>& errors() const noexcept { return errors_; }

 private:
  std::uint64_t item_;
  std::vector<TaskError> errors_;
};

/// What `Manager::run_outcomes` gives for each item.
template <typename Result>
struct ItemOutcome {
  std::uint64_t item = 0;         ///< its index in the input, from 0
  std::optional<Result> result;   ///< empty: it failed
  std::vector<TaskError> errors;  ///< of a failed item, as in ItemFailed

  ///@{
  /// Whether there is a result.
  [[nodiscard]] bool ok() const noexcept { return result.has_value(); }
  explicit operator bool() const noexcept { return ok(); }
  ///@}
  /// The result; throws ItemFailed if there is none.
  [[nodiscard]] const Result& value() const {
    if (!result) throw ItemFailed(item, errors);
    return *result;
  }
};

}  // namespace fanmill::inline v0
