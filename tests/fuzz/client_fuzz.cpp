// A client whose manager says anything in any order, with callbacks that answer as they like. Its
// accounts are right after each step; each item is called for, concluded and released once, in order
// if that was asked for; nothing follows the end of the run.
#include <map>
#include <set>

#include "core/client.hpp"
#include "fuzz.hpp"

namespace fanmill::fuzz {
namespace {

using namespace core;

class Run {
 public:
  explicit Run(Choices& choices)
      : choices_(choices), options_(options(choices)), client_(options_) {
    ClientActions actions;
    client_.open(actions);
    carry_out(actions);
  }

  [[nodiscard]] static bool over() { return false; }
  void act() { step(event()); }

  // Cancelled, and told that its job is over, it ends.
  void finish() {
    step(RunCancelled{});
    step(JobEndReceived{});
    must(client_.finished() && finished_, "a cancelled run does not end");
  }

 private:
  static ClientOptions options(Choices& choices) {
    const std::uint8_t flags = choices.byte();
    ClientOptions options{.job = JobId{1}, .ordered = flags % 2 == 1};
    if (flags % 4 >= 2) options.lookahead_tasks = 1 + choices.below(8);
    if (flags % 8 >= 4) options.lookahead_bytes = choices.byte();
    if (flags % 16 >= 8) options.result_bytes_waiting_max = 600;
    return options;
  }

  // Also a few that are not pulled yet.
  std::uint64_t any_item() {
    return choices_.below(static_cast<std::size_t>(client_.items_pulled() % 250) + 2);
  }

  ClientEvent event() {
    static_assert(std::variant_size_v<ClientEvent> == 9, "a new event belongs here, too");
    switch (choices_.below(32)) {
      case 0:
        return choices_.one_in(4) ? ClientEvent(RunDrained{}) : conclusion();
      case 1:
        return choices_.one_in(8) ? ClientEvent(RunCancelled{}) : conclusion();
      case 2:
        return choices_.one_in(4) ? ClientEvent(JobEndReceived{}) : conclusion();
      case 3:
        if (!choices_.one_in(4)) return conclusion();
        input_ended_ = true;
        return InputEnded{};
      case 4:
      case 5:
      case 6:
      case 7:
      case 8:
        return group_end();
      case 9:
      case 10:
      case 11:
      case 12:
      case 13:
      case 14:
        return task_end();
      case 15:
      case 16:
      case 17:
      case 18:
        return UpdateAnswered{.item = any_item(),
                              .add = tasks(),
                              .replace = choices_.one_in(3),
                              .done = choices_.one_in(4)};
      case 19:
      case 20:
      case 21:
      case 22:
      case 23:
        return conclusion();
      default:
        if (!client_.may_pull() || input_ended_) return conclusion();
        return ItemPulled{.policy = {static_cast<Policy::Kind>(choices_.below(6)), 1},
                          .tasks = tasks()};
    }
  }

  ClientEvent conclusion() { return ItemConcluded{any_item(), choices_.byte()}; }
  ClientEvent group_end() {
    const std::uint64_t item = any_item();
    return GroupEndReceived{{.client = embedded_client,
                             .job = JobId{choices_.one_in(16) ? 2U : 1U},
                             .group = GroupId{100 + item},
                             .item = item,
                             .result = {.decided = true, .withdrawn = choices_.one_in(4)}}};
  }
  ClientEvent task_end() {
    const std::uint64_t item = any_item();
    return TaskEndReceived{{.client = embedded_client,
                            .job = JobId{choices_.one_in(16) ? 2U : 1U},
                            .group = GroupId{100 + item},
                            .item = item,
                            .task = choices_.one_in(8) ? choices_.number32() : choices_.below(6)}};
  }
  std::vector<TaskSpec> tasks() {
    return std::vector<TaskSpec>(
        choices_.below(4), TaskSpec{.payload = Payload::raw(std::string(choices_.below(40), 'x'))});
  }

  void step(ClientEvent event) {
    reach("event of a client", event);
    ClientActions actions;
    client_.step(std::move(event), actions);
    carry_out(actions);
  }

  void carry_out(const ClientActions& actions) {
    for (const ClientAction& action : actions) {
      reach("order of a client", action);
      must(!finished_, "an order behind the last");
      std::visit([this](const auto& order) { on(order); }, action);
    }
    check_accounts();
  }

  void check_accounts() const {
    must(client_.items_released() + client_.items_withdrawn() <= client_.items_pulled(),
         "more items leave than came");
    must(client_.open_groups() <= client_.items_pulled() - client_.items_released(),
         "more groups are open than items");
    must(client_.items_released() == released_.size(), "it counts another number of releases");
    if (client_.open_groups() == 0) {
      must(client_.open_tasks() == 0 && client_.open_bytes() == 0, "tasks of no group are open");
      // Behind an open item results wait for their turn; without one nothing does.
      must(client_.result_bytes_waiting() == 0, "results wait for nothing");
    }
    must(!client_.finished() || !client_.may_pull(), "a run that is over pulls");
    must(client_.finished() == finished_, "it ends without an order, or goes on behind it");
  }

  void on(const TellManager&) {}
  void on(const CallUpdate& call) {
    must(call.item < client_.items_pulled(), "a call for an item that was not pulled");
    must(!concluded_.contains(call.item), "a call for an item that is concluded");
    must(updates_[call.item].insert(call.task).second, "a second call for the end of one task");
  }
  void on(const CallConclude& call) {
    must(call.item < client_.items_pulled(), "the end of an item that was not pulled");
    must(concluded_.insert(call.item).second, "an item is concluded twice");
  }
  void on(const ReleaseItem& release) {
    must(concluded_.contains(release.item), "an item is released without its result");
    must(!options_.ordered || released_.empty() || *released_.rbegin() < release.item,
         "an item is released before an earlier one");
    must(released_.insert(release.item).second, "an item is released twice");
  }
  void on(const RunFinished& end) {
    finished_ = true;
    must(end.how != RunFinished::How::complete ||
             client_.items_released() + client_.items_withdrawn() == client_.items_pulled(),
         "a complete run with items left");
  }

  Choices& choices_;
  ClientOptions options_;
  Client client_;
  bool input_ended_ = false;
  bool finished_ = false;
  std::map<std::uint64_t, std::set<std::uint32_t>> updates_;  // by item
  std::set<std::uint64_t> concluded_;
  std::set<std::uint64_t> released_;
};

}  // namespace
}  // namespace fanmill::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return fanmill::fuzz::play<fanmill::fuzz::Run>(data, size);
}
