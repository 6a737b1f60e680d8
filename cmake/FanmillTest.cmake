# How tests are made and registered.
#
#   fanmill_add_test(<name> LABEL <label> SOURCES <file>... [LINKS <library>...]
#                    [DEFINITIONS <macro>...] [ARGUMENTS <argument>...] [TIMEOUT <seconds>])
#     A Catch2 program over all layers. It may include "catch.hpp", internal headers and schemas.
#
#   fanmill_add_script_test(<file> LABEL <label> [TIMEOUT <seconds>])
#     A Python or bash test, named <folder>.<file>.
#
# Each test runs with FANMILL_BIN (the programs), FANMILL_SOURCE (this tree), FANMILL_BUILD (the
# build's) and state and runtime folders of its own (tests/run_isolated), so that tests never meet
# each other's managers.

# Debian's own interpreter first: that is the one which python3-zmq belongs to.
find_program(FANMILL_PYTHON NAMES python3 PATHS /usr/bin NO_DEFAULT_PATH)
find_program(FANMILL_PYTHON NAMES python3 REQUIRED)

# Seconds, about ten times what a slow machine needs: a limit for hangs, not for speed.
set(FANMILL_TIMEOUT_unit 60)
set(FANMILL_TIMEOUT_sim 300)
set(FANMILL_TIMEOUT_integration 180)
set(FANMILL_TIMEOUT_cli 180)
set(FANMILL_TIMEOUT_polyglot 300)
set(FANMILL_TIMEOUT_package 1800)
set(FANMILL_TIMEOUT_fuzz 300)
set(FANMILL_TIMEOUT_bench 120)
set(FANMILL_TIMEOUT_tidy 120)

function(fanmill_test_properties name label timeout)
  if(NOT timeout)
    set(timeout ${FANMILL_TIMEOUT_${label}})
  endif()
  if(NOT timeout)
    set(timeout 180)
  endif()
  set(environment
    "FANMILL_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}"
    "FANMILL_SOURCE=${PROJECT_SOURCE_DIR}"
    "FANMILL_BUILD=${PROJECT_BINARY_DIR}"
    "PYTHONDONTWRITEBYTECODE=1")
  if(FANMILL_SANITIZE)
    math(EXPR timeout "${timeout} * 4")
    # Tests that measure time or count many repeats may ask for it.
    list(APPEND environment "FANMILL_SANITIZE=${FANMILL_SANITIZE}")
  endif()
  if(FANMILL_SANITIZE MATCHES "thread")
    # A long history: where the stack of a write by libzmq is forgotten, its suppression can't match.
    list(APPEND environment
      "TSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/cmake/tsan.supp halt_on_error=1 second_deadlock_stack=1 history_size=7")
  elseif(FANMILL_SANITIZE MATCHES "address")
    list(APPEND environment
      "ASAN_OPTIONS=detect_stack_use_after_return=1"
      "UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1")
  endif()
  set_tests_properties(${name} PROPERTIES
    LABELS ${label} TIMEOUT ${timeout} ENVIRONMENT "${environment}" SKIP_RETURN_CODE 77)
endfunction()

function(fanmill_add_test name)
  cmake_parse_arguments(PARSE_ARGV 1 test "" "LABEL;TIMEOUT" "SOURCES;LINKS;DEFINITIONS;ARGUMENTS")
  add_executable(${name} ${test_SOURCES})
  fanmill_target_defaults(${name})
  target_compile_definitions(${name} PRIVATE ${test_DEFINITIONS})
  # What is tested is optimised; the tests' own code would take a third longer to compile.
  target_compile_options(${name} PRIVATE $<$<CONFIG:RelWithDebInfo>:-O0>)
  # LINKS first: a variant of a layer, compiled with other macros, must win over the usual one.
  target_link_libraries(${name} PRIVATE
    fanmill_test_main ${test_LINKS} fanmill_layers cppzmq nlohmann_json::nlohmann_json
    Threads::Threads)
  if(TARGET fanmill_schemas)
    target_link_libraries(${name} PRIVATE fanmill_schemas)
  endif()
  if(GMP_FOUND)
    target_link_libraries(${name} PRIVATE GMP::gmpxx)
    target_compile_definitions(${name} PRIVATE FANMILL_HAVE_GMP=1)
  endif()
  if(TARGET rapidcheck)
    target_link_libraries(${name} PRIVATE rapidcheck)
    target_compile_definitions(${name} PRIVATE FANMILL_HAVE_RAPIDCHECK=1)
  endif()
  add_test(NAME ${name}
    COMMAND "${PROJECT_SOURCE_DIR}/tests/run_isolated" $<TARGET_FILE:${name}> ${test_ARGUMENTS})
  fanmill_test_properties(${name} "${test_LABEL}" "${test_TIMEOUT}")
endfunction()

function(fanmill_add_script_test script)
  cmake_parse_arguments(PARSE_ARGV 1 test "" "LABEL;TIMEOUT" "")
  get_filename_component(base "${script}" NAME_WE)
  get_filename_component(folder "${script}" DIRECTORY)
  get_filename_component(folder "${folder}" NAME)
  set(name "${folder}.${base}")
  if(script MATCHES "\\.py$")
    set(interpreter "${FANMILL_PYTHON}")
  else()
    set(interpreter bash)
  endif()
  add_test(NAME ${name}
    COMMAND "${PROJECT_SOURCE_DIR}/tests/run_isolated" "${interpreter}" "${script}")
  fanmill_test_properties(${name} "${test_LABEL}" "${test_TIMEOUT}")
endfunction()
