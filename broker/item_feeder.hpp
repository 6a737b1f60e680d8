// ItemFeeder: makes the items of command mode from lines or ::: lists, on a thread of its own.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "command_item.hpp"
#include "input_reader.hpp"

namespace fanmill::broker {

/// Where items go; called on the feeder's thread.
struct ItemSink {
  /// Whether the item is left out.
  std::function<bool(const CommandItem&)> skips;
  /// False: no more are wanted. May wait.
  std::function<bool(CommandItem)> take;
  /// There are no more.
  std::function<void()> end;
  /// Before `end`, if all were taken or left out: how many were taken.
  std::function<void(std::uint64_t)> count;
};

class ItemFeeder {
 public:
  /// Begins with the combinations of `lists`, the last changing fastest, or without any with the
  /// lines of `path`. Throws FarmError (io_error) if the file can't be opened.
  ItemFeeder(const std::string& path, std::vector<std::vector<std::string>> lists, ItemSink sink);
  /// A sink that waits must have been told to stop.
  ~ItemFeeder();
  ItemFeeder(const ItemFeeder&) = delete;
  ItemFeeder& operator=(const ItemFeeder&) = delete;

 private:
  bool hand_on(CommandItem item, bool is_last);
  void combine(const std::vector<std::vector<std::string>>& lists);

  ItemSink sink_;
  std::uint64_t seq_ = 0;
  std::uint64_t taken_ = 0;
  std::atomic<bool> ending_ = false;
  std::unique_ptr<InputReader> reader_;
  std::thread combiner_;
};

}  // namespace fanmill::broker
