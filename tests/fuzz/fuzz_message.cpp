// Whatever a client sends becomes a command within the rules, or a refusal whose text is valid JSON with the
// id as it was given.
#include "core/json.hpp"
#include "gateway/native/native_json.hpp"
#include "hub/topic_rules.hpp"

#include <cstdlib>

namespace {

using namespace corohub;
using namespace corohub::gateway;

void require(bool condition) {
  if (!condition) std::abort();
}

void check(const Ping&) {}
void check(const AuthRefresh&) {}
void check(const Refusal& refusal) { require(!refusal.code.empty()); }

void check(const Publish& publish) {
  require(hub::is_topic(publish.topic));
  require(hub::is_event_type(publish.type));
  require(parse_json(publish.data).has_value());
  require(publish.idempotency_key.empty() || is_idempotency_key(publish.idempotency_key));
}

void check(const HistoryQuery& history) {
  require(hub::is_topic(history.topic));
  require(!history.since || history.since->seq >= 0);
  require(history.limit >= 1 && history.limit <= 300);
}

void check(const Subscribe& subscribe) {
  require(hub::is_topic(subscribe.topic));
  require(!subscribe.since || subscribe.since->seq >= 0);
}

void check(const Unsubscribe& unsubscribe) { require(hub::is_topic(unsubscribe.topic)); }
void check(const PresenceQuery& presence) { require(hub::is_topic(presence.topic)); }
void check(const PublishAll&) {}
void check(const WatchFlags& watch) { require(!watch.keys || watch.keys->size() <= 2000); }
void check(const UnwatchFlags&) {}
void check(const SetTyping& typing) { require(hub::is_topic(typing.topic)); }

bool has_id(const std::string& text, const RequestId& id) {
  const Result<json::value> answer = parse_json(text);
  const Result<json::value> given = parse_json(id);
  return answer && given && answer->is_object() && answer->get_object().at("id") == *given;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const native_json::Message message = native_json::parse({reinterpret_cast<const char*>(data), size});
  std::visit([](const auto& what) { check(what); }, message.command);
  if (const auto* refusal = std::get_if<Refusal>(&message.command))
    require(has_id(native_json::error_text(message.id, *refusal), message.id));
  require(has_id(native_json::reply_text(message.id, "{}"), message.id));
  return 0;
}
