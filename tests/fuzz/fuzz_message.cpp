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

void check(const native_json::Ping&) {}
void check(const native_json::AuthRefresh&) {}
void check(const native_json::Refusal& refusal) { require(!refusal.code.empty()); }

void check(const native_json::Publish& publish) {
  require(hub::is_topic(publish.topic));
  require(hub::is_event_type(publish.type));
  require(parse_json(publish.data).has_value());
  require(publish.idempotency_key.empty() || is_idempotency_key(publish.idempotency_key));
}

void check(const native_json::HistoryQuery& history) {
  require(hub::is_topic(history.topic));
  require(!history.since || history.since->seq >= 0);
  require(history.limit >= 1 && history.limit <= 300);
}

void check(const native_json::Subscribe& subscribe) {
  require(hub::is_topic(subscribe.topic));
  require(!subscribe.since || subscribe.since->seq >= 0);
}

void check(const native_json::Unsubscribe& unsubscribe) { require(hub::is_topic(unsubscribe.topic)); }
void check(const native_json::PresenceQuery& presence) { require(hub::is_topic(presence.topic)); }
void check(const native_json::Typing& typing) { require(hub::is_topic(typing.topic)); }

bool has_id(const std::string& text, const native_json::RequestId& id) {
  const Result<json::value> answer = parse_json(text);
  const Result<json::value> given = parse_json(id.text());
  return answer && given && answer->is_object() && answer->get_object().at("id") == *given;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const native_json::Command command = native_json::parse({reinterpret_cast<const char*>(data), size});
  std::visit([](const auto& what) { check(what); }, command.what);
  if (const auto* refusal = std::get_if<native_json::Refusal>(&command.what))
    require(has_id(native_json::error_text(command.id, *refusal), command.id));
  require(has_id(native_json::raw_reply_text(command.id, "{}"), command.id));
  return 0;
}
