#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string_view>

struct evp_md_ctx_st;
struct evp_md_st;

namespace sluice::sqs {

/// MD5 in lower-case hex, as SQS gives it with each body; not for security. One context, used again. Not
/// thread-safe.
class md5 {
 public:
  md5();
  /// Nothing where OpenSSL has no MD5 (FIPS).
  std::optional<std::array<char, 32>> operator()(std::string_view text);

 private:
  struct deleter {
    void operator()(evp_md_ctx_st* context) const noexcept;
    void operator()(evp_md_st* algorithm) const noexcept;
  };
  std::unique_ptr<evp_md_st, deleter> algorithm_;
  std::unique_ptr<evp_md_ctx_st, deleter> context_;
};

}  // namespace sluice::sqs
