// What http::parse_endpoint makes of each line of standard input, for test_endpoints.py: "scheme host port
// target" with blanks between, or "refused".
#include <fmt/format.h>

#include <iostream>
#include <string>

#include "http/endpoint.hpp"

int main() {
  for (std::string url; std::getline(std::cin, url);) {
    const auto to = sluice::http::parse_endpoint(url);
    if (to) {
      fmt::print("{} {} {} {}\n", to->tls ? "https" : "http", to->host, to->port, to->target);
    } else {
      fmt::print("refused\n");
    }
  }
  return 0;
}
