#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "support/sqs_server/message.hpp"

namespace sluice::sqs_server {

/// What was remembered under a text during the last while: deduplication ids, receive attempts.
template <class T>
class recent {
 public:
  explicit recent(seconds kept) : kept_(kept) {}

  /// Null if it was never said, or too long ago.
  T* find(const std::string& key, instant now) {
    for (; !order_.empty() && order_.front().first <= now; order_.pop_front()) {
      const auto found = values_.find(order_.front().second);
      if (found != values_.end() && found->second.until <= now) values_.erase(found);
    }
    const auto found = values_.find(key);
    return found == values_.end() ? nullptr : &found->second.value;
  }

  void remember(const std::string& key, T value, instant now) {
    values_.insert_or_assign(key, entry{std::move(value), now + kept_});
    order_.emplace_back(now + kept_, key);
  }

 private:
  struct entry {
    T value;
    instant until;
  };
  seconds kept_;
  std::unordered_map<std::string, entry> values_;
  std::deque<std::pair<instant, std::string>> order_;
};

}  // namespace sluice::sqs_server
