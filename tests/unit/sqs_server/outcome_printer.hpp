#pragma once

#include <catch2/catch_tostring.hpp>

#include "support/sqs_server/error.hpp"

/// A failed check shows the service's error.
template <class T>
struct Catch::StringMaker<sluice::sqs_server::outcome<T>> {
  static std::string convert(const sluice::sqs_server::outcome<T>& o) {
    return o ? "success" : std::string(o.error().type) + ": " + o.error().message;
  }
};
