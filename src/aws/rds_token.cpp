#include "aws/rds_token.hpp"

#include <array>

#include "aws/sigv4.hpp"

namespace sluice::aws {

secret rds_token(const credentials& c, std::string_view host, std::string_view port, std::string_view user,
                 std::string_view region, std::chrono::sys_seconds at) {
  constexpr std::chrono::minutes valid{15};
  std::string authority(host);
  (authority += ':') += port;
  std::string target = "/?Action=connect&DBUser=";
  sigv4::append_percent_encoded(target, user);
  const std::array<sigv4::header, 1> headers = {{{"host", authority}}};
  const sigv4::request r{.method = "GET", .target = target, .headers = headers, .body = {}};
  return secret(authority + sigv4::presign(r, c, {region, "rds-db"}, at, valid));
}

}  // namespace sluice::aws
