// Workers whose tasks are programs: for fanmill-worker. Those of a user's functions are serve.hpp's.
#pragma once

#include <fanmill/join.hpp>
#include <fanmill/serve.hpp>
#include <string>

#include "exec/process_executor.hpp"

namespace fanmill::inline v0::detail {

/// As `serve`, with one function `name`. `options.execution` must be forked. Outputs that are too
/// long go into files in TMPDIR, else /tmp.
int serve_programs(const Join& join, std::string name, exec::Programs programs,
                   const ServeOptions& options);

}  // namespace fanmill::inline v0::detail
