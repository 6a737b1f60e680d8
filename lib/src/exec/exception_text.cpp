#include "exec/exception_text.hpp"

#include <cxxabi.h>

#include <cstdlib>
#include <exception>
#include <memory>
#include <typeinfo>

namespace fanmill::exec {
namespace {

std::string type_name(const std::type_info* type) {
  if (type == nullptr) return "unknown";
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> name(
      abi::__cxa_demangle(type->name(), nullptr, nullptr, &status), std::free);
  return name == nullptr ? type->name() : name.get();
}

}  // namespace

ExceptionText describe_current_exception() {
  // The exception's own type, which is not that of the handler that catches it.
  ExceptionText description{type_name(abi::__cxa_current_exception_type()), {}};
  try {
    throw;
  } catch (const std::exception& exception) {
    description.text = exception.what();
  } catch (const std::string& text) {
    description.text = text;
  } catch (const char* text) {
    description.text = text == nullptr ? "" : text;
  } catch (...) {
    description.text = "an exception without a text";
  }
  return description;
}

}  // namespace fanmill::exec
