#pragma once

#include <memory>
#include <vector>

#include "support/sqs_server/message.hpp"

namespace sluice::sqs_server {

/// Messages in blocks that never move: a slot's number finds its message, and growth copies nothing.
class slab {
 public:
  /// A message with nothing in it but its slot and generation.
  message& allocate() {
    if (free_.empty()) grow();
    message& m = *free_.back();
    free_.pop_back();
    return m;
  }

  /// Forgets the message: handles to it are of an old generation from now on. It must be in no list.
  void release(message& m) {
    m.content.reset();
    m.sequence = 0;
    m.group = nullptr;
    m.dead_letter_source = nullptr;
    m.first_received = m.received = {};
    m.handles = m.receive_count = 0;
    m.where = message::place::nowhere;
    ++m.generation;
    free_.push_back(&m);
  }

  /// The message of that slot and generation, or null if it has gone.
  message* find(std::uint32_t slot, std::uint32_t generation) {
    if (slot >= blocks_.size() * block_size) return nullptr;
    message& m = blocks_[slot / block_size][slot % block_size];
    return m.generation == generation && m.where != message::place::nowhere ? &m : nullptr;
  }

  template <class F>
  void for_each(F&& f) {
    for (auto& block : blocks_) {
      for (std::size_t i = 0; i < block_size; ++i) {
        if (block[i].where != message::place::nowhere) f(block[i]);
      }
    }
  }

 private:
  static constexpr std::size_t block_size = 1024;

  void grow() {
    const auto first = static_cast<std::uint32_t>(blocks_.size() * block_size);
    blocks_.push_back(std::make_unique<message[]>(block_size));
    for (std::size_t i = block_size; i-- > 0;) {
      message& m = blocks_.back()[i];
      m.slot = first + static_cast<std::uint32_t>(i);
      free_.push_back(&m);
    }
  }

  std::vector<std::unique_ptr<message[]>> blocks_;
  std::vector<message*> free_;
};

}  // namespace sluice::sqs_server
