// Group: what `group_tasks` makes of an item if the job has an `update_group`: a state to start
// with, and the tasks.
//
// The state is the user's own (a count and a best so far); it never travels, and only the thread
// that called `run` touches it.
#pragma once

#include <vector>

namespace fanmill::inline v0 {

/// What an item's group begins with.
template <typename State, typename Task>
struct Group {
  State state;              ///< the job's callbacks get it as State& with each result of the group
  std::vector<Task> tasks;  ///< none: the group is over at once, for `incomplete_group` to judge
};

/// So that `Group{state, tasks}` needs no template arguments.
template <typename State, typename Task>
Group(State, std::vector<Task>) -> Group<State, Task>;

}  // namespace fanmill::inline v0
