// Everything that a program with a manager or a worker needs. The headers may be included one by
// one, too.
//
// To begin with: manager.hpp (run a list of items), serve.hpp (be a worker), job.hpp (what is done
// with each item). For other models than these: channel.hpp.
#pragma once

#include <fanmill/big_integer.hpp>
#include <fanmill/bytes.hpp>
#include <fanmill/call.hpp>
#include <fanmill/channel.hpp>
#include <fanmill/counters.hpp>
#include <fanmill/error.hpp>
#include <fanmill/export.hpp>
#include <fanmill/feed.hpp>
#include <fanmill/fields.hpp>
#include <fanmill/function.hpp>
#include <fanmill/group.hpp>
#include <fanmill/inlet.hpp>
#include <fanmill/item_outcome.hpp>
#include <fanmill/job.hpp>
#include <fanmill/join.hpp>
#include <fanmill/json.hpp>
#include <fanmill/manager.hpp>
#include <fanmill/object.hpp>
#include <fanmill/object_view.hpp>
#include <fanmill/object_writer.hpp>
#include <fanmill/observer.hpp>
#include <fanmill/outcome.hpp>
#include <fanmill/payload.hpp>
#include <fanmill/policy.hpp>
#include <fanmill/serve.hpp>
#include <fanmill/shared_span.hpp>
#include <fanmill/update.hpp>
#include <fanmill/version.hpp>
#include <fanmill/worker_info.hpp>
