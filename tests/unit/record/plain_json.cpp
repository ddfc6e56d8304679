#include "plain_json.hpp"

#include <cctype>
#include <cstdint>
#include <nlohmann/json.hpp>

namespace tests {
namespace {

/// nlohmann's numbers have limits. So each number becomes a string with this in front, before it reads the
/// body.
constexpr std::string_view number_mark = "\x7f#";

std::string marked(std::string_view body) {
  std::string out;
  bool in_string = false;
  for (std::size_t i = 0; i < body.size();) {
    if (const std::size_t n = in_string ? 0 : number_length(body.substr(i)); n > 0) {
      out.append("\"").append(number_mark).append(body.substr(i, n)).append("\"");
      i += n;
      continue;
    }
    if (in_string && body[i] == '\\')
      out += body[i++];
    else if (body[i] == '"')
      in_string = !in_string;
    if (i < body.size()) out += body[i++];
  }
  return out;
}

class builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  tree root;

  bool null() override { return add(scalar(nullptr)); }
  bool boolean(bool v) override { return add(scalar(v)); }
  bool number_integer(std::int64_t) override { return false; }
  bool number_unsigned(std::uint64_t) override { return false; }
  bool number_float(double, const std::string&) override { return false; }
  bool string(std::string& v) override {
    return v.starts_with(number_mark) ? add(scalar(number{v.substr(number_mark.size())})) : add(scalar(v));
  }
  bool binary(nlohmann::json::binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(tree::kind::object); }
  bool start_array(std::size_t) override { return open(tree::kind::array); }
  bool key(std::string& v) override {
    key_ = v;
    return !v.starts_with(number_mark);
  }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception&) override {
    return false;
  }

 private:
  struct level {
    tree container;
    std::string key;  ///< under which it goes into its parent
  };
  bool open(tree::kind is) {
    levels_.push_back({{.is = is}, key_});
    return true;
  }
  bool close() {
    level done = std::move(levels_.back());
    levels_.pop_back();
    key_ = done.key;
    return add(std::move(done.container));
  }
  bool add(tree t) {
    if (levels_.empty()) {
      root = std::move(t);
      return true;
    }
    tree& parent = levels_.back().container;
    if (parent.is == tree::kind::object) parent.keys.push_back(key_);
    parent.items.push_back(std::move(t));
    return true;
  }
  std::vector<level> levels_;
  std::string key_;
};

}  // namespace

std::size_t number_length(std::string_view text) {
  std::size_t at = 0;
  const auto digits = [&] {
    const std::size_t before = at;
    while (at < text.size() && std::isdigit(static_cast<unsigned char>(text[at])) != 0) ++at;
    return at - before;
  };
  const auto takes = [&](std::string_view any) {
    return at < text.size() && any.find(text[at]) != any.npos && ++at != 0;
  };
  takes("-");
  const std::size_t first = at;
  if (digits() == 0) return 0;
  if (text[first] == '0') at = first + 1;
  std::size_t end = at;
  if (takes(".")) {
    if (digits() == 0) return end;
    end = at;
  }
  if (takes("eE")) {
    takes("+-");
    if (digits() == 0) return end;
    end = at;
  }
  return end;
}

std::optional<tree> parse_json(std::string_view json) {
  // This library takes a NUL for the end of its input.
  if (json.find('\0') != json.npos) return std::nullopt;
  builder built;
  if (!nlohmann::json::sax_parse(marked(json), &built)) return std::nullopt;
  return std::move(built.root);
}

std::string canonical(const tree& t) {
  if (const auto* n = t.as<number>()) return n->text;
  if (const auto* text = t.as<std::string>()) return nlohmann::json(*text).dump();
  if (const auto* truth = t.as<bool>()) return *truth ? "true" : "false";
  if (t.is == tree::kind::scalar) return "null";
  std::string json;
  for (std::size_t i = 0; i < t.items.size(); ++i) {
    if (i > 0) json += ',';
    if (t.is == tree::kind::object) json += nlohmann::json(t.keys[i]).dump() + ':';
    json += canonical(t.items[i]);
  }
  return t.is == tree::kind::object ? '{' + json + '}' : '[' + json + ']';
}

}  // namespace tests
