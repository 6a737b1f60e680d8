// What a callable takes and gives, found from its call operator. Machinery of function.hpp and
// job.hpp, not for users.
#pragma once

#include <cstddef>
#include <optional>
#include <tuple>
#include <type_traits>

namespace fanmill::inline v0::detail {

template <typename R, typename... Parameters>
struct SignatureOf {
  using Return = R;
  static constexpr std::size_t count = sizeof...(Parameters);
  template <std::size_t n>
  using Decayed = std::remove_cvref_t<std::tuple_element_t<n, std::tuple<Parameters...>>>;
};

/// Empty for callables that have no one signature: overloaded, templates, generic lambdas.
template <typename Callable, typename = void>
struct Signature {};
template <typename Member>
struct MemberSignature;
template <typename R, typename Owner, typename... P>
struct MemberSignature<R (Owner::*)(P...)> : SignatureOf<R, P...> {};
template <typename R, typename Owner, typename... P>
struct MemberSignature<R (Owner::*)(P...) const> : SignatureOf<R, P...> {};
template <typename R, typename Owner, typename... P>
struct MemberSignature<R (Owner::*)(P...) noexcept> : SignatureOf<R, P...> {};
template <typename R, typename Owner, typename... P>
struct MemberSignature<R (Owner::*)(P...) const noexcept> : SignatureOf<R, P...> {};

template <typename Callable>
struct Signature<Callable, std::void_t<decltype(&Callable::operator())>>
    : MemberSignature<decltype(&Callable::operator())> {};
template <typename R, typename... P>
struct Signature<R (*)(P...), void> : SignatureOf<R, P...> {};
template <typename R, typename... P>
struct Signature<R (*)(P...) noexcept, void> : SignatureOf<R, P...> {};

template <typename Callable>
inline constexpr bool has_signature = requires {
  typename Signature<Callable>::Return;
};

template <typename T>
inline constexpr bool is_optional_v = false;
template <typename T>
inline constexpr bool is_optional_v<std::optional<T>> = true;

template <typename T>
struct WithoutOptionalOf {
  using Type = T;
};
template <typename T>
struct WithoutOptionalOf<std::optional<T>> {
  using Type = T;
};
template <typename T>
using WithoutOptional = typename WithoutOptionalOf<T>::Type;

}  // namespace fanmill::inline v0::detail
