#include "tally.hpp"

namespace fanmill::sim {

const char* to_string(Count count) {
  static constexpr const char* names[] = {
#define FANMILL_SIM_NAME(name) #name,
      FANMILL_SIM_COUNTS(FANMILL_SIM_NAME)
#undef FANMILL_SIM_NAME
  };
  return names[static_cast<std::size_t>(count)];
}

}  // namespace fanmill::sim
