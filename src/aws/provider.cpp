#include "aws/provider.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "aws/profile.hpp"

namespace sluice::aws {
namespace {

using shared_credentials = std::shared_ptr<const credentials>;

constexpr std::string_view export_hint =
    "use `aws configure export-credentials --format env`, or a role of the task or instance";

// What other SDKs can do and this cannot: better refused than passed over for some other identity.
constexpr std::pair<std::string_view, std::string_view> refused_properties[] = {
    {"role_arn", "assumes a role"},
    {"web_identity_token_file", "uses web identity"},
    {"sso_session", "uses SSO"},
    {"sso_start_url", "uses SSO"},
};

// It goes into a header: no blank, no line break, ASCII only.
bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

failure refused(const profile& p, const profile::found& f, std::string_view does) {
  return {errc::missing_credentials,
          fmt::format("profile {} {} ({}), which sluice does not do", p.name(), does, f.place),
          std::string(export_hint)};
}

// A value, and where it is or should be.
struct part {
  std::optional<std::string> value;
  std::string place;
};

result<shared_credentials> pair_of(const part& id, const part& key, const part& token, std::string source) {
  for (const part* p : {&id, &key}) {
    if (!p->value) {
      const part& other = p == &id ? key : id;
      return failure{errc::missing_credentials, fmt::format("{} is given, {} is not", other.place, p->place),
                     "give both"};
    }
  }
  for (const part* p : {&id, &key, &token}) {
    if (p->value && !is_printable(*p->value)) {
      return failure{errc::missing_credentials,
                     p->place + " holds a blank, a line break or another character that no key has",
                     "look for one at its end"};
    }
  }
  auto c = std::make_shared<credentials>();
  c->access_key_id = *id.value;
  c->secret_access_key = secret(*key.value);
  c->session_token = secret(token.value.value_or(""));
  c->source = std::move(source);
  return shared_credentials(std::move(c));
}

result<shared_credentials> from_environment(const environment& env) {
  const auto read = [&](const char* name) { return part{env(name), name}; };
  const part id = read("AWS_ACCESS_KEY_ID");
  const part key = read("AWS_SECRET_ACCESS_KEY");
  if (!id.value && !key.value) return shared_credentials();
  return pair_of(id, key, read("AWS_SESSION_TOKEN"), "environment");
}

result<shared_credentials> from_profile(const profile& p) {
  for (const auto& [property, does] : refused_properties) {
    if (const auto f = p.find(property)) return refused(p, *f, does);
  }
  const auto read = [&](const char* name) {
    const auto f = p.find(name);
    return f ? part{f->value, fmt::format("{} ({})", name, f->place)} : part{std::nullopt, name};
  };
  const part id = read("aws_access_key_id");
  const part key = read("aws_secret_access_key");
  if (id.value || key.value) {
    return pair_of(id, key, read("aws_session_token"), "profile " + p.name());
  }
  if (const auto f = p.find("credential_process")) return refused(p, *f, "runs a credential_process");
  return shared_credentials();
}

result<shared_credentials> find_credentials(const environment& env) {
  auto found = from_environment(env);
  if (!found || *found) return found;
  const auto p = profile::load(env);
  if (!p) return p.error();
  found = from_profile(*p);
  if (!found || *found) return found;

  const std::string places = p->places();
  return failure{errc::missing_credentials,
                 fmt::format("no AWS credentials: not in the environment, not in profile {}{}{}", p->name(),
                             places.empty() ? "" : " of ", places),
                 "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE (a local queue takes any)"};
}

// Those of the environment and of files. Other programs rotate the files: a refresh reads them again.
class local_provider final : public credentials_provider {
 public:
  local_provider(environment env, shared_credentials first)
      : env_(std::move(env)), at_hand_(std::move(first)) {}

  boost::asio::awaitable<result<shared_credentials>> get(bool refresh) override {
    if (refresh) {
      auto found = find_credentials(env_);
      if (!found) co_return found.error();
      at_hand_ = *std::move(found);
    }
    co_return at_hand_;
  }

 private:
  environment env_;
  shared_credentials at_hand_;
};

}  // namespace

result<std::shared_ptr<credentials_provider>> make_provider(const environment& env) {
  auto found = find_credentials(env);
  if (!found) return found.error();
  return std::shared_ptr<credentials_provider>(std::make_shared<local_provider>(env, *std::move(found)));
}

}  // namespace sluice::aws
