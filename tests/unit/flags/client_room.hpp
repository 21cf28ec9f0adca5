// Clients of a namespace over a real database, with a shard on a thread of its own that applies what the
// units change, and the events and audit rows that came of them. A room belongs to one test.
#pragma once

#include "core/json_text.hpp"
#include "flags/client_change.hpp"
#include "flags/flags.hpp"
#include "flags/override_expiry.hpp"
#include "hub/shard.hpp"
#include "support/faulty_vfs.hpp"
#include "unit/flags/namespaces.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

namespace corohub::flags::test {

class ClientRoom : private hub::ShardListener {
 public:
  template <class F>
  auto commit(F unit) {
    return database.commit(std::move(unit));
  }

  ClientRoom() {
    corohub::test::run_task([this] { return flags.begin(1); });
    shard_.set_listener(this);
    database.hub.set_shards({&shard_});
    commit([this](storage::UnitOfWork& work) -> Result<NamespaceRef> {
      NamespaceEdit edit = NamespaceEdit::make(work, flags.copies(), flags.directories(),
                                               {"bep", "bep", "default", "bep", NamespaceAccess::users});
      EnvironmentParts staging;
      staging.key = staging.name = "staging";
      edit.put_environment(std::move(staging));
      Platform web;
      web.key = web.name = "web";
      web.config = "{}";
      edit.put_platform(std::move(web));
      for (const std::string_view key : {"f0", "f1", "f2"}) {
        FlagIdentity flag;
        flag.key = flag.name = key;
        edit.put_definition("default", key, definition());
        edit.put_identity(std::move(flag));
      }
      return edit.finish(author);
    });
  }
  ~ClientRoom() override {
    database.writer.stop();
    guard_.reset();
    context_.stop();
  }

  Author author{.caller = users::Caller::operator_of_this_machine()};

  // What the body asks for, of a new client or of the one that is there.
  Result<ClientRef> put(const ClientBody& body, bool in_vain = false) {
    return change(
        body.key,
        [&](storage::UnitOfWork& work, const Namespace& name_space,
            const Client* before) -> Result<std::optional<Client>> {
          Result<Client> client = resolve(work, name_space, body, before);
          if (!client) return client.error();
          return std::optional<Client>(std::move(*client));
        },
        in_vain);
  }
  Result<ClientRef> put(const std::string& text) {
    const Result<ClientBody> body = read_new_client(corohub::test::object_of(text));
    if (!body) return body.error();
    return put(*body);
  }
  Result<ClientRef> remove(const std::string& key) {
    return change(
        key,
        [](storage::UnitOfWork&, const Namespace&, const Client* before) -> Result<std::optional<Client>> {
          if (before == nullptr) return no_client();
          return std::optional<Client>();
        });
  }

  UserId make_user(const std::string& name) {
    UserId id = 0;
    commit([&](storage::UnitOfWork& work) -> Result<storage::Nothing> {
      work.query(
              "INSERT INTO users (name, email, email_key, password_hash, role, status, created_at, "
              "updated_at) VALUES (?1, ?1, ?1, 'x', 'user', 'active', 0, 0)")
          .bind(name)
          .run();
      id = work.last_insert_id();
      return storage::Nothing{};
    }).value();
    return id;
  }
  bool remove_user(UserId id) {
    return commit([&](storage::UnitOfWork& work) -> Result<storage::Nothing> {
             flags.user_leaves(work, id, author.caller);
             work.query("DELETE FROM users WHERE id = ?").bind(id).run();
             return storage::Nothing{};
           })
        .has_value();
  }
  bool remove_flags(const std::vector<std::string>& keys) {
    return commit([&](storage::UnitOfWork& work) -> Result<NamespaceRef> {
             Result<NamespaceEdit> edit =
                 NamespaceEdit::open(work, flags.copies(), flags.directories(), "bep");
             for (const std::string& key : keys) edit->remove_flag(key);
             return edit->finish(author);
           })
        .has_value();
  }
  std::size_t expire() {
    return corohub::test::run_task([this] { return expiry.run(); });
  }

  const Namespace& name_space() { return **flags.directories().of(0).find("bep"); }
  const ClientIndex& index() { return flags.directories().of(0).clients(); }

  // Each client as it is shown, by the tables and by the shard's memory.
  std::vector<std::string> stored() {
    auto read = [id = name_space().id](storage::Snapshot& snapshot) -> Result<std::vector<std::string>> {
      std::vector<std::string> texts;
      for (const ShownClient& one : list_clients(snapshot, {.namespace_id = id}).clients)
        texts.push_back(json_text(to_json(one)));
      return texts;
    };
    return database.read(read).value();
  }
  std::vector<std::string> known() {
    auto read = [id = name_space().id](storage::Snapshot& snapshot) -> Result<std::vector<std::string>> {
      std::vector<std::string> keys;
      for (const ShownClient& one : list_clients(snapshot, {.namespace_id = id}).clients)
        keys.push_back(one.client.key);
      return keys;
    };
    std::vector<std::string> texts;
    for (const std::string& key : database.read(read).value())
      if (const Client* client = index().find(name_space().id, key))
        texts.push_back(json_text(to_json(shown(*client, name_space()))));
    return texts;
  }

  // "client.updated c1 3 [\"overrides\"]", those since the last call.
  std::vector<std::string> events() {
    auto read = [since = read_up_to_](storage::Snapshot& snapshot) -> Result<std::vector<std::string>> {
      storage::Query query =
          snapshot.query("SELECT type, data FROM events WHERE seq > ? AND type LIKE 'client.%' ORDER BY seq");
      query.bind(since);
      std::vector<std::string> events;
      while (query.next()) {
        const json::object data = corohub::test::object_of(query.text(1));
        events.push_back(query.text(0) + ' ' + std::string(data.at("key").as_string()) + ' ' +
                         json_text(data.at("version")) + ' ' + json_text(data.at("changes")));
      }
      return events;
    };
    std::vector<std::string> events = database.read(read).value();
    read_up_to_ = database.writer.committed_seq();
    return events;
  }

  corohub::test::FaultyVfs vfs;
  corohub::test::TestDatabase database;
  Flags flags{{database.writer, database.readers, database.readers, database.clock, database.head.epoch,
               [](std::size_t) { return Seq(0); }},
              {}};
  OverrideExpiry expiry{database.writer, flags.copies(), flags.directories(), database.clock};

 private:
  template <class F>
  Result<ClientRef> change(const std::string& key, F edit, bool in_vain = false) {
    auto unit = [&](storage::UnitOfWork& work) -> Result<ClientRef> {
      const NamespaceRef name_space = flags.copies().find(work, "bep");
      const std::optional<Client> before = find_client(work, name_space->id, key);
      Result<std::optional<Client>> after = edit(work, *name_space, before ? &*before : nullptr);
      if (!after) return after.error();
      ClientRef now = write_client(work, flags.directories(), author, *name_space,
                                   before ? &*before : nullptr, std::move(*after));
      if (in_vain) return Error(ErrorCode::forbidden, "in vain");
      if (now) expiry.expect_all(*now);
      return now;
    };
    auto done = commit(std::move(unit));
    if (!done) return done.error();
    return done->value;
  }

  static DefinitionRef definition() {
    Reading reading;
    return parse_definition(
               corohub::test::object_of(
                   R"({"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"on"})"),
               reading)
        .value();
  }

  // ---- hub::ShardListener ----
  void account_changed(const hub::AccountChanged&) noexcept override {}
  void apply(const hub::ShardChange& change) noexcept override { change.apply(0); }

  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard_{context_.get_executor()};
  hub::Shard shard_{context_, database.clock};
  Seq read_up_to_ = 0;
  std::jthread thread_{[this] { context_.run(); }};
};

}  // namespace corohub::flags::test
