# Manual pages and shell completions, made from what the programs say with --help (cmake/manual.py),
# so that they can't tell anything else. Left out where there is no Python, or where the programs
# can't be run because they are built for another machine.
find_package(Python3 COMPONENTS Interpreter QUIET)
if(NOT Python3_FOUND OR CMAKE_CROSSCOMPILING)
  message(STATUS "No manual pages and shell completions: they need Python and programs that run here")
  return()
endif()

set(manual_folder "${PROJECT_BINARY_DIR}/manual")
set(manual_stamp "${manual_folder}/stamp")
set(manual_programs $<TARGET_FILE:fanmill-broker> $<TARGET_FILE:fanmill-worker>)
# Which pages there are depends on the programs' subcommands, so the folder is made anew as a whole.
add_custom_command(
  OUTPUT "${manual_stamp}"
  COMMAND "${CMAKE_COMMAND}" -E rm -rf "${manual_folder}"
  COMMAND "${Python3_EXECUTABLE}" "${PROJECT_SOURCE_DIR}/cmake/manual.py"
    --version "fanmill ${PROJECT_VERSION}" --folder "${manual_folder}" ${manual_programs}
  COMMAND "${CMAKE_COMMAND}" -E touch "${manual_stamp}"
  DEPENDS fanmill-broker fanmill-worker "${PROJECT_SOURCE_DIR}/cmake/manual.py"
  COMMENT "Make manual pages and shell completions from the programs' help"
  VERBATIM)
add_custom_target(fanmill_manual ALL DEPENDS "${manual_stamp}")

install(DIRECTORY "${manual_folder}/man/" DESTINATION "${CMAKE_INSTALL_MANDIR}/man1")
install(DIRECTORY "${manual_folder}/bash/"
  DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions")
# Debian's zsh looks elsewhere in /usr, which belongs to packages, than in /usr/local.
install(CODE "
  set(folder site-functions)
  if(EXISTS /etc/debian_version AND CMAKE_INSTALL_PREFIX STREQUAL \"/usr\")
    set(folder vendor-completions)
  endif()
  file(INSTALL \"${manual_folder}/zsh/\"
    DESTINATION \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_DATADIR}/zsh/\${folder}\")")
