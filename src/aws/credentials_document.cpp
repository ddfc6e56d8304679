#include "aws/credentials_document.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <string>

namespace sluice::aws {
namespace {

// It goes into a header: no blank, no line break, ASCII only.
bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

// The parts of an answer, wherever they were found.
struct parts {
  std::string_view id, key, token, expiration;
};

result<credentials> complete(const parts& p) {
  const auto expires_at = parse_expiration(p.expiration);
  if (!is_token(p.id) || !is_token(p.key) || !is_token(p.token) || !expires_at) {
    return failure{errc::bad_answer, "the answer holds no complete credentials"};
  }
  credentials c;
  c.access_key_id = p.id;
  c.secret_access_key = secret(std::string(p.key));
  c.session_token = secret(std::string(p.token));
  c.expires_at = expires_at;
  return c;
}

// The text of the first such element. STS nests none of those that are asked for, and keys hold no entities.
std::string_view element(std::string_view xml, std::string_view name) {
  const auto open = xml.find(fmt::format("<{}>", name));
  if (open == xml.npos) return {};
  const auto text = xml.substr(open + name.size() + 2);
  const auto close = text.find(fmt::format("</{}>", name));
  return close == text.npos ? std::string_view() : text.substr(0, close);
}

}  // namespace

std::optional<std::chrono::sys_seconds> parse_expiration(std::string_view text) {
  if (text.size() < 20 || text[10] != 'T' || text.back() != 'Z') return std::nullopt;
  bool good = true;
  const auto number = [&](std::size_t at, std::size_t size) {
    unsigned value = 0;
    const char* const end = text.data() + at + size;
    good = good && std::from_chars(text.data() + at, end, value).ptr == end;
    return value;
  };
  const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(number(0, 4))),
                                         std::chrono::month(number(5, 2)), std::chrono::day(number(8, 2)));
  const auto time = std::chrono::hours(number(11, 2)) + std::chrono::minutes(number(14, 2)) +
                    std::chrono::seconds(number(17, 2));
  if (!good || !date.ok() || time >= std::chrono::hours(25)) return std::nullopt;
  return std::chrono::sys_days(date) + time;
}

result<credentials> parse_credentials_json(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::object root;
  if (parser.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS) {
    return failure{errc::bad_answer, "the answer is not a JSON object"};
  }
  const auto text = [&](std::string_view name) {
    std::string_view value;
    return root[name].get(value) == simdjson::SUCCESS ? value : std::string_view();
  };
  return complete({text("AccessKeyId"), text("SecretAccessKey"), text("Token"), text("Expiration")});
}

result<credentials> parse_sts_answer(std::string_view xml) {
  return complete({element(xml, "AccessKeyId"), element(xml, "SecretAccessKey"), element(xml, "SessionToken"),
                   element(xml, "Expiration")});
}

std::string_view sts_error_code(std::string_view xml) {
  return element(xml, "Code");
}

}  // namespace sluice::aws
