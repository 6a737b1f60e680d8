// The client's side of CURVE on a socket.
#pragma once

#include <zmq.hpp>

#include "base/assert.hpp"
#include "net/curve_key.hpp"

namespace fanmill::net {

/// Connections that the socket makes from now on are encrypted, prove that they hold `own` and take
/// nobody for the server but who holds the secret of `server`. libzmq keeps copies.
inline void show_keys(zmq::socket_t& socket, const PublicKey& server, const KeyPair& own) {
  const auto set = [&](int option, const std::uint8_t* key) {
    const int failure = zmq_setsockopt(socket.handle(), option, key, key_bytes);
    FANMILL_ASSERT(failure == 0, zmq_strerror(zmq_errno()));
  };
  set(ZMQ_CURVE_SERVERKEY, server.data());
  set(ZMQ_CURVE_PUBLICKEY, own.public_key.data());
  set(ZMQ_CURVE_SECRETKEY, own.secret_key.data());
}

}  // namespace fanmill::net
