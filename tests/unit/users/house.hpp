// Accounts over a real database and cheap Argon2, asked through the routes' handlers as the HTTP server asks
// them, with a record of what was handed to the shards. A house belongs to one test.
#pragma once

#include "auth/key_ring.hpp"
#include "core/json.hpp"
#include "hub/control.hpp"
#include "storage/storage.hpp"
#include "support/manual_clock.hpp"
#include "support/run_task.hpp"
#include "support/temp_dir.hpp"
#include "users/users.hpp"

#include <functional>
#include <mutex>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::users::test {

using corohub::test::ManualClock;
using http::Method;

// Takes the place of the hub: keeps what was committed, in order, and answers at once.
class RecordingSink final : public storage::CommitSink {
 public:
  std::unique_ptr<storage::Effects> begin_batch() override;
  void committed(std::unique_ptr<storage::Effects> effects,
                 std::vector<storage::UnitEffects> units) noexcept override;
  std::vector<hub::Entry> take();

 private:
  std::mutex mutex_;
  std::vector<hub::Entry> entries_;
};

struct Reply {
  int status = 0;
  json::value body;
  std::vector<http::ResponseHeader> headers;

  std::string header(std::string_view name) const;
  std::string code() const;                 // of a problem; empty: none
  std::vector<std::string> errors() const;  // "/email invalid_format" of a 422
  const json::value& data() const { return body.at("data"); }
  std::string text(std::string_view member) const;  // of data
};

// A user who has logged in.
struct Person {
  UserId id = 0;
  std::string email;
  std::string token;
  std::string refresh;
};

struct Ask {
  Method method = Method::get;
  std::string target;
  std::string body = {};   // JSON text
  std::string token = {};  // bearer; empty: none
  std::string ip = "192.0.2.7";
  bool exempt = true;
  http::HeaderList headers = {};
};

inline constexpr std::string_view password = "secure123";

class House {
 public:
  explicit House(UsersSettings settings = {}, std::function<Seq(std::size_t)> applied_seq = {});
  ~House();

  Reply ask(Ask what);
  std::vector<Reply> ask_together(std::vector<Ask> what);  // all at the same time
  Reply get(std::string target, const Person& who) {
    return ask({Method::get, std::move(target), "", who.token});
  }
  Reply send(Method method, std::string target, const json::value& body, const std::string& token = {});
  Reply send(Method method, std::string target, const json::value& body, const Person& who) {
    return send(method, std::move(target), body, who.token);
  }
  Reply del(std::string target, const Person& who) {
    return ask({Method::del, std::move(target), "", who.token});
  }

  // A new account, made as the command line makes it, and logged in.
  Person person(std::string name, Role role = Role::user);
  Person login(const std::string& email, std::string_view with = password);
  bool is_live(const Person& who) { return get("/api/v1/users/me", who).status == 200; }

  // What was handed to the shards since the last call, one word each: "user.updated to user,admins" and
  // "account: admin, 2 logins" or "account: gone (account_deleted)". All in commit order.
  std::vector<std::string> happened();
  // The data of the events among them.
  std::vector<json::object> event_data() const { return event_data_; }
  std::vector<std::string> audit();  // "admin.action outcome" of all rows
  std::int64_t count(std::string_view table);
  std::string disk() const;  // every byte of the data directory

  template <class Make>
  auto run(Make make) {
    return corohub::test::run_task(context_, std::move(make));
  }

  Users& users() { return *users_; }
  ManualClock& clock() { return clock_; }
  storage::Writer& writer() { return *writer_; }
  storage::ReaderPool& readers() { return *readers_; }
  storage::ReaderPool& list_readers() { return *list_readers_; }
  auth::TicketStore& tickets() { return *tickets_; }

 private:
  Task<http::Response> dispatch(Ask what);
  static Reply reply_of(http::Response response);

  corohub::test::TempDir directory_;
  ManualClock clock_;
  asio::io_context context_{1};
  RecordingSink sink_;
  std::vector<json::object> event_data_;
  std::unique_ptr<storage::DataDirectory> data_;
  std::unique_ptr<storage::Writer> writer_;
  std::unique_ptr<storage::ReaderPool> readers_;
  std::unique_ptr<storage::ReaderPool> list_readers_;
  std::unique_ptr<auth::PasswordHasher> hasher_;
  std::unique_ptr<auth::KeyStore> keys_;
  std::unique_ptr<auth::Tokens> tokens_;
  std::unique_ptr<auth::TicketStore> tickets_;
  std::unique_ptr<Users> users_;
  http::Router router_;
};

}  // namespace corohub::users::test
