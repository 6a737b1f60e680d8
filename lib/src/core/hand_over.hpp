// What an embedded manager and its caller hand to each other across threads: whole lists, in which what
// comes once for each item lies side by side.
#pragma once

#include "base/mixed_list.hpp"
#include "core/manager_actions.hpp"
#include "core/manager_events.hpp"

namespace fanmill::core {

/// From the caller.
using PostedEvents = MixedList<GroupSubmitted, ManagerEvent>;
/// To the caller: the Deliver* actions.
using Deliveries = MixedList<DeliverGroupEnd, ManagerAction>;

/// Of either, more memory is not kept for the next: it was a flood.
inline constexpr std::size_t handed_over_kept_max = 16384;

}  // namespace fanmill::core
