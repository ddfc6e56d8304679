#pragma once

#include <chrono>

namespace sluice::sqs_server {

using std::chrono::milliseconds;
using std::chrono::seconds;
using instant = std::chrono::sys_time<milliseconds>;

}  // namespace sluice::sqs_server
