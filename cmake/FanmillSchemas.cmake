# fanmill_add_schemas(<target> PREFIX <folder> FILES <schema>... [IMPORTS <folder>...])
#
# Compiles Cap'n Proto schemas into the static library <target>. Whoever links it writes
# `#include "<name>.capnp.h"`, the path being relative to PREFIX. The generated code gets none of
# our warnings. Two schemas in one program need different file ids, type ids and C++ namespaces
# ($Cxx.namespace): an older copy of a schema goes into a program of its own, or gets new ids.
function(fanmill_add_schemas target)
  cmake_parse_arguments(PARSE_ARGV 1 schemas "" "PREFIX" "FILES;IMPORTS")
  if(NOT schemas_PREFIX OR NOT schemas_FILES)
    message(FATAL_ERROR "fanmill_add_schemas(${target}): give PREFIX <folder> and FILES <schema>...")
  endif()
  set(CAPNPC_OUTPUT_DIR "${CMAKE_BINARY_DIR}/generated/${target}")
  set(CAPNPC_SRC_PREFIX "${schemas_PREFIX}")
  set(CAPNPC_IMPORT_DIRS ${schemas_IMPORTS})
  file(MAKE_DIRECTORY "${CAPNPC_OUTPUT_DIR}")
  capnp_generate_cpp(sources headers ${schemas_FILES})
  add_library(${target} STATIC ${sources} ${headers})
  # SYSTEM: warnings inside the generated headers are not ours to mend.
  target_include_directories(${target} SYSTEM PUBLIC "${CAPNPC_OUTPUT_DIR}")
  target_link_libraries(${target} PUBLIC CapnProto::capnp CapnProto::kj)
  set_target_properties(${target} PROPERTIES CXX_CLANG_TIDY "")
endfunction()
