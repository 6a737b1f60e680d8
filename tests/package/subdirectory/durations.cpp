// Linked beside hello.cpp for what hello leaves out: a name that one compiler finds in the library
// and another does not shows only where it is used.
#include <chrono>
#include <fanmill/fanmill.hpp>

std::chrono::milliseconds there_and_back(std::chrono::seconds value) {
  return fanmill::decode<std::chrono::milliseconds>(fanmill::encode(value));
}
