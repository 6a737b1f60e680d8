#include "model.hpp"

#include <variant>

namespace fanmill::hostile_test {

std::string name_of(Answer answer) {
  static const char* const names[] = {"welcome",   "refuse malformed", "refuse protocol", "who",
                                      "heartbeat", "goodbye",          "something else"};
  return names[static_cast<std::size_t>(answer)];
}

Answer answer_of(const core::Message& message) {
  if (std::holds_alternative<core::Welcome>(message)) return Answer::welcome;
  if (std::holds_alternative<core::Who>(message)) return Answer::who;
  if (std::holds_alternative<core::Heartbeat>(message)) return Answer::heartbeat;
  if (std::holds_alternative<core::Goodbye>(message)) return Answer::goodbye;
  const auto* refuse = std::get_if<core::Refuse>(&message);
  if (refuse == nullptr || refuse->words.empty()) return Answer::other;
  if (refuse->code == core::RefuseCode::malformed) return Answer::refuse_malformed;
  if (refuse->code == core::RefuseCode::protocol) return Answer::refuse_protocol;
  return Answer::other;
}

bool is_of_manager(const core::Message& message) {
  return std::holds_alternative<core::Welcome>(message) ||
         std::holds_alternative<core::Refuse>(message) ||
         std::holds_alternative<core::Who>(message) ||
         std::holds_alternative<core::Task>(message) ||
         std::holds_alternative<core::Tasks>(message) ||
         std::holds_alternative<core::Kill>(message) ||
         std::holds_alternative<core::OutputTaken>(message);
}

std::vector<Answer> Model::take_hello(const core::Hello& hello) {
  if (open_ && hello.uuid != worker_) {
    open_ = false;
    return {Answer::refuse_protocol};
  }
  if (open_ && hello.greeting <= greeting_) return {};
  const bool asked_again = open_ && drains_;
  open_ = true;
  named_ = false;
  drains_ = asked_again;
  worker_ = hello.uuid;
  greeting_ = hello.greeting;
  batches_ = (hello.features & core::feature::batch) != 0;
  parts_ = (hello.features & core::feature::parts) != 0;
  if (asked_again) return {Answer::welcome, Answer::goodbye};
  return {Answer::welcome};
}

std::vector<Answer> Model::take_other_session() {
  if (named_) return {};
  return {Answer::who};
}

std::vector<Answer> Model::take(const core::Message& message) {
  if (const auto* hello = std::get_if<core::Hello>(&message)) return take_hello(*hello);
  if (!open_) return {Answer::who};
  if (is_of_manager(message)) {
    open_ = false;
    return {Answer::refuse_protocol};
  }
  if (const auto* heartbeat = std::get_if<core::Heartbeat>(&message)) {
    if (heartbeat->session != session_) return take_other_session();
    named_ = true;
    if (heartbeat->echo) return {Answer::heartbeat};
  } else if (const auto* results = std::get_if<core::Results>(&message)) {
    if (results->session != session_) return take_other_session();
    named_ = true;
    if (batches_) return {};
    open_ = false;
    return {Answer::refuse_protocol};
  } else if (std::holds_alternative<core::Part>(message) ||
             std::holds_alternative<core::PartTaken>(message)) {
    // Of what it was not given, which is taken and dropped; what it says to have taken is ignored.
    if (parts_ && std::holds_alternative<core::PartTaken>(message)) return {};
    if (parts_) return {Answer::other};
    open_ = false;
    return {Answer::refuse_protocol};
  } else if (const auto* goodbye = std::get_if<core::Goodbye>(&message)) {
    if (goodbye->session != session_) return take_other_session();
    named_ = true;
    drains_ = drains_ || goodbye->drain;
    open_ = goodbye->drain;
  }
  return {};
}

std::vector<Answer> Model::take_malformed() {
  open_ = false;
  return {Answer::refuse_malformed};
}

}  // namespace fanmill::hostile_test
