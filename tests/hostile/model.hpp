// What docs/protocol.md says that a manager answers to a peer with the role worker, in as few words
// as it takes: another reading of the document than the library's own.
#pragma once

#include <string>
#include <vector>

#include "core/message.hpp"

namespace fanmill::hostile_test {

enum class Answer : std::uint8_t {
  welcome,
  refuse_malformed,
  refuse_protocol,
  who,
  heartbeat,
  goodbye,
  other,
};
std::string name_of(Answer answer);
Answer answer_of(const core::Message& message);
/// Whether only managers send such messages.
bool is_of_manager(const core::Message& message);

/// One connection. Of attempts it knows nothing: it is asked about those that the peer was not
/// given.
class Model {
 public:
  /// The session that the connection was told last.
  void welcomed(SessionId session) { session_ = session; }
  [[nodiscard]] SessionId session() const { return session_; }
  [[nodiscard]] bool is_open() const { return open_; }
  [[nodiscard]] core::Uuid worker() const { return worker_; }

  std::vector<Answer> take(const core::Message& message);
  std::vector<Answer> take_malformed();

 private:
  std::vector<Answer> take_hello(const core::Hello& hello);
  std::vector<Answer> take_other_session();

  bool open_ = false;
  bool named_ = false;
  bool drains_ = false;
  bool batches_ = false;  // the feature is in force
  bool parts_ = false;    // the same
  core::Uuid worker_;
  std::uint32_t greeting_ = 0;
  SessionId session_;
};

}  // namespace fanmill::hostile_test
