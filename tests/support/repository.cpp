#include "support/repository.hpp"

namespace tests {

// The only source that knows where the repository lies: all others compile to the same object in every clone.
std::string repository_file(std::string_view path) {
  return std::string(SLUICE_REPOSITORY "/").append(path);
}

}  // namespace tests
