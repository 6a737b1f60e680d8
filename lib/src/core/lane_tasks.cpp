#include "core/lane_tasks.hpp"

#include <algorithm>

namespace fanmill::core {
std::optional<LaneTasks::Number> LaneTasks::find(GroupId group) const {
  const auto after = std::partition_point(chunks_.begin(), chunks_.end(),
                                          [&](const Place& place) { return place.first <= group; });
  if (after == chunks_.begin()) return std::nullopt;
  const auto place = std::prev(after);
  if (place->chunk == nullptr) return std::nullopt;
  const auto index = static_cast<std::uint32_t>(place - chunks_.begin());
  const std::uint32_t count = std::min(chunk_size, place_of(end_) - index * chunk_size);
  const auto first = place->chunk->tasks.begin();
  const auto found = std::partition_point(first, first + count,
                                          [&](const LoneTask& one) { return one.group < group; });
  if (found == first + count || found->group != group || !found->task.valid()) return std::nullopt;
  return base_ + index * chunk_size + static_cast<std::uint32_t>(found - first);
}

LaneTasks::Number LaneTasks::oldest() const {
  FANMILL_ASSERT(at_workers_ > 0);
  const auto& tasks = chunks_[gone_].chunk->tasks;
  const auto found = std::find_if(tasks.begin(), tasks.end(),
                                  [](const LoneTask& one) { return one.task.valid(); });
  return base_ + static_cast<Number>(gone_) * chunk_size +
         static_cast<Number>(found - tasks.begin());
}

void LaneTasks::add_chunk(GroupId first) {
  // Once half of the list is gone, so that each place in it is moved once.
  if (gone_ > 0 && gone_ * 2 >= chunks_.size()) {
    chunks_.erase(chunks_.begin(), chunks_.begin() + static_cast<std::ptrdiff_t>(gone_));
    base_ += static_cast<std::uint32_t>(gone_) * chunk_size;
    gone_ = 0;
  }
  FANMILL_ASSERT(chunks_.size() < UINT32_MAX / chunk_size / 2, "a lane is too long");
  chunks_.push_back(
      {.chunk = spare_ ? std::move(spare_) : std::make_unique<Chunk>(), .first = first});
  kept_ += 1;
}

void LaneTasks::drop_chunk(std::size_t index) {
  // The next that is needed is this one.
  spare_ = std::move(chunks_[index].chunk);
  kept_ -= 1;
  while (gone_ < chunks_.size() && chunks_[gone_].chunk == nullptr) gone_ += 1;
}

}  // namespace fanmill::core
