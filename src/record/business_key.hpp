#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/encoding.hpp"
#include "core/failure.hpp"
#include "mask/hmac_sha256.hpp"
#include "mask/key_ring.hpp"
#include "record/field_tree.hpp"
#include "record/plan.hpp"
#include "record/reasons.hpp"

namespace sluice::record {

/// Makes the id by which the ledger knows an event from fields of its body: the first 16 bytes of
/// HMAC-SHA256, as a UUID, so that the value itself is nowhere.
///
/// Table and pointers are part of the key by which it is made: plans for two tables, or by two fields, share
/// a ledger and no id, though their values be equal. With another primary key of the ring the ids are others,
/// too: events that a producer sends twice over any such change are two. Not thread-safe.
class business_key {
 public:
  /// `bad_configuration` for what is no JSON pointer, `missing_key` when `keys` is null.
  static result<business_key> make(const plan& p, field_tree& fields,
                                   const std::shared_ptr<const mask::key_ring>& keys);

  /// The reason, and in `at` the pointer, where there is no id: fields must be there, and text or whole
  /// numbers.
  reason read(const field_tree& found, uuid& id, std::string_view& at);

 private:
  explicit business_key(mask::hmac_sha256 hash) : hash_(std::move(hash)) {}

  struct part {
    std::string pointer;
    field_tree::node_index field;
  };
  std::vector<part> parts_;
  mask::hmac_sha256 hash_;
  std::string text_;
};

}  // namespace sluice::record
