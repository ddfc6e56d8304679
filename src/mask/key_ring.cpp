#include "mask/key_ring.hpp"

#include <fmt/format.h>
#include <openssl/rand.h>
#include <sys/mman.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <stdexcept>

#include "core/encoding.hpp"
#include "mask/hkdf.hpp"
#include "mask/openssl.hpp"
#include "mask/token.hpp"

namespace sluice::mask {
namespace {

constexpr std::string_view shape = R"(a ring is: primary = "<id>", and [keys] with <id> = "<base64>")";

std::string at(std::string_view source_name, toml::source_index line) {
  return fmt::format("key ring {}:{}", source_name, line);
}

/// The first key of `table` that is none of `known`.
std::optional<failure> unknown_key(const toml::table& table, std::initializer_list<std::string_view> known,
                                   std::string_view source_name) {
  for (const auto& [key, node] : table) {
    if (std::ranges::find(known, key.str()) != known.end()) continue;
    return failure{errc::bad_configuration,
                   fmt::format("{}: unknown key '{}'", at(source_name, key.source().begin.line), key.str()),
                   std::string(shape)};
  }
  return std::nullopt;
}

/// Wipes the texts of keys that the TOML document holds, whichever way its reader is left.
class wiped_table {
 public:
  explicit wiped_table(toml::table t) : table_(std::move(t)) {}
  wiped_table(const wiped_table&) = delete;
  wiped_table& operator=(const wiped_table&) = delete;
  ~wiped_table() { wipe(table_); }
  const toml::table& get() const noexcept { return table_; }

 private:
  // As deep as the file is, which toml++ limits. NOLINTNEXTLINE(misc-no-recursion)
  static void wipe(toml::table& table) {
    for (auto&& [key, node] : table) {
      if (auto* text = node.as_string()) explicit_bzero(text->get().data(), text->get().size());
      if (auto* inner = node.as_table()) wipe(*inner);
    }
  }
  toml::table table_;
};

result<secret> read_key(std::string_view id, const toml::node& node, std::string_view source_name) {
  const std::string where = at(source_name, node.source().begin.line);
  if (!valid_key_id(id)) {
    return failure{errc::bad_configuration,
                   fmt::format("{}: a key's id is 1 to {} of A-Z a-z 0-9 _ -", where, key_id_size_max),
                   "shorten or rename it"};
  }
  const auto* text = node.as_string();
  auto bytes = text != nullptr ? unbase64(text->get()) : std::nullopt;
  if (!bytes) {
    return failure{errc::bad_configuration, fmt::format("{}: key '{}' is not base64", where, id),
                   "make a ring with `sluice keygen`"};
  }
  secret material(*std::move(bytes));
  if (material.size() < key_ring::key_bytes_min) {
    return failure{errc::bad_configuration,
                   fmt::format("{}: key '{}' has {} bytes, {} or more are needed", where, id, material.size(),
                               key_ring::key_bytes_min),
                   "make a ring with `sluice keygen`"};
  }
  return material;
}

secret random_key() {
  std::string bytes(key_ring::key_bytes_min, '\0');
  openssl::require(
      RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size())) == 1,
      "RAND_bytes");
  return secret(std::move(bytes));
}

}  // namespace

result<std::shared_ptr<const key_ring>> key_ring::parse(std::string_view toml, std::string_view source_name) {
  toml::table parsed;
  try {
    parsed = toml::parse(toml, source_name);
  } catch (const toml::parse_error& e) {
    // Only the line: the parser's description may quote what it read.
    return failure{errc::bad_configuration,
                   at(source_name, e.source().begin.line) + ": this is not valid TOML", std::string(shape)};
  }
  const wiped_table document(std::move(parsed));
  const toml::table* ring = document.get()["ring"].as_table();
  if (ring != nullptr) {
    if (auto unknown = unknown_key(document.get(), {"ring"}, source_name)) return *std::move(unknown);
  } else {
    ring = &document.get();
  }
  if (auto unknown = unknown_key(*ring, {"primary", "keys"}, source_name)) return *std::move(unknown);

  const toml::node* primary = ring->get("primary");
  const toml::node* keys = ring->get("keys");
  if (primary == nullptr || !primary->is_string() || keys == nullptr || !keys->is_table()) {
    return failure{errc::missing_key, fmt::format("key ring {} names no primary or no keys", source_name),
                   std::string(shape)};
  }
  auto made = std::make_shared<key_ring>();
  made->primary_ = primary->as_string()->get();
  for (const auto& [id, node] : *keys->as_table()) {
    auto material = read_key(id.str(), node, source_name);
    if (!material) return material.error();
    // Not to be swapped out, if the system lets us; a failure changes nothing else (mlock(2)).
    static_cast<void>(mlock(material->reveal().data(), material->size()));
    made->entries_.push_back({std::string(id.str()), *std::move(material)});
  }
  if (std::ranges::find(made->entries_, made->primary_, &entry::id) == made->entries_.end()) {
    return failure{
        errc::missing_key,
        fmt::format("{}: the primary is not among the keys", at(source_name, primary->source().begin.line)),
        "name one of [keys]"};
  }
  return std::shared_ptr<const key_ring>(std::move(made));
}

std::string key_ring::generate(std::string_view id) {
  if (!valid_key_id(id)) throw std::invalid_argument("a key's id is 1 to 16 of A-Z a-z 0-9 _ -");
  key_ring ring;
  ring.primary_ = id;
  ring.entries_.push_back({std::string(id), random_key()});
  return std::string(ring.text().reveal());
}

result<std::shared_ptr<const key_ring>> key_ring::with_new(std::string_view id) const {
  if (!valid_key_id(id)) {
    return failure{errc::bad_configuration, fmt::format("'{}' cannot be the id of a key", id),
                   "take 1 to 16 letters, digits, - or _"};
  }
  if (std::ranges::find(entries_, id, &entry::id) != entries_.end()) {
    return failure{errc::bad_configuration, fmt::format("the key ring has a key '{}' already", id),
                   "tokens name their key: each needs an id of its own"};
  }
  auto made = std::make_shared<key_ring>(*this);
  made->entries_.push_back({std::string(id), random_key()});
  return std::shared_ptr<const key_ring>(std::move(made));
}

result<std::shared_ptr<const key_ring>> key_ring::with_primary(std::string_view id) const {
  if (auto found = find(id); !found) return found.error();
  auto made = std::make_shared<key_ring>(*this);
  made->primary_ = id;
  return std::shared_ptr<const key_ring>(std::move(made));
}

result<std::shared_ptr<const key_ring>> key_ring::without(std::string_view id) const {
  const auto found = find(id);
  if (!found) return found.error();
  if (id == primary_) {
    return failure{errc::bad_configuration, fmt::format("key '{}' is the primary", id),
                   "make another the primary first"};
  }
  auto made = std::make_shared<key_ring>(*this);
  made->entries_.erase(made->entries_.begin() + (*found - entries_.begin()));
  return std::shared_ptr<const key_ring>(std::move(made));
}

secret key_ring::text() const {
  std::string line = fmt::format(R"(ring = {{ primary = "{}", keys = {{ )", primary_);
  // Enough from the start: a string that grows leaves what it held behind.
  line.reserve(line.size() + entries_.size() * 256);
  for (const entry& e : entries_) {
    const secret encoded(base64(e.material.reveal()));
    fmt::format_to(std::back_inserter(line), R"({}{} = "{}")", &e == entries_.data() ? "" : ", ", e.id,
                   encoded.reveal());
  }
  line += " } }";
  return secret(std::move(line));
}

result<> key_ring::check_strength() const {
  constexpr std::string_view fix = "make a key with `sluice keygen`, or `sluice keys add`";
  for (const entry& e : entries_) {
    const std::string_view bytes = e.material.reveal();
    const auto steps_by = [&](int step) {
      return std::ranges::adjacent_find(bytes, [&](char before, char next) {
               return static_cast<unsigned char>(before + step) != static_cast<unsigned char>(next);
             }) == bytes.end();
    };
    if (steps_by(0) || steps_by(1)) {
      return failure{errc::bad_configuration, fmt::format("key '{}' is not random", e.id), std::string(fix)};
    }
    const auto twin = std::ranges::find_if(
        entries_, [&](const entry& other) { return other.id != e.id && other.material == e.material; });
    if (twin != entries_.end()) {
      return failure{errc::bad_configuration, fmt::format("'{}' and '{}' are one key", e.id, twin->id),
                     std::string(fix)};
    }
  }
  return {};
}

std::vector<std::string> key_ring::ids() const {
  std::vector<std::string> all;
  all.reserve(entries_.size());
  for (const entry& e : entries_) all.push_back(e.id);
  return all;
}

result<std::vector<key_ring::entry>::const_iterator> key_ring::find(std::string_view id) const {
  const auto found = std::ranges::find(entries_, id, &entry::id);
  if (found != entries_.end()) return found;
  return failure{errc::missing_key, fmt::format("the key ring has no key '{}'", id),
                 "keep retired keys in the ring as long as their tokens are stored"};
}

result<secret> key_ring::derive(std::string_view id, std::string_view scheme_name, std::string_view domain,
                                std::size_t bytes) const {
  const auto found = find(id);
  if (!found) return found.error();
  return hkdf_sha256((*found)->material.reveal(), {}, fmt::format("sluice/v1/{}/{}", scheme_name, domain),
                     bytes);
}

}  // namespace sluice::mask
