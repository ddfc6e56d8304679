#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <fstream>
#include <new>
#include <sstream>
#include <string>

#include "fixture.hpp"
#include "support/repository.hpp"

namespace {

std::size_t allocations = 0;

void* counted(std::size_t size) noexcept {
  ++allocations;
  return std::malloc(size == 0 ? 1 : size);
}

}  // namespace

// All forms, though most would end in the first: AddressSanitizer has each of its own.
void* operator new(std::size_t size) {
  if (void* memory = counted(size)) return memory;
  throw std::bad_alloc();
}
void* operator new[](std::size_t size) {
  return ::operator new(size);
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return counted(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return counted(size);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}

using namespace sluice;

namespace {

std::size_t allocations_of_second_read(const record::plan& p, std::string body) {
  auto reader = record::reader::make(p, tests::test_keys()).value();
  copy::arena out(1U << 16U);
  const std::size_t size = body.size();
  body.append(simdjson::SIMDJSON_PADDING, ' ');
  const auto read = [&] { return reader.read({body.data(), size}, {.receive_count = 1}, out).what; };
  REQUIRE(read() == record::outcome::kind::row);
  const std::size_t before = allocations;
  const auto again = read();
  const std::size_t after = allocations;
  REQUIRE(again == record::outcome::kind::row);
  return after - before;
}

}  // namespace

TEST_CASE("allocations are counted") {
  const std::size_t before = allocations;
  const auto kept = std::make_unique<int>(7);
  CHECK(allocations > before);
}

TEST_CASE("reading a login event allocates nothing") {
  CHECK(allocations_of_second_read(
            record::login_events(),
            R"({"user_id": "424cdd21-063a-43a7-b91b-7ca1a833afae", "app_version": "2.3.0", )"
            R"("device_type": "android", "ip": "199.172.111.135", "locale": "RU", )"
            R"("device_id": "593-47-5928"})") == 0);
}

TEST_CASE("reading every type, transform and mask allocates nothing") {
  std::ifstream file(tests::repository_file("examples/all-types.toml"));
  std::ostringstream text;
  text << file.rdbuf();
  CHECK(
      allocations_of_second_read(
          tests::compiled(text.str()).value(),
          R"({"plain":"x","trimmed":" y ","contact":{"email":"Some.Body@Example.Com"},"tags":["t",2],"tiny":1,)"
          R"("number":null,"big":3,"ratio":0.5,"exact":1e9,"flag":true,"version":"7.2.11",)"
          R"("birthday":"2000-02-29","at":"2026-01-31T23:59:59.5+01:00","at_seconds":1767323045,)"
          R"("at_milliseconds":1767323045678,"session":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",)"
          R"("extra":{"a":[1.25,"some text that is not short",null]},"ip":"10.0.0.1","peer_ip":"10.0.0.2","login_ip":"::1",)"
          R"("device":"some device that has a long name","name":"A. Person","card":"4111111111111111",)"
          R"("object_key":"a%20key+that/is/not%2Fshort.json","price":1234567890.12,"quantity":"12",)"
          R"("weight":"0.5","cost":" 1.10 ","agreed":"true","platform":"Android","plan_name":"trial",)"
          R"("at_local":"2026-01-31T23:59:59","on_day":"2026-01-31T23:59:59Z","on_day_seconds":1767323045.5,)"
          R"("address":"2001:db8::1/64","digest":"00ff","payload":"AAEC","nonce":"-_8",)"
          R"("labels":["one","two",null],"counts":[1,2,3],"samples":[0.5,1e-3,18446744073709551615],)"
          R"("prices":[1.10,2.20,300000000000000000000],"new":{"in":["a","later",1.50],"version":2}})") == 0);
}
