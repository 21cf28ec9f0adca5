#include "client/login.hpp"

#include "core/json.hpp"

#include <boost/json/serialize.hpp>

namespace corohub::client {
namespace {

Failure unknown_answer() { return {Failure::Kind::protocol, "what answers there is no corohub"}; }

const json::value* find(const json::value& value, std::string_view name) {
  return value.is_object() ? value.as_object().if_contains(name) : nullptr;
}

std::string text_in(const json::value& value, std::string_view name) {
  const json::value* found = find(value, name);
  return found != nullptr && found->is_string() ? std::string(found->as_string()) : std::string();
}

// `data` of /auth/login and /auth/refresh.
Attempt<LoggedIn> read_login(const std::string& body) {
  const Result<json::value> parsed = parse_json(body);
  const json::value* data = parsed ? find(*parsed, "data") : nullptr;
  const json::value* user = data != nullptr ? find(*data, "user") : nullptr;
  if (user == nullptr) return unknown_answer();
  LoggedIn result;
  result.login.email = text_in(*user, "email");
  if (const json::value* id = find(*user, "id"); id != nullptr && id->is_int64())
    result.login.user_id = id->as_int64();
  result.login.access_token = Secret(text_in(*data, "access_token"));
  result.login.refresh_token = Secret(text_in(*data, "refresh_token"));
  result.name = text_in(*user, "name");
  result.role = text_in(*user, "role");
  if (result.login.access_token.empty()) return unknown_answer();
  return result;
}

Attempt<LoggedIn> post(HttpClient& client, std::string target, const json::object& body) {
  Request request{"POST", std::move(target), json::serialize(body)};
  const Attempt<std::string> answer = client.ask(request, Secret());
  if (!answer) return answer.error();
  return read_login(*answer);
}

}  // namespace

Attempt<LoggedIn> log_in(HttpClient& client, const std::string& email, const Secret& password) {
  return post(client, "/api/v1/auth/login", {{"email", email}, {"password", password.reveal()}});
}

Attempt<> TokenSource::renew(HttpClient& client) {
  if (!file_) return Failure{Failure::Kind::refused, "the server does not take the token (any more)", 401};
  const std::string server = client.server().text();
  const CredentialFile::Lock lock(*file_);
  std::optional<StoredLogin> stored = file_->find(server);
  if (!stored) return Failure{Failure::Kind::refused, "there is no login for " + server, 401};
  if (stored->access_token.reveal() != token_.reveal()) {
    token_ = std::move(stored->access_token);
    return {};
  }
  Attempt<LoggedIn> renewed =
      post(client, "/api/v1/auth/refresh", {{"refresh_token", stored->refresh_token.reveal()}});
  if (!renewed) {
    Failure failure = renewed.error();
    if (failure.status == 401) failure.what = "the login has ended; use `corohub login` again";
    return failure;
  }
  file_->save(server, renewed->login);
  token_ = std::move(renewed->login.access_token);
  return {};
}

Attempt<std::string> ask_as(HttpClient& client, TokenSource& source, const Request& request) {
  Attempt<std::string> answer = client.ask(request, source.token());
  if (answer || answer.error().status != 401) return answer;
  if (const Attempt<> renewed = source.renew(client); !renewed) return renewed.error();
  return client.ask(request, source.token());
}

}  // namespace corohub::client
