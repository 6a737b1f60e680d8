// What may stand in a JSON line that describes a group; docs/guide.md has the table.
#pragma once

#include <fanmill/object_view.hpp>

#include "command_item.hpp"

namespace fanmill::broker {

/// Reads everything of the JSON object `group` but its "item". Throws FarmError (malformed_payload)
/// that names the key and what is expected there.
void read_group(const ObjectView& group, CommandItem& item);

}  // namespace fanmill::broker
