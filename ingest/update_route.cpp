// POST /api/v1/flags/updates: messages about flags over HTTP, all or none of them.
#include "flags/manager.hpp"
#include "gateway/session/idempotency.hpp"
#include "ingest/apply.hpp"
#include "ingest/counts.hpp"
#include "ingest/ingest.hpp"

#include <memory>
#include <set>
#include <utility>

#include <boost/json/serialize.hpp>

namespace corohub::ingest {
namespace {

using http::Context;
using http::fail;
using http::Response;

constexpr std::size_t messages_max = 100;                                           // of a request
constexpr std::size_t body_bytes_max = messages_max * (message_bytes_max + 1) + 1;  // with "[" "," "]"
constexpr std::size_t small_body_bytes_max = 4096;  // read in the shard's turn
constexpr JsonLimits body_limits = {.depth = 33, .members = 20'000};

struct Updates {
  std::vector<Message> messages;
  bool is_list = false;

  // The JSON pointer of a message.
  std::string at(std::size_t index) const { return is_list ? "/" + std::to_string(index) : std::string(); }
};

Error refusal() { return Error(ErrorCode::validation_failed); }

Result<Message> read_one(const json::value& value, const std::string& at, bool may_be_large) {
  if (may_be_large && json::serialize(value).size() > message_bytes_max)
    return refusal().at(at, "too_long", "A message has 64 KiB at most.");
  return read_message(value, at);
}

Result<Updates> read_list(const json::array& list, bool may_be_large) {
  if (list.empty() || list.size() > messages_max)
    return refusal().at("", "out_of_range", "Must be 1 to 100 messages.");
  Updates updates;
  updates.is_list = true;
  Error complaints(ErrorCode::validation_failed);
  for (std::size_t i = 0; i < list.size(); ++i) {
    Result<Message> message = read_one(list[i], updates.at(i), may_be_large);
    if (message) {
      updates.messages.push_back(std::move(*message));
      continue;
    }
    counts().bad.Increment();
    for (const FieldError& field : message.error().fields) complaints.fields.push_back(field);
  }
  if (complaints.fields.empty()) return updates;
  return complaints;
}

Result<Updates> read_updates(const std::string& body) {
  const Result<json::value> document = parse_json(body, body_limits);
  if (!document) return document.error();
  if (const json::array* list = document->if_array())
    return read_list(*list, body.size() > message_bytes_max);
  if (!document->is_object())
    return Error(ErrorCode::invalid_json, "The body must be a message, or a list of messages.");
  Result<Message> message = read_one(*document, {}, body.size() > message_bytes_max);
  if (!message) {
    counts().bad.Increment();
    return message.error();
  }
  Updates updates;
  updates.messages.push_back(std::move(*message));
  return updates;
}

Task<Result<Updates>> read_body(const flags::FlagsParts& parts, const http::Request& request) {
  if (const Result<> good = request.check_json(); !good) co_return good.error();
  if (request.body.size() <= small_body_bytes_max) co_return read_updates(request.body);
  auto read = [body = request.body](storage::Snapshot&) { return read_updates(body); };
  co_return co_await parts.list_readers.read(std::move(read));
}

// Nothing: the request has none.
Result<std::optional<gateway::IdempotencyKey>> read_idempotency_key(const http::Request& request,
                                                                    const flags::Author& author) {
  if (!request.has("Idempotency-Key")) return std::optional<gateway::IdempotencyKey>();
  const std::string_view key = request.header("Idempotency-Key");
  if (request.count("Idempotency-Key") != 1 || !gateway::is_idempotency_key(key))
    return Error(ErrorCode::invalid_request,
                 "Idempotency-Key must be 1 to 128 printable characters of ASCII.");
  const std::string who = author.service_key ? "key:" + std::to_string(*author.service_key)
                                             : "user:" + std::to_string(author.caller.user_id.value_or(0));
  gateway::Publication what;
  what.idempotency_key = key;
  what.data = request.body;
  return std::optional(gateway::make_idempotency_key(who, "flags/updates", what));
}

// One request as the writer carries it out.
struct Unit {
  flags::Flags& flags;
  flags::NamespaceAccess access;
  flags::Author author;
  Updates updates;
  std::optional<gateway::IdempotencyKey> key;

  // The seq of the last event.
  Result<Seq> run(storage::UnitOfWork& work) const {
    std::set<std::string_view> names;
    for (const Message& message : updates.messages) names.insert(message.name_space);
    for (const std::string_view name : names)
      if (const Result<> right = check_right(work, author, flags::Right::ingest, name); !right)
        return right.error();
    if (key) {
      const Result<std::optional<gateway::Published>> answered = gateway::find_answer(work, *key);
      if (!answered) return answered.error();
      if (*answered) return (*answered)->seq;
    }
    if (const Result<> done = apply_all(work); !done) return done.error();
    if (key) gateway::store_answer(work, *key, {.seq = work.last_seq(), .time = work.now()});
    return work.last_seq();
  }

 private:
  Result<> apply_all(storage::UnitOfWork& work) const {
    for (std::size_t i = 0; i < updates.messages.size(); ++i) {
      const Result<> applied = apply(work, flags, access, updates.messages[i], author);
      if (applied) continue;
      counts().bad.Increment();
      const Error& error = applied.error();
      return refusal().at(updates.at(i) + "/namespace", std::string(name(error.code)), error.detail);
    }
    return {};
  }
};

Task<Response> post_updates(flags::Flags& flags, flags::NamespaceAccess access, Context& context) {
  const flags::FlagsParts& parts = flags.parts();
  const Result<flags::Manager> manager = co_await read_holder(parts, context);
  if (!manager) co_return fail(manager.error(), context);
  if (!manager->may_somewhere(flags::Right::ingest)) co_return fail(flags::no_scope(), context);
  const flags::Author author = manager->author(flags::Source::http, {});
  const Result<std::optional<gateway::IdempotencyKey>> key = read_idempotency_key(context.request, author);
  if (!key) co_return fail(key.error(), context);
  const Result<Updates> updates = co_await read_body(parts, context.request);
  if (!updates) co_return fail(updates.error(), context);
  const std::size_t accepted = updates->messages.size();
  auto unit = [work = Unit{flags, access, author, *updates, *key}](storage::UnitOfWork& of) {
    return work.run(of);
  };
  const Result<storage::Committed<Seq>> done =
      co_await parts.writer.commit(std::move(unit), 4 * context.request.body.size());
  if (!done) co_return fail(done.error(), context);
  counts().accepted.Increment(done->seq != 0 ? static_cast<double>(accepted) : 0);
  json::object data;
  data["accepted"] = accepted;
  data["seq"] = done->value;
  co_return http::success(data).at({parts.epoch, done->value});
}

}  // namespace

void add_update_route(http::Router& router, flags::Flags& flags, flags::NamespaceAccess access) {
  counts();  // shown from the start on, before there is a message
  http::RouteOptions options;
  options.body_max = body_bytes_max;
  router.add(
      http::Method::post, "/api/v1/flags/updates", http::Access::holder,
      [&flags, access](Context& context) { return post_updates(flags, access, context); }, {},
      std::move(options));
}

}  // namespace corohub::ingest
