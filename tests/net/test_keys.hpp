// The keys of the farms in a test program: one pair of managers and one of workers, with which every
// farm and every bare peer takes part unless a test says otherwise.
//
// They are those of libzmq's manual (zmq_curve), so that processes which a test starts have them, too.
#pragma once

#include <memory>
#include <string_view>

#include "net/dealer.hpp"
#include "net/gate.hpp"

namespace fanmill::test {

class TestKeys {
 public:
  /// What a worker shows.
  static const net::ClientKeys& worker() { return get().worker_; }
  /// Lets workers in who show that, and what comes by ipc from this user.
  static const std::shared_ptr<const net::Gate>& gate() { return get().gate_; }
  static const std::shared_ptr<const net::SecretKey>& secret_key() { return get().secret_key_; }

 private:
  TestKeys() {
    net::AuthorizedKeys keys;
    keys.add({.key = worker_.own->public_key, .roles = net::Role::worker, .name = "test"})
        .value_or_raise();
    gate_ = std::make_shared<const net::Gate>(std::move(keys));
  }
  static const TestKeys& get() {
    static const TestKeys keys;
    return keys;
  }
  static net::SecretKey secret(std::string_view text) {
    return net::SecretKey::parse(text).value();
  }

  const std::shared_ptr<const net::SecretKey> secret_key_ =
      std::make_shared<const net::SecretKey>(secret("JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6"));
  const net::ClientKeys worker_{
      .server = secret_key_->public_key(),
      .own = std::make_shared<const net::KeyPair>(net::KeyPair{
          .public_key = net::PublicKey::parse("Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID").value(),
          .secret_key = secret("D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs")})};
  std::shared_ptr<const net::Gate> gate_;
};

}  // namespace fanmill::test
