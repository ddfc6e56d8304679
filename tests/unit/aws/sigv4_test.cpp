// The official signing cases (tests/data/sigv4, from awslabs/aws-c-auth), stage by stage.
#include "aws/sigv4.hpp"

#include <simdjson.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <ostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "aws/rds_token.hpp"
#include "support/repository.hpp"

using namespace sluice;
using namespace sluice::aws;
namespace fs = std::filesystem;

namespace {

const fs::path suite = tests::repository_file("tests/data/sigv4/v4");

std::string read(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + file.string());
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> case_names() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(suite)) names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  return names;
}

struct raw_request {
  std::string method, target, body;
  std::vector<std::pair<std::string, std::string>> headers;

  std::vector<sigv4::header> header_views() const {
    std::vector<sigv4::header> views;
    for (const auto& [name, value] : headers) views.push_back({name, value});
    return views;
  }
};

raw_request parse(const std::string& text) {
  raw_request r;
  const std::size_t line_end = std::min(text.find('\n'), text.size());
  const std::string line = text.substr(0, line_end);
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');  // targets of the suite hold blanks
  r.method = line.substr(0, first);
  r.target = line.substr(first + 1, last - first - 1);
  std::size_t at = line_end + 1;
  while (at < text.size() && text[at] != '\n') {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string field = text.substr(at, end - at);
    at = end + 1;
    if (field.front() == ' ') {
      r.headers.back().second += '\n' + field;
      continue;
    }
    const std::size_t colon = field.find(':');
    r.headers.emplace_back(field.substr(0, colon), field.substr(colon + 1));
  }
  if (at < text.size()) r.body = text.substr(at + 1);
  return r;
}

struct signing_case {
  raw_request request;
  credentials keys;
  std::string region, service;
  std::chrono::sys_seconds at = std::chrono::sys_days{std::chrono::August / 30 / 2015} +
                                std::chrono::hours(12) + std::chrono::minutes(36);
  std::chrono::seconds expires{0};
  sigv4::canonical_options options;
  bool sign_body = false;
  bool sign_token = true;

  sigv4::scope scope() const { return {region, service}; }
};

std::string text_at(simdjson::dom::element e, std::string_view pointer) {
  std::string_view value;
  if (e.at_pointer(pointer).get(value) != simdjson::SUCCESS) return {};
  return std::string(value);
}

signing_case load(const std::string& name) {
  simdjson::dom::parser parser;
  const simdjson::dom::element context = parser.load((suite / name / "context.json").string());
  REQUIRE(text_at(context, "/timestamp") == "2015-08-30T12:36:00Z");
  signing_case c;
  c.request = parse(read(suite / name / "request.txt"));
  c.keys.access_key_id = text_at(context, "/credentials/access_key_id");
  c.keys.secret_access_key = secret(text_at(context, "/credentials/secret_access_key"));
  c.keys.session_token = secret(text_at(context, "/credentials/token"));
  c.region = text_at(context, "/region");
  c.service = text_at(context, "/service");
  c.expires = std::chrono::seconds(context["expiration_in_seconds"].get_int64().value());
  c.options.normalize_path = context["normalize"].get_bool().value();
  c.sign_body = context["sign_body"].get_bool().value();
  bool omit = false;
  if (context["omit_session_token"].get(omit) == simdjson::SUCCESS) c.sign_token = !omit;
  return c;
}

std::string header_of(const raw_request& r, std::string_view name) {
  const auto found = std::ranges::find(r.headers, name, &std::pair<std::string, std::string>::first);
  return found == r.headers.end() ? std::string() : found->second;
}

std::vector<std::string> parameters_of(const std::string& target) {
  std::vector<std::string> parameters;
  std::string query = target.substr(target.find('?') + 1) + '&';
  for (std::size_t at = 0; at < query.size();) {
    const std::size_t end = query.find('&', at);
    parameters.push_back(query.substr(at, end - at));
    at = end + 1;
  }
  std::ranges::sort(parameters);
  return parameters;
}

}  // namespace

TEST_CASE("the suite has its 38 cases") {
  CHECK(case_names().size() == 38);
}

TEST_CASE("header form matches the suite at each stage") {
  const std::string name = GENERATE(from_range(case_names()));
  INFO(name);
  signing_case c = load(name);
  const auto expected = [&](const char* stage) { return read(suite / name / stage); };

  const std::string date = sigv4::amz_date(c.at);
  const std::string payload_hash = sigv4::sha256_hex(c.request.body);
  c.request.headers.emplace_back("X-Amz-Date", date);
  if (c.sign_body) c.request.headers.emplace_back("x-amz-content-sha256", payload_hash);
  if (!c.keys.session_token.empty() && c.sign_token) {
    c.request.headers.emplace_back("X-Amz-Security-Token", c.keys.session_token.reveal());
  }
  const auto headers = c.request.header_views();
  const auto canonical = sigv4::canonical_request(
      {c.request.method, c.request.target, headers, c.request.body}, payload_hash, c.options);
  CHECK(canonical.text == expected("header-canonical-request.txt"));

  const std::string to_sign = sigv4::string_to_sign(date, c.scope(), canonical.text);
  CHECK(to_sign == expected("header-string-to-sign.txt"));

  const auto key = sigv4::signing_key(c.keys.secret_access_key.reveal(), date.substr(0, 8), c.scope());
  const std::string signature = sigv4::signature(key, to_sign);
  CHECK(signature == expected("header-signature.txt"));

  const raw_request signed_request = parse(expected("header-signed-request.txt"));
  CHECK(sigv4::authorization(c.keys.access_key_id, date, c.scope(), canonical.signed_headers, signature) ==
        header_of(signed_request, "Authorization"));
}

TEST_CASE("query form matches the suite") {
  const std::string name = GENERATE(from_range(case_names()));
  INFO(name);
  const signing_case c = load(name);
  const auto expected = [&](const char* stage) { return read(suite / name / stage); };

  const auto headers = c.request.header_views();
  const std::string target = sigv4::presign({c.request.method, c.request.target, headers, c.request.body},
                                            c.keys, c.scope(), c.at, c.expires, c.options, c.sign_token);
  CHECK(target.ends_with("&X-Amz-Signature=" + expected("query-signature.txt")));
  CHECK(parameters_of(target) == parameters_of(parse(expected("query-signed-request.txt")).target));

  // What a verifier does with it: the same canonical request, with the signature taken out.
  std::string without = target.substr(0, target.rfind("&X-Amz-Signature="));
  if (!c.sign_token) without.resize(without.rfind("&X-Amz-Security-Token="));
  const std::string payload_hash = sigv4::sha256_hex(c.request.body);
  const auto canonical =
      sigv4::canonical_request({c.request.method, without, headers, c.request.body}, payload_hash, c.options);
  CHECK(canonical.text == expected("query-canonical-request.txt"));
  CHECK(sigv4::string_to_sign(sigv4::amz_date(c.at), c.scope(), canonical.text) ==
        expected("query-string-to-sign.txt"));
}

TEST_CASE("headers that proxies change are left out, unless a verifier asks for them") {
  const sigv4::header headers[] = {
      {"User-Agent", "x"}, {"Host", "h"}, {"Authorization", "y"}, {"X-Amzn-Trace-Id", "z"}};
  const sigv4::request r{"GET", "/", headers, ""};
  CHECK(sigv4::canonical_request(r, "").signed_headers == "host");
  CHECK(sigv4::canonical_request(r, "", {.every_header = true}).signed_headers ==
        "authorization;host;user-agent;x-amzn-trace-id");
}

TEST_CASE("an escape in the query is read in either case") {
  const auto query_of = [](std::string_view target) {
    std::string out;
    sigv4::append_canonical_target(out, target);
    return out;
  };
  CHECK(query_of("/?a=%7e%2f") == "/\na=~%2F");
  CHECK(query_of("/?a=%7E%2F") == "/\na=~%2F");
  CHECK(query_of("/?a=%zz%4") == "/\na=%25zz%254");
  CHECK(query_of("/?b&a=1&&a=0=") == "/\na=0%3D&a=1&b=");
  CHECK(query_of("") == "/\n");
  CHECK(query_of("?a=b") == "/\na=b");
}

TEST_CASE("an RDS token matches botocore's", "[extra]") {
  simdjson::dom::parser parser;
  const simdjson::dom::element extra = parser.load(tests::repository_file("tests/data/aws/extra.json"));
  for (const char* vector : {"rds_botocore_kat", "rds_session_token"}) {
    INFO(vector);
    const simdjson::dom::element v = extra[vector];
    credentials keys;
    keys.access_key_id = text_at(v, "/access_key");
    keys.secret_access_key = secret(text_at(v, "/secret_key"));
    keys.session_token = secret(text_at(v, "/session_token"));
    const std::string region = text_at(v, "/region");
    const std::string port = std::to_string(v["port"].get_int64().value());
    const auto at = std::string_view(vector) == "rds_botocore_kat"
                        ? std::chrono::sys_seconds(std::chrono::seconds(1478540373))
                        : std::chrono::sys_seconds(std::chrono::seconds(1767323045));
    REQUIRE(sigv4::amz_date(at) == text_at(v, "/timestamp"));

    const secret token = rds_token(keys, text_at(v, "/host"), port, text_at(v, "/user"), region, at);
    CHECK(token.reveal() == text_at(v, "/token"));
  }
}
