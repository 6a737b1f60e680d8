// DeadlineHeap: what has to happen when. A binary heap whose entries can be moved and cancelled by
// a handle, so that no cancelled deadline stays behind. O(log n) to set, move and cancel; O(1) to
// look at the earliest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "base/slab.hpp"
#include "base/time.hpp"

namespace fanmill {

template <typename Payload>
class DeadlineHeap {
 public:
  using Handle = std::uint32_t;

  Handle add(Instant at, Payload payload) {
    const Handle handle = places_.insert(heap_.size());
    heap_.push_back(Entry{at, next_serial_++, handle, std::move(payload)});
    rise(heap_.size() - 1);
    return handle;
  }

  void move(Handle handle, Instant at) {
    const std::size_t place = places_[handle];
    heap_[place].at = at;
    heap_[place].serial = next_serial_++;
    sink(rise(place));
  }

  /// Cancels, and makes the handle no_index so that it can't be used twice. No_index is ignored.
  void cancel(Handle& handle) {
    if (handle == no_index) return;
    remove(places_[handle]);
    handle = no_index;
  }

  [[nodiscard]] std::optional<Instant> earliest() const {
    if (heap_.empty()) return std::nullopt;
    return heap_.front().at;
  }

  /// Takes out the earliest entry if it is due. Its handle is void from then on.
  std::optional<Payload> pop_due(Instant now) {
    if (heap_.empty() || heap_.front().at > now) return std::nullopt;
    Payload payload = std::move(heap_.front().payload);
    remove(0);
    return payload;
  }

  [[nodiscard]] std::size_t size() const { return heap_.size(); }

 private:
  struct Entry {
    Instant at;
    std::uint64_t
        serial;  // among equals, the one set first: the order must not depend on the heap's shape
    Handle handle;
    Payload payload;
    bool before(const Entry& other) const {
      return at != other.at ? at < other.at : serial < other.serial;
    }
  };

  void remove(std::size_t place) {
    places_.erase(heap_[place].handle);
    if (place + 1 != heap_.size()) {
      heap_[place] = std::move(heap_.back());
      places_[heap_[place].handle] = place;
      heap_.pop_back();
      sink(rise(place));
    } else {
      heap_.pop_back();
    }
  }

  std::size_t rise(std::size_t place) {
    while (place > 0) {
      const std::size_t parent = (place - 1) / 2;
      if (!heap_[place].before(heap_[parent])) break;
      swap(place, parent);
      place = parent;
    }
    return place;
  }

  void sink(std::size_t place) {
    for (;;) {
      std::size_t least = place;
      for (const std::size_t child : {2 * place + 1, 2 * place + 2}) {
        if (child < heap_.size() && heap_[child].before(heap_[least])) least = child;
      }
      if (least == place) return;
      swap(place, least);
      place = least;
    }
  }

  void swap(std::size_t a, std::size_t b) {
    std::swap(heap_[a], heap_[b]);
    places_[heap_[a].handle] = a;
    places_[heap_[b].handle] = b;
  }

  std::vector<Entry> heap_;
  Slab<std::size_t> places_;
  std::uint64_t next_serial_ = 0;
};

}  // namespace fanmill
