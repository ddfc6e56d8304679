#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sqs/message.hpp"

namespace sluice::pipeline {

/// Messages whose views are about to die, with memory of their own.
class message_copies {
 public:
  explicit message_copies(std::span<const sqs::message> from) : messages_(from.begin(), from.end()) {
    std::size_t attributes = 0;
    for (const sqs::message& m : messages_) attributes += m.attributes.size();
    attributes_.reserve(attributes);  // so that what points into it stays right
    for (sqs::message& m : messages_) {
      const std::size_t first = attributes_.size();
      attributes_.insert(attributes_.end(), m.attributes.begin(), m.attributes.end());
      m.attributes = std::span(attributes_).subspan(first);
    }
    std::size_t bytes = sqs::body_padding;
    each_text([&](std::string_view& text) { bytes += text.size(); });
    text_.reserve(bytes);  // here, too
    each_text([&](std::string_view& text) {
      const std::size_t at = text_.size();
      text_ += text;
      text = std::string_view(text_).substr(at);
    });
    text_.append(sqs::body_padding, '\0');
  }
  message_copies(const message_copies&) = delete;
  message_copies& operator=(const message_copies&) = delete;

  std::span<const sqs::message> get() const noexcept { return messages_; }

 private:
  template <class Act>
  void each_text(Act act) {
    for (sqs::message& m : messages_) {
      for (std::string_view* t : {&m.message_id, &m.receipt_handle, &m.body, &m.group_id, &m.trace_header})
        act(*t);
    }
    for (sqs::message_attribute& a : attributes_) {
      act(a.name);
      act(a.value);
    }
  }

  std::vector<sqs::message> messages_;
  std::vector<sqs::message_attribute> attributes_;
  std::string text_;
};

}  // namespace sluice::pipeline
