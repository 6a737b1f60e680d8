// Tasks and results of your own Cap'n Proto schema, 14_capnp.capnp beside this file. They travel
// as they are, and are read where they lie; other languages read them with their own library.
//
//     build/release/bin/14_capnp
//
// The build compiles the schema and links CapnProto::capnp, which fanmill itself does not ask for.
#include <cstdint>
#include <fanmill/capnp.hpp>
#include <fanmill/fanmill.hpp>
#include <iostream>
#include <vector>

#include "14_capnp.capnp.h"

namespace {

using shop::Order;
using shop::Receipt;

fanmill::Capnp<Receipt> sell(const fanmill::Capnp<Order>& order) {
  return fanmill::Capnp<Receipt>::build([&](Receipt::Builder receipt) {
    receipt.setItem(order->getItem());
    receipt.setTotal(order->getCount() * order->getPrice());
  });
}

fanmill::Capnp<Order> order(const char* item, std::uint32_t count, std::int64_t price) {
  return fanmill::Capnp<Order>::build([&](Order::Builder made) {
    made.setItem(item);
    made.setCount(count);
    made.setPrice(price);
  });
}

int run_manager(const char* program) {
  fanmill::Manager manager;
  manager.start_workers(2, {program, "worker"});

  const std::vector orders{order("flour", 3, 120), order("bread", 2, 310)};
  for (const auto& receipt : manager.run(orders, fanmill::job<fanmill::Capnp<Receipt>>())) {
    std::cout << receipt->getItem().cStr() << ' ' << receipt->getTotal() << '\n';
  }

  // A payload of another type is refused, by its type's id.
  const std::vector wrong{sell(orders[0])};
  const auto refused = manager.run_outcomes(wrong, fanmill::job<fanmill::Capnp<Receipt>>());
  std::cout << refused[0].errors.back().text << '\n';
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) return fanmill::serve(sell);
  return run_manager(argv[0]);
}

// Output:
// flour 360
// bread 620
// expected Cap'n Proto struct 14_capnp.capnp:Order (id 0xe8a5d1c27b3f9046), got one of id 0x9d04b7e6f12c8a53
