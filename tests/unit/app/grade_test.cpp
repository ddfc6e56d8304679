#include "app/grade.hpp"

#include <catch2/catch_test_macros.hpp>
#include <optional>
#include <string>
#include <vector>

using namespace sluice;
using namespace sluice::app;
using record::column;

namespace {

column named(std::string name, std::optional<mask::rule> rule = {}) {
  column c;
  c.from = "/" + name;
  c.name = std::move(name);
  c.mask = std::move(rule);
  return c;
}

/// Two keys, of which `primary` is one.
std::vector<grade> grades_of(std::vector<column> columns, const std::string& primary = "a") {
  const auto ring = mask::key_ring::parse(mask::key_ring::generate("a"), "test").value();
  const auto both = ring->with_new("b").value()->with_primary(primary).value();
  record::plan p;
  p.columns = std::move(columns);
  return grade_privacy(p, both.get());
}

}  // namespace

TEST_CASE("each scheme is graded by who can reverse it and by what is weak in it") {
  using enum mask::scheme;
  struct test {
    mask::rule rule;
    const char* what;
    const char* fix;
  };
  const test all[]{{{.how = aes_siv, .domain = "d"}, "aes_siv: who has the key can reverse it; domain d", ""},
                   {{.how = hmac_sha256, .domain = "d"}, "hmac_sha256: nobody can reverse it; domain d", ""},
                   {{.how = ipcrypt_deterministic, .domain = "d"},
                    "ipcrypt_deterministic: who has the key can reverse it; domain d",
                    ""},
                   {{.how = ipcrypt_pfx, .domain = "d", .key = "b"},
                    "ipcrypt_pfx: who has the key can reverse it; domain d, key b",
                    ""},
                   {{.how = redact}, "redact: nobody can reverse it", ""},
                   {{.how = partial, .keep_last = 4}, "partial: nobody can reverse it", ""},
                   {{.how = partial, .keep_last = 5},
                    "partial: nobody can reverse it",
                    "the last 5 characters are most of a short value: keep fewer"},
                   {{.how = base64},
                    "base64: anybody can read it",
                    "use aes_siv, or hmac_sha256; base64 is for compatibility"}};
  for (const test& t : all) {
    const grade expected{std::string("column c is masked with ") + t.what, t.fix};
    CHECK(grades_of({named("c", t.rule)}) == std::vector{expected});
  }
}

TEST_CASE("the last characters are too many where they are half of the column") {
  column code = named("c", mask::rule{.how = mask::scheme::partial, .keep_last = 3});
  code.type = record::column_type::varchar;
  code.length_max = 7;
  CHECK(grades_of({code}).front().fix.empty());
  code.length_max = 6;
  CHECK(grades_of({code}).front().fix.starts_with("the last 3 characters"));
}

TEST_CASE("columns join that have scheme, domain and key in common") {
  const mask::rule rule{.how = mask::scheme::hmac_sha256, .domain = "d"};
  mask::rule other_domain = rule, other_scheme = rule, pinned = rule;
  other_domain.domain = "e";
  other_scheme.how = mask::scheme::aes_siv;
  pinned.key = "b";
  const std::vector<column> columns{named("one", rule), named("two", rule), named("domain", other_domain),
                                    named("scheme", other_scheme), named("pinned", pinned)};
  const auto joins = [&](const char* primary) {
    std::string all;
    for (const grade& g : grades_of(columns, primary)) {
      const auto at = g.what.find("joins with ");
      all += at == g.what.npos ? "-; " : g.what.substr(at + 11) + "; ";
    }
    return all;
  };
  CHECK(joins("a") == "two; one; -; -; -; ");
  CHECK(joins("b") == "two, pinned; one, pinned; -; -; one, two; ");
}

TEST_CASE("what a sender gives is graded by its name where nothing masks it") {
  column renamed = named("contact");
  renamed.from = "/user/email";
  column attribute = named("who");
  attribute.where = record::source::attribute;
  attribute.from = "client_ip";
  column constant = named("phone");
  constant.where = record::source::constant;
  constant.from = "\"none\"";
  column anything = named("rest");
  anything.type = record::column_type::jsonb;
  std::vector<std::string> graded;
  for (const grade& g :
       grades_of({named("zip"), named("clientIP"), renamed, attribute, constant, anything})) {
    graded.push_back(g.what);
    CHECK_FALSE(g.fix.empty());
  }
  CHECK(graded ==
        std::vector<std::string>{"column clientIP is personal by its name, and is not masked",
                                 "column contact is personal by its name, and is not masked",
                                 "column who is personal by its name, and is not masked",
                                 "column rest is jsonb: whatever is personal in it is stored as it came"});
}
