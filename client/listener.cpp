#include "client/listener.hpp"

#include "core/json.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace corohub::client {
namespace {

// A token that is refused again right after its renewal must not be renewed for ever.
constexpr int renewals_in_a_row_max = 2;

bool worth_another_try(const Failure& failure) noexcept {
  switch (failure.kind) {
    case Failure::Kind::unreachable:
      return true;
    case Failure::Kind::refused:
      return failure.status == 429 || failure.status >= 500;
    case Failure::Kind::usage:
    case Failure::Kind::protocol:
    case Failure::Kind::interrupted:
      return false;
  }
  return false;
}

std::string text_in(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

}  // namespace

AfterClose after_close(std::string_view reason) noexcept {
  if (reason == "token_expired") return AfterClose::renew_token;
  constexpr std::array<std::string_view, 6> final_reasons = {"kicked",           "account_deleted",
                                                             "account_disabled", "session_revoked",
                                                             "logged_out",       "credentials_changed"};
  return std::ranges::find(final_reasons, reason) != final_reasons.end() ? AfterClose::give_up
                                                                         : AfterClose::come_back;
}

Listener::Listener(HttpClient& client, TokenSource& source, ListenOptions options, Say print, Say tell)
    : client_(client),
      source_(source),
      options_(std::move(options)),
      print_(std::move(print)),
      tell_(std::move(tell)),
      position_(options_.since) {}

Failure Listener::run() {
  int renewals = 0;
  for (;;) {
    Ended ended;
    Attempt<Stream> stream = connect();
    if (stream) {
      if (std::exchange(connected_once_, true)) tell_("connected again");
      ended = follow(std::move(*stream));
    } else {
      ended.why = stream.error();
      if (ended.why.status == 401)
        ended.then = AfterClose::renew_token;
      else if (!worth_another_try(ended.why) || !connected_once_)
        ended.then = AfterClose::give_up;
    }
    if (ended.why.kind == Failure::Kind::interrupted || ended.then == AfterClose::give_up) return ended.why;

    if (stream) renewals = 0;
    if (ended.then == AfterClose::renew_token && renewals++ < renewals_in_a_row_max) {
      const Attempt<> renewed = source_.renew(client_);
      if (renewed) continue;
      if (!worth_another_try(renewed.error())) return renewed.error();
      ended.why = renewed.error();
    } else if (ended.then == AfterClose::renew_token) {
      return ended.why;
    }
    std::chrono::milliseconds pause = back_off_.next();
    if (ended.why.retry_after) pause = std::max<std::chrono::milliseconds>(pause, *ended.why.retry_after);
    tell_(ended.why.what + "; trying again in " + std::to_string(pause.count()) + " ms");
    if (client_.interrupt().wait(pause)) return {Failure::Kind::interrupted, "interrupted"};
  }
}

std::string Listener::target() const {
  std::string target = "/api/v1/events/stream";
  char separator = '?';
  const auto add = [&](std::string_view key, const std::string& value) {
    target += separator;
    target.append(key).append("=").append(percent_encoded(value));
    separator = '&';
  };
  if (!position_.empty()) add("since", position_);
  for (const std::string& topic : options_.topics) add("topic", topic);
  if (!options_.types.empty()) add("types", options_.types);
  return target;
}

Attempt<Stream> Listener::connect() { return client_.open({"GET", target()}, source_.token()); }

Listener::Ended Listener::follow(Stream stream) {
  Ended ended;
  EventReader events;
  for (;;) {
    const Attempt<std::string> bytes = stream.read(options_.silence);
    if (!bytes) {
      ended.why = bytes.error();
      return ended;
    }
    if (bytes->empty()) {
      ended.why = {Failure::Kind::unreachable, "the stream ended"};
      return ended;
    }
    events.feed(*bytes);
    for (;;) {
      const Attempt<std::optional<StreamEvent>> event = events.next();
      if (!event) {
        ended.why = event.error();
        ended.then = AfterClose::give_up;
        return ended;
      }
      if (!*event) break;
      if (take(**event, ended)) return ended;
    }
  }
}

bool Listener::take(const StreamEvent& event, Ended& ended) {
  back_off_.succeeded();
  if (event.retry_ms) back_off_.set_first(std::chrono::milliseconds(*event.retry_ms));
  if (!event.id.empty()) position_ = event.id;
  if (event.data.empty()) return false;  // the server only says where the stream is
  if (event.data.find("connection.closed") == std::string::npos) {
    print_(event.data);
    return false;
  }
  const Result<json::value> message = parse_json(event.data);
  const json::value* data =
      message && message->is_object() ? message->as_object().if_contains("data") : nullptr;
  const std::string type = data != nullptr ? text_in(message->as_object(), "type") : std::string();
  if (type == "connection.closed" && event.id.empty() && data->is_object()) {
    const std::string reason = text_in(data->as_object(), "reason");
    ended.then = after_close(reason);
    ended.why = {Failure::Kind::refused, "the server ended the stream: " + reason};
    return true;
  }
  print_(event.data);
  return false;
}

}  // namespace corohub::client
