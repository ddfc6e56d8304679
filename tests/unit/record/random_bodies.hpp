#pragma once

#include <random>
#include <string>

#include "record/plan.hpp"

namespace tests {

/// JSON bodies for a plan: most are nearly right, some are broken.
class random_bodies {
 public:
  random_bodies(const sluice::record::plan& p, std::uint64_t seed) : plan_(p), random_(seed) {}

  std::string next();

 private:
  std::size_t below(std::size_t n) { return random_() % n; }
  bool one_in(std::size_t n) { return below(n) == 0; }
  template <class List>
  std::string pick(const List& list) {
    return std::string(list.begin()[below(list.size())]);
  }
  std::string blanks();
  std::string string();
  std::string scalar();
  std::string value(int depth);
  std::string value_for(const sluice::record::column& c);
  std::string item_for(const sluice::record::column& c);
  std::string number_for(const sluice::record::column& c);
  std::string member(const std::string& key, const std::string& json);
  std::string object();
  void corrupt(std::string& body);

  const sluice::record::plan& plan_;
  std::mt19937_64 random_;
  bool careful_ = false;  ///< this body is to be a row
};

}  // namespace tests
