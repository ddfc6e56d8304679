#include "record/field_tree.hpp"

#include <algorithm>
#include <charconv>

#include "record/raw_json.hpp"

namespace sluice::record {

namespace {

/// "~1" is '/', "~0" is '~'; any other tilde is an error.
std::optional<std::string> unescape(std::string_view escaped) {
  std::string name;
  for (std::size_t i = 0; i < escaped.size(); ++i) {
    if (escaped[i] != '~') {
      name.push_back(escaped[i]);
      continue;
    }
    const std::string_view digit = escaped.substr(i + 1, 1);
    if (digit != "0" && digit != "1") return std::nullopt;
    name.push_back(digit == "0" ? '~' : '/');
    ++i;
  }
  return name;
}

}  // namespace

std::optional<std::vector<std::string>> split_pointer(std::string_view pointer) {
  std::vector<std::string> names;
  while (!pointer.empty()) {
    if (pointer.front() != '/') return std::nullopt;
    pointer.remove_prefix(1);
    const auto end = std::min(pointer.find('/'), pointer.size());
    auto name = unescape(pointer.substr(0, end));
    if (!name) return std::nullopt;
    names.push_back(*std::move(name));
    pointer.remove_prefix(end);
  }
  return names;
}

field_tree::node_index field_tree::add(const std::vector<std::string>& names) {
  node_index at = 0;
  for (const std::string& name : names) {
    const auto& children = nodes_[at].children;
    const auto found = std::ranges::find(children, name, &child::name);
    if (found != children.end()) {
      at = found->node;
      continue;
    }
    const auto made = static_cast<node_index>(nodes_.size());
    nodes_[at].children.push_back({name, made});
    nodes_.push_back({.parent = at});
    at = made;
  }
  return at;
}

std::optional<field_tree::node_index> field_tree::find(simdjson::dom::element document) {
  ++pass_;
  return visit(0, document);
}

// These call one another as deep as the plan's pointers are, not as deep as the body.
// NOLINTBEGIN(misc-no-recursion)

std::optional<field_tree::node_index> field_tree::visit(node_index at, simdjson::dom::element value) {
  nodes_[at].value = value;
  nodes_[at].seen = pass_;
  if (nodes_[at].children.empty()) return std::nullopt;
  if (simdjson::dom::object members; value.get(members) == simdjson::SUCCESS) {
    return visit_object(at, members);
  }
  if (simdjson::dom::array items; value.get(items) == simdjson::SUCCESS) return visit_array(at, items);
  return std::nullopt;
}

std::optional<field_tree::node_index> field_tree::visit_object(node_index at, simdjson::dom::object members) {
  std::vector<child>& children = nodes_[at].children;
  std::size_t* guess = &nodes_[at].first;
  std::uint32_t ordinal = 0;
  for (const auto& [key, value] : members) {
    const std::size_t start = *guess;
    for (std::size_t i = 0; i < children.size(); ++i) {
      const std::size_t tried = start + i < children.size() ? start + i : start + i - children.size();
      child& wanted = children[tried];
      if (wanted.name != key) continue;
      node& found = nodes_[wanted.node];
      if (found.seen == pass_) return wanted.node;
      found.ordinal = ordinal;
      if (const auto twice = visit(wanted.node, value)) return twice;
      *guess = tried;
      guess = &wanted.next;
      break;
    }
    ++ordinal;
  }
  return std::nullopt;
}

/// In an array, a name is an index: digits without a leading zero (RFC 6901, section 4).
std::optional<field_tree::node_index> field_tree::visit_array(node_index at, simdjson::dom::array items) {
  std::uint32_t ordinal = 0;
  for (const simdjson::dom::element item : items) {
    char digits[10];
    const char* end = std::to_chars(digits, digits + sizeof digits, ordinal).ptr;
    const std::string_view index(digits, static_cast<std::size_t>(end - digits));
    const auto found = std::ranges::find(nodes_[at].children, index, &child::name);
    if (found != nodes_[at].children.end()) {
      nodes_[found->node].ordinal = ordinal;
      if (const auto twice = visit(found->node, item)) return twice;
    }
    ++ordinal;
  }
  return std::nullopt;
}

std::string_view field_tree::raw(node_index field, std::string_view body) const noexcept {
  if (field == 0) return body;
  return raw_member(raw(nodes_[field].parent, body), nodes_[field].ordinal);
}

// NOLINTEND(misc-no-recursion)

bool field_tree::is_under(node_index field, node_index ancestor) const noexcept {
  while (field != ancestor && field != 0) field = nodes_[field].parent;
  return field == ancestor;
}

}  // namespace sluice::record
