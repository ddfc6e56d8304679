#include "aws/signer.hpp"

#include <simdjson.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "support/repository.hpp"
#include "support/seed.hpp"

using namespace sluice;
using namespace sluice::aws;
using namespace std::chrono_literals;

namespace {

constexpr std::chrono::sys_seconds noon = std::chrono::sys_days{std::chrono::January / 2 / 2026} + 12h;

credentials keys(std::string id, std::string key, std::string token = {}) {
  credentials c;
  c.access_key_id = std::move(id);
  c.secret_access_key = secret(std::move(key));
  c.session_token = secret(std::move(token));
  return c;
}

struct call {
  std::string method = "POST";
  std::string host = "sqs.us-east-1.amazonaws.com";
  std::string target = "/";
  std::vector<std::pair<std::string, std::string>> headers = {{"content-type", "application/x-amz-json-1.0"},
                                                              {"x-amz-target", "AmazonSQS.ReceiveMessage"}};
  std::string body = "{}";
};

std::string signed_by(signer& s, const credentials& c, const call& r, std::chrono::sys_seconds at) {
  std::vector<sigv4::header> headers;
  for (const auto& [name, value] : r.headers) headers.push_back({name, value});
  return std::string(s.sign(c, r.method, r.host, r.target, headers, r.body, at).authorization);
}

// The plain stages, with nothing kept between calls.
std::string signed_plainly(const credentials& c, const call& r, std::chrono::sys_seconds at) {
  const std::string date = sigv4::amz_date(at);
  std::vector<sigv4::header> headers;
  for (const auto& [name, value] : r.headers) headers.push_back({name, value});
  headers.push_back({"host", r.host});
  headers.push_back({"x-amz-date", date});
  if (!c.session_token.empty()) headers.push_back({"x-amz-security-token", c.session_token.reveal()});
  const sigv4::scope scope{"us-east-1", "sqs"};
  const auto canonical =
      sigv4::canonical_request({r.method, r.target, headers, r.body}, sigv4::sha256_hex(r.body));
  const auto key = sigv4::signing_key(c.secret_access_key.reveal(), date.substr(0, 8), scope);
  return sigv4::authorization(c.access_key_id, date, scope, canonical.signed_headers,
                              sigv4::signature(key, sigv4::string_to_sign(date, scope, canonical.text)));
}

std::string random_text(std::mt19937_64& random, std::size_t size_max, std::string_view alphabet) {
  std::string text(std::uniform_int_distribution<std::size_t>(0, size_max)(random), '\0');
  std::uniform_int_distribution<std::size_t> pick(0, alphabet.size() - 1);
  for (char& c : text) c = alphabet[pick(random)];
  return text;
}

}  // namespace

TEST_CASE("SQS requests are signed as in the recorded vectors") {
  simdjson::dom::parser parser;
  const simdjson::dom::element extra = parser.load(tests::repository_file("tests/data/aws/extra.json"));
  const auto check = [&](const char* name, call r, const credentials& c) {
    INFO(name);
    const simdjson::dom::element v = extra[name];
    const auto text = [&](const char* member) { return std::string(v[member].get_string().value()); };
    r.host = text("host");
    r.body = v["body"].get_string().value();
    signer s(text("region"), "sqs");
    CHECK(signed_by(s, c, r, std::chrono::sys_seconds(1767323045s)) == text("authorization"));
  };
  check("sqs_receive", {}, keys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"));
  call list;
  list.headers[1].second = "AmazonSQS.ListQueues";
  check("sqs_local_port", list, keys("test", "test"));
  call query_mode;
  query_mode.headers.emplace_back("x-amzn-query-mode", "true");
  check("sqs_receive_session_querymode", query_mode,
        keys("ASIAEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
             "IQoJb3JpZ2luX2VjEXAMPLE//////////wEaCXVzLWVhc3QtMSJHMEUCIQ+abc/def=="));
}

TEST_CASE("the key of yesterday is dropped at midnight UTC") {
  signer s("us-east-1", "sqs");
  const auto c = keys("id", "key");
  const auto midnight = std::chrono::sys_days{std::chrono::January / 3 / 2026};
  for (const auto at : {midnight - 1s, midnight + 0s, midnight + 1s, midnight - 1s}) {
    CHECK(signed_by(s, c, {}, at) == signed_plainly(c, {}, at));
  }
}

TEST_CASE("new credentials drop the key of the old ones") {
  signer s("us-east-1", "sqs");
  const credentials all[] = {keys("id", "old", "token"), keys("id", "new", "token"), keys("id", "new"),
                             keys("other", "new", "token 2"), keys("id", "old", "token")};
  for (const credentials& c : all) {
    CHECK(signed_by(s, c, {}, noon) == signed_plainly(c, {}, noon));
    const auto headers = s.sign(c, "POST", "h", "/", {}, "", noon);
    CHECK(headers.session_token == c.session_token.reveal());
    CHECK(headers.date == "20260102T120000Z");
  }
}

TEST_CASE("the signer equals the plain stages on random requests") {
  const std::uint64_t seed = tests::seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  signer s("us-east-1", "sqs");
  const std::string_view letters = "abcdefghijklmnopqrstuvwxyz0123456789-";
  for (int i = 0; i < 2'000; ++i) {
    call r;
    r.method = random() % 2 == 0 ? "POST" : "GET";
    r.host = "h" + random_text(random, 20, letters);
    r.target = "/" + random_text(random, 12, "ab/.?&=%2 ~\xc3\xa9");
    r.body = random_text(random, 300, "{}\"\\:,abc \n\t");
    r.headers.clear();
    for (std::size_t n = random() % 5; n > 0; --n) {
      r.headers.emplace_back(std::string(1, "acimxyz"[random() % 7]) + random_text(random, 8, letters),
                             "v" + random_text(random, 10, letters));
    }
    std::ranges::sort(r.headers);
    const auto repeated = std::ranges::unique(r.headers, {}, &std::pair<std::string, std::string>::first);
    r.headers.erase(repeated.begin(), repeated.end());
    auto c = keys("id", random() % 3 == 0 ? "a" : "b",
                  random() % 2 == 0 ? "" : "t" + random_text(random, 5, letters));
    auto at = noon + std::chrono::seconds(random() % 200'000);
    CAPTURE(i, r.target);
    REQUIRE(signed_by(s, c, r, at) == signed_plainly(c, r, at));
    switch (random() % 6) {  // the same again, or nearly
      case 0: r.body += 'x'; break;
      case 1: r.target += 'x'; break;
      case 2: at += 1s; break;
      case 3: c.access_key_id += 'x'; break;
      case 4: c = keys("id", "c"); break;
      default: break;
    }
    REQUIRE(signed_by(s, c, r, at) == signed_plainly(c, r, at));
  }
}
