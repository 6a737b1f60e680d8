# Run by cpack on what it has staged: CPACK_STRIP_FILES leaves archives alone, and four fifths of
# ours is debug information that names files of the machine that built it.
find_program(strip NAMES strip)
file(GLOB_RECURSE archives "${CPACK_TEMPORARY_DIRECTORY}/*.a")
if(strip AND archives)
  execute_process(COMMAND "${strip}" --strip-debug ${archives} COMMAND_ERROR_IS_FATAL ANY)
endif()
