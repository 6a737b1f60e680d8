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
    return hand_on(std::move(item));
  };
  reader_ = std::make_unique<InputReader>(path, LineSink{take, [this](bool whole) { end(whole); }});
}

ItemFeeder::~ItemFeeder() {
  ending_ = true;
  reader_.reset();
  if (combiner_.joinable()) combiner_.join();
}

bool ItemFeeder::hand_on(CommandItem item) {
  if (sink_.skips(item)) return !ending_;
  taken_ += 1;
  return sink_.take(std::move(item)) && !ending_;
}

void ItemFeeder::end(bool whole) {
  if (whole) sink_.count(taken_);
  sink_.end();
}

void ItemFeeder::combine(const std::vector<std::vector<std::string>>& lists) {
  const auto empty = [](const std::vector<std::string>& list) { return list.empty(); };
  std::vector<std::size_t> at(lists.size(), 0);
  bool going = std::none_of(lists.begin(), lists.end(), empty);
  bool whole = !going;
  while (going) {
    std::vector<std::string> values;
    for (std::size_t i = 0; i < lists.size(); ++i) values.push_back(lists[i][at[i]]);
    going = hand_on(item_of_values(++seq_, std::move(values)));
    // As an odometer: the last list that is not at its end moves on, those behind it begin anew.
    std::size_t i = lists.size();
    while (i > 0 && ++at[i - 1] == lists[i - 1].size()) at[--i] = 0;
    if (going && i == 0) {
      whole = true;
      going = false;
    }
  }
  end(whole);
}

}  // namespace fanmill::broker
