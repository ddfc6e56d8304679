#include "aws/provider.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "aws/container.hpp"
#include "aws/endpoints.hpp"
#include "aws/instance.hpp"
#include "aws/local_provider.hpp"
#include "aws/profile.hpp"
#include "aws/refreshing_provider.hpp"
#include "aws/settings.hpp"
#include "aws/sts.hpp"

namespace sluice::aws {
namespace {

using shared_provider = std::shared_ptr<credentials_provider>;
using found_provider = result<shared_provider>;  // null: there are none at this place

// What other SDKs can do and this cannot: better refused than passed over for some other identity.
constexpr std::pair<std::string_view, std::string_view> refused_properties[] = {
    {"sso_session", "uses SSO"},
    {"sso_start_url", "uses SSO"},
    {"mfa_serial", "asks for a code of a device"},
};

failure refused(const profile& p, const profile::found& f, std::string_view does) {
  return {errc::missing_credentials,
          fmt::format("profile {} {} ({}), which sluice does not do", p.name(), does, f.place),
          "use `aws configure export-credentials --format env`, or a role of the task or instance"};
}

failure wrong_profile(const profile& p, const std::string& what) {
  return {errc::bad_configuration, fmt::format("profile {} of {}: {}", p.name(), p.places(), what),
          "see \"Assume role credential provider\" in the AWS SDKs reference guide"};
}

class chain {
 public:
  chain(const environment& env, const network& n) : env_(env), network_(n) {}

  found_provider find() {
    if (auto found = of_environment(); !found || *found) return found;
    const auto p = profile::load(env_);
    if (!p) return p.error();
    if (auto found = of_profile(*p, {}); !found || *found) return found;
    if (auto found = of_web_identity(); !found || *found) return found;
    if (auto found = of_container(); !found || *found) return found;

    const std::string places = p->places();
    const std::string looked =
        fmt::format("no AWS credentials: not in the environment, not in profile {}{}{}", p->name(),
                    places.empty() ? "" : " of ", places);
    if (!instance_source::is_disabled(env_)) return of_instance(looked);
    return failure{
        errc::missing_credentials, looked,
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE (a local queue takes any)"};
  }

 private:
  template <class Source, class... Arguments>
  shared_provider refreshed(Arguments&&... arguments) const {
    return std::make_shared<refreshing_provider>(
        std::make_unique<Source>(std::forward<Arguments>(arguments)..., network_), network_);
  }

  static found_provider local(local_provider::reader read) {
    auto first = read();
    if (!first) return first.error();
    if (!*first) return shared_provider();
    return shared_provider(std::make_shared<local_provider>(std::move(read), *std::move(first)));
  }

  found_provider of_environment() const {
    return local([env = env_] { return keys_of_environment(env); });
  }

  found_provider keys_in(const profile& p) const {
    return local([env = env_, name = p.name()]() -> result<std::shared_ptr<const credentials>> {
      const auto in_use = profile::load(env);
      if (!in_use) return in_use.error();
      const auto again = in_use->other(name);
      if (!again) return std::shared_ptr<const credentials>();  // not even [default] is there
      return keys_of_profile(*again);
    });
  }

  // As deep as profiles name one another: `above`, those that lead here by source_profile, ends a ring.
  // NOLINTBEGIN(misc-no-recursion)
  found_provider of_profile(const profile& p, std::vector<std::string> above) const {
    for (const auto& [property, does] : refused_properties) {
      if (const auto f = p.find(property)) return refused(p, *f, does);
    }
    if (const auto arn = p.find("role_arn")) return of_role(p, arn->value, std::move(above));
    if (const auto f = p.find("web_identity_token_file")) {
      return wrong_profile(p, "web_identity_token_file without role_arn");
    }
    if (auto found = keys_in(p); !found || *found) return found;
    if (const auto f = p.find("credential_process")) return refused(p, *f, "runs a credential_process");
    return shared_provider();
  }

  found_provider of_role(const profile& p, const std::string& arn, std::vector<std::string> above) const {
    const auto text = [&](std::string_view name) {
      const auto f = p.find(name);
      return f ? f->value : std::string();
    };
    role r{.arn = arn, .external_id = text("external_id"), .duration_seconds = text("duration_seconds")};
    if (const auto name = text("role_session_name"); !name.empty()) r.session_name = name;
    auto at = find_sts();
    if (!at) return at.error();
    if (const auto token_file = p.find("web_identity_token_file")) {
      return refreshed<web_identity_source>(std::move(r), token_file->value, *std::move(at));
    }
    auto base = base_of(p, std::move(above));
    if (!base) return base.error();
    return refreshed<assumed_role_source>(std::move(r), *std::move(base), *std::move(at));
  }

  // Who asks for the role. Never null.
  found_provider base_of(const profile& p, std::vector<std::string> above) const {
    const auto source = p.find("source_profile");
    const auto named = p.find("credential_source");
    if (source.has_value() == named.has_value()) {
      return wrong_profile(p, "role_arn needs source_profile or credential_source, one of the two");
    }
    found_provider base = shared_provider();
    if (named) {
      base = of_named_source(p, named->value);
    } else if (source->value == p.name()) {
      base = keys_in(p);  // its own keys, and not its role again
    } else {
      above.push_back(p.name());
      if (std::ranges::find(above, source->value) != above.end()) {
        return wrong_profile(p, fmt::format("source_profile {} leads back to it", source->value));
      }
      const auto next = p.other(source->value);
      if (!next) return next.error();
      base = of_profile(*next, std::move(above));
    }
    if (base && !*base) return wrong_profile(p, "there are no credentials where its role_arn looks for them");
    return base;
  }
  // NOLINTEND(misc-no-recursion)

  found_provider of_named_source(const profile& p, const std::string& name) const {
    if (name == "Environment") return of_environment();
    if (name == "EcsContainer") return of_container();
    if (name == "Ec2InstanceMetadata") return of_instance("credential_source is Ec2InstanceMetadata");
    return wrong_profile(p, fmt::format("credential_source {} is none of Environment, EcsContainer and "
                                        "Ec2InstanceMetadata",
                                        name));
  }

  found_provider of_web_identity() const {
    const auto token_file = env_("AWS_WEB_IDENTITY_TOKEN_FILE");
    if (!token_file) return shared_provider();
    const auto arn = env_("AWS_ROLE_ARN");
    if (!arn) {
      return failure{errc::missing_credentials, "AWS_WEB_IDENTITY_TOKEN_FILE is given, AWS_ROLE_ARN is not",
                     "give both"};
    }
    auto at = find_sts();
    if (!at) return at.error();
    role r;
    r.arn = *arn;
    if (auto name = env_("AWS_ROLE_SESSION_NAME")) r.session_name = *std::move(name);
    return refreshed<web_identity_source>(std::move(r), *token_file, *std::move(at));
  }

  found_provider of_container() const {
    if (!container_source::is_named(env_)) return shared_provider();
    const auto s = load_settings(env_);
    if (!s) return s.error();
    auto at = container_source::find(env_, s->ca_bundle);
    if (!at) return at.error();
    return refreshed<container_source>(env_, *std::move(at));
  }

  found_provider of_instance(std::string looked) const {
    auto at = instance_source::find(env_);
    if (!at) return at.error();
    return refreshed<instance_source>(*std::move(at), std::move(looked));
  }

  result<sts> find_sts() const {
    const auto s = load_settings(env_);
    if (!s) return s.error();
    if (s->region.empty()) {
      return failure{errc::bad_configuration, "a role is to be assumed, but there is no AWS region",
                     "set AWS_REGION"};
    }
    auto at =
        make_peer(s->sts_endpoint_url.value_or(regional_endpoint("sts", s->region, s->fips, s->dual_stack)),
                  "STS", s->ca_bundle);
    if (!at) return at.error();
    return sts{*std::move(at), s->region};
  }

  const environment& env_;
  const network& network_;
};

}  // namespace

result<std::shared_ptr<credentials_provider>> make_provider(const environment& env, const network& n) {
  return chain(env, n).find();
}

}  // namespace sluice::aws
