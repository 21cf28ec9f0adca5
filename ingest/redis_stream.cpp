#include "ingest/redis_stream.hpp"

#include "core/printable.hpp"

#include <utility>

namespace corohub::ingest {
namespace {

constexpr std::string_view group = "corohub";
constexpr std::string_view consumer = "corohub";

Failure refused(std::string_view what, const Reply& reply) {
  return Failure{std::string(what) + " is refused: " + printable(reply.text)};
}

// Fields come as ["field", "text", "field", "text"].
Result<Message> message_of(const Reply& fields) {
  EntryFields list;
  for (std::size_t i = 0; i + 1 < fields.items.size(); i += 2)
    list.emplace_back(fields.items[i].text, fields.items[i + 1].text);
  return read_entry(list);
}

}  // namespace

RedisStream::RedisStream(const Parts& parts, std::string stream)
    : RedisLink(parts, "stream", stream), stream_(std::move(stream)) {}

Task<Failure> RedisStream::converse(RedisWire& wire) {
  const Result<EntryId> done = co_await feed().position();
  if (!done) co_return Failure{"the position cannot be read"};
  const Attempt<> set = co_await set_group(wire, *done);
  if (!set) co_return set.error();
  const Attempt<> acknowledged = co_await acknowledge_old(wire, *done);
  if (!acknowledged) co_return acknowledged.error();
  if (is_next_too_large_) {
    const Attempt<> stepped = co_await step_over(wire, *done);
    if (!stepped) co_return stepped.error();
    is_next_too_large_ = false;
  }
  succeeded();
  const Failure failure = co_await follow(wire);
  if (wire.was_too_large()) {
    is_next_too_large_ = singly_ > 0;
    singly_ = entries_per_read_max;
  }
  co_return failure;
}

Task<Failure> RedisStream::follow(RedisWire& wire) {
  for (;;) {
    Attempt<Entries> entries = co_await read(wire, ">", singly_ > 0 ? 1 : entries_per_read_max);
    if (!entries) co_return entries.error();
    if (entries->ids.empty()) continue;
    if (!entries->whole && singly_ == 0) {
      singly_ = entries_per_read_max;  // one after the other they fit
      const Result<EntryId> here = co_await feed().position();
      if (!here) co_return Failure{"the position cannot be read"};
      const Attempt<> again = co_await set_group(wire, *here);
      if (!again) co_return again.error();
      continue;
    }
    if (singly_ > 0) --singly_;
    const bool stored = co_await feed().take(std::move(entries->batch));
    if (!stored) co_return Failure{"stopped"};
    const Attempt<> told = co_await acknowledge(wire, entries->ids);
    if (!told) co_return told.error();
  }
}

// What is read on from `from` comes again even if it was given before: that position and nothing else says
// what was done. So a restored backup gets what it does not know of.
Task<Attempt<>> RedisStream::set_group(RedisWire& wire, const EntryId& from) {
  const std::string id = from.text();
  const Attempt<Reply> made =
      co_await wire.ask(command({"XGROUP", "CREATE", stream_, group, id, "MKSTREAM"}));
  if (!made) co_return made.error();
  if (made->kind != Reply::Kind::error) co_return Attempt<>();
  if (!made->is_error("BUSYGROUP")) co_return refused("the stream", *made);
  const Attempt<Reply> moved = co_await wire.ask(command({"XGROUP", "SETID", stream_, group, id}));
  if (!moved) co_return moved.error();
  if (moved->kind == Reply::Kind::error) co_return refused("the stream", *moved);
  co_return Attempt<>();
}

Task<Attempt<>> RedisStream::acknowledge_old(RedisWire& wire, const EntryId& done) {
  for (;;) {
    const Attempt<std::vector<std::string>> ids = co_await old(wire, done);
    if (!ids) co_return ids.error();
    if (ids->empty()) co_return Attempt<>();
    const Attempt<> told = co_await acknowledge(wire, *ids);
    if (!told) co_return told.error();
  }
}

Task<Attempt<std::vector<std::string>>> RedisStream::old(RedisWire& wire, const EntryId& done) {
  Attempt<std::vector<std::string>> asked = co_await pending(wire, EntryId(), done, entries_per_read_max);
  if (asked || !is_denied_) co_return asked;
  const Attempt<Entries> entries = co_await read(wire, "0-0", entries_per_read_max);
  if (!entries) co_return entries.error();
  std::vector<std::string> ids;
  for (const std::string& id : entries->ids)
    if (EntryId::parse(id).value_or(EntryId()) <= done) ids.push_back(id);
  co_return ids;
}

Task<Attempt<>> RedisStream::step_over(RedisWire& wire, const EntryId& done) {
  const EntryId first{done.ms, done.number + 1};
  const Attempt<std::vector<std::string>> ids = co_await pending(wire, first, EntryId::last(), 1);
  if (!ids) co_return ids.error();
  if (ids->empty()) co_return Attempt<>();
  const std::optional<EntryId> id = EntryId::parse(ids->front());
  if (!id) co_return Failure{"that is no id of an entry"};
  Batch batch;
  batch.push_back({Error(ErrorCode::payload_too_large, "The entry has too many fields."), *id});
  const bool stored = co_await feed().take(std::move(batch));
  if (!stored) co_return Failure{"stopped"};
  const Attempt<> set = co_await set_group(wire, *id);
  if (!set) co_return set.error();
  co_return co_await acknowledge(wire, *ids);
}

// [[id, consumer, idle, deliveries], …].
Task<Attempt<std::vector<std::string>>> RedisStream::pending(RedisWire& wire, const EntryId& first,
                                                             const EntryId& last, std::size_t count) {
  const std::string from = first.text();
  const std::string to = last.text();
  const std::string count_text = std::to_string(count);
  const Attempt<Reply> reply =
      co_await wire.ask(command({"XPENDING", stream_, group, from, to, count_text, consumer}));
  if (!reply) co_return reply.error();
  is_denied_ = reply->is_error("NOPERM");
  if (reply->kind == Reply::Kind::error) co_return refused("XPENDING", *reply);
  if (reply->kind != Reply::Kind::list) co_return Failure{"that is no answer of a stream"};
  std::vector<std::string> ids;
  for (const Reply& item : reply->items)
    if (item.is_list(4)) ids.push_back(item.items[0].text);
  co_return ids;
}

Task<Attempt<>> RedisStream::acknowledge(RedisWire& wire, const std::vector<std::string>& ids) {
  std::vector<std::string_view> words{"XACK", stream_, group};
  words.insert(words.end(), ids.begin(), ids.end());
  const Attempt<Reply> reply = co_await wire.ask(command(words));
  if (!reply) co_return reply.error();
  if (reply->kind == Reply::Kind::error) co_return refused("XACK", *reply);
  co_return Attempt<>();
}

// A read that waits answers once something comes or the time of a heartbeat is over.
Task<Attempt<RedisStream::Entries>> RedisStream::read(RedisWire& wire, std::string_view after,
                                                      std::size_t count) {
  constexpr std::chrono::milliseconds wait = Heartbeat::interval;
  const std::string count_text = std::to_string(count);
  const std::string wait_text = std::to_string(wait.count());
  const Attempt<Reply> reply =
      co_await wire.ask(command({"XREADGROUP", "GROUP", group, consumer, "COUNT", count_text, "BLOCK",
                                 wait_text, "STREAMS", stream_, after}),
                        wait + Heartbeat::patience);
  if (!reply) co_return reply.error();
  Attempt<Entries> entries = entries_of(*reply);
  if (entries) entries->whole = !wire.was_short();
  co_return entries;
}

// [[stream, [[id, fields], …]]], or nil. An entry that was deleted has no fields.
Attempt<RedisStream::Entries> RedisStream::entries_of(const Reply& reply) {
  if (reply.kind == Reply::Kind::error) return refused("the stream", reply);
  Entries entries;
  if (reply.kind == Reply::Kind::nil) return entries;
  if (!reply.is_list(1) || !reply.items[0].is_list(2)) return Failure{"that is no answer of a stream"};
  for (const Reply& item : reply.items[0].items[1].items) {
    const std::optional<EntryId> id = item.is_list(2) ? EntryId::parse(item.items[0].text) : std::nullopt;
    if (!id) return Failure{"that is no answer of a stream"};
    entries.ids.push_back(item.items[0].text);
    entries.batch.push_back({message_of(item.items[1]), *id});
  }
  return entries;
}

}  // namespace corohub::ingest
