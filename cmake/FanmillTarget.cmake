# fanmill_target_defaults(<target>): what holds for every target with code of ours: warnings, paths
# and the version. Generated code and third-party code never get it.
function(fanmill_target_defaults target)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Woverloaded-virtual
    -Wcast-align
    # Designated initialisers that leave the defaults alone are our style.
    -Wno-missing-field-initializers)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # GCC 12 warns wrongly under -O2: for `"text" + std::string` (GCC bug 105651), and for the members of
    # std::variant's inactive alternatives when a vector of variants is moved (GCC bug 105562 and its like).
    target_compile_options(${target} PRIVATE -Wno-restrict -Wno-maybe-uninitialized)
  endif()
  # Only where the warnings are known: a newer compiler's new warning must not stop a user's build.
  if(FANMILL_WARNINGS_AS_ERRORS AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU"
     AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  # FANMILL_ASSERT tells its file; nobody needs to know where that lay on the machine that built it.
  target_compile_options(${target} PRIVATE "-fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=")
  target_compile_definitions(${target} PRIVATE FANMILL_BUILD_VERSION="${PROJECT_VERSION}")
endfunction()
