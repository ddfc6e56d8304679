# Debian 12 or 13 packages (scripts/install.sh); nothing is downloaded. Minimum versions are Debian 12's.
find_package(Threads REQUIRED)
if(POLICY CMP0167)
  cmake_policy(SET CMP0167 NEW)  # Boost's own package file, not CMake's module
endif()
find_package(Boost 1.81 REQUIRED COMPONENTS url)
find_package(OpenSSL 3.0 REQUIRED)
find_package(PostgreSQL 15 REQUIRED)
# Debian 13's simdjson 3.12 takes requests for its own minor version only, so the minimum is checked here.
find_package(simdjson REQUIRED)
if(simdjson_VERSION VERSION_LESS 3.0)
  message(FATAL_ERROR "simdjson 3.0 or newer is needed, found ${simdjson_VERSION}")
endif()
find_package(fmt 9.1 REQUIRED)
find_package(spdlog 1.10 REQUIRED)
# By pkg-config: the CMake package also wants what its HTTP server and its push client need.
find_package(PkgConfig REQUIRED)
pkg_check_modules(prometheus REQUIRED IMPORTED_TARGET prometheus-cpp-core>=1.0)
find_package(CLI11 2.1 REQUIRED)
find_package(tomlplusplus 3.3 REQUIRED)
if(SLUICE_TESTS)
  find_package(Catch2 3 REQUIRED)
endif()
