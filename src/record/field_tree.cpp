#include "record/field_tree.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <span>

#include "record/raw_json.hpp"

namespace sluice::record {

namespace {

/// The two ends of both texts; they overlap unless these are longer than 2 * N.
template <std::size_t N>
bool are_ends_equal(std::string_view a, std::string_view b) noexcept {
  return std::memcmp(a.data(), b.data(), N) == 0 &&
         std::memcmp(a.data() + a.size() - N, b.data() + b.size() - N, N) == 0;
}

/// For names, which are short: no call.
inline bool is_equal(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  if (a.size() > 16) return std::memcmp(a.data(), b.data(), a.size()) == 0;
  if (a.size() >= 8) return are_ends_equal<8>(a, b);
  if (a.size() >= 4) return are_ends_equal<4>(a, b);
  if (a.size() >= 2) return are_ends_equal<2>(a, b);
  return a.empty() || a.front() == b.front();
}

}  // namespace

field_tree::node_index field_tree::add(const std::vector<std::string>& names) {
  node_index at = 0;
  for (const std::string& name : names) {
    if (const child* known = find_child(at, name)) {
      at = known->node;
      continue;
    }
    const auto made = static_cast<node_index>(nodes_.size());
    nodes_[at].children.push_back({name, made});
    nodes_.push_back({.parent = at, .wanted = nodes_[at].wanted});
    at = made;
  }
  // Who takes the whole value (the root) has not read its fields.
  for (node_index i = 1; i < nodes_.size() && at != 0; ++i) nodes_[i].wanted |= is_under(i, at);
  return at;
}

field_tree::child* field_tree::find_child(node_index at, std::string_view name) noexcept {
  auto& children = nodes_[at].children;
  const auto found = std::ranges::find_if(children, [&](const child& c) { return is_equal(c.name, name); });
  return found == children.end() ? nullptr : &*found;
}

std::optional<field_tree::node_index> field_tree::find(simdjson::dom::element root, std::string_view text) {
  ++pass_;
  unknown_ = false;
  nodes_[0].raw = text;
  nodes_[0].raw_known = pass_;
  nodes_[0].value = root;
  nodes_[0].seen = pass_;
  const node_index twice = visit_below(0);
  return twice == 0 ? std::nullopt : std::optional(twice);
}

// These call one another as deep as the plan's pointers are, not as deep as the body.
// NOLINTBEGIN(misc-no-recursion)

field_tree::node_index field_tree::visit_below(node_index at) {
  node& n = nodes_[at];
  if (n.children.empty()) return 0;
  n.found.clear();
  if (simdjson::dom::object members; n.value.get(members) == simdjson::SUCCESS) {
    return visit_object(at, members);
  }
  if (simdjson::dom::array items; n.value.get(items) == simdjson::SUCCESS) return visit_array(at, items);
  return 0;
}

inline field_tree::node_index field_tree::meet(node_index met, std::uint32_t ordinal,
                                               simdjson::dom::element value) {
  node& found = nodes_[met];
  if (found.seen == pass_) return met;
  found.value = value;
  found.seen = pass_;
  if (has_text()) {
    found.ordinal = ordinal;
    nodes_[found.parent].found.push_back(met);
  }
  return found.children.empty() ? 0 : visit_below(met);
}

field_tree::node_index field_tree::visit_object(node_index at, simdjson::dom::object members) {
  node& parent = nodes_[at];
  child* const children = parent.children.data();
  std::size_t* guess = &parent.first;
  std::uint32_t ordinal = 0;
  for (const auto& [key, value] : members) {
    child* met = &children[*guess];
    if (!is_equal(met->name, key)) {
      met = find_child(at, key);
      if (met != nullptr) *guess = static_cast<std::size_t>(met - children);
    }
    if (met == nullptr) {
      unknown_ = unknown_ || !parent.wanted;
    } else {
      if (const node_index twice = meet(met->node, ordinal, value); twice != 0) return twice;
      guess = &met->next;
    }
    ++ordinal;
  }
  return 0;
}

/// In an array, a name is an index: digits without a leading zero (RFC 6901, section 4).
field_tree::node_index field_tree::visit_array(node_index at, simdjson::dom::array items) {
  std::uint32_t ordinal = 0;
  for (const simdjson::dom::element item : items) {
    char digits[10];
    const char* end = std::to_chars(digits, digits + sizeof digits, ordinal).ptr;
    const std::string_view index(digits, static_cast<std::size_t>(end - digits));
    if (const child* known = find_child(at, index)) {
      if (const node_index twice = meet(known->node, ordinal, item); twice != 0) return twice;
    }
    ++ordinal;
  }
  return 0;
}

/// One walk over the text of an object tells that of all its fields.
std::string_view field_tree::raw(node_index field) {
  if (nodes_[field].raw_known == pass_) return nodes_[field].raw;
  const node_index parent = nodes_[field].parent;
  raw_walk walk(raw(parent));
  std::uint32_t ordinal = 0;
  for (const node_index found : nodes_[parent].found) {
    std::string_view text;
    for (; ordinal <= nodes_[found].ordinal; ++ordinal) text = walk.next().value;
    nodes_[found].raw = text;
    nodes_[found].raw_known = pass_;
  }
  return nodes_[field].raw;
}

char* field_tree::write_unknown(char* out) {
  return write_unknown(0, raw(0), out);
}

char* field_tree::write_unknown(node_index at, std::string_view text, char* out) {
  *out++ = '{';
  const char* const start = out;
  const simdjson::dom::object members = nodes_[at].value;
  raw_walk walk(text);
  for (const auto& [key, value] : members) {
    const raw_walk::member written = walk.next();
    const child* const known = find_child(at, key);
    const bool is_partly_read =
        known != nullptr && !nodes_[known->node].wanted && !nodes_[known->node].children.empty();
    if (known != nullptr && !(is_partly_read && value.is_object())) continue;

    char* const before = out;
    if (out != start) *out++ = ',';
    out = std::ranges::copy(written.key, out).out;
    *out++ = ':';
    if (known == nullptr) {
      out = minify(written.value, out);
      continue;
    }
    const char* const inner = out;
    out = write_unknown(known->node, written.value, out);
    if (out - inner == 2) out = before;  // {}: all of it is read
  }
  *out++ = '}';
  return out;
}

// NOLINTEND(misc-no-recursion)

bool field_tree::is_under(node_index field, node_index ancestor) const noexcept {
  while (field != ancestor && field != 0) field = nodes_[field].parent;
  return field == ancestor;
}

}  // namespace sluice::record
