// The limit of this process's descriptors (ulimit -n), which most systems set low for the sake of
// programs that use select().
#pragma once

namespace fanmill {

/// To as many as this process may have. Any thread.
void raise_descriptor_limit() noexcept;
/// To what it was before `raise_descriptor_limit`, if that was called: for a child that is to run
/// something else. It only makes system calls.
void restore_descriptor_limit() noexcept;

}  // namespace fanmill
