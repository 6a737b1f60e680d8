// Where a run's items come from, one at a time: any input range, a Feed or an Inlet. Machinery of
// manager.hpp, not for users.
#pragma once

#include <fanmill/detail/run.hpp>
#include <fanmill/feed.hpp>
#include <fanmill/inlet.hpp>
#include <functional>
#include <optional>
#include <ranges>
#include <utility>

namespace fanmill::inline v0::detail {

/// Advances only when the next item is asked for: an input stream is not read ahead of its need.
template <std::ranges::input_range Range>
class RangeSource {
 public:
  using Item = std::ranges::range_value_t<Range>;
  // What can be walked twice lies in memory or is computed.
  static constexpr bool may_block = !std::ranges::forward_range<Range>;

  explicit RangeSource(Range& range) : range_(range) {}

  template <typename Take>
  Pull pull(const Take& take) {
    if (at_) {
      ++*at_;
    } else {
      at_.emplace(std::ranges::begin(range_));
    }
    if (*at_ == std::ranges::end(range_)) return Pull::ended;
    take(**at_);
    return Pull::item;
  }

 private:
  Range& range_;
  std::optional<std::ranges::iterator_t<Range>> at_;
};

template <typename ItemType>
class FeedSource {
 public:
  using Item = ItemType;
  static constexpr bool may_block = false;

  explicit FeedSource(Feed<Item>& feed) : feed_(feed) {}

  template <typename Take>
  Pull pull(const Take& take) {
    if (feed_.empty()) return Pull::not_now;
    take(feed_.pop());
    return Pull::item;
  }

 private:
  Feed<Item>& feed_;
};

template <typename ItemType>
class InletSource {
 public:
  using Item = ItemType;
  static constexpr bool may_block = false;

  explicit InletSource(Inlet<Item>& inlet) : inlet_(inlet) {}

  template <typename Take>
  Pull pull(const Take& take) {
    // Looked at in this order: what is pushed before the end is closed must not be missed.
    const bool ended = inlet_.ended();
    std::optional<Item> item = inlet_.take();
    if (!item) return ended ? Pull::ended : Pull::awaited;
    take(*std::move(item));
    return Pull::item;
  }
  void listen(std::function<void()> wake) { inlet_.listen(std::move(wake)); }

 private:
  Inlet<Item>& inlet_;
};

}  // namespace fanmill::inline v0::detail
