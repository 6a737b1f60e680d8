// MixedList<Common, Any>: a sequence of variants, most of which are of one alternative, on its way from one
// thread to another.
//
// What another thread has written comes line by line of its processor's cache, hundreds of cycles for each,
// and a variant is as large as its largest alternative. So the common ones lie side by side, and the
// others, beside a note where they belong, in a list of their own.
#pragma once

#include <cstddef>
#include <iterator>
#include <utility>
#include <variant>
#include <vector>

namespace fanmill {

template <typename Common, typename Any>
class MixedList {
 public:
  void push_back(Common&& common) {
    // The memory was another thread's before, and whatever is written there waits for it.
    if (common_.capacity() - common_.size() > ahead)
      __builtin_prefetch(common_.data() + common_.size() + ahead, 1);
    common_.push_back(std::move(common));
  }
  void push_back(Any&& any) {
    if (auto* common = std::get_if<Common>(&any)) {
      push_back(std::move(*common));
    } else {
      others_.push_back({common_.size(), std::move(any)});
    }
  }
  [[nodiscard]] bool empty() const { return common_.empty() && others_.empty(); }
  [[nodiscard]] std::size_t size() const { return common_.size() + others_.size(); }
  void clear() {
    common_.clear();
    others_.clear();
  }

  /// Takes all of `from` behind its own, and leaves it empty, with memory to be used again. Most often
  /// there is nothing before them, and none has to move.
  void append(MixedList& from) {
    if (empty()) {
      common_.swap(from.common_);
      others_.swap(from.others_);
    } else {
      for (Other& other : from.others_) other.before += common_.size();
      std::move(from.common_.begin(), from.common_.end(), std::back_inserter(common_));
      std::move(from.others_.begin(), from.others_.end(), std::back_inserter(others_));
    }
    from.clear();
  }

  /// Gives all away, in their order: `take_common(Common&&)`, `take_other(Any&&)`. `foresee(const
  /// Common&)` is called some of them ahead, to ask for what they point to. Must not be changed
  /// meanwhile; is empty behind it, and keeps no more memory than for `kept_max`.
  template <typename TakeCommon, typename TakeOther, typename Foresee>
  void take_all(const TakeCommon& take_common, const TakeOther& take_other, const Foresee& foresee,
                std::size_t kept_max) {
    auto other = others_.begin();
    for (std::size_t i = 0; i <= common_.size(); ++i) {
      for (; other != others_.end() && other->before == i; ++other)
        take_other(std::move(other->any));
      if (i == common_.size()) break;
      if (i + ahead < common_.size()) foresee(std::as_const(common_[i + ahead]));
      take_common(std::move(common_[i]));
    }
    clear();
    if (common_.capacity() > kept_max) common_.shrink_to_fit();
    if (others_.capacity() > kept_max) others_.shrink_to_fit();
  }

 private:
  static constexpr std::size_t ahead = 4;
  struct Other {
    std::size_t before;  // so many of the common ones stand before it
    Any any;
  };

  std::vector<Common> common_;
  std::vector<Other> others_;
};

}  // namespace fanmill
