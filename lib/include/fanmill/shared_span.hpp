// SharedSpan: many numbers or bytes of a payload, read where they lie, without a copy.
//
// A task that takes a million doubles as `const std::vector<double>&` pays for copying them; one
// that takes `const fanmill::SharedSpan<double>&` reads those that came. It is no mere std::span:
// it owns a share of the payload's bytes, so it may be kept, copied (cheap) and handed to other
// threads. The price is that it keeps the whole payload alive, however little of it is shown.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <fanmill/bytes.hpp>
#include <span>
#include <utility>

namespace fanmill::inline v0 {

/// What lies in payloads as it lies in memory: bytes, and the elements of packed lists.
template <typename T>
concept LiesInPayloads = std::same_as<T, std::byte> || std::same_as<T, std::uint8_t> ||
    std::same_as<T, std::int64_t> || std::same_as<T, double>;

/// Values that nobody changes any more, and a share in the bytes that they lie in. Copying is
/// cheap. Threads may hold copies of the same values; one object belongs to one thread at a time.
template <LiesInPayloads T>
class SharedSpan {
 public:
  /// As of the standard's containers.
  using value_type = T;

  /// No values.
  SharedSpan() noexcept = default;
  /// Copies `values`. One allocation; none if there are no values.
  explicit SharedSpan(std::span<const T> values)
      : SharedSpan(make(values.size(), [&](T* to) { std::ranges::copy(values, to); })) {}
  /// `values` lie in the bytes of `owner`, which is not checked.
  SharedSpan(Bytes owner, std::span<const T> values) noexcept
      : owner_(std::move(owner)), values_(values) {}

  ///@{
  /// Copies share the values. What was moved from shows none: it owns none any more.
  SharedSpan(const SharedSpan&) = default;
  SharedSpan& operator=(const SharedSpan&) = default;
  SharedSpan(SharedSpan&& other) noexcept
      : owner_(std::move(other.owner_)), values_(std::exchange(other.values_, {})) {}
  SharedSpan& operator=(SharedSpan&& other) noexcept {
    owner_ = std::move(other.owner_);
    values_ = std::exchange(other.values_, {});
    return *this;
  }
  ~SharedSpan() = default;
  ///@}

  /// `size` values, which `fill(T*)` writes before anybody else sees them; not called for none.
  template <typename Fill>
  static SharedSpan make(std::size_t size, const Fill& fill) {
    if (size == 0) return {};
    // Bytes are aligned for the largest of the four types.
    Bytes owner =
        Bytes::make(size * sizeof(T), [&](char* memory) { fill(reinterpret_cast<T*>(memory)); });
    const auto* values = reinterpret_cast<const T*>(owner.data());
    return {std::move(owner), std::span(values, size)};
  }

  /// Valid while this object, or a copy of it, lives. A SharedSpan is a range that std::span is
  /// made of without being asked, too.
  [[nodiscard]] std::span<const T> span() const noexcept { return values_; }
  /// Valid as `span` is; may be null if there are no values.
  [[nodiscard]] const T* data() const noexcept { return values_.data(); }
  /// How many values, not bytes.
  [[nodiscard]] std::size_t size() const noexcept { return values_.size(); }
  /// Whether there are none.
  [[nodiscard]] bool empty() const noexcept { return values_.empty(); }
  /// `index` must be less than `size`.
  [[nodiscard]] const T& operator[](std::size_t index) const noexcept { return values_[index]; }
  ///@{
  /// Iterators over the values, valid as `span` is.
  [[nodiscard]] auto begin() const noexcept { return values_.begin(); }
  [[nodiscard]] auto end() const noexcept { return values_.end(); }
  ///@}

  /// As Bytes of their own: shared if they are all that is kept alive, else a copy.
  [[nodiscard]] Bytes bytes() const {
    if (owner_.size() == values_.size_bytes()) return owner_;
    return Bytes(std::as_bytes(values_));
  }

  /// Whether the values are equal, wherever they lie.
  friend bool operator==(const SharedSpan& a, const SharedSpan& b) noexcept {
    return std::ranges::equal(a.values_, b.values_);
  }

 private:
  Bytes owner_;
  std::span<const T> values_;
};

}  // namespace fanmill::inline v0
