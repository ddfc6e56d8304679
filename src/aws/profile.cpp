#include "aws/profile.hpp"

#include <fmt/format.h>

namespace sluice::aws {
namespace {

result<config_file> load_from(const environment& env, std::string_view variable, std::string_view fallback) {
  std::string path = env(variable).value_or(std::string(fallback));
  if (path.starts_with("~/")) {
    const auto home = env("HOME");
    if (!home) return config_file{};
    path.replace(0, 1, *home);
  }
  return load_config_file(path);
}

std::optional<profile::found> found_in(const config_file& file, std::string_view section,
                                       std::string_view name) {
  const config_file::property* const p = file.find(section, name);
  if (p == nullptr) return std::nullopt;
  return profile::found{p->value, file.place(*p)};
}

}  // namespace

result<profile> profile::load(const environment& env) {
  auto config = load_from(env, "AWS_CONFIG_FILE", "~/.aws/config");
  if (!config) return config.error();
  auto credentials = load_from(env, "AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials");
  if (!credentials) return credentials.error();

  profile p;
  p.name_ = env("AWS_PROFILE").value_or("default");
  p.config_ = *std::move(config);
  p.credentials_ = *std::move(credentials);
  if (!p.exists() && p.name_ != "default") {
    return failure{errc::bad_configuration,
                   fmt::format("AWS_PROFILE is {}, but there is no such profile in {}", p.name_, p.places()),
                   "add it there, or unset AWS_PROFILE"};
  }
  return p;
}

result<profile> profile::other(const std::string& name) const {
  profile p = *this;
  p.name_ = name;
  if (p.exists()) return p;
  return failure{errc::bad_configuration, fmt::format("there is no profile {} in {}", name, places()),
                 "add it there"};
}

bool profile::exists() const {
  return config_.sections.contains(config_section()) || credentials_.sections.contains(name_);
}

// Of [default] and [profile default], SDKs take the second if both are there.
std::string profile::config_section() const {
  const std::string prefixed = "profile " + name_;
  return name_ == "default" && !config_.sections.contains(prefixed) ? name_ : prefixed;
}

std::string profile::places() const {
  if (config_.path.empty() || credentials_.path.empty()) return config_.path + credentials_.path;
  return config_.path + " and " + credentials_.path;
}

std::optional<profile::found> profile::find(std::string_view name) const {
  auto own = found_in(credentials_, name_, name);
  return own ? own : found_in(config_, config_section(), name);
}

result<std::optional<profile::found>> profile::find_in_services(std::string_view name) const {
  const auto services = find("services");
  if (!services) return std::optional<found>();
  const std::string section = "services " + services->value;
  if (!config_.sections.contains(section)) {
    return failure{errc::bad_configuration,
                   fmt::format("{}: there is no section [{}]", services->place, section),
                   "add it, or remove the line"};
  }
  return found_in(config_, section, name);
}

}  // namespace sluice::aws
