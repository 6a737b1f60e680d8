// DescriptorReserve: sees that a manager's connections leave some descriptors to the rest of its
// process, and that there is a way on when none is left.
//
// libzmq's thread has no rest when it can't take in a connection that waits: it tries again at
// once, for ever. So some descriptors are held for nothing. One that is let go lets libzmq take in
// the connection, which then can be ended.
#pragma once

#include <vector>

#include "base/descriptor.hpp"

namespace fanmill::net {

class DescriptorReserve {
 public:
  DescriptorReserve();

  /// Of this process, at this moment (ulimit -n).
  [[nodiscard]] static int limit();
  /// What the number of a connection's descriptor says of those that are left: too few for another
  /// worker, or for any connection.
  [[nodiscard]] static bool is_scarce(int fd);
  [[nodiscard]] static bool is_last(int fd);

  /// Lets one go. False if none is left.
  bool lend();
  [[nodiscard]] bool is_lent() const;
  /// Takes back what was lent, as far as it can be had.
  void regain();

 private:
  std::vector<Descriptor> spares_;
};

}  // namespace fanmill::net
