#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "aws/config_file.hpp"
#include "aws/environment.hpp"
#include "core/failure.hpp"

namespace sluice::aws {

/// The profile that is in use, out of the two shared files.
class profile {
 public:
  /// By AWS_PROFILE, AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE and HOME. A profile that is named but in
  /// neither file is `bad_configuration`.
  static result<profile> load(const environment& env);
  /// Another one of the same files; `bad_configuration` if it is in neither.
  result<profile> other(const std::string& name) const;

  struct found {
    std::string value;
    std::string place;  ///< "/root/.aws/config:3"
  };
  /// The credentials file wins over the config file.
  std::optional<found> find(std::string_view name) const;
  /// In the `[services x]` section that the profile names: "sqs.endpoint_url". One that is named but not
  /// there is `bad_configuration`.
  result<std::optional<found>> find_in_services(std::string_view name) const;

  const std::string& name() const noexcept { return name_; }
  /// "/root/.aws/config and /root/.aws/credentials"; empty if there is no place to look.
  std::string places() const;

 private:
  std::string config_section() const;
  bool exists() const;

  std::string name_;
  config_file config_;
  config_file credentials_;
};

}  // namespace sluice::aws
