#pragma once

#include <chrono>
#include <span>
#include <string>

namespace sluice::sqs {

struct receive_options {
  int messages_max = 10;                          ///< 1..10
  std::chrono::seconds wait{20};                  ///< long poll, 0..20
  std::chrono::seconds visibility{0};             ///< 0: the queue's own default
  std::chrono::milliseconds memory_wait{15'000};  ///< for the session's memory, when an answer has come
  bool trace_header = false;                      ///< ask for AWSTraceHeader too
  std::span<const std::string> attributes{};      ///< names of message attributes to ask for
};

}  // namespace sluice::sqs
