// Catch2 2.13 is a header: its implementation is compiled here, once. Version 3 is a library.
// Apart from catch_main.cpp, so that a test program may bring its own main and still link this.
#if !__has_include(<catch2/catch_all.hpp>)
#define CATCH_CONFIG_RUNNER
#endif

#include "catch.hpp"

int run_tests(int argc, char* argv[]) { return Catch::Session().run(argc, argv); }
