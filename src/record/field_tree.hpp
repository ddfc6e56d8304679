#pragma once

#include <simdjson.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::record {

/// Splits a JSON pointer (RFC 6901) into its unescaped names. Nothing when it is not one.
std::optional<std::vector<std::string>> split_pointer(std::string_view pointer);

/// The fields that a plan wants, as a tree of names; finds them all in one walk over a document, in the
/// document's order.
///
/// Each name remembers which one followed it last time: a producer writes its keys in one order, so the first
/// comparison is the last. What was found is valid until the document's parser is used again.
class field_tree {
 public:
  using node_index = std::uint32_t;

  field_tree() : nodes_(1) {}

  /// Adds a pointer (as `split_pointer` gives it); equal ones share a node.
  node_index add(const std::vector<std::string>& names);

  /// Finds all fields; stops at the first wanted name that an object has twice, and gives its node.
  std::optional<node_index> find(simdjson::dom::element document);

  bool has(node_index field) const noexcept { return nodes_[field].seen == pass_; }
  simdjson::dom::element value(node_index field) const noexcept { return nodes_[field].value; }
  /// The text of a field that was found, in the body that was parsed.
  std::string_view raw(node_index field, std::string_view body) const noexcept;

  /// Whether `field` is `ancestor` or below it.
  bool is_under(node_index field, node_index ancestor) const noexcept;

 private:
  struct child {
    std::string name;
    node_index node;
    std::size_t next = 0;  ///< the child that came after this one last time
  };
  struct node {
    node_index parent = 0;
    std::vector<child> children{};
    std::size_t first = 0;  ///< the child that came first last time
    simdjson::dom::element value{};
    std::uint64_t seen = 0;     ///< the pass that found it
    std::uint32_t ordinal = 0;  ///< among the members of its parent
  };

  std::optional<node_index> visit(node_index at, simdjson::dom::element value);
  std::optional<node_index> visit_object(node_index at, simdjson::dom::object members);
  std::optional<node_index> visit_array(node_index at, simdjson::dom::array items);

  std::vector<node> nodes_;  ///< the first is the whole document
  std::uint64_t pass_ = 0;
};

}  // namespace sluice::record
