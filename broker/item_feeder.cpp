#include "item_feeder.hpp"

#include <algorithm>
#include <utility>

namespace fanmill::broker {

ItemFeeder::ItemFeeder(const std::string& path, std::vector<std::vector<std::string>> lists,
                       ItemSink sink)
    : sink_(std::move(sink)) {
  if (!lists.empty()) {
    combiner_ = std::thread([this, lists = std::move(lists)] { combine(lists); });
    return;
  }
  const auto take = [this](const TextLine& line) {
    CommandItem item = item_of_line(line.number, ++seq_, line.text);
    if (!line.error.empty()) item.error = line.error;
    return hand_on(std::move(item), false);
  };
  reader_ = std::make_unique<InputReader>(path, LineSink{take, [this](bool whole) {
                                                           if (whole) sink_.count(taken_);
                                                           sink_.end();
                                                         }});
}

ItemFeeder::~ItemFeeder() {
  ending_ = true;
  reader_.reset();
  if (combiner_.joinable()) combiner_.join();
}

/// `is_last`: of lists, whose number is known then.
bool ItemFeeder::hand_on(CommandItem item, bool is_last) {
  const bool skipped = sink_.skips(item);
  taken_ += skipped ? 0 : 1;
  // Before it is handed on: whoever shows how many are left should know at its end.
  if (is_last) sink_.count(taken_);
  return (skipped || sink_.take(std::move(item))) && !ending_;
}

void ItemFeeder::combine(const std::vector<std::vector<std::string>>& lists) {
  const auto empty = [](const std::vector<std::string>& list) { return list.empty(); };
  std::vector<std::size_t> at(lists.size(), 0);
  bool going = std::none_of(lists.begin(), lists.end(), empty);
  if (!going) sink_.count(0);
  while (going) {
    std::vector<std::string> values;
    for (std::size_t i = 0; i < lists.size(); ++i) values.push_back(lists[i][at[i]]);
    // As an odometer: the last list that is not at its end moves on, those behind it begin anew.
    std::size_t i = lists.size();
    while (i > 0 && ++at[i - 1] == lists[i - 1].size()) at[--i] = 0;
    const bool is_last = i == 0;
    going = hand_on(item_of_values(++seq_, std::move(values)), is_last) && !is_last;
  }
  sink_.end();
}

}  // namespace fanmill::broker
