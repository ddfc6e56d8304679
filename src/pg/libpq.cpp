#include "pg/libpq.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string>
#include <vector>

#include "pg/errors.hpp"

namespace sluice::pg {
namespace {

/// Text or bytes, as they came.
void take_rows(const PGresult* r, rows& got) {
  const int columns = PQnfields(r);
  got.values.clear();
  got.values.reserve(static_cast<std::size_t>(PQntuples(r)));
  for (int i = 0; i < PQntuples(r); ++i) {
    auto& row = got.values.emplace_back(static_cast<std::size_t>(columns));
    for (int j = 0; j < columns; ++j) {
      if (PQgetisnull(r, i, j) != 0) continue;
      row[static_cast<std::size_t>(j)].emplace(PQgetvalue(r, i, j),
                                               static_cast<std::size_t>(PQgetlength(r, i, j)));
    }
  }
}

}  // namespace

connect_options with_defaults(connect_options o) {
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> defaults(PQconndefaults(),
                                                                              PQconninfoFree);
  const auto fill = [&](std::string& field, std::string_view keyword) {
    for (const PQconninfoOption* d = defaults.get(); field.empty() && d != nullptr && d->keyword != nullptr;
         ++d) {
      if (d->keyword == keyword && d->val != nullptr) field = d->val;
    }
  };
  fill(o.host, "host");
  fill(o.port, "port");
  fill(o.user, "user");
  fill(o.database, "dbname");
  if (o.database.empty()) o.database = o.user;
  return o;
}

bool is_given(const connect_options& o, std::string_view keyword, const char* variable) {
  return std::getenv(variable) != nullptr ||
         std::ranges::any_of(o.extra, [&](const auto& e) { return e.first == keyword; });
}

PGconn* start_connecting(const connect_options& o, const addresses& at) {
  std::vector<const char*> keywords, values;
  const auto add = [&](const char* keyword, const char* value) {
    if (*value == '\0') return;
    keywords.push_back(keyword);
    values.push_back(value);
  };
  add("host", at.host.c_str());
  add("hostaddr", at.hostaddr.c_str());
  add("port", at.port.c_str());
  add("user", o.user.c_str());
  add("dbname", o.database.c_str());
  add("password", o.password.c_str());
  add("application_name", o.application_name.c_str());
  // libpq would ask for GSSAPI encryption first, and lose a round trip.
  if (!is_given(o, "gssencmode", "PGGSSENCMODE")) add("gssencmode", "disable");
  for (const auto& [keyword, value] : o.extra) add(keyword.c_str(), value.c_str());
  add("client_encoding", "UTF8");
  keywords.push_back(nullptr);
  values.push_back(nullptr);
  return PQconnectStartParams(keywords.data(), values.data(), 0);
}

bool take(const PGresult* r, answer& into, const connect_options& o) {
  switch (PQresultStatus(r)) {
    case PGRES_TUPLES_OK: take_rows(r, into.got); [[fallthrough]];
    case PGRES_COMMAND_OK:
    case PGRES_EMPTY_QUERY: {
      auto* any = const_cast<PGresult*>(r);  // libpq does not say const here
      const std::string_view count = PQcmdTuples(any);
      if (!count.empty()) std::from_chars(count.data(), count.data() + count.size(), into.got.affected);
      into.got.counts.push_back(count.empty() ? 0 : into.got.affected);
      into.got.tag = PQcmdStatus(any);
      ++into.statements;
      return true;
    }
    case PGRES_FATAL_ERROR:
      if (into.refused) return true;
      into.refused = read_error(r, o);
      into.refused->statement = into.statements;
      return true;
    default: return false;
  }
}

}  // namespace sluice::pg
