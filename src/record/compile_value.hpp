#pragma once

#include "core/failure.hpp"
#include "record/plan.hpp"
#include "record/toml_section.hpp"

namespace sluice::record {

// The keys of a [[column]] that say which value it gets: each function reads some, into `c`, which has what
// those before it have read. `p` has what [message] says.

result<> read_type(const toml_section& in, const plan& p, column& c);       ///< type
result<> read_source(const toml_section& in, const plan& p, column& c);     ///< from, constant
result<> read_presence(const toml_section& in, const plan& p, column& c);   ///< required, nullable, default
result<> read_transform(const toml_section& in, const plan& p, column& c);  ///< transform, map

}  // namespace sluice::record
