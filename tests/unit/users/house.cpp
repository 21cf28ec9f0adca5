#include "house.hpp"

#include "auth/policy.hpp"
#include "core/completion.hpp"
#include "eventlog/batch_effects.hpp"
#include "http/target.hpp"
#include "support/prepared_database.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

namespace corohub::users::test {
namespace {

std::string describe(const hub::Audience& audience) {
  std::string out = audience.user_id != 0 ? "user" : "";
  if (audience.roles == hub::Audience::admin_bits) out += out.empty() ? "admins" : ",admins";
  return out;
}

std::string describe(const hub::AccountChanged& change) {
  const std::string ending(name(change.ending));
  if (!change.account) return "account: gone (" + ending + ")";
  return "account: " + std::string(name(change.account->role)) + ", " +
         std::to_string(change.account->sessions.size()) + " logins (" + ending + ")";
}

}  // namespace

std::unique_ptr<storage::Effects> RecordingSink::begin_batch() {
  return std::make_unique<eventlog::BatchEffects>();
}

void RecordingSink::committed(std::unique_ptr<storage::Effects> effects,
                              std::vector<storage::UnitEffects> units) noexcept {
  {
    const std::lock_guard lock(mutex_);
    for (hub::Entry& entry : static_cast<eventlog::BatchEffects&>(*effects).take())
      entries_.push_back(std::move(entry));
  }
  std::vector<std::unique_ptr<Completion>> done;
  for (storage::UnitEffects& unit : units) done.push_back(std::move(unit.unit));
  finish_at_home(std::move(done));
}

std::vector<hub::Entry> RecordingSink::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(entries_, {});
}

std::string Reply::header(std::string_view name) const {
  for (const http::ResponseHeader& header : headers)
    if (header.name == name) return header.value;
  return {};
}

std::string Reply::code() const {
  if (!body.is_object() || !body.get_object().contains("code")) return {};
  return std::string(body.at("code").as_string());
}

std::vector<std::string> Reply::errors() const {
  std::vector<std::string> out;
  for (const json::value& error : body.at("errors").as_array())
    out.push_back(std::string(error.at("field").as_string()) + " " +
                  std::string(error.at("code").as_string()));
  return out;
}

std::string Reply::text(std::string_view member) const { return std::string(data().at(member).as_string()); }

House::House(UsersSettings settings, std::function<Seq(std::size_t)> applied_seq) {
  data_ = std::make_unique<storage::DataDirectory>(directory_.path() / "data");
  const storage::LogHead head = corohub::test::prepare_copied_database(*data_);
  writer_ = std::make_unique<storage::Writer>(data_->database(), sink_, clock_);
  readers_ = std::make_unique<storage::ReaderPool>(data_->database(), 1);
  list_readers_ = std::make_unique<storage::ReaderPool>(data_->database(), 1, 16, storage::Pace::patient);
  auth::PasswordSettings cheap;
  cheap.memory_kib = 8192;
  cheap.passes = 1;
  hasher_ = std::make_unique<auth::PasswordHasher>(cheap);
  keys_ = std::make_unique<auth::KeyStore>(directory_.path() / "keys.json", clock_);
  tokens_ = std::make_unique<auth::Tokens>(*keys_, auth::TokenSettings{}, clock_);
  tickets_ = std::make_unique<auth::TicketStore>(clock_);
  UsersParts parts{*writer_, *readers_, *list_readers_, *hasher_, *tokens_, *tickets_, clock_, head.epoch};
  parts.applied_seq = std::move(applied_seq);
  users_ = std::make_unique<Users>(std::move(parts), settings);
  users_->add_routes(router_);
}

House::~House() {
  writer_->stop();
  readers_->stop();
  list_readers_->stop();
  hasher_->stop();
}

// Each request has a shard of its own: an empty cache, which asks storage.
Task<http::Response> House::dispatch(Ask what) {
  http::Request request;
  request.method = what.method;
  EXPECT_TRUE(http::read_target(what.target, "localhost", request).has_value());
  request.body = what.body;
  request.headers = what.headers;
  if (!what.token.empty()) request.headers.push_back({"Authorization", "Bearer " + what.token});
  request.peer = boost::asio::ip::make_address(what.ip);
  request.id = "request-1";

  http::Router::Match match = router_.match(what.method, request.raw_path());
  if (match.route == nullptr) co_return http::problem(Error(ErrorCode::not_found), request);
  auth::AccountCache cache(users_->loader(), 16);
  auth::Authenticator authenticator(*tokens_, cache, clock_);
  http::Context context{request, 0, authenticator, std::nullopt, std::move(match.params), what.exempt};
  if (match.route->access != http::Access::guest) {
    if (what.token.empty()) co_return http::problem(Error(ErrorCode::unauthorized), request);
    Result<auth::Principal> principal = co_await authenticator.authenticate(what.token);
    if (!principal) co_return http::problem(principal.error(), request);
    if (match.route->access == http::Access::admin && !auth::is_admin(principal->role()))
      co_return http::problem(Error(ErrorCode::forbidden), request);
    context.principal = std::move(*principal);
  }
  co_return co_await match.route->handler(context);
}

Reply House::reply_of(http::Response response) {
  Reply reply;
  reply.status = response.status;
  if (!response.body.empty()) reply.body = parse_json(response.body, {.depth = 128}).value();
  reply.headers = std::move(response.headers);
  return reply;
}

Reply House::ask(Ask what) {
  return reply_of(run([&] { return dispatch(std::move(what)); }));
}

std::vector<Reply> House::ask_together(std::vector<Ask> what) {
  std::vector<Reply> replies(what.size());
  for (std::size_t i = 0; i < what.size(); ++i)
    asio::co_spawn(context_, dispatch(std::move(what[i])),
                   [&replies, i](std::exception_ptr error, http::Response response) {
                     if (!error) replies[i] = reply_of(std::move(response));
                   });
  context_.restart();
  context_.run();
  return replies;
}

Reply House::send(Method method, std::string target, const json::value& body, const std::string& token) {
  return ask({method, std::move(target), json::serialize(body), token});
}

Person House::person(std::string name, Role role) {
  const std::string email = name + "@example.com";
  NewUser user;
  user.name = std::move(name);
  user.email = email;
  user.password = Secret(std::string(password));
  user.role = role;
  const Result<Account> made = run([&] { return users_->create_user(std::move(user)); });
  EXPECT_TRUE(made.has_value());
  Person person = login(email);
  happened();
  return person;
}

Person House::login(const std::string& email, std::string_view with) {
  const Reply reply = send(Method::post, "/api/v1/auth/login", {{"email", email}, {"password", with}});
  EXPECT_EQ(reply.status, 200);
  Person person;
  person.id = reply.data().at("user").at("id").as_int64();
  person.email = email;
  person.token = reply.text("access_token");
  person.refresh = reply.text("refresh_token");
  return person;
}

std::vector<std::string> House::happened() {
  std::vector<std::string> out;
  event_data_.clear();
  for (const hub::Entry& entry : sink_.take()) {
    if (const auto* event = std::get_if<hub::EventRef>(&entry)) {
      if ((*event)->topic() == "activity") continue;  // what audit() says, once more
      out.push_back(std::string((*event)->type()) + " to " + describe((*event)->audience()));
      event_data_.push_back(json::parse((*event)->text()).at("data").as_object());
    } else if (const auto* change = std::get_if<hub::AccountChanged>(&entry)) {
      out.push_back(describe(*change));
    }
  }
  return out;
}

std::vector<std::string> House::audit() {
  auto look = [](storage::Snapshot& snapshot) -> Result<std::vector<std::string>> {
    std::vector<std::string> rows;
    storage::Query query = snapshot.query("SELECT action, outcome FROM audit ORDER BY id");
    while (query.next()) rows.push_back(query.text(0) + " " + query.text(1));
    return rows;
  };
  return run([&] { return readers_->read(look); }).value();
}

std::string House::disk() const {
  std::ostringstream bytes;
  for (const auto& entry : std::filesystem::directory_iterator(data_->path()))
    if (entry.is_regular_file() && entry.file_size() > 0) bytes << std::ifstream(entry.path()).rdbuf();
  return bytes.str();
}

std::int64_t House::count(std::string_view table) {
  auto look = [table](storage::Snapshot& snapshot) -> Result<std::int64_t> {
    std::string_view sql = "SELECT COUNT(*) FROM users";
    if (table == "sessions") sql = "SELECT COUNT(*) FROM sessions";
    if (table == "refresh_tokens") sql = "SELECT COUNT(*) FROM refresh_tokens";
    if (table == "login_failures") sql = "SELECT COUNT(*) FROM login_failures";
    storage::Query query = snapshot.query(sql);
    query.next();
    return query.integer(0);
  };
  return run([&] { return readers_->read(look); }).value();
}

}  // namespace corohub::users::test
