#include "aws/local_provider.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace sluice::aws {
namespace {

using shared_credentials = local_provider::shared_credentials;

// It goes into a header: no blank, no line break, ASCII only.
bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

// A value, and where it is or should be.
struct part {
  std::optional<std::string> value;
  std::string place;
};

result<shared_credentials> pair_of(const part& id, const part& key, const part& token, std::string source) {
  if (!id.value && !key.value) return shared_credentials();
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

}  // namespace

result<shared_credentials> keys_of_environment(const environment& env) {
  const auto read = [&](const char* name) { return part{env(name), name}; };
  return pair_of(read("AWS_ACCESS_KEY_ID"), read("AWS_SECRET_ACCESS_KEY"), read("AWS_SESSION_TOKEN"),
                 "environment");
}

result<shared_credentials> keys_of_profile(const profile& p) {
  const auto read = [&](const char* name) {
    const auto f = p.find(name);
    return f ? part{f->value, fmt::format("{} ({})", name, f->place)} : part{std::nullopt, name};
  };
  return pair_of(read("aws_access_key_id"), read("aws_secret_access_key"), read("aws_session_token"),
                 "profile " + p.name());
}

boost::asio::awaitable<result<shared_credentials>> local_provider::get(
    bool refresh, boost::asio::cancellation_slot /*end*/) {
  if (refresh) {
    auto found = read_();
    if (!found) co_return found.error();
    if (!*found) {
      co_return failure{errc::missing_credentials,
                        fmt::format("the credentials of {} are gone", at_hand_->source),
                        "put new ones there, or start sluice again"};
    }
    at_hand_ = *std::move(found);
  }
  co_return at_hand_;
}

}  // namespace sluice::aws
