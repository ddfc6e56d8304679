#include "aws/settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <string_view>

#include "aws/profile.hpp"

namespace sluice::aws {
namespace {

using found = profile::found;

// The first variable that is set, else the profile's property.
std::optional<found> look_up(const environment& env, const profile& p,
                             std::initializer_list<std::string_view> variables, std::string_view property) {
  for (const std::string_view variable : variables) {
    if (auto value = env(variable)) return found{*std::move(value), std::string(variable)};
  }
  return p.find(property);
}

result<bool> look_up_flag(const environment& env, const profile& p, std::string_view variable,
                          std::string_view property) {
  const auto f = look_up(env, p, {variable}, property);
  if (!f) return false;
  std::string text = f->value;
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  if (text == "true") return true;
  if (text == "false") return false;
  return failure{errc::bad_configuration,
                 fmt::format("{}: \"{}\" is neither true nor false", f->place, f->value),
                 "write true or false"};
}

// It becomes part of a host name.
bool is_region(std::string_view text) {
  return text.size() <= 63 && std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

// `variable` is the service's own, `property` what it is in a services section.
result<std::optional<found>> find_endpoint(const environment& env, const profile& p,
                                           std::string_view variable, std::string_view property) {
  const auto ignored =
      look_up_flag(env, p, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls");
  if (!ignored) return ignored.error();
  if (*ignored) return std::optional<found>();
  for (const std::string_view each : {variable, std::string_view("AWS_ENDPOINT_URL")}) {
    if (auto url = env(each)) return std::optional(found{*std::move(url), std::string(each)});
  }
  auto service = p.find_in_services(property);
  if (!service || *service) return service;
  return p.find("endpoint_url");
}

}  // namespace

result<settings> load_settings(const environment& env) {
  const auto p = profile::load(env);
  if (!p) return p.error();

  settings s;
  s.profile = p->name();
  if (const auto region = look_up(env, *p, {"AWS_REGION", "AWS_DEFAULT_REGION"}, "region")) {
    if (!is_region(region->value)) {
      return failure{errc::bad_configuration,
                     fmt::format("{}: \"{}\" is not a region", region->place, region->value),
                     "write it as eu-west-1"};
    }
    s.region = region->value;
    s.region_source = region->place;
  }
  const auto endpoint = find_endpoint(env, *p, "AWS_ENDPOINT_URL_SQS", "sqs.endpoint_url");
  if (!endpoint) return endpoint.error();
  if (*endpoint) {
    s.endpoint_url = (*endpoint)->value;
    s.endpoint_source = (*endpoint)->place;
  }
  const auto sts = find_endpoint(env, *p, "AWS_ENDPOINT_URL_STS", "sts.endpoint_url");
  if (!sts) return sts.error();
  if (*sts) s.sts_endpoint_url = (*sts)->value;
  if (const auto bundle = look_up(env, *p, {"AWS_CA_BUNDLE"}, "ca_bundle")) s.ca_bundle = bundle->value;

  const auto fips = look_up_flag(env, *p, "AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint");
  if (!fips) return fips.error();
  s.fips = *fips;
  const auto dual = look_up_flag(env, *p, "AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint");
  if (!dual) return dual.error();
  s.dual_stack = *dual;
  return s;
}

}  // namespace sluice::aws
