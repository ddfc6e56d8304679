#include "aws/config_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

namespace sluice::aws {
namespace {

constexpr std::string_view blanks = " \t\r";

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

// A comment at a line's end needs a blank before it: secrets hold '#' and ';'.
std::string_view without_comment(std::string_view value) {
  for (std::size_t i = 1; i < value.size(); ++i) {
    if ((value[i] == '#' || value[i] == ';') && blanks.find(value[i - 1]) != blanks.npos) {
      return trimmed(value.substr(0, i));
    }
  }
  return value;
}

// "profile   x" and `profile "x"` are "profile x".
std::string section_name(std::string_view text) {
  std::string name;
  for (const char c : trimmed(text)) {
    const bool blank = blanks.find(c) != blanks.npos;
    if (blank && name.ends_with(' ')) continue;
    if (c != '"' && c != '\'') name += blank ? ' ' : c;
  }
  return name;
}

// Reads line by line; knows the section and property that it is in.
class reader {
 public:
  explicit reader(config_file& into) : into_(into) {}

  // Nothing, or what is wrong with the line.
  std::string_view take(std::string_view raw) {
    ++line_;
    const std::string_view text = trimmed(raw);
    if (text.empty() || text.front() == '#' || text.front() == ';') return {};
    if (blanks.find(raw.front()) != blanks.npos && property_ != nullptr) return take_continuation(text);
    if (text.front() == '[') return take_section(text);
    if (section_ == nullptr) return "a property outside of any [section]";
    return take_property(text, "");
  }
  unsigned line() const noexcept { return line_; }

 private:
  std::string_view take_section(std::string_view text) {
    const std::size_t end = text.find(']');
    if (end == text.npos) return "a section without its ]";
    section_ = &into_.sections[section_name(text.substr(1, end - 1))];
    property_ = nullptr;
    return {};
  }

  std::string_view take_property(std::string_view text, const std::string& parent) {
    const std::size_t equals = text.find('=');
    const std::string_view name = trimmed(text.substr(0, equals));
    if (equals == text.npos || name.empty()) return "expected name = value";
    const std::string_view value = trimmed(text.substr(equals + 1));
    auto& property = (*section_)[parent + std::string(name)];
    property = {std::string(without_comment(value)), line_};
    if (parent.empty()) {
      property_ = &property;
      parent_ = std::string(name) + '.';
    }
    return {};
  }

  std::string_view take_continuation(std::string_view text) {
    if (property_->value.empty()) return take_property(text, parent_);
    (property_->value += '\n') += text;
    return {};
  }

  config_file& into_;
  config_file::section* section_ = nullptr;
  config_file::property* property_ = nullptr;
  std::string parent_;
  unsigned line_ = 0;
};

struct file_closer {
  void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};

}  // namespace

const config_file::property* config_file::find(std::string_view section_name, std::string_view name) const {
  const auto s = sections.find(section_name);
  if (s == sections.end()) return nullptr;
  const auto p = s->second.find(name);
  return p == s->second.end() || p->second.value.empty() ? nullptr : &p->second;
}

result<config_file> parse_config_file(std::string_view text, std::string path) {
  config_file file;
  file.path = std::move(path);
  reader lines(file);
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t end = std::min(text.find('\n', i), text.size());
    const std::string_view wrong = lines.take(text.substr(i, end - i));
    // The line itself is not shown: it may hold a secret.
    if (!wrong.empty()) {
      return failure{errc::bad_configuration, fmt::format("{}:{}: {}", file.path, lines.line(), wrong),
                     "correct the line"};
    }
    i = end + 1;
  }
  return file;
}

result<config_file> load_config_file(const std::string& path) {
  // C's streams: those of C++ give no reason, and throw when the path is a directory.
  errno = 0;
  const std::unique_ptr<std::FILE, file_closer> in(std::fopen(path.c_str(), "rb"));
  if (!in && (errno == ENOENT || errno == ENOTDIR)) return config_file{path, {}};
  std::string text;
  std::array<char, 4096> part{};
  while (in && std::feof(in.get()) == 0 && std::ferror(in.get()) == 0) {
    text.append(part.data(), std::fread(part.data(), 1, part.size(), in.get()));
  }
  if (!in || std::ferror(in.get()) != 0) {
    return failure{errc::bad_configuration, fmt::format("cannot read {}: {}", path, std::strerror(errno)),
                   "give this user the right to read it"};
  }
  return parse_config_file(text, path);
}

}  // namespace sluice::aws
