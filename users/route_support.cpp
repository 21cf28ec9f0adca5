#include "users/route_support.hpp"

#include "core/encoding.hpp"

namespace corohub::users {
namespace {

constexpr std::size_t user_agent_bytes_max = 256;

// A header can hold any byte, but the list of logins is JSON and may land on a terminal.
std::string printable(std::string_view text) {
  text = text.substr(0, user_agent_bytes_max);
  std::string out(text);
  for (char& c : out)
    if (c < 0x20 || c > 0x7e) c = '?';
  return out;
}

std::string address_text(boost::asio::ip::address address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    address = boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, address.to_v6());
  return address.to_string();
}

}  // namespace

Caller caller_of(const Context& context) {
  Caller caller;
  if (context.principal) caller.user_id = context.principal->user_id();
  caller.ip = address_text(context.request.peer);
  caller.network = auth::network_key(context.request.peer);
  caller.user_agent = printable(context.request.header("user-agent"));
  caller.request_id = context.request.id;
  caller.exempt = context.exempt;
  return caller;
}

Caller caller_of(const auth::PasswordLogin::Caller& asking) {
  Caller caller;
  caller.ip = address_text(asking.address);
  caller.network = auth::network_key(asking.address);
  caller.user_agent = printable(asking.user_agent);
  caller.exempt = asking.exempt;
  return caller;
}

Response at_position(const Services& services, Response response, Seq seq) {
  return std::move(response).at(Position{services.parts.epoch, seq});
}

Response login_answer(const Services& services, const storage::Committed<Login>& login, int status) {
  const Account& account = *login.value.account;
  json::object data;
  data["user"] = to_json(account);
  data["access_token"] = services.parts.tokens.issue(account, login.value.session);
  data["refresh_token"] = login.value.refresh_token;
  data["token_type"] = "Bearer";
  data["expires_in"] = services.parts.tokens.settings().access_ttl.count();
  Response response = http::success(data, status);
  if (login.seq == 0) return response;
  return at_position(services, std::move(response), login.seq);
}

json::object to_json(const LoginRow& session) {
  json::object row;
  row["id"] = session.id.text();
  row["created_at"] = rfc3339(session.created_at);
  row["last_used_at"] = rfc3339(session.last_used_at);
  row["ip"] = session.ip;
  row["user_agent"] = session.user_agent;
  return row;
}

Response logins_answer(const std::vector<LoginRow>& sessions, const SessionId& current) {
  json::array list;
  for (const LoginRow& session : sessions) {
    json::object row = to_json(session);
    row["current"] = session.id == current;
    list.push_back(std::move(row));
  }
  return http::success(list);
}

bool is_failed_proof(const Error& error) noexcept {
  return error.code == ErrorCode::invalid_credentials || error.code == ErrorCode::current_password_wrong ||
         error.code == ErrorCode::invalid_grant;
}

}  // namespace corohub::users
