// Function: what a worker does with a task. Functions: several of them under names.
//
// Made from a callable of the user's: `R f(T)`, `R f(T, std::stop_token)` or `R f(T, const
// TaskContext&)`. T and R are Transmissible (object.hpp). R may be void, or std::optional<R>: an
// empty one is "nothing", that is, the function ran to its end and found no answer; a race goes on
// with the others then. A callable that throws has failed; its task ends with the exception's type
// and text.
#pragma once

#include <chrono>
#include <cstdint>
#include <fanmill/detail/callable.hpp>
#include <fanmill/export.hpp>
#include <fanmill/object.hpp>
#include <functional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace fanmill::inline v0 {

/// What a function may know about the task that it runs.
struct TaskContext {
  std::stop_token stop;  ///< asked to stop when the task is killed, is over its time limit, or the
                         ///< worker leaves
  std::uint64_t item = 0;     ///< index of the item in its run's input
  std::uint64_t task = 0;     ///< the task's id: the same for all its attempts, never used again
  std::uint32_t attempt = 1;  ///< which attempt of the task this is, from 1
  std::chrono::nanoseconds time_limit{0};  ///< of this attempt; 0: none
};

/// What a function gave.
struct FunctionResult {
  Payload payload;       ///< what it returned, encoded; none if that is void
  bool nothing = false;  ///< it found no answer; the payload is empty then
};

/// A callable of any of the types above, erased. Copies share nothing but what the callable itself
/// shares. A worker with several slots calls it from several threads at once.
class Function {
 public:
  /// Implicit, so that `serve(join, [](int n) { return n * n; })` reads well. The callable must be
  /// copyable and its parameter types must be written out (no `auto`).
  template <typename Callable>
  requires(!std::same_as<std::remove_cvref_t<Callable>, Function>)
      Function(Callable&& callable)  // NOLINT: implicit by design
      : call_(erase(std::decay_t<Callable>(std::forward<Callable>(callable)))) {}

  /// Decodes, calls, encodes. Throws what the callable throws, and FarmError (malformed_payload) if
  /// `input` is not what the callable takes.
  FunctionResult operator()(const Payload& input, const TaskContext& context) const {
    return call_(input, context);
  }

 private:
  using Call = std::function<FunctionResult(const Payload&, const TaskContext&)>;
  template <typename Callable>
  static Call erase(Callable callable);

  Call call_;
};

/// The functions that one worker serves. Jobs name them (job.hpp: `function`, `call`); a job that
/// names none gets the one that was added first.
class FANMILL_EXPORT Functions {
 public:
  /// Adds a function; returns this object, for the next `add`. Names are not empty, not used twice,
  /// and at most 256; else FarmError (invalid_argument).
  Functions& add(std::string name, Function function);

  /// A function and its name.
  struct Named {
    std::string name;   ///< that jobs call it by
    Function function;  ///< that is called
  };
  /// In the order in which they were added.
  [[nodiscard]] const std::vector<Named>& all() const noexcept { return all_; }

 private:
  std::vector<Named> all_;
};

template <typename Callable>
Function::Call Function::erase(Callable callable) {
  static_assert(std::copy_constructible<Callable>,
                "a function of a worker must be copyable: several slots use it");
  static_assert(detail::has_signature<Callable>,
                "a function of a worker needs its parameter types written out: R f(T), R f(T, "
                "std::stop_token) or "
                "R f(T, const fanmill::TaskContext&); overloaded callables and `auto` parameters "
                "can't be decoded into");
  if constexpr (detail::has_signature<Callable>) {
    using Signature = detail::Signature<Callable>;
    constexpr std::size_t count = Signature::count;
    static_assert(
        count == 1 || count == 2,
        "a function of a worker takes the task's input and, if it likes, a std::stop_token or a "
        "const fanmill::TaskContext&; put several inputs into a tuple or a struct");
    using Input = typename Signature::template Decayed<0>;
    using Output = std::remove_cvref_t<typename Signature::Return>;
    using Plain = detail::WithoutOptional<Output>;
    static_assert(Transmissible<Input>,
                  "the input type of this function can't be sent; FANMILL_FIELDS makes a struct "
                  "sendable (fields.hpp)");
    static_assert(std::is_void_v<Output> || Transmissible<Plain>,
                  "the result type of this function can't be sent; FANMILL_FIELDS makes a struct "
                  "sendable (fields.hpp)");
    return
        [callable = std::move(callable)](const Payload& input, const TaskContext& context) mutable {
          const auto invoke = [&]() -> decltype(auto) {
            if constexpr (count == 1) {
              return std::invoke(callable, decode<Input>(input));
            } else if constexpr (std::same_as<typename Signature::template Decayed<1>,
                                              std::stop_token>) {
              return std::invoke(callable, decode<Input>(input), context.stop);
            } else {
              static_assert(std::same_as<typename Signature::template Decayed<1>, TaskContext>,
                            "the second parameter of a worker's function is a std::stop_token or a "
                            "const fanmill::TaskContext&");
              return std::invoke(callable, decode<Input>(input), context);
            }
          };
          if constexpr (std::is_void_v<Output>) {
            invoke();
            return FunctionResult{};
          } else if constexpr (detail::is_optional_v<Output>) {
            const Output output = invoke();
            if (!output) return FunctionResult{.payload = {}, .nothing = true};
            return FunctionResult{.payload = encode(*output)};
          } else {
            return FunctionResult{encode<Output>(invoke()), false};
          }
        };
  }
}

}  // namespace fanmill::inline v0
