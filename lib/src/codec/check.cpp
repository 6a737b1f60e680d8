#include "codec/check.hpp"

#include <sstream>
#include <utility>

#include "codec/codec.hpp"

namespace fanmill::codec {

std::string hex(std::uint64_t number) {
  std::ostringstream text;
  text << "0x" << std::hex << number;
  return text.str();
}

void Check::fail(std::string fault) {
  if (fault_.empty()) fault_ = std::move(fault);
}

void Check::fail_range(const char* field, std::uint64_t value, std::uint64_t least,
                       std::uint64_t most, std::string_view remark) {
  std::ostringstream what;
  what << value << ", expected " << least;
  if (most != least) what << " to " << most;
  if (!remark.empty()) what << " (" << remark << ")";
  fail_field(field, what.str());
}

void Check::fail_field(const char* field, std::string_view what) {
  fail(kind_name(kind_) + ": " + field + " is " + std::string(what));
}

}  // namespace fanmill::codec
