#include "users/validation.hpp"

#include "core/encoding.hpp"
#include "core/unicode.hpp"
#include "http/fields.hpp"
#include "users/password_rules.hpp"
#include "users/user_repository.hpp"

#include <algorithm>
#include <array>

namespace corohub::users {
namespace {

using http::Fields;

constexpr http::TextRule name_rule{.min = 1, .max = 100, .trim = true};
constexpr http::TextRule email_rule{.min = 1, .max = 254, .trim = true};
constexpr std::size_t new_password_min = 8;  // code points of its normal form
constexpr std::size_t new_password_max = 128;
// Any text is tried as a password; the bound is there only so that there is one.
constexpr http::TextRule tried_password_rule{.min = 1, .max = 512, .controls = true};
constexpr http::TextRule token_rule{.min = 1, .max = 512};

// Members that only the server sets, however they are spelled.
constexpr std::array<std::string_view, 10> privileged{
    "role",           "roles",         "is_admin",   "id",         "status",
    "email_verified", "token_version", "created_at", "updated_at", "password_hash"};

void forbid_privileged(const json::object& body, Fields& fields, std::string_view allowed = {}) {
  for (const json::key_value_pair& member : body) {
    const std::string_view key = member.key();
    if (!allowed.empty() && key == allowed) continue;
    if (std::ranges::find(privileged, std::string_view(email_key(key))) != privileged.end())
      fields.forbid({key});
  }
}

// A password that would be passed over in silence looks changed to whoever sent it.
void forbid_in_change(const json::object& body, Fields& fields) {
  forbid_privileged(body, fields);
  fields.forbid({"password"});
}

std::string checked_email(Fields& fields, std::string email) {
  if (!email.empty() && !is_plausible_email(email))
    fields.refuse("email", "invalid_format", "Must be an e-mail address.");
  return email;
}

Secret read_tried_password(Fields& fields, std::string_view key) {
  return Secret(fields.required_text(key, tried_password_rule));
}

// Reads the password in its normal form: what the user sees counts, and another keyboard can type it.
Secret read_new_password(Fields& fields, std::string_view key) {
  fields.require(key);
  std::optional<std::string> text = fields.text(key, {.max = tried_password_rule.max, .controls = true});
  if (!text) return {};
  const Secret given(std::move(*text));
  Secret password(nfc(given.reveal()));
  const std::size_t length = code_points(password.reveal());
  if (length < new_password_min)
    fields.refuse(key, "too_short", "Must have at least 8 characters.");
  else if (length > new_password_max)
    fields.refuse(key, "too_long", "Must have at most 128 characters.");
  else if (is_common_password(password.reveal()))
    fields.refuse(key, "too_common", "Must not be one of the commonest passwords.");
  return password;
}

std::optional<std::int64_t> read_age(Fields& fields) {
  return fields.is_null("age") ? std::nullopt : fields.integer("age", 0, 150);
}

// Reads the members that registration, administrators and the command line have in common.
NewUser read_user(Fields& fields) {
  NewUser user;
  user.name = fields.required_text("name", name_rule);
  user.email = checked_email(fields, fields.required_text("email", email_rule));
  user.password = read_new_password(fields, "password");
  if (!user.password.empty() && is_own_word(user.password.reveal(), user.name, user.email))
    fields.refuse("password", "too_common", "Must not be one's own name or e-mail address.");
  user.age = read_age(fields);
  return user;
}

ProfileChange read_change(Fields& fields) {
  ProfileChange change;
  change.name = fields.text("name", name_rule);
  if (std::optional<std::string> email = fields.text("email", email_rule))
    change.email = checked_email(fields, std::move(*email));
  change.sets_age = fields.has("age");
  change.age = read_age(fields);
  return change;
}

template <class T>
Result<T> finish(const Fields& fields, T value) {
  if (Result<> result = fields.result(); !result) return result.error();
  return value;
}

bool is_atom(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos;
}

bool is_label_character(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
}

// True when `text` is made of parts between dots and each part is good.
template <class Good>
bool dotted(std::string_view text, Good good) {
  for (;;) {
    const std::size_t dot = text.find('.');
    if (!good(text.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

}  // namespace

bool is_plausible_email(std::string_view email) noexcept {
  const std::size_t at = email.rfind('@');
  if (at == std::string_view::npos || at > 64 || email.size() > 254) return false;
  const auto is_word = [](std::string_view part) {
    return !part.empty() && std::ranges::all_of(part, is_atom);
  };
  const auto is_label = [](std::string_view part) {
    return !part.empty() && part.size() <= 63 && std::ranges::all_of(part, is_label_character) &&
           part.front() != '-' && part.back() != '-';
  };
  return dotted(email.substr(0, at), is_word) && dotted(email.substr(at + 1), is_label);
}

Result<NewUser> read_registration(const json::object& body) {
  Fields fields(body);
  forbid_privileged(body, fields);
  NewUser user = read_user(fields);
  return finish(fields, std::move(user));
}

Result<NewUser> read_new_user(const json::object& body) {
  Fields fields(body);
  forbid_privileged(body, fields, "role");
  NewUser user = read_user(fields);
  if (const std::optional<std::string_view> role = fields.one_of("role", {"user", "admin", "superadmin"}))
    user.role = *parse_role(*role);
  return finish(fields, std::move(user));
}

Result<NewUser> checked(const NewUser& user) {
  json::object body;
  body["name"] = user.name;
  body["email"] = user.email;
  body["password"] = user.password.reveal();
  if (user.age) body["age"] = *user.age;
  Fields fields(body);
  NewUser good = read_user(fields);
  good.role = user.role;
  return finish(fields, std::move(good));
}

Result<> check_new_password(const Secret& password, const Account& account) {
  json::object body;
  body["password"] = password.reveal();
  Fields fields(body);
  read_new_password(fields, "password");
  if (Result<> result = fields.result(); !result) return result;
  return check_not_own_word(password, account, "/password");
}

Result<Credentials> read_credentials(const json::object& body) {
  Fields fields(body);
  Credentials credentials;
  credentials.email = fields.required_text("email", email_rule);
  credentials.password = read_tried_password(fields, "password");
  return finish(fields, std::move(credentials));
}

Result<ProfileChange> read_own_profile_change(const json::object& body) {
  Fields fields(body);
  forbid_in_change(body, fields);
  ProfileChange change = read_change(fields);
  if (fields.has("current_password"))
    change.current_password = read_tried_password(fields, "current_password");
  return finish(fields, std::move(change));
}

Result<ProfileChange> read_profile_change(const json::object& body) {
  Fields fields(body);
  forbid_in_change(body, fields);
  ProfileChange change = read_change(fields);
  return finish(fields, std::move(change));
}

Result<PasswordChange> read_password_change(const json::object& body) {
  Fields fields(body);
  PasswordChange change;
  change.current = read_tried_password(fields, "current_password");
  change.next = read_new_password(fields, "new_password");
  return finish(fields, std::move(change));
}

Result<Secret> read_current_password(const json::object& body) {
  Fields fields(body);
  Secret password;
  if (fields.has("current_password")) password = read_tried_password(fields, "current_password");
  return finish(fields, std::move(password));
}

Result<TokenAndPassword> read_password_reset(const json::object& body) {
  Fields fields(body);
  TokenAndPassword reset;
  reset.token = fields.required_text("token", token_rule);
  reset.password = read_new_password(fields, "password");
  return finish(fields, std::move(reset));
}

Result<std::string> read_setup_token(const json::object& body) {
  Fields fields(body);
  std::string token = fields.required_text("token", token_rule);
  return finish(fields, std::move(token));
}

Result<std::string> read_refresh_token(const json::object& body) {
  Fields fields(body);
  std::string token = fields.required_text("refresh_token", token_rule);
  return finish(fields, std::move(token));
}

Result<Role> read_role(const json::object& body) {
  Fields fields(body);
  fields.require("role");
  const std::optional<std::string_view> role = fields.one_of("role", {"user", "admin", "superadmin"});
  return finish(fields, role ? *parse_role(*role) : Role::user);
}

Result<UserStatus> read_status(const json::object& body) {
  Fields fields(body);
  fields.require("status");
  const std::optional<std::string_view> status = fields.one_of("status", {"active", "disabled"});
  return finish(fields, status ? *parse_status(*status) : UserStatus::disabled);
}

}  // namespace corohub::users
