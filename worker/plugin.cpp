#include "plugin.hpp"

#include <dlfcn.h>
#include <fanmill/plugin.h>

#include <cstdlib>
#include <fanmill/error.hpp>
#include <fanmill/json.hpp>
#include <memory>
#include <stdexcept>

namespace fanmill::worker {
namespace {

[[noreturn]] void refuse(const std::string& file, const std::string& why) {
  throw FarmError(ErrorCode::invalid_argument, "--plugin " + file + ": " + why);
}

struct Plugin {
  decltype(&fanmill_run) run = nullptr;
  decltype(&fanmill_free) free = nullptr;
};

/// What the function gave, until it is freed.
class Output {
 public:
  explicit Output(const Plugin& plugin) : plugin_(plugin) {}
  ~Output() {
    if (data == nullptr) return;
    if (plugin_.free != nullptr) {
      plugin_.free(data, size);
    } else {
      std::free(data);  // NOLINT: it came from malloc on the other side
    }
  }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  [[nodiscard]] std::string_view view() const {
    return data == nullptr ? std::string_view() : std::string_view(data, size);
  }
  char* data = nullptr;
  std::size_t size = 0;

 private:
  const Plugin& plugin_;
};

}  // namespace

Function plugin_function(const std::string& file) {
  // Without a slash dlopen would look among the system's libraries.
  const std::string path = file.find('/') == std::string::npos ? "./" + file : file;
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);  // for as long as we live
  if (library == nullptr) refuse(file, ::dlerror());
  Plugin plugin;
  plugin.run = reinterpret_cast<decltype(&fanmill_run)>(::dlsym(library, "fanmill_run"));
  plugin.free = reinterpret_cast<decltype(&fanmill_free)>(::dlsym(library, "fanmill_free"));
  if (plugin.run == nullptr)
    refuse(file, "exports no function fanmill_run; see fanmill/plugin.h for what it must be");
  return [plugin](const Payload& item) -> Payload {
    const bool is_raw = item.encoding == Encoding::raw;
    const std::string in = is_raw                            ? item.bytes.str()
                           : item.encoding == Encoding::none ? std::string("null")
                                                             : to_json(item);
    Output out(plugin);
    const int status = plugin.run(in.data(), in.size(), &out.data, &out.size);
    if (status != 0) {
      throw std::runtime_error(out.view().empty() ? "fanmill_run returned " + std::to_string(status)
                                                  : std::string(out.view()));
    }
    if (is_raw) return Payload::raw(out.view());
    try {
      return json_to_object(out.view());
    } catch (const FarmError& error) {
      throw std::runtime_error(std::string("what fanmill_run gave: ") + error.what());
    }
  };
}

}  // namespace fanmill::worker
