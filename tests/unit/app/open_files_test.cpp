#include "app/open_files.hpp"

#include <catch2/catch_test_macros.hpp>

using sluice::app::fit_open_files;
using sluice::pipeline::options;

TEST_CASE("calls to the queue stay as the settings say where there are files enough") {
  options o;
  CHECK_FALSE(fit_open_files(o, 1, 1'048'576));
  CHECK(o.pollers_max == 512);
  CHECK(o.ackers == 512);
}

TEST_CASE("calls to the queue and all else fit under the limit of open files") {
  for (const std::size_t files : {128U, 300U, 1'024U}) {
    for (const unsigned loops : {1U, 4U}) {
      options o;
      CHECK(fit_open_files(o, loops, files));
      CHECK(loops * (o.pollers_max + o.ackers + 2 * o.loaders + 4) + 36 <= files);
      CHECK(o.pollers_max >= 1);
      CHECK(o.ackers >= 1);
    }
  }
}

TEST_CASE("what receives do not need is for deletes, and the other way round") {
  options o;
  o.pollers_max = 10;
  CHECK(fit_open_files(o, 1, 300));
  CHECK(o.pollers_max == 10);
  CHECK(o.ackers > 200);
  o = {};
  o.ackers = 10;
  CHECK(fit_open_files(o, 1, 300));
  CHECK(o.ackers == 10);
  CHECK(o.pollers_max > 200);
}

TEST_CASE("with hardly a file one receive and one delete are left") {
  options o;
  o.pollers_min = 5;
  CHECK(fit_open_files(o, 4, 10));
  CHECK(o.pollers_max == 1);
  CHECK(o.pollers_min == 1);
  CHECK(o.ackers == 1);
}
