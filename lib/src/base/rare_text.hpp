// RareText: a text that is seldom there, of an error say. A pointer wide, so that what carries one is
// small and quickly moved; reads and is given like a std::string.
#pragma once

#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

namespace fanmill {

class RareText {
 public:
  RareText() noexcept = default;
  // Implicit, as for what it stands for.
  RareText(std::string text)  // NOLINT
      : text_(text.empty() ? nullptr : std::make_unique<std::string>(std::move(text))) {}
  RareText(std::string_view text) : RareText(std::string(text)) {}  // NOLINT
  RareText(const char* text) : RareText(std::string(text)) {}       // NOLINT
  RareText(const RareText& other) : RareText(other.str()) {}
  RareText(RareText&&) noexcept = default;
  RareText& operator=(const RareText& other) { return *this = RareText(other); }
  RareText& operator=(RareText&&) noexcept = default;
  ~RareText() = default;

  void clear() noexcept { text_ = nullptr; }
  [[nodiscard]] bool empty() const noexcept { return text_ == nullptr; }
  [[nodiscard]] std::size_t size() const noexcept { return str().size(); }
  [[nodiscard]] const std::string& str() const noexcept {
    return text_ == nullptr ? nothing() : *text_;
  }
  operator const std::string&() const noexcept { return str(); }  // NOLINT
  operator std::string_view() const noexcept { return str(); }    // NOLINT
  RareText& operator+=(std::string_view more) { return *this = str() + std::string(more); }

  friend bool operator==(const RareText& a, const RareText& b) { return a.str() == b.str(); }
  friend bool operator==(const RareText& a, const std::string& b) { return a.str() == b; }
  friend bool operator==(const RareText& a, const char* b) { return a.str() == b; }
  friend std::ostream& operator<<(std::ostream& out, const RareText& text) {
    return out << text.str();
  }

 private:
  static const std::string& nothing() noexcept {
    static const std::string none;
    return none;
  }

  std::unique_ptr<std::string> text_;  // null if it is empty
};

}  // namespace fanmill
