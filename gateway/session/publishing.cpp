#include "gateway/session/publishing.hpp"

#include "auth/policy.hpp"
#include "core/json.hpp"
#include "eventlog/event_log.hpp"
#include "flags/cache_order.hpp"
#include "gateway/session/idempotency.hpp"
#include "gateway/session/live_account.hpp"
#include "gateway/session/publish_and_wait.hpp"

#include <optional>
#include <utility>
#include <vector>

#include <boost/json/serialize.hpp>

namespace corohub::gateway {
namespace {

// The longest that a message is beside its type, data and topic.
constexpr std::size_t envelope_bytes =
    sizeof(
        R"({"type":"","data":,"timestamp":"2026-01-06T10:30:01.123Z","seq":9223372036854775807,"topic":""})") -
    1;

// The same words whether there is no such topic or the author may not publish there: who may not read a rule
// learns nothing of it.
Error not_allowed() { return Error(ErrorCode::forbidden, "You may not publish there."); }

bool may(const Author& author, const hub::TopicRule* rule, const hub::EventDraft& draft) noexcept {
  if (author.service_key != 0) return users::scopes_allow(author.scopes, draft.topic, draft.audience);
  return rule != nullptr ? rule->may_publish(author.role) : auth::is_admin(author.role);
}

// Reads the author as the database knows the account or key now, which may have changed since the request was
// let in.
Result<> look_up(storage::UnitOfWork& work, Author& author) {
  if (author.service_key != 0) {
    std::optional<std::vector<std::string>> scopes = users::scopes_of(work, author.service_key);
    if (!scopes)
      return Error(ErrorCode::invalid_token,
                   "The key is revoked, expired, or its maker is no administrator any more.");
    author.scopes = std::move(*scopes);
    users::note_use(work, author.service_key);
    return {};
  }
  const std::optional<LiveAccount> account = find_live_account(work, author.user_id);
  if (!account || account->status != UserStatus::active)
    return Error(ErrorCode::invalid_token, "The account is gone or disabled.");
  author.role = account->role;
  return {};
}

std::string name_of(const Author& author) {
  if (author.service_key != 0) return "key:" + std::to_string(author.service_key);
  return "user:" + std::to_string(author.user_id);
}

std::string target_of(const Publication& publication) {
  if (!publication.topic.empty()) return "topic:" + publication.topic;
  return "user:" + std::to_string(publication.audience.user_id) +
         " roles:" + std::to_string(publication.audience.roles);
}

// On the writer's thread: the right, the key, the event.
class PublishUnit {
 public:
  explicit PublishUnit(PublishOrder order) : order_(std::move(order)) {}

  Result<Published> operator()(storage::UnitOfWork& work) {
    if (const Result<> found = look_up(work, order_.author); !found) return found.error();
    if (!may(order_.author, order_.rule, order_.draft)) return not_allowed();
    if (order_.key.scope.empty()) return publish(work);
    Result<std::optional<Published>> before = find_answer(work, order_.key);
    if (!before) return before.error();
    if (*before) {
      (*before)->repeated = true;
      return **before;
    }
    const Published published = publish(work);
    store_answer(work, order_.key, published);
    return published;
  }

 private:
  Published publish(storage::UnitOfWork& work) {
    if (order_.durable) return {.seq = eventlog::append(work, std::move(order_.draft)), .time = work.now()};
    eventlog::deliver(work, std::move(order_.draft));
    return {.seq = 0, .time = work.now()};
  }

  PublishOrder order_;
};

// On the writer's thread: all of them, or the transaction is rolled back.
class PublishAllUnit {
 public:
  explicit PublishAllUnit(std::vector<PublishOrder> orders) {
    for (PublishOrder& order : orders) units_.emplace_back(std::move(order));
  }

  Result<std::vector<bool>> operator()(storage::UnitOfWork& work) {
    std::vector<bool> repeated;
    for (PublishUnit& unit : units_) {
      const Result<Published> published = unit(work);
      if (!published) return published.error();
      repeated.push_back(published->repeated);
    }
    return repeated;
  }

 private:
  std::vector<PublishUnit> units_;
};

std::size_t bytes_of(const hub::EventDraft& draft) {
  return draft.type.size() + draft.data.size() + draft.topic.size() + draft.attributes.size();
}

// Programs of others read it to the letter, whoever has published it: the text that it is, or in which it was
// sent.
Result<> write_for_gateways(hub::EventDraft& draft, UnixMs now) {
  Result<std::string> text = flags::read_cache_text(draft.data, now);
  if (!text) return text.error();
  draft.data = std::move(*text);
  if (draft.attributes.empty()) return {};
  Result<json::value> attributes = parse_json(draft.attributes);
  if (!attributes || !attributes->is_object()) return {};
  attributes->get_object().erase("kind");
  draft.attributes = json::serialize(*attributes);
  return {};
}

hub::Entry volatile_event(PublishOrder order, UnixMs now) {
  return hub::EventRef(new hub::Event(std::move(order.draft), 0, now));
}

}  // namespace

Result<PublishOrder> Publishing::accept(const Author& author, Publication publication) {
  if (hub::is_reserved_type(publication.type))
    return Error(ErrorCode::reserved_type, "Events of this type are made by the server.")
        .at("/type", "reserved_type", "Must not be one of the server's own.");
  const bool in_topic = !publication.topic.empty();
  const hub::TopicRule* rule = in_topic ? rules_.find(publication.topic) : nullptr;
  if (in_topic && (rule == nullptr || rule->by_server_only)) return not_allowed();
  const std::size_t bytes =
      envelope_bytes + publication.type.size() + publication.data.size() + publication.topic.size();
  const std::size_t bytes_max = rule != nullptr && rule->bytes_max > 0 ? rule->bytes_max : text_bytes_max_;
  if (bytes > bytes_max)
    return Error(ErrorCode::payload_too_large,
                 "The message would have more than " + std::to_string(bytes_max) + " bytes.");

  PublishOrder order{
      .author = author, .rule = rule, .draft = {}, .key = {}, .durable = !in_topic || rule->durable()};
  if (!publication.idempotency_key.empty())
    order.key = make_idempotency_key(name_of(author), target_of(publication), publication);
  order.draft = {.type = std::move(publication.type),
                 .data = std::move(publication.data),
                 .audience = in_topic ? hub::Audience{.roles = rule->subscribers} : publication.audience,
                 .topic = std::move(publication.topic),
                 .attributes = std::move(publication.attributes)};
  if (!may(author, rule, order.draft)) return not_allowed();
  if (order.draft.topic == hub::gateway_topic)
    if (const Result<> good = write_for_gateways(order.draft, clock_.unix_ms()); !good) return good.error();
  if (std::optional<Error> refusal = charge(order)) return *refusal;
  return order;
}

std::optional<Error> Publishing::charge(PublishOrder& order) {
  const Author& author = order.author;
  if (!order.durable || author.exempt || author.service_key != 0 || auth::is_admin(author.role))
    return std::nullopt;
  const auto bytes = static_cast<std::int64_t>(event_bytes + bytes_of(order.draft));
  const auth::RateDecision decision = durable_bytes_.take(std::to_string(author.user_id), bytes);
  if (decision.allowed) order.charged_bytes = bytes;
  return decision.refusal("You have added as much to the log as a user may in an hour.");
}

Result<Published> Publishing::publish_now(PublishOrder order) {
  const UnixMs now = clock_.unix_ms();
  std::vector<hub::Entry> entries;
  entries.push_back(volatile_event(std::move(order), now));
  if (!hub_.try_publish(std::make_shared<hub::Batch>(std::move(entries))))
    return Error(ErrorCode::overloaded, "The hub has no room for this now.");
  return Published{.seq = 0, .time = now};
}

Task<Result<Published>> Publishing::publish(PublishOrder order) {
  if (order.at_once()) {
    Published published{.time = clock_.unix_ms()};
    hub::Entry event = volatile_event(std::move(order), published.time);
    const Result<std::uint32_t> reached = co_await publish_and_wait(hub_, std::move(event));
    if (!reached) co_return reached.error();
    published.reached = *reached;
    co_return published;
  }
  const std::size_t bytes = bytes_of(order.draft);
  const Charge charge{order.author.user_id, order.charged_bytes};
  PublishUnit unit(std::move(order));
  auto committed = co_await writer_.commit(std::move(unit), bytes);
  const bool added = committed && !committed->value.repeated;
  if (!added) give_back(charge);
  if (!committed) co_return committed.error();
  Published published = committed->value;
  published.reached = committed->reached;
  co_return published;
}

Task<Result<>> Publishing::publish_all(std::vector<PublishOrder> orders) {
  std::size_t bytes = 0;
  std::vector<Charge> charges;
  for (const PublishOrder& order : orders) {
    bytes += bytes_of(order.draft);
    charges.push_back({order.author.user_id, order.charged_bytes});
  }
  PublishAllUnit unit(std::move(orders));
  auto committed = co_await writer_.commit(std::move(unit), bytes);
  for (std::size_t i = 0; i < charges.size(); ++i)
    if (!committed || committed->value[i]) give_back(charges[i]);
  if (!committed) co_return committed.error();
  co_return Result<>();
}

void Publishing::give_back(const PublishOrder& order) {
  give_back(Charge{order.author.user_id, order.charged_bytes});
}

void Publishing::give_back(const Charge& charge) {
  if (charge.bytes > 0) durable_bytes_.give_back(std::to_string(charge.user), charge.bytes);
}

std::string answer_text(const Published& published, std::string_view topic) {
  std::string text = "{";
  if (published.seq > 0) text.append(R"("seq":)").append(std::to_string(published.seq)).append(",");
  // No character of a topic needs to be escaped.
  text.append(R"("topic":")").append(topic);
  text.append(R"(","timestamp":")").append(rfc3339(published.time)).append(R"("})");
  return text;
}

}  // namespace corohub::gateway
