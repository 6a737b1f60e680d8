// Warden: the process that forks the keepers of a worker's slots (keeper.hpp). It is forked before
// the worker has any other thread, and has one thread itself, so whatever it forks is whole.
//
//     worker (the protocol) --- warden --- keeper of slot 0 --- process of a task --- its descendants
//        |  links               |         keeper of slot 1 --- ...
//        +--------------------------------- one link to each
//
// The links are what they live by: when the worker is gone, however it went, all of them end and
// leave nothing behind.
#pragma once

#include <functional>
#include <optional>

#include "exec/keeper.hpp"

namespace fanmill::exec {

/// Forks a warden. Nothing, with errno set, if that is not possible. This process must have one
/// thread only. `options` and what they point to must live as long as this process.
/// `in_child` is called in the warden before anything else.
std::optional<NewWarden> fork_warden(const KeeperOptions& options,
                                     const std::function<void()>& in_child = {});

}  // namespace fanmill::exec
