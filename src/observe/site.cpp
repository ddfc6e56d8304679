#include "observe/site.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <utility>

#include "core/encoding.hpp"
#include "observe/metrics.hpp"
#include "observe/process.hpp"
#include "observe/status.hpp"
#include "observe/status_page.hpp"

namespace sluice::observe {
namespace {

// Without the port, and an IPv6 address without its brackets; empty for what is no host.
std::string_view host_name(std::string_view host) {
  if (!host.starts_with('[')) return host.substr(0, host.rfind(':'));
  const auto end = host.find(']');
  if (end == host.npos || (end + 1 < host.size() && host[end + 1] != ':')) return {};
  return host.substr(1, end - 1);
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

// 'sha256-...' of what stands between the first <tag> and </tag> (CSP level 3).
std::string hash_of(std::string_view page, std::string_view tag) {
  const std::string open = "<" + std::string(tag) + ">";
  const auto from = page.find(open) + open.size();
  const auto text = page.substr(from, page.find("</" + std::string(tag) + ">") - from);
  std::array<char, 32> digest{};
  EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(digest.data()), nullptr, EVP_sha256(),
             nullptr);
  return "'sha256-" + base64(std::string_view(digest.data(), digest.size())) + "'";
}

}  // namespace

bool host_allowed(std::string_view host, const std::vector<std::string>& names) {
  const std::string name = lower(host_name(host));
  boost::system::error_code not_an_address;
  boost::asio::ip::make_address(name, not_an_address);
  return !not_an_address || name == "localhost" || std::ranges::find(names, name) != names.end();
}

std::string content_policy(std::string_view page) {
  return "default-src 'none'; connect-src 'self'; style-src " + hash_of(page, "style") + "; script-src " +
         hash_of(page, "script") +
         "; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
}

site::site(state s, std::vector<std::string> hosts) : state_(std::move(s)), hosts_(std::move(hosts)) {
  for (std::string& host : hosts_) host = lower(host);
}

site::answer site::readiness(history::steady_time now) const {
  const auto all = troubles(state_, history_, now);
  if (all.empty()) return {.body = "ready\n"};
  answer a{.status = 503};
  for (const trouble& t : all) a.body += t.what + "; " + t.fix + "\n";
  return a;
}

site::answer site::get(const request& r, history::steady_time now,
                       std::chrono::system_clock::time_point wall) const {
  if (!host_allowed(r.host, hosts_)) {
    return {.status = 421, .body = "this name is not served: give it in SLUICE_ADMIN_HOSTS\n"};
  }
  if (r.method != "GET" && r.method != "HEAD") return {.status = 405, .body = "only GET and HEAD\n"};
  const std::string_view path = r.target.substr(0, r.target.find('?'));
  if (path == "/") {
    return {.type = "text/html; charset=utf-8", .body = std::string(status_page), .is_page = true};
  }
  if (path == "/status.json") {
    return {.type = "application/json", .body = status_json(state_, history_, read_process(), now, wall)};
  }
  if (path == "/metrics") {
    return {.type = "text/plain; version=0.0.4; charset=utf-8",
            .body = exposition(state_, troubles(state_, history_, now).empty(), read_process())};
  }
  if (path == "/healthz") return {.body = "ok\n"};
  if (path == "/readyz") return readiness(now);
  return {.status = 404, .body = "there are /, /status.json, /metrics, /healthz and /readyz\n"};
}

}  // namespace sluice::observe
