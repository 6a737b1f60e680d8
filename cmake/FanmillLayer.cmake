# fanmill_layer(<name> [LINKS <layer>...] [FOREIGN <library>...])
#
# Makes the library fanmill_<name> of lib/src/<name>/*.cpp. A layer without sources (headers only,
# or not there at all) becomes an INTERFACE library, so that whoever links it need not ask.
function(fanmill_layer name)
  cmake_parse_arguments(PARSE_ARGV 1 layer "" "" "LINKS;FOREIGN")
  set(target fanmill_${name})
  file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/lib/src/${name}/*.cpp")
  if(NOT sources)
    add_library(${target} INTERFACE)
    target_include_directories(${target} INTERFACE "${PROJECT_SOURCE_DIR}/lib/include")
    target_link_libraries(${target} INTERFACE ${layer_LINKS})
    return()
  endif()
  add_library(${target} STATIC ${sources})
  fanmill_target_defaults(${target})
  target_include_directories(${target}
    PUBLIC "${PROJECT_SOURCE_DIR}/lib/include"
    PRIVATE "${PROJECT_SOURCE_DIR}/lib/src")
  target_link_libraries(${target} PUBLIC ${layer_LINKS} PRIVATE ${layer_FOREIGN})
endfunction()
