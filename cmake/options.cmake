# What every target of ours is compiled with: sluice::options.
add_library(sluice_options INTERFACE)
add_library(sluice::options ALIAS sluice_options)
target_compile_features(sluice_options INTERFACE cxx_std_20)
set_property(TARGET sluice_options PROPERTY INTERFACE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_EXTENSIONS OFF)
# The same sources make the same program, wherever they lie. For debuggers and coverage paths stay as they are.
target_compile_options(sluice_options INTERFACE $<$<CONFIG:Release>:-ffile-prefix-map=${PROJECT_SOURCE_DIR}=.>)

target_compile_options(sluice_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast -Wnon-virtual-dtor
  -Woverloaded-virtual -Wimplicit-fallthrough)
if(CMAKE_UNITY_BUILD)
  # A name of one file meets those of the others. Where each is compiled alone these warnings stay.
  target_compile_options(sluice_options INTERFACE -Wno-shadow $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
endif()
if(SLUICE_WERROR)
  target_compile_options(sluice_options INTERFACE -Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # clang's default: a function of one file may be inlined there, though the library is position-independent.
  target_compile_options(sluice_options INTERFACE -fno-semantic-interposition)
  # g++ 12 to 14 report these on inlined Boost, fmt and libstdc++ code at -O2 (GCC bugs 105562, 107138), and coroutine
  # frames of Asio, which has new and delete of its own, as mismatched; clang and its sanitizers cover them.
  target_compile_options(sluice_options INTERFACE
    -Wno-maybe-uninitialized -Wno-dangling-reference -Wno-mismatched-new-delete
    $<$<CONFIG:RelWithDebInfo,Release>:-Wno-restrict> $<$<CONFIG:RelWithDebInfo,Release>:-Wno-stringop-overflow>)
endif()

# Assertions stay on in release: they are for our bugs, never for input.
foreach(config RELEASE RELWITHDEBINFO)
  string(REPLACE "-DNDEBUG" "" CMAKE_CXX_FLAGS_${config} "${CMAKE_CXX_FLAGS_${config}}")
endforeach()

if(SLUICE_SANITIZE)
  add_compile_options(-fsanitize=${SLUICE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${SLUICE_SANITIZE})
endif()
if(SLUICE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
