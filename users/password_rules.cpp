#include "users/password_rules.hpp"

#include "core/unicode.hpp"
#include "http/text.hpp"

#include <algorithm>
#include <vector>

namespace corohub {
std::string_view password_lists(std::string_view name);  // generated: cmake/common_passwords.py
}

namespace corohub::users {
namespace {

std::vector<std::string_view> read_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) lines.push_back(http::cut(text, '\n'));
  return lines;
}

}  // namespace

bool is_common_password(std::string_view password) {
  static const std::vector<std::string_view> common = read_lines(password_lists("common_passwords.txt"));
  const std::string folded = fold_case(password);
  return std::ranges::binary_search(common, std::string_view(folded));
}

bool is_own_word(std::string_view password, std::string_view name, std::string_view email) {
  const std::string folded = fold_case(password);
  const std::string address = fold_case(email);
  return folded == fold_case(name) || folded == address || folded == address.substr(0, address.rfind('@'));
}

Result<> check_not_own_word(const Secret& password, const Account& account, std::string_view field) {
  if (!is_own_word(password.reveal(), account.name, account.email)) return {};
  return Error(ErrorCode::validation_failed, "The body has invalid members.")
      .at(std::string(field), "too_common", "Must not be one's own name or e-mail address.");
}

}  // namespace corohub::users
