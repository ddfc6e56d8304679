# sluice_add_library(NAME room SOURCES a.cpp ... LINK sluice::core ...): one static library per folder of src/.
function(sluice_add_library)
  cmake_parse_arguments(ARG "" "NAME" "SOURCES;LINK" ${ARGN})
  add_library(sluice_${ARG_NAME} STATIC ${ARG_SOURCES})
  add_library(sluice::${ARG_NAME} ALIAS sluice_${ARG_NAME})
  target_include_directories(sluice_${ARG_NAME} PUBLIC "${PROJECT_SOURCE_DIR}/src")
  target_link_libraries(sluice_${ARG_NAME} PUBLIC sluice::options ${ARG_LINK})
endfunction()

# sluice_add_test(NAME unit_core SOURCES a.cpp ... LINK sluice::core ...): one Catch2 program, one ctest case.
# Tests find their data by tests/support/repository.hpp.
function(sluice_add_test)
  cmake_parse_arguments(ARG "COMPUTES" "NAME;TIMEOUT" "SOURCES;LINK;LABELS" ${ARGN})
  add_executable(${ARG_NAME} ${ARG_SOURCES})
  target_link_libraries(${ARG_NAME} PRIVATE sluice::options Catch2::Catch2WithMain repository ${ARG_LINK})
  target_include_directories(${ARG_NAME} PRIVATE "${PROJECT_SOURCE_DIR}/tests")
  # A test's own code is compiled more often than it runs, and with a sanitizer that takes most of the time. COMPUTES: not
  # where it, or what it instantiates, does much work.
  if(SLUICE_SANITIZE AND NOT ARG_COMPUTES)
    target_compile_options(${ARG_NAME} PRIVATE -O0)
  else()
    target_compile_options(${ARG_NAME} PRIVATE $<$<CONFIG:Release>:-O1>)
  endif()
  set_target_properties(${ARG_NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
  add_test(NAME ${ARG_NAME} COMMAND ${ARG_NAME})
  # Against hangs. A slow machine takes three times what a quick one does, and a sanitizer three times that.
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  set_tests_properties(${ARG_NAME} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
endfunction()
