// FarmKeys: the keys of a user's managers, in a folder of theirs that nobody else can enter. Made
// when they are first needed.
//
//     manager.cert   the managers' own pair: workers know a manager by its public half
//     worker.cert    the pair that join files hand to workers, with the managers' public half
//     authorized     whose keys may connect, and as what (authorized_keys.hpp)
//     channel.cert   the pair that both ends of this user's channels share; of no use to a manager
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/time.hpp"
#include "core/limits.hpp"
#include "net/authorized_keys.hpp"
#include "net/certificate.hpp"

namespace fanmill::net {

class FarmKeys {
 public:
  /// "keys" in the user's state folder. Error: io_error.
  [[nodiscard]] static Result<std::string> default_folder();
  /// Reads the keys, or makes those that are not there; two processes at once get the same. Error:
  /// io_error; as of Certificate::load and AuthorizedKeys::load, with what to do.
  /// Waits for another process that is at it, for at most `lock_wait`; its Error then names it.
  [[nodiscard]] static Result<FarmKeys> open(const std::string& folder,
                                             Duration lock_wait = limits::keys_lock_wait);

  /// Reads the authorised keys, has them changed and writes them, while nobody else does. Error: that
  /// of `edit`, after which nothing is written; as `open`.
  [[nodiscard]] static Status change(const std::string& folder,
                                     const std::function<Status(AuthorizedKeys&)>& edit);

  /// The pair that both ends of this user's channels share: "channel.cert" in the folder. Made if it is
  /// not there; two processes at once get the same. Error: as `open`.
  [[nodiscard]] static Result<Certificate> channel_certificate(
      const std::string& folder, Duration lock_wait = limits::keys_lock_wait);
  [[nodiscard]] static std::string channel_file(const std::string& folder) {
    return folder + "/channel.cert";
  }

  [[nodiscard]] const PublicKey& server_key() const { return server_key_; }
  [[nodiscard]] const std::shared_ptr<const SecretKey>& secret_key() const { return secret_key_; }
  [[nodiscard]] const AuthorizedKeys& authorized() const { return authorized_; }
  [[nodiscard]] std::string authorized_file() const { return authorized_file(folder_); }
  [[nodiscard]] static std::string authorized_file(const std::string& folder) {
    return folder + "/authorized";
  }
  /// The file of the workers' pair.
  [[nodiscard]] std::string worker_file() const { return worker_file(folder_); }
  [[nodiscard]] static std::string worker_file(const std::string& folder) {
    return folder + "/worker.cert";
  }

 private:
  FarmKeys() = default;

  std::string folder_;
  PublicKey server_key_;
  std::shared_ptr<const SecretKey> secret_key_;
  AuthorizedKeys authorized_;
};

}  // namespace fanmill::net
