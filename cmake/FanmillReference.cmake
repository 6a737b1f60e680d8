# The target `reference`: the public headers as HTML (cmake/Doxyfile). Not part of `all`, and there
# without Doxygen, too, to say what is missing.
find_program(FANMILL_DOXYGEN doxygen)
mark_as_advanced(FANMILL_DOXYGEN)
set(reference_folder "${PROJECT_BINARY_DIR}/reference")
if(FANMILL_DOXYGEN)
  add_custom_target(reference
    COMMAND "${CMAKE_COMMAND}" -E rm -rf "${reference_folder}"  # pages of names that are gone
    COMMAND "${CMAKE_COMMAND}" -E make_directory "${reference_folder}"
    COMMAND "${CMAKE_COMMAND}" -E env
      "FANMILL_REFERENCE=${reference_folder}" "FANMILL_VERSION=${PROJECT_VERSION}"
      "${FANMILL_DOXYGEN}" cmake/Doxyfile
    COMMAND "${CMAKE_COMMAND}" -E echo "${reference_folder}/html/index.html"
    WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
    COMMENT "Make the reference of the public headers"
    VERBATIM)
else()
  add_custom_target(reference
    COMMAND "${CMAKE_COMMAND}" -E echo
      "The reference needs doxygen: install it (scripts/setup does) and configure again."
    COMMAND "${CMAKE_COMMAND}" -E false
    VERBATIM)
endif()
