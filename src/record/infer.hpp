#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/failure.hpp"
#include "record/plan.hpp"

namespace sluice::record {

/// A plan that fits some bodies, and what to think of before it is used.
struct proposal {
  record::plan plan;
  std::size_t records = 0;  ///< that were found in the bodies
  std::vector<std::string> notes;
};

/// Proposes a plan from the lines of a file, a body on each: a column for each field of the records, nested
/// ones too, with the narrowest type that holds all its values without loss. Opens SNS, EventBridge and S3
/// bodies when all of them are such. A field that some bodies lack is not required, one that was null is
/// nullable. A name that looks personal gets `pii` and aes_siv; if its values are not text, it is left out,
/// and a note says so. Bodies that are no JSON objects are left out, with a note that names the first.
/// `bad_configuration` when no field is left.
result<proposal> infer(std::span<const std::string> bodies, std::string_view table);

/// The plan as `compile` reads it.
std::string to_toml(const plan& p);

}  // namespace sluice::record
