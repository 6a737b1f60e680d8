// FANMILL_EXPORT: marks what the shared library offers to programs. Everything else in it is hidden,
// so that nobody comes to depend on it and no two libraries in one process meet in it.
//
// It stands on each class with members, and on each function, that a public header declares and the
// library defines. Templates and inline functions are compiled by whoever uses them and need none.
// The same objects go into the static library, where it means nothing.
#pragma once

/// Makes a class with its members, or a function, part of what the shared library offers.
#define FANMILL_EXPORT __attribute__((visibility("default")))
