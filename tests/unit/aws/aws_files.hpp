#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "aws/environment.hpp"

namespace tests {

/// A home with AWS's two files, and an environment that points to it; gone at the end of the scope.
class aws_files {
 public:
  explicit aws_files(const std::string& config, const std::string& credentials = {}) {
    std::string name = (std::filesystem::temp_directory_path() / "sluice-aws-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory");
    home_ = name;
    std::filesystem::create_directory(home_ / ".aws");
    if (!config.empty()) std::ofstream(home_ / ".aws" / "config") << config;
    if (!credentials.empty()) std::ofstream(home_ / ".aws" / "credentials") << credentials;
    variables["HOME"] = name;
  }
  aws_files(const aws_files&) = delete;
  aws_files& operator=(const aws_files&) = delete;
  ~aws_files() { std::filesystem::remove_all(home_); }

  std::string config() const { return (home_ / ".aws" / "config").string(); }
  std::string credentials() const { return (home_ / ".aws" / "credentials").string(); }
  sluice::aws::environment env() const {
    return [this](std::string_view name) -> std::optional<std::string> {
      const auto found = variables.find(std::string(name));
      if (found == variables.end() || found->second.empty()) return std::nullopt;
      return found->second;
    };
  }

  std::map<std::string, std::string> variables;

 private:
  std::filesystem::path home_;
};

}  // namespace tests
