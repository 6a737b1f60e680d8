# fanmill_library(STATIC|SHARED LAYERS <layer or library>... FOREIGN <library>...)
#
# Makes the library fanmill_static or fanmill_shared of the objects of the layers, which are static
# libraries themselves: nothing is compiled twice, and who installs gets one file instead of eight.
# Nothing foreign shows in the public headers; a user of the static library links FOREIGN, a user of
# the shared one never meets it.

# The soname. Before 1.0 a minor version may break programs that were linked with the last one.
set(FANMILL_SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})

function(fanmill_library kind)
  cmake_parse_arguments(PARSE_ARGV 1 library "" "" "LAYERS;FOREIGN")
  set(objects "")
  foreach(layer IN LISTS library_LAYERS)
    if(TARGET fanmill_${layer})
      set(layer fanmill_${layer})
    endif()
    get_target_property(type ${layer} TYPE)
    if(NOT type STREQUAL "INTERFACE_LIBRARY")
      list(APPEND objects $<TARGET_OBJECTS:${layer}>)
    endif()
  endforeach()
  string(TOLOWER "${kind}" name)
  set(target fanmill_${name})
  add_library(${target} ${kind} ${objects})
  target_compile_features(${target} INTERFACE cxx_std_20)
  target_include_directories(${target} INTERFACE
    "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/lib/include>"
    "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
  target_link_libraries(${target} PUBLIC Threads::Threads PRIVATE ${library_FOREIGN})
  set_target_properties(${target} PROPERTIES
    OUTPUT_NAME fanmill
    EXPORT_NAME fanmill
    VERSION ${PROJECT_VERSION}
    SOVERSION ${FANMILL_SOVERSION}
    LINKER_LANGUAGE CXX)
  if(kind STREQUAL "SHARED" AND NOT FANMILL_SANITIZE)
    # What is missing shows here, not in a user's program. (A sanitizer's own names are missing.)
    target_link_options(${target} PRIVATE LINKER:--no-undefined)
  endif()
endfunction()
