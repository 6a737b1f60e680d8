# What `cmake --install` puts where, and what cpack makes of it. Included by the root.
include(CMakePackageConfigHelpers)

set(cmake_folder "${CMAKE_INSTALL_LIBDIR}/cmake/fanmill")
set(data_folder "${CMAKE_INSTALL_DATADIR}/fanmill")

# ---- The library. Each kind has targets of its own, both of one name, fanmill::fanmill: the
# package config loads one of them.
install(DIRECTORY "${PROJECT_SOURCE_DIR}/lib/include/" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
foreach(kind IN ITEMS static shared)
  if(TARGET fanmill_${kind})
    install(TARGETS fanmill_${kind} EXPORT fanmill_${kind}
      ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
      LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")
    install(EXPORT fanmill_${kind}
      FILE fanmill-${kind}-targets.cmake NAMESPACE fanmill:: DESTINATION "${cmake_folder}")
  endif()
endforeach()

configure_package_config_file(
  "${PROJECT_SOURCE_DIR}/cmake/fanmill-config.cmake.in"
  "${PROJECT_BINARY_DIR}/package/fanmill-config.cmake"
  INSTALL_DESTINATION "${cmake_folder}"
  PATH_VARS data_folder
  NO_CHECK_REQUIRED_COMPONENTS_MACRO)
# As the soname: before 1.0 a minor version may break programs.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/package/fanmill-config-version.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/package/fanmill-config.cmake"
  "${PROJECT_BINARY_DIR}/package/fanmill-config-version.cmake"
  DESTINATION "${cmake_folder}")

# ---- pkg-config. What the static library needs stands in Libs.private, not in Requires.private:
# pkg-config wants the packages named there to be installed even for the shared library.
set(foreign_libraries "-lzmq -lcapnp -lkj -pthread")
if(TARGET fanmill_shared)
  set(pc_libraries "")
  set(pc_private_libraries "${foreign_libraries}")
else()
  set(pc_libraries " ${foreign_libraries}")
  set(pc_private_libraries "")
endif()
# The prefix is told relative to the file, so that an install tree can be moved.
file(RELATIVE_PATH pc_prefix "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
configure_file("${PROJECT_SOURCE_DIR}/cmake/fanmill.pc.in"
  "${PROJECT_BINARY_DIR}/package/fanmill.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/package/fanmill.pc"
  DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")

# ---- For people, and for those who write workers in other languages. Laid out as in the source
# tree, so that links from one document to another, and to examples, hold; the few into the sources
# (CONTRIBUTING.md, lib, schemas) do not.
install(DIRECTORY schemas DESTINATION "${data_folder}")
install(FILES README.md CHANGELOG.md LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}")
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}" RENAME copyright)  # Debian's name
install(DIRECTORY docs examples DESTINATION "${CMAKE_INSTALL_DOCDIR}"
  PATTERN "__pycache__" EXCLUDE)

# ---- The programs, and what is made of their help.
if(FANMILL_PROGRAMS)
  install(TARGETS fanmill-broker fanmill-worker RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
  include(FanmillManual)
endif()

# ---- cpack: one package, because it is small and whoever wants a part wants the others soon. A
# project around us has a package of its own.
if(NOT PROJECT_IS_TOP_LEVEL)
  return()
endif()
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME fanmill)
set(CPACK_PACKAGE_VENDOR "the fanmill authors")
set(CPACK_PACKAGE_CONTACT "the fanmill authors <maintainers@fanmill.example>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGE_DESCRIPTION
  "A library for programs that hand tasks to workers on many machines, race several of them for one\nanswer and drop the rest; a broker and a worker to run from the shell; and their wire protocol.")
set(CPACK_RESOURCE_FILE_LICENSE "${PROJECT_SOURCE_DIR}/LICENSE")
set(CPACK_STRIP_FILES ON)
set(CPACK_PRE_BUILD_SCRIPTS "${PROJECT_SOURCE_DIR}/cmake/strip_archives.cmake")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION libdevel)
# For the static library; the last two for programs that include fanmill/capnp.hpp, too. Nothing else
# needs them.
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "cppzmq-dev, libzmq3-dev, libcapnp-dev, capnproto")
find_program(FANMILL_FILE file)  # cpack asks it what is a program
find_program(FANMILL_SHLIBDEPS dpkg-shlibdeps)
mark_as_advanced(FANMILL_FILE FANMILL_SHLIBDEPS)
if(FANMILL_FILE AND FANMILL_SHLIBDEPS)
  set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
  set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
else()
  message(STATUS "The .deb will not name what it depends on: that needs dpkg-shlibdeps and file")
endif()
include(CPack)
