#include "pipeline/batch_pool.hpp"

#include <algorithm>
#include <boost/assert.hpp>
#include <string_view>
#include <unordered_set>
#include <utility>

namespace sluice::pipeline {

batch_pool::batch_pool(std::size_t segments, copy::segment_options o) : free_(segments) {
  batches_.reserve(segments);
  for (std::size_t i = 0; i < segments; ++i) batches_.emplace_back(o);
}

batch* batch_pool::open(steady_time now) {
  if (filling_ == nullptr) {
    const auto next = std::ranges::find(batches_, batch::stage::free, &batch::at);
    if (next == batches_.end()) return nullptr;
    filling_ = &*next;
    filling_->at = batch::stage::filling;
    --free_;
  }
  if (filling_->rows.empty()) filling_->opened = now;
  return filling_;
}

void batch_pool::seal() {
  if (filling() == nullptr) return;
  filling_->at = batch::stage::sealed;
  sealed_.push_back(filling_);
  filling_ = nullptr;
}

batch* batch_pool::take(steady_time now, std::chrono::milliseconds age_max) {
  if (sealed_.empty() && filling() != nullptr && now >= ripe_at(age_max)) seal();
  if (sealed_.empty()) return nullptr;
  batch* oldest = sealed_.front();
  sealed_.pop_front();
  oldest->at = batch::stage::loading;
  return oldest;
}

void batch_pool::put_back(batch& b, steady_time now) {
  BOOST_ASSERT(b.at == batch::stage::loading);
  seal();  // else it is this one's turn again and again
  if (!b.rows.full() && b.rows.group_id(b.rows.slots().front()).empty()) {
    fill_on(b, now);
    return;
  }
  b.at = batch::stage::sealed;
  std::unordered_set<std::string_view> groups;
  std::deque<batch*> before, behind;
  const auto put_behind = [&](batch& each) {
    behind.push_back(&each);
    for (const copy::slot& s : each.rows.slots()) {
      if (const auto group = each.rows.group_id(s); !group.empty()) groups.insert(group);
    }
  };
  put_behind(b);
  for (batch* each : sealed_) {
    if (std::ranges::any_of(each->rows.slots(),
                            [&](const copy::slot& s) { return groups.contains(each->rows.group_id(s)); })) {
      put_behind(*each);
    } else {
      before.push_back(each);
    }
  }
  sealed_ = std::move(before);
  sealed_.insert(sealed_.end(), behind.begin(), behind.end());
}

void batch_pool::fill_on(batch& b, steady_time now) {
  if (filling_ != nullptr) {  // and is empty
    filling_->at = batch::stage::free;
    ++free_;
  }
  filling_ = &b;
  b.at = batch::stage::filling;
  b.opened = now;
}

void batch_pool::release(batch& b) {
  BOOST_ASSERT(b.at == batch::stage::settling && b.calls == 0);
  b.rows.clear();
  b.keys.reset();
  b.on_trial = b.tried = false;
  b.at = batch::stage::free;
  ++free_;
}

std::size_t batch_pool::messages() const noexcept {
  std::size_t n = 0;
  for (const batch& b : batches_) n += b.rows.size();
  return n;
}

}  // namespace sluice::pipeline
