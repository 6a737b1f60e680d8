// Check: the first thing that is wrong with a message, in words: kind, field, value, what was
// expected. Costs a comparison for each field as long as nothing is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace fanmill::codec {

/// "0x6d66".
[[nodiscard]] std::string hex(std::uint64_t number);

class Check {
 public:
  explicit Check(std::uint16_t kind) : kind_(kind) {}

  /// `remark` stands behind what was expected.
  void range(const char* field, std::uint64_t value, std::uint64_t least, std::uint64_t most,
             std::string_view remark = {}) {
    if (value < least || value > most) [[unlikely]]
      fail_range(field, value, least, most, remark);
  }
  /// Ids: 0 is never one.
  void nonzero(const char* field, std::uint64_t value) {
    if (value == 0) [[unlikely]]
      fail_field(field, "0, which is no id");
  }
  /// `what` says what the field is, if it does not hold.
  void that(bool holds, const char* field, std::string_view what) {
    if (!holds) [[unlikely]]
      fail_field(field, what);
  }
  /// For faults that are not of one field.
  void fail(std::string fault);

  /// More about the fault that was found.
  void append(std::string_view words) { fault_ += words; }

  [[nodiscard]] bool failed() const { return !fault_.empty(); }
  [[nodiscard]] const std::string& fault() const { return fault_; }

 private:
  void fail_range(const char* field, std::uint64_t value, std::uint64_t least, std::uint64_t most,
                  std::string_view remark);
  void fail_field(const char* field, std::string_view what);

  std::uint16_t kind_;
  std::string fault_;
};

}  // namespace fanmill::codec
