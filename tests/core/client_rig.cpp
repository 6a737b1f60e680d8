#include "client_rig.hpp"

#include <exception>

namespace fanmill::core::test {
namespace {

std::string in_short(const ManagerEvent& event) {
  if (std::holds_alternative<JobOpened>(event)) return "open";
  if (std::holds_alternative<JobClosed>(event)) return "close";
  if (std::holds_alternative<JobCancelled>(event)) return "cancel";
  if (std::holds_alternative<JobDrained>(event)) return "drain";
  if (const auto* submitted = std::get_if<GroupSubmitted>(&event)) {
    return "submit " + std::to_string(submitted->item);
  }
  if (const auto* updated = std::get_if<GroupUpdated>(&event)) {
    std::string text = "update " + std::to_string(updated->group.value);
    if (updated->replace) text += " replace";
    if (!updated->add.empty()) text += " add " + std::to_string(updated->add.size());
    if (updated->done) text += " done";
    return text;
  }
  return "ANOTHER EVENT";
}

std::vector<TaskSpec> specs(std::size_t count, std::size_t bytes) {
  return std::vector<TaskSpec>(count, TaskSpec{.payload = Payload::raw(std::string(bytes, 'x'))});
}

}  // namespace

std::string in_short(const ClientAction& action) {
  struct Words {
    std::string operator()(const TellManager& tell) const { return in_short(tell.event); }
    std::string operator()(const CallUpdate& call) const {
      return "ask " + std::to_string(call.item) + "/" + std::to_string(call.task);
    }
    std::string operator()(const CallConclude& call) const {
      return "conclude " + std::to_string(call.item) + (call.result.decided ? " decided" : "");
    }
    std::string operator()(const ReleaseItem& release) const {
      return "release " + std::to_string(release.item);
    }
    std::string operator()(const RunFinished& finished) const {
      switch (finished.how) {
        case RunFinished::How::complete:
          return "finished";
        case RunFinished::How::drained:
          return "drained";
        case RunFinished::How::cancelled:
          break;
      }
      return "cut off";
    }
  };
  return std::visit(Words{}, action);
}

ClientRig::ClientRig(ClientOptions options)
    : client([&] {
        options.job = job;
        return std::move(options);
      }()) {
  client.open(unclaimed);
  REQUIRE(claim_all() == "open");
}

ClientRig::~ClientRig() {
  if (std::uncaught_exceptions() > 0) return;
  INFO("nothing unclaimed");
  CHECK(claim_all() == "-");
}

void ClientRig::step(ClientEvent event) {
  client.step(std::move(event), unclaimed);
  check_accounts();
}

// What can be seen of a client from outside and is always true.
void ClientRig::check_accounts() {
  CHECK(client.items_released() <= client.items_pulled());
  CHECK(client.open_groups() <= client.items_pulled() - client.items_released());
  if (client.open_groups() == 0) {
    CHECK(client.open_tasks() == 0);
    CHECK(client.open_bytes() == 0);
    CHECK(client.result_bytes_waiting() == 0);
  }
  if (client.finished()) CHECK_FALSE(client.may_pull());
}

std::string ClientRig::claim_all() {
  std::string list;
  for (const ClientAction& action : unclaimed) {
    if (!list.empty()) list += ", ";
    list += in_short(action);
  }
  unclaimed.clear();
  return list.empty() ? "-" : list;
}

void ClientRig::pull(Policy::Kind kind, std::size_t tasks, std::size_t task_bytes) {
  step(ItemPulled{.policy = {.kind = kind}, .tasks = specs(tasks, task_bytes)});
}

// The manager's id of an item's group is 100 more than the item's index.
void ClientRig::task_ended(std::uint64_t item, std::uint32_t task) {
  step(TaskEndReceived{{.client = embedded_client,
                        .job = job,
                        .group = GroupId{100 + item},
                        .item = item,
                        .task = task}});
}

void ClientRig::group_ended(std::uint64_t item) {
  step(GroupEndReceived{{.client = embedded_client,
                         .job = job,
                         .group = GroupId{100 + item},
                         .item = item,
                         .result = {.decided = true}}});
}

void ClientRig::group_withdrawn(std::uint64_t item) {
  step(GroupEndReceived{{.client = embedded_client,
                         .job = job,
                         .group = GroupId{100 + item},
                         .item = item,
                         .result = {.withdrawn = true}}});
}

void ClientRig::answered(std::uint64_t item, std::size_t add, bool replace, bool done) {
  step(UpdateAnswered{.item = item, .add = specs(add, 1), .replace = replace, .done = done});
}

void ClientRig::concluded(std::uint64_t item, std::size_t bytes) {
  step(ItemConcluded{.item = item, .bytes = bytes});
}

}  // namespace fanmill::core::test
