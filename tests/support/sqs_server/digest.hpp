#pragma once

#include <span>
#include <string>
#include <string_view>

#include "support/sqs_server/message.hpp"

namespace sluice::sqs_server {

std::string md5_hex(std::string_view data);
std::string sha256_hex(std::string_view data);
/// MD5OfMessageAttributes, as the SQS developer guide defines it ("Calculating the MD5 message digest for
/// message attributes"). `attributes` are sorted by name. Empty for none.
std::string md5_of_attributes(std::span<const message_attribute* const> attributes);

}  // namespace sluice::sqs_server
