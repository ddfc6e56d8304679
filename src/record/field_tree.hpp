#pragma once

#include <simdjson.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::record {

/// The fields that a plan wants of a JSON value, as a tree of names; finds them all in one walk over it, in
/// its own order.
///
/// Each name remembers which one followed it last time: a producer writes its keys in one order, so the first
/// comparison is the last. What was found is valid until the value's parser is used again, and as long as its
/// text.
class field_tree {
 public:
  using node_index = std::uint32_t;

  field_tree() : nodes_(1) {}

  /// Adds a pointer (as `split_pointer` gives it); equal ones share a node.
  node_index add(const std::vector<std::string>& names);

  /// Finds all fields; stops at the first wanted name that an object has twice, and gives its node. `text` is
  /// the value's own, for `raw` and `write_unknown`; it may be empty if nobody will ask for these.
  std::optional<node_index> find(simdjson::dom::element root, std::string_view text);

  bool has(node_index field) const noexcept { return nodes_[field].seen == pass_; }
  simdjson::dom::element value(node_index field) const noexcept { return nodes_[field].value; }
  /// The text of a field that was found, as the sender wrote it.
  std::string_view raw(node_index field);

  /// Whether an object from which a field was wanted had one that was not. An array that is read by index is
  /// known as a whole, and so is what is not an object where one was expected.
  bool has_unknown() const noexcept { return unknown_; }
  /// Those fields as one JSON object, each in the object where it was found. Returns the end; needs no more
  /// room than the text has bytes.
  char* write_unknown(char* out);
  std::size_t text_bytes() const noexcept { return nodes_[0].raw.size(); }

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
    bool wanted = false;  ///< by a column, with all below it; else it is only on the way to another
    std::vector<child> children{};
    std::size_t first = 0;  ///< the child that came first last time
    simdjson::dom::element value{};
    std::uint64_t seen = 0;           ///< the pass that found it
    std::uint32_t ordinal = 0;        ///< among the members of its parent
    std::vector<node_index> found{};  ///< of its children, in the document's order; when there is a text
    std::string_view raw{};
    std::uint64_t raw_known = 0;  ///< the pass that set it
  };

  // What was met twice, or 0, the root, if nothing was: cheaper than an optional, and there is one for each
  // key.
  node_index visit_below(node_index at);
  node_index visit_object(node_index at, simdjson::dom::object members);
  node_index visit_array(node_index at, simdjson::dom::array items);
  node_index meet(node_index met, std::uint32_t ordinal, simdjson::dom::element value);
  bool has_text() const noexcept { return !nodes_[0].raw.empty(); }
  child* find_child(node_index at, std::string_view name) noexcept;
  char* write_unknown(node_index at, std::string_view text, char* out);

  std::vector<node> nodes_;  ///< the first is the root
  std::uint64_t pass_ = 0;
  bool unknown_ = false;
};

}  // namespace sluice::record
