#include "mask/masker.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/encoding.hpp"
#include "mask/aes_siv.hpp"
#include "mask/hmac_sha256.hpp"
#include "mask/ipcrypt.hpp"

namespace sluice::mask {

class mask_function {
 public:
  mask_function() = default;
  mask_function(const mask_function&) = delete;
  mask_function& operator=(const mask_function&) = delete;
  virtual ~mask_function() = default;

  virtual std::size_t size_max(std::size_t value_bytes) const noexcept = 0;
  virtual char* mask_to(std::string_view value, char* out) = 0;
};

namespace {

char* append(std::string_view text, char* out) noexcept {
  return std::ranges::copy(text, out).out;
}

class aes_siv_mask final : public mask_function {
 public:
  aes_siv_mask(std::string_view key_id, const secret& key)
      : prefix_(std::string(key_id) + '.'), cipher_(key.reveal()) {}

  std::size_t size_max(std::size_t value_bytes) const noexcept override {
    return prefix_.size() + base64url_size(aes_siv::overhead + value_bytes);
  }
  char* mask_to(std::string_view value, char* out) override {
    const std::size_t size = aes_siv::overhead + value.size();
    if (sealed_.size() < size) sealed_.resize(size);
    cipher_.seal(value, {}, sealed_.data());
    return base64url_to({sealed_.data(), size}, append(prefix_, out));
  }

 private:
  std::string prefix_;
  aes_siv cipher_;
  std::string sealed_;  ///< ciphertext on its way to base64; grows to the longest value and stays
};

class hmac_mask final : public mask_function {
 public:
  hmac_mask(std::string_view key_id, const secret& key)
      : prefix_(std::string(key_id) + '.'), hmac_(key.reveal()) {}

  std::size_t size_max(std::size_t) const noexcept override {
    return prefix_.size() + base64url_size(hmac_sha256::size);
  }
  char* mask_to(std::string_view value, char* out) override {
    const auto mac = hmac_.of(value);
    return base64url_to({mac.data(), mac.size()}, append(prefix_, out));
  }

 private:
  std::string prefix_;
  hmac_sha256 hmac_;
};

template <class Cipher>
class ip_mask final : public mask_function {
 public:
  ip_mask(std::string_view, const secret& key) : cipher_(key.reveal()) {}

  std::size_t size_max(std::size_t) const noexcept override { return ip_text_size_max; }
  char* mask_to(std::string_view value, char* out) override {
    const auto ip = parse_ip(value);
    return ip ? ip_to(cipher_.encrypt(*ip), out) : nullptr;
  }

 private:
  Cipher cipher_;
};

class base64_mask final : public mask_function {
 public:
  std::size_t size_max(std::size_t value_bytes) const noexcept override { return base64_size(value_bytes); }
  char* mask_to(std::string_view value, char* out) override { return base64_to(value, out); }
};

class redact_mask final : public mask_function {
 public:
  explicit redact_mask(std::string constant) : constant_(std::move(constant)) {}

  std::size_t size_max(std::size_t) const noexcept override { return constant_.size(); }
  char* mask_to(std::string_view, char* out) override { return append(constant_, out); }

 private:
  std::string constant_;
};

class partial_mask final : public mask_function {
 public:
  explicit partial_mask(std::size_t keep_last) : keep_last_(keep_last) {}

  std::size_t size_max(std::size_t value_bytes) const noexcept override { return value_bytes; }
  char* mask_to(std::string_view value, char* out) override {
    const std::size_t characters = characters_in(value);
    const std::size_t starred = characters > keep_last_ ? characters - keep_last_ : characters;
    out = std::fill_n(out, starred, '*');
    std::size_t seen = 0;
    const auto kept =
        std::ranges::find_if(value, [&](char c) { return starts_character(c) && seen++ == starred; });
    return std::copy(kept, value.end(), out);
  }

 private:
  std::size_t keep_last_;
};

template <class Keyed>
result<std::unique_ptr<mask_function>> make_keyed(const rule& r, const std::shared_ptr<const key_ring>& keys,
                                                  std::size_t key_bytes) {
  if (r.domain.empty()) {
    return failure{errc::bad_configuration, fmt::format("{} needs a domain", to_string(r.how)),
                   "name the field whose values must join, such as ip"};
  }
  if (!keys) {
    return failure{errc::missing_key,
                   fmt::format("{} needs a key, and there is no key ring", to_string(r.how)),
                   "make one with `sluice keygen` and set SLUICE_KEYS"};
  }
  const std::string& id = key_of(r, *keys);
  auto key = keys->derive(id, to_string(r.how), r.domain, key_bytes);
  if (!key) return key.error();
  return std::unique_ptr<mask_function>(std::make_unique<Keyed>(id, *key));
}

result<std::unique_ptr<mask_function>> make_function(const rule& r,
                                                     const std::shared_ptr<const key_ring>& keys) {
  switch (r.how) {
    case scheme::aes_siv: return make_keyed<aes_siv_mask>(r, keys, aes_siv::key_bytes);
    case scheme::hmac_sha256: return make_keyed<hmac_mask>(r, keys, hmac_sha256::size);
    case scheme::ipcrypt_deterministic:
      return make_keyed<ip_mask<ipcrypt_deterministic>>(r, keys, ipcrypt_deterministic::key_bytes);
    case scheme::ipcrypt_pfx: return make_keyed<ip_mask<ipcrypt_pfx>>(r, keys, ipcrypt_pfx::key_bytes);
    case scheme::redact: return std::make_unique<redact_mask>(r.constant);
    case scheme::partial: return std::make_unique<partial_mask>(r.keep_last);
    case scheme::base64: return std::make_unique<base64_mask>();
  }
  return failure{errc::bad_configuration, "a mask scheme that does not exist"};
}

}  // namespace

masker::masker(std::unique_ptr<mask_function> f) : function_(std::move(f)) {}
masker::masker(masker&&) noexcept = default;
masker& masker::operator=(masker&&) noexcept = default;
masker::~masker() = default;

result<masker> masker::make(const rule& r, const std::shared_ptr<const key_ring>& keys) {
  auto function = make_function(r, keys);
  if (!function) return function.error();
  return masker(*std::move(function));
}

std::size_t masker::size_max(std::size_t value_bytes) const noexcept {
  return function_->size_max(value_bytes);
}

char* masker::mask_to(std::string_view value, char* out) {
  return function_->mask_to(value, out);
}

std::optional<std::string> masker::mask(std::string_view value) {
  std::string token(size_max(value.size()), '\0');
  const char* end = mask_to(value, token.data());
  if (end == nullptr) return std::nullopt;
  token.resize(static_cast<std::size_t>(end - token.data()));
  return token;
}

}  // namespace sluice::mask
