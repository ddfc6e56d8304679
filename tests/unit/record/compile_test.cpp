#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <string>

#include "fixture.hpp"

using namespace sluice;
using tests::compiled;
using tests::plan_of;

namespace {

/// The failure's line, for a file whose [table] has two lines.
std::string refusal(const std::string& columns) {
  const auto p = compiled("[table]\nname = 't'\n" + columns);
  if (p) return "compiled";
  CHECK(p.error().code == errc::bad_configuration);
  return p.error().line();
}

std::string column(const std::string& type, const std::string& more = {}) {
  return "[[column]]\nname = 'v'\ntype = '" + type + "'\n" + more;
}

}  // namespace

TEST_CASE("a file without [table] and [[column]] has the login-events mapping") {
  const auto p = compiled("[queue]\nname = 'logins'\n").value();
  CHECK(p.columns == record::login_events().columns);
  CHECK(p.source_name == "built-in login-events plan");
}

TEST_CASE("a [table] alone gives the login-events columns another table") {
  const auto p = compiled("[table]\nname = 'logins'\nschema = 'etl'\n", "p.toml").value();
  CHECK(p.table == "logins");
  CHECK(p.schema == "etl");
  CHECK(p.columns == record::login_events().columns);
  CHECK(p.source_name == "p.toml");
}

TEST_CASE("columns keep their order and their lines") {
  const auto p = plan_of("[[column]]\nname = 'z'\ntype = 'text'\n[[column]]\nname = 'a'\ntype = 'bigint'\n");
  REQUIRE(p.columns.size() == 2);
  CHECK(p.columns[0].name == "z");
  CHECK(p.columns[0].line == 3);
  CHECK(p.columns[0].from == "/z");
  CHECK(p.columns[1].type == record::column_type::bigint);
  CHECK(p.columns[1].line == 6);
  CHECK_FALSE(p.needs_key());
}

TEST_CASE("a bare name is a field, whatever its characters; a pointer is a pointer") {
  CHECK(plan_of(column("text", "from = 'a/b~c'")).columns[0].from == "/a~1b~0c");
  CHECK(plan_of(column("text", "from = '/a~1b/c'")).columns[0].from == "/a~1b/c");
  CHECK(plan_of(column("jsonb", "from = ''")).columns[0].from.empty());
}

TEST_CASE("every type has its SQL name") {
  for (const char* type : {"text", "varchar", "varchar(128)", "smallint", "integer", "bigint", "real",
                           "double precision", "numeric", "numeric(5,2)", "boolean", "date", "timestamptz",
                           "uuid", "inet", "jsonb", "text[]", "varchar(3)[]", "numeric(5,2)[]"}) {
    CHECK(plan_of(column(type)).columns[0].sql_type() == type);
  }
}

TEST_CASE("a mask's domain is the source field unless it is given") {
  const auto domain = [](const std::string& more) {
    return plan_of(column("text", more)).columns[0].mask->domain;
  };
  CHECK(domain("mask = 'aes_siv'") == "v");
  CHECK(domain("from = '/device/id'\nmask = 'hmac_sha256'") == "device/id");
  CHECK(domain("mask = { scheme = 'aes_siv', domain = 'ip' }") == "ip");
  CHECK(domain("mask = 'base64'").empty());
  CHECK(plan_of(column("text", "mask = 'aes_siv'")).needs_key());
  CHECK_FALSE(plan_of(column("text", "mask = 'base64'")).needs_key());
}

TEST_CASE("a field that need not be there is nullable") {
  CHECK(plan_of(column("text", "required = false")).columns[0].nullable);
  CHECK_FALSE(plan_of(column("text")).columns[0].nullable);
}

TEST_CASE("a mistake is told with its line, and what to do") {
  struct test {
    std::string columns;
    std::string line;
  };
  const std::string text = "[[column]]\nname = 'v'\ntype = 'text'\n";
  const auto t = GENERATE_COPY(
      test{"[[column]]\nnmae = 'v'\ntype = 'text'",
           "p.toml:4: unknown key 'nmae' in [[column]]; did you mean 'name'?"},
      test{text + "colour = 'red'",
           "p.toml:6: unknown key 'colour' in [[column]]; known are name, type, from, constant, required, "
           "nullable, default, transform, map, mask, pii, compatibility"},
      test{"[[column]]\ntype = 'text'", "p.toml:3: [[column]] has no 'name'"},
      test{"[[column]]\nname = 'v'", "p.toml:3: column v has no 'type'"},
      test{"[[column]]\nname = 7", "p.toml:4: 'name' must be text in quotes"},
      test{"[[column]]\nname = ''", "p.toml:4: 'name' must be 1 to 63 bytes"},
      test{column("txet"), "p.toml:5: unknown type 'txet'; did you mean 'text'?"},
      test{column("int"), "p.toml:5: unknown type 'int'; did you mean 'integer'?"},
      test{column("money"),
           "p.toml:5: unknown type 'money'; known are text, varchar, smallint, integer, bigint, real, double "
           "precision, numeric, boolean, date, timestamptz, uuid, inet, bytea, jsonb"},
      test{column("varchar(0)"), "p.toml:5: 'varchar(0)' is no type; varchar(n) takes 1 to 10485760"},
      test{column("varchar(9"), "p.toml:5: 'varchar(9' is no type; varchar(n) takes 1 to 10485760"},
      test{column("varchar(10485761)"),
           "p.toml:5: 'varchar(10485761)' is no type; varchar(n) takes 1 to 10485760"},
      test{column("numeric(2,3)"),
           "p.toml:5: 'numeric(2,3)' is no type; numeric(p, s) takes 1 to 1000 digits, s of them behind the "
           "point"},
      test{column("char(3)"), "p.toml:5: 'char(3)' is no type; varchar(n) and numeric(p, s) have limits"},
      test{column("jsonb[]"),
           "p.toml:5: there are arrays of scalars only; make the column jsonb: it holds arrays too"},
      test{column("bytea"),
           "p.toml:5: column v is bytea, and JSON has no bytes; say how its text becomes bytes: transform = "
           "\"decode_base64\", decode_base64url or decode_hex"},
      test{column("text", "constant = 'x'\nfrom = 'y'"), "p.toml:7: 'from' does not apply to a constant"},
      test{column("text", "required = true\ndefault = 'x'"),
           "p.toml:6: column v is required and has a default"},
      test{column("text", "from = '@envelope/x'"),
           "p.toml:6: there is no envelope; set envelope = \"sns\" or \"eventbridge\" in [message]"},
      test{column("text", "from = '@attribute'"),
           "p.toml:6: @attribute wants a name, such as @attribute/tenant"},
      test{column("jsonb", "from = '@attribute/x'"),
           "p.toml:5: a message attribute is text, and cannot be jsonb"},
      test{column("text", "from = '@sent_date/x'"), "p.toml:6: '@sent_date' has no fields"},
      test{column("text", "from = '@unknown'"), "p.toml:5: @unknown cannot be text; make the column jsonb"},
      test{column("text", "map = { a = [1] }"),
           "p.toml:6: 'a' must be mapped to text, a number, true or false"},
      test{column("text", "map = {}"), "p.toml:6: 'map' must be like { ios = 1, android = 2 }"},
      test{column("integer", "transform = ['from_text', 'version_major']"),
           "p.toml:6: version_major cannot follow another one that makes a value"},
      test{column("text", "transform = [1]"),
           "p.toml:6: 'transform' must be text in quotes, or a list of it"},
      test{column("text", "from = '/a~'"),
           "p.toml:6: '/a~' is no JSON pointer; write ~0 for a tilde and ~1 for a slash (RFC 6901)"},
      test{column("text", "from = ''"), "p.toml:6: the whole body (from = '') can only be jsonb"},
      test{column("date", "from = '@sent_dat'"),
           "p.toml:6: unknown from 'sent_dat'; did you mean 'sent_date'?"},
      test{column("text", "from = '@sent_date'"),
           "p.toml:5: @sent_date cannot be text; make the column date"},
      test{column("date", "from = '@sent_date'\nnullable = true"),
           "p.toml:7: 'nullable' does not apply to @sent_date"},
      test{column("varchar(35)", "from = '@message_id'"),
           "p.toml:5: column v is varchar(35): what is written there is longer; make it text, or a longer "
           "varchar"},
      test{column("text", "nullable = 'yes'"), "p.toml:6: 'nullable' must be true or false"},
      test{column("text", "required = false\nnullable = false"),
           "p.toml:7: column v is not required and not nullable; a field that is not there becomes NULL, "
           "unless "
           "there is a default"},
      test{column("text", "transform = 'lwoer'"),
           "p.toml:6: unknown transform 'lwoer'; did you mean 'lower'?"},
      test{column("text", "transform = 'version_packed'"),
           "p.toml:6: version_packed does not give text; see docs/records.md for what gives which type"},
      test{column("text", "pii = true\nmask = 'base64'"),
           "p.toml:7: column v is tagged pii, and anybody can read base64; take another scheme, or add "
           "compatibility = true to the column"},
      test{column("text", "mask = 'aes_siv'\ncompatibility = true"),
           "p.toml:7: 'compatibility' is for base64"},
      test{column("text", "pii = true"),
           "p.toml:6: column v is tagged pii and has no mask; add mask = \"aes_siv\", or another scheme"},
      test{column("bigint", "mask = 'aes_siv'"),
           "p.toml:6: column v is bigint: only text, varchar and inet can be masked"},
      test{column("inet", "mask = 'aes_siv'"),
           "p.toml:6: column v is inet, and aes_siv does not give addresses; take ipcrypt_deterministic or "
           "ipcrypt_pfx, or make the column text"},
      test{column("varchar(38)", "mask = 'ipcrypt_deterministic'"),
           "p.toml:5: column v is varchar(38): what is written there is longer; make it text, or a longer "
           "varchar"},
      test{column("text", "mask = { scheme = 'redact', key = 'k1' }"),
           "p.toml:6: 'key' does not apply to redact"},
      test{column("text", "mask = 'aes'"),
           "p.toml:6: unknown mask scheme 'aes'; known are aes_siv, hmac_sha256, "
           "ipcrypt_deterministic, ipcrypt_pfx, redact, partial, base64"},
      test{column("text", "mask = { scheme = 'redact', bad = 1 }"),
           "p.toml:6: unknown key 'bad' in mask; known are scheme, domain, key, constant, keep_last"},
      test{column("text", "mask = { scheme = 'redact', keep_last = 1 }"),
           "p.toml:6: 'keep_last' does not apply to redact"},
      test{column("text", "mask = { scheme = 'partial', keep_last = -1 }"),
           "p.toml:6: 'keep_last' must not be negative"},
      test{column("text", "mask = 7"), "p.toml:6: 'mask' must be text in quotes"},
      test{column("varchar(23)", "mask = 'aes_siv'"),
           "p.toml:5: column v is varchar(23): what is written there is longer; make it text, or a longer "
           "varchar"},
      test{column("varchar(44)", "mask = 'hmac_sha256'"),
           "p.toml:5: column v is varchar(44): what is written there is longer; make it text, or a longer "
           "varchar"},
      test{column("varchar(2)", "mask = 'redact'"),
           "p.toml:5: column v is varchar(2): what is written there is longer; make it text, or a longer "
           "varchar"},
      test{text + text, "p.toml:6: column v is also on line 3"});
  INFO(t.columns);
  CHECK(refusal(t.columns) == t.line);
}

TEST_CASE("what [message] says must be known and fit together") {
  const auto line = [](const std::string& message, const std::string& columns = {}) {
    const auto p = compiled("[table]\nname = 't'\n[message]\n" + message + "\n" + columns);
    return p ? "compiled" : p.error().line();
  };
  CHECK(line("envelope = 'sns'") == "compiled");
  CHECK(line("rows = '/events'\nunknown = 'refuse'") == "compiled");
  CHECK(line("envelope = 'sqs'") == "p.toml:4: unknown envelope 'sqs'; did you mean 'sns'?");
  CHECK(line("envelop = 'sns'") == "p.toml:4: unknown key 'envelop' in [message]; did you mean 'envelope'?");
  CHECK(line("envelope = 's3'\nrows = '/x'") == "p.toml:5: the rows of s3 are its Records");
  CHECK(line("rows = 'events'") == "p.toml:4: 'events' is no JSON pointer to an array; such as \"/events\"");
  CHECK(line("unknown = 'collect'") == "p.toml:4: unknown unknown 'collect'; known are ignore, refuse");
  CHECK(line("unknown = 'refuse'", column("jsonb", "from = '@unknown'")) ==
        "p.toml:5: column v collects the fields that [message] refuses");
  CHECK(compiled("message = 1").error().line() == "p.toml:1: 'message' must be a section: [message]");
}

TEST_CASE("what the plan says itself must be of the column's type") {
  const auto line = [](const std::string& columns) {
    const auto made = record::reader::make(plan_of(columns), tests::test_keys());
    return made ? "made" : made.error().line();
  };
  CHECK(line(column("date", "default = 2000-01-02")) == "made");
  CHECK(line(column("integer[]", "constant = [1, 2]")) == "made");
  CHECK(line(column("jsonb", "constant = { a = 1 }")) == "made");
  CHECK(line(column("integer", "default = 'x'")) ==
        "column v is integer, its default \"x\" is not (wrong_type)");
  CHECK(line(column("varchar(1)", "constant = 'xy'")) ==
        "column v is varchar(1), its constant \"xy\" is not (too_long)");
  CHECK(line(column("smallint", "map = { a = 40000 }")) ==
        "column v is smallint, its map gives '40000' for 'a': out_of_range");
  CHECK(line(column("text", "transform = 'lower'\nmap = { A = 'x' }")) ==
        "column v is text, its map gives 'x' for 'A': unmapped_value");
}

TEST_CASE("the message attributes that a plan wants are each asked for once") {
  const std::string one = "[[column]]\nname = 'a'\ntype = 'text'\nfrom = '@attribute/y'\n";
  const auto p = plan_of(one + column("integer", "from = '@attribute/y'\n") +
                         "[[column]]\nname = 'x'\ntype = 'text'\nfrom = '@attribute/x'\n");
  CHECK(p.attributes() == std::vector<std::string>{"x", "y"});
  CHECK(record::login_events().attributes().empty());
}

TEST_CASE("a table must be named, and be a section") {
  const auto line = [](std::string_view text) { return compiled(text).error().line(); };
  CHECK(line("[[column]]\nname = 'v'\ntype = 'text'") ==
        "p.toml:1: [[column]] without a [table]; add [table] with a name");
  CHECK(line("[table]\nschema = 'public'") == "p.toml:1: [table] has no 'name'");
  CHECK(line("[table]\nname = 't'\nshcema = 'public'") ==
        "p.toml:3: unknown key 'shcema' in [table]; did you mean 'schema'?");
  CHECK(line("table = 't'") == "p.toml:1: 'table' must be a section: [table]");
  CHECK(line("column = [ 1 ]\n[table]\nname = 't'") == "p.toml:1: each column must be a section: [[column]]");
  CHECK(line("[table]\nname = 't'\n[column]\nname = 'v'") ==
        "p.toml:3: each column must be a section: [[column]]");
}

TEST_CASE("a table's key is a list of the plan's columns") {
  const auto with = [](std::string_view key) {
    return tests::compiled(
        "[table]\nname = 't'\nkey = " + std::string(key) +
        "\n[[column]]\nname = 'a'\ntype = 'text'\n[[column]]\nname = 'b'\ntype = 'text'\n");
  };
  CHECK(with("['b', 'a']").value().key == std::vector<std::string>{"b", "a"});
  for (const char* wrong : {"'a'", "[]", "[1]", "['a', 'c']"}) {
    CAPTURE(wrong);
    const auto refused = with(wrong);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().what.starts_with("p.toml:3: "));
  }
}
