#include "record/personal.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace sluice::record {
namespace {

/// Words in lower case with blanks around each: "clientIp", "client_ip" and "CLIENT-IP" are " client ip ".
std::string words_of(std::string_view name) {
  const auto is_upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  const auto is_lower = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  std::string words = " ";
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    const bool begins = is_upper(c) && i > 0 && is_lower(name[i - 1]);
    const bool is_word = is_upper(c) || is_lower(c);
    if ((begins || !is_word) && !words.ends_with(' ')) words += ' ';
    if (is_word) words += is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return words + " ";
}

constexpr std::array<std::string_view, 49> personal_words{
    " ip ",      " ipv4 ",      " ipv6 ",       " email ",      " e mail ",      " mail ",     " phone ",
    " mobile ",  " msisdn ",    " device id ",  " deviceid ",   " imei ",        " idfa ",     " gaid ",
    " mac ",     " ssn ",       " passport ",   " licence ",    " license ",     " tax id ",   " birthday ",
    " birth ",   " dob ",       " first name ", " last name ",  " firstname ",   " lastname ", " forename ",
    " imsi ",    " full name ", " surname ",    " given name ", " family name ", " username ", " user name ",
    " address ", " street ",    " postcode ",   " zip code ",   " lat ",         " latitude ", " lon ",
    " lng ",     " longitude ", " iban ",       " card ",       " password ",    " token ",    " gender "};

}  // namespace

bool looks_personal(std::string_view field) {
  const std::string words = words_of(field);
  // Of several, too: "ips", "addresses".
  const auto holds = [&](std::string_view word, std::string_view ending) {
    return words.find(std::string(word.substr(0, word.size() - 1)).append(ending)) != words.npos;
  };
  return words == " name " || words == " names " ||
         std::ranges::any_of(personal_words, [&](std::string_view word) {
           return holds(word, " ") || holds(word, "s ") || holds(word, "es ");
         });
}

bool looks_exposed(const column& c) {
  const bool is_from_sender = c.is_field() || c.where == source::attribute;
  return is_from_sender && !c.mask && (looks_personal(c.name) || looks_personal(c.from));
}

namespace {

/// Of a field of a message. The body may be the row, so that the two are one here.
std::string name_of_field(const column& c) {
  switch (c.where) {
    case source::envelope: return "@envelope" + c.from;
    case source::attribute: return "@attribute/" + c.from;
    default: return c.from;
  }
}

bool hides(const column& c) {
  return c.mask && c.mask->how != mask::scheme::base64;
}

}  // namespace

std::vector<std::string> masked_fields(const plan& p) {
  std::vector<std::string> fields;
  for (const column& c : p.columns) {
    if (hides(c)) fields.push_back(name_of_field(c));
  }
  return fields;
}

std::vector<std::string> exposed_fields(const plan& p, const std::vector<std::string>& fields) {
  std::vector<std::string> exposed;
  for (const std::string& field : fields) {
    const bool is_read = std::ranges::any_of(p.columns, [&](const column& c) {
      return (c.is_field() || c.where == source::attribute) && name_of_field(c) == field;
    });
    const bool is_stored = std::ranges::any_of(p.columns, [&](const column& c) {
      if (hides(c)) return false;
      if (c.where == source::unknown) return !is_read;
      if (!c.is_field() && c.where != source::attribute) return false;
      const std::string whole = name_of_field(c);
      return field == whole || field.starts_with(whole + '/');
    });
    if (is_stored) exposed.push_back(field);
  }
  return exposed;
}

}  // namespace sluice::record
