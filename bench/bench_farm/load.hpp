// Simulated workers: many DEALERs in one process and one thread, which speak the protocol through the
// library's codec and answer each task at once. What a farm does with thousands of workers can be
// seen so on one machine; what they take of it is the same for each of them.
#pragma once

#include <string>

namespace bench {

/// `bench_farm load COUNT plain`: so many workers for the manager in FANMILL_ENDPOINT, in plaintext. Ends
/// when it is killed.
int run_load(int count, int slots);

/// `bench_farm plain-peer WINDOW [plain]`: one worker without the feature `batch`, in a simple loop that
/// waits for a message and answers it, with keys unless `plain`. It answers a Task as a thrifty worker in
/// C would, in the frames in which it came: what the bare workers do, and a few stores.
int run_plain_peer(int window, bool plain);

}  // namespace bench
