#include "eventlog/batch_effects.hpp"
#include "eventlog/event_log.hpp"

namespace corohub::eventlog {
namespace {

// The batch was made by Publisher::begin_batch(); with another sink this is a bug, and bad_cast says so.
BatchEffects& batch_of(storage::UnitOfWork& work) { return dynamic_cast<BatchEffects&>(work.effects()); }

// Each kind of events, of accounts and of topics, has running sums of its own.
constexpr std::string_view insert_of_account =
    "INSERT INTO events (type, data, created_at, roles, user_id, topic, attributes, also, bytes_total, "
    "rows_total) "
    "SELECT ?, ?, ?, ?, ?, ?, ?, ?, ? + coalesce(max(bytes_total), 0), 1 + coalesce(max(rows_total), 0) FROM "
    "(SELECT bytes_total, rows_total FROM events INDEXED BY events_of_accounts WHERE topic IS NULL "
    "ORDER BY seq DESC LIMIT 1)";
constexpr std::string_view insert_of_topic =
    "INSERT INTO events (type, data, created_at, roles, user_id, topic, attributes, also, bytes_total, "
    "rows_total) "
    "SELECT ?, ?, ?, ?, ?, ?, ?, ?, ? + coalesce(max(bytes_total), 0), 1 + coalesce(max(rows_total), 0) FROM "
    "(SELECT bytes_total, rows_total FROM events INDEXED BY events_of_topics WHERE topic IS NOT NULL "
    "ORDER BY seq DESC LIMIT 1)";

std::optional<std::string_view> text_column(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional<std::string_view>(text);
}

std::optional<std::int64_t> user_column(const hub::Audience& audience) {
  if (audience.user_id == 0) return std::nullopt;
  return audience.user_id;
}

// Who may read an event of a topic is what the topic's rule says whenever the event is read. Where the server
// alone makes the rules, an event may be for fewer.
hub::Audience readers_in_topic(const hub::EventDraft& draft) {
  if (!hub::is_reserved_topic(draft.topic)) return {};
  return {draft.audience.roles, 0};
}

}  // namespace

Seq append(storage::UnitOfWork& work, hub::EventDraft draft) {
  const bool of_topic = !draft.topic.empty();
  const hub::Audience audience = of_topic ? readers_in_topic(draft) : draft.audience;
  const auto bytes = static_cast<std::int64_t>(draft.type.size() + draft.topic.size() + draft.data.size() +
                                               draft.attributes.size() + draft.also.size());
  work.query(of_topic ? insert_of_topic : insert_of_account)
      .bind(draft.type, draft.data, work.now(), static_cast<int>(audience.roles), user_column(audience),
            text_column(draft.topic), text_column(draft.attributes), text_column(draft.also), bytes)
      .run();
  const Seq seq = work.last_insert_id();
  batch_of(work).add(hub::EventRef(new hub::Event(std::move(draft), seq, work.now())));
  work.set_last_seq(seq);
  return seq;
}

void deliver(storage::UnitOfWork& work, hub::EventDraft draft) {
  batch_of(work).add(hub::EventRef(new hub::Event(std::move(draft), 0, work.now())));
}

void change_shards(storage::UnitOfWork& work, hub::ShardChangeRef change) {
  batch_of(work).add(std::move(change));
}

void change_account(storage::UnitOfWork& work, hub::AccountChanged change) {
  batch_of(work).add(std::move(change));
}

void shorten(storage::UnitOfWork& work, Seq up_to) { batch_of(work).add(hub::LogShortened{up_to}); }

}  // namespace corohub::eventlog
