// Workers whose tasks are programs: for fanmill-worker. Those of a user's functions are serve.hpp's.
#pragma once

#include <fanmill/join.hpp>
#include <fanmill/serve.hpp>
#include <string>

#include "exec/process_executor.hpp"

namespace fanmill::inline v0::detail {

/// As `serve`, with one function `name`. `options.execution` must be forked. Outputs that are too
/// long go into `spool_folder`, which exists.
int serve_programs(const Join& join, std::string name, exec::Programs programs,
                   std::string spool_folder, const ServeOptions& options);

}  // namespace fanmill::inline v0::detail
