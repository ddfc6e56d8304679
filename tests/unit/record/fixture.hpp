#pragma once

#include <toml++/toml.h>

#include <simdjson.h>

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <string_view>

#include "copy/arena.hpp"
#include "record/reader.hpp"
#include "support/copy_decoder.hpp"
#include "support/keys.hpp"

namespace tests {

inline sluice::result<sluice::record::plan> compiled(std::string_view text,
                                                     std::string_view name = "p.toml") {
  return sluice::record::compile(toml::parse(text), name);
}

/// A plan of [table] and these columns.
inline sluice::record::plan plan_of(std::string_view columns) {
  return compiled("[table]\nname = 't'\n" + std::string(columns)).value();
}

/// What became of a body, and its fields if it is a row.
struct read_result {
  sluice::record::outcome outcome;
  std::vector<copy_tuple> rows;
  copy_tuple fields;  ///< of the first row
};

/// A reader with an arena of its own, for one body at a time.
class body_reader {
 public:
  explicit body_reader(const sluice::record::plan& p, std::size_t room = 1U << 20U)
      : reader_(sluice::record::reader::make(p, test_keys()).value()), out_(room) {}

  read_result read(std::string_view body, const sluice::record::envelope& e = {}) {
    out_.clear();
    // As long as promised and no longer, so that a sanitizer sees whoever reads on.
    std::string padded(body);
    padded.append(simdjson::SIMDJSON_PADDING, ' ');
    read_result r{reader_.read({padded.data(), body.size()}, e, out_), {}, {}};
    if (r.outcome.what == sluice::record::outcome::kind::row) {
      r.rows = decode_tuples(out_.bytes());
      REQUIRE(r.rows.size() == r.outcome.rows);
      if (!r.rows.empty()) r.fields = r.rows.front();
    } else {
      REQUIRE(out_.size() == 0);
    }
    return r;
  }

  /// "row", "full", or "<reason> <column>".
  std::string verdict(std::string_view body, const sluice::record::envelope& e = {}) {
    const read_result r = read(body, e);
    switch (r.outcome.what) {
      case sluice::record::outcome::kind::row: return "row";
      case sluice::record::outcome::kind::full: return "full";
      case sluice::record::outcome::kind::refused: break;
    }
    return std::string(r.outcome.why) + " " + std::string(r.outcome.column);
  }

 private:
  sluice::record::reader reader_;
  sluice::copy::arena out_;
};

/// A reader of one column called `v`, of this type.
inline body_reader column_reader(const std::string& type, const std::string& more = {}) {
  return body_reader(plan_of("[[column]]\nname = 'v'\ntype = '" + type + "'\n" + more));
}

inline std::string with_value(const std::string& json) {
  return "{\"v\":" + json + "}";
}

/// The field's bytes; "null"; or the verdict.
inline std::string written(body_reader& reader, const std::string& json) {
  const auto r = reader.read(with_value(json));
  if (r.outcome.what != sluice::record::outcome::kind::row) return std::string(r.outcome.why);
  return r.fields.at(0).value_or("null");
}

template <class T>
T value(body_reader& reader, const std::string& json) {
  return binary_value<T>(written(reader, json));
}

}  // namespace tests
