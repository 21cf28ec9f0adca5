#include "gateway/socketio/client.hpp"

#include "core/json_text.hpp"
#include "gateway/session/raw_json.hpp"
#include "gateway/session/topic_rights.hpp"
#include "gateway/socketio/asked.hpp"
#include "gateway/socketio/bodies.hpp"
#include "gateway/socketio/client_place.hpp"
#include "gateway/socketio/frame_cache.hpp"
#include "gateway/socketio/said_form.hpp"
#include "gateway/socketio/seat.hpp"
#include "gateway/socketio/verbs.hpp"
#include "hub/topic_rules.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>

namespace corohub::gateway::socketio {
namespace {

constexpr std::string_view client_name_space = "/client";
constexpr std::string_view connected = "client_connected";
// Views that wait are dropped at an end, as events are: its client may have lost the right to them by then,
// and one that comes back has all in its welcome.
constexpr hub::Audience views_readers = hub::Audience::everyone();

// ---- events ----

// What is for each client in its own way: its views, and what happens to it and to what it has.
std::optional<Said> say(const hub::Event& event) {
  const std::string_view type = event.type();
  if (may_be_change(event) || type.starts_with("client.") || type == "config.sync") return Said{};
  if (type == "system.alert") return Said{"client_notification", announcement_text(event)};
  if (type != "system.status") return std::nullopt;  // of the server's health administrators hear
  const std::optional<std::string> status = server_status(event);
  if (status->empty()) return Said{};
  return Said{"system_status", status_text(*status, event.time())};
}

// ---- what one seat has ----

struct ClientState final : SeatState {
  explicit ClientState(ClientPlace its_place) : place(std::move(its_place)) {}

  const ClientPlace place;
  Seq began_at = 0;  // what happened to flags up to here comes from the log, and by the watch what is later
  // Not all that changed was told: it is to ask for all, and has not yet.
  bool is_behind = false;
  bool catches_up_later = false;        // caught_up() is posted
  std::unique_ptr<Evaluations> missed;  // of flags whose events it missed, while these come
};

ClientState& state_of(const Seat& seat) { return static_cast<ClientState&>(*seat.state()); }

class StandpointOf : public Standpoint {
 public:
  explicit StandpointOf(const Seat& seat)
      : Standpoint(seat.desk().flags, seat.session().identity(), state_of(seat).place) {}
};

// All connections of one key, or of one user, report together.
std::string reporter(const hub::Identity& who) {
  return who.is_key() ? "client:" + std::to_string(who.key->client_id)
                      : "user:" + std::to_string(who.user_id);
}

UnixMs now_of(const Seat& seat) { return seat.desk().shard.clock().unix_ms(); }

// Platforms are told of to clients, and guests hear of flags alone.
std::string platforms_of(const Seat& seat) {
  const StandpointOf here(seat);
  if (seat.session().identity().is_guest() || here.environment() == nullptr) return "[]";
  return platforms_for_clients(*here.name_space());
}

// Nothing, or why there is no list. With it the seat knows all, so that a watch which has not told all begins
// again.
std::optional<Refusal> read_views(Seat& seat, std::string& list) {
  FlagWatching& flags = seat.desk().flag_watching;
  ClientState& state = state_of(seat);
  std::optional<Refusal> refusal = state.is_behind
                                       ? flags.watch(seat.session(), state.place.watch(), view_text(), list)
                                       : flags.read(seat.session(), state.place.watch(), view_text(), list);
  state.is_behind = state.is_behind && refusal.has_value();
  if (!refusal || refusal->code != name(ErrorCode::not_found)) return refusal;
  list = "[]";  // it may see nothing here any more
  return std::nullopt;
}

std::string client_id_of(const Seat& seat) {
  const flags::Client* const client = StandpointOf(seat).client();
  return client != nullptr ? std::to_string(client->id) : "null";
}

std::string welcome_text(const Seat& seat, std::string_view features) {
  std::string data = R"({"client_id":)" + client_id_of(seat);
  data.append(R"(,"features":)").append(features).append(R"(,"platforms":)").append(platforms_of(seat));
  return data.append(R"(,"message":"Welcome to real-time updates for clients"})");
}

// Whether this may wait, within so many quarters of all that may, once its socket has taken what it takes. A
// refusal and a config_sync fit beside it.
bool fits(Seat& seat, std::size_t bytes, std::uint64_t quarters = 4) {
  constexpr std::size_t spare_bytes = 2'048;
  constexpr std::uint64_t spare_messages = 2;
  Session& session = seat.session();
  const hub::Outbox& outbox = session.outbox();
  const auto has_room = [&] {
    return outbox.bytes() + bytes + spare_bytes <= outbox.limits().bytes_max * quarters / 4 &&
           outbox.messages() + 1 + spare_messages <= outbox.limits().messages_max * quarters / 4;
  };
  if (has_room()) return true;
  seat.desk().shard.send_now(session);
  if (session.transport() != nullptr) session.transport()->flush();
  return has_room();
}

Refusal too_much_waits() {
  return {name(ErrorCode::overloaded), "More than may wait for you: read what waits, or ask for less."};
}

// The event and the acknowledgement, each if there is room.
template <class Say>
void reply_with(Seat& seat, const AckId& ack, std::string_view data, Say say) {
  if (!fits(seat, data.size())) return seat.refuse(ack, too_much_waits());
  say();
  if (!ack || fits(seat, data.size())) return seat.acknowledge(ack, data);
  seat.refuse(ack, {name(ErrorCode::overloaded), "There was room for the event alone."});
}

void reply(Seat& seat, const AckId& ack, std::string_view name, std::string_view data) {
  reply_with(seat, ack, data, [&] { seat.say(name, data); });
}

class ClientVocabulary final : public Vocabulary {
 public:
  explicit ClientVocabulary(const ServerParts& parts) : parts_(parts) {}

  std::string_view name_space() const noexcept override { return client_name_space; }

  Result<Seating> admit(const Desk& desk, const hub::Identity& who, const json::object& auth,
                        bool resumes) const override {
    Result<ClientPlace> place = find_place(desk.flags, who, auth);
    if (!place) return place.error();
    Seating seating;
    if (resumes) seating.topics.push_back(Standpoint(desk.flags, who, *place).topic());
    // A key is in no audience, so that what the server has told all comes to it by this topic alone.
    if (resumes && who.is_key()) seating.topics.emplace_back(hub::server_status_topic);
    seating.state = std::make_unique<ClientState>(std::move(*place));
    return seating;
  }

  const hub::Form& form(const Wrap& wrap, bool with_position) const override {
    return said_form(client_name_space, wrap, with_position, say);
  }
  hub::FrameRef own_frame(Seat& seat, const hub::Event& event, const hub::Interest&) const override;

  void begin(Seat& seat, const Welcome& welcome) const override;
  void tell(Seat& seat, const Notice& notice) const override;
  void caught_up(Seat& seat) const noexcept override;
  bool call(Seat& seat, Call&& call) const override;
  void answer(Seat& seat, const Request& request, const Outcome& outcome) const override;

 private:
  // ---- events ----
  static hub::FrameRef frame_of_feature(Seat& seat, const hub::Event& event, const Change& change);
  static hub::FrameRef frame_of_thing(Seat& seat, const hub::Event& event, const Change& change);
  static hub::FrameRef frame_of_client(Seat& seat, const hub::Event& event);
  static hub::FrameRef frame_of_sync(Seat& seat, const hub::Event& event);
  static void tell_items(Seat& seat, const FlagItems& items);
  void catch_up_later(Seat& seat) const;

  // ---- what the client says ----
  void connect(Seat& seat, Asked& asked) const;
  void check_config(Seat& seat, Asked& asked) const;
  void check_feature(Seat& seat, Asked& asked) const;
  void take_metrics(Seat& seat, Asked& asked) const;
  void beat(Seat& seat, Asked& asked) const;
  bool publish_metrics(const Seat& seat, const std::string& metrics) const;

  const ServerParts parts_;
};

// ---- events ----

hub::FrameRef ClientVocabulary::own_frame(Seat& seat, const hub::Event& event, const hub::Interest&) const {
  // Of flags it was told in its welcome, and is by its watch: the topic is there for what it has missed.
  const Seq began_at = state_of(seat).began_at;
  if (event.type().starts_with("flag.") && event.seq() >= began_at) {
    if (!seat.session().catches_up()) catch_up_later(seat);
    if (event.seq() > began_at) return nullptr;
  }
  if (event.type().starts_with("client.")) return frame_of_client(seat, event);
  if (event.type() == "config.sync") return frame_of_sync(seat, event);
  const std::optional<Change> change = change_of(event);
  if (!change || change->id == 0) return nullptr;
  return change->kind == "feature" ? frame_of_feature(seat, event, *change)
                                   : frame_of_thing(seat, event, *change);
}

// One that was missed: the view as it is by now. Of a flag that the server knows by its name alone there is
// none.
hub::FrameRef ClientVocabulary::frame_of_feature(Seat& seat, const hub::Event& event, const Change& change) {
  const StandpointOf here(seat);
  if (here.environment() == nullptr || here.environment()->key != change.environment) return nullptr;
  ClientState& state = state_of(seat);
  if (state.missed == nullptr) state.missed = std::make_unique<Evaluations>();
  std::string data;
  if (const flags::Flag* const flag = here.find(change.id))
    view_text().append(data, state.missed->of(*flag, here, state.place.context), here.limits_of(*flag));
  else if (here.environment()->find(change.id) == nullptr)
    data = gone_text(change.id);
  else
    return nullptr;
  return seat.event_frame(update_name(change.kind),
                          update_text(change.kind, change.is_toggle, change.id, data, event.time()), event);
}

// A platform of its namespace, or its own package.
hub::FrameRef ClientVocabulary::frame_of_thing(Seat& seat, const hub::Event& event, const Change& change) {
  const StandpointOf here(seat);
  if (change.name_space != state_of(seat).place.name_space) return nullptr;
  const bool of_package = change.kind == "package";
  if (of_package && (here.package() == nullptr || here.package()->id != change.id)) return nullptr;
  const auto make = [&] {
    const flags::Namespace* const now = here.name_space().get();
    const flags::Platform* const platform =
        now != nullptr && !of_package ? now->platform_by_id(change.id) : nullptr;
    const std::string data = of_package            ? package_for_client(here.standing())
                             : platform != nullptr ? platform_for_clients(*now, *platform)
                                                   : gone_text(change.id);
    return seat.event_frame(update_name(change.kind),
                            update_text(change.kind, change.is_toggle, change.id, data, event.time()), event);
  };
  // An override may hide from one client what the package has.
  if (of_package && !here.client()->overrides.empty()) return make();
  thread_local FrameCache frames;
  return frames.frame(seat, event, here.name_space(), make);
}

// Of another package there are two events, of which the last has the position. Whoever becomes a client gets
// its package so; to this one, and to one who is none any more, nothing else of the change matters.
hub::FrameRef ClientVocabulary::frame_of_client(Seat& seat, const hub::Event& event) {
  const StandpointOf here(seat);
  if (text_member(event, "namespace") != state_of(seat).place.name_space) return nullptr;
  const hub::Identity& who = seat.session().identity();
  if (!is_about(event, who, here)) return nullptr;
  std::string_view reason = sync_reason(event, here.client() != nullptr);
  if (reason.empty()) return seat.event_frame(event.type(), event.data(), event);
  if (who.is_user() && makes_client_of_user(event))
    reason = here.package() != nullptr ? "package_changed" : "status_changed";
  if (reason == "package_changed" && here.package() != nullptr) {
    const std::string data =
        update_text("package", false, here.package()->id, package_for_client(here.standing()), event.time());
    const hub::FrameRef frame = seat.event_frame("package_update", data, event, event.audience(), false);
    frame->set_about(&event);
    seat.session().push_frame(frame);
  }
  return seat.event_frame("config_sync", sync_text(reason, event.time()), event);
}

hub::FrameRef ClientVocabulary::frame_of_sync(Seat& seat, const hub::Event& event) {
  if (text_member(event, "namespace") != state_of(seat).place.name_space) return nullptr;
  thread_local FrameCache frames;
  return frames.frame(seat, event, nullptr, [&] {
    const std::string_view reason = member_text(event.data(), "reason").value_or("null");
    return seat.event_frame("config_sync", sync_text_of(reason, event.time()), event);
  });
}

// ---- what its session tells ----

void ClientVocabulary::begin(Seat& seat, const Welcome& welcome) const {
  // The change is known to the shard before the events that it makes, which have its number.
  const flags::Environment* const environment = StandpointOf(seat).environment();
  state_of(seat).began_at =
      std::max(seat.desk().shard.head(), environment != nullptr ? environment->revision : 0);
  if (!seat.session().identity().is_guest()) follow_server_status(seat.session());
  if (seat.session().identity().is_user()) seat.desk().shard.join_clients(seat.session());
  std::string features;
  std::optional<Refusal> refusal = seat.desk().flag_watching.watch(
      seat.session(), state_of(seat).place.watch(), view_text(), features, /*is_counted=*/false);
  std::string text = welcome_text(seat, features);
  if (!refusal && !fits(seat, text.size())) refusal = too_much_waits();
  if (refusal) text = welcome_text(seat, "[]");
  seat.welcome(connected, text, welcome);
  if (refusal) seat.refuse({}, *refusal);
}

void ClientVocabulary::tell(Seat& seat, const Notice& notice) const {
  if (const auto* items = std::get_if<FlagItems>(&notice)) return tell_items(seat, *items);
  // The welcome has all views, whatever was missed of flags, and it follows no topics that it has named.
  const auto* gap = std::get_if<Gap>(&notice);
  if (std::holds_alternative<Revoked>(notice) || (gap != nullptr && !gap->topic.empty())) return;
  Vocabulary::tell(seat, notice);
}

// From here on its watch tells it of flags, and of what they were nothing is left to tell. A shard knows a
// change of flags before the event of it has come: a seat whose welcome had such a change waits for the
// event.
void ClientVocabulary::caught_up(Seat& seat) const noexcept {
  ClientState& state = state_of(seat);
  state.missed.reset();
  hub::Shard& shard = seat.desk().shard;
  if (shard.head() < state.began_at) return;
  const auto& followed = seat.session().subscriptions();
  const auto of_flags = std::ranges::find_if(followed, [](const std::unique_ptr<hub::Subscription>& one) {
    return FlagTopic::parse(one->topic->name).has_value();
  });
  if (of_flags != followed.end()) shard.unsubscribe(**of_flags);
}

// Not in the shard's walk along those who follow the topic. The seat lives as long as its session.
void ClientVocabulary::catch_up_later(Seat& seat) const {
  if (std::exchange(state_of(seat).catches_up_later, true)) return;
  asio::post(seat.desk().shard.context(), [this, &seat, session = seat.session().shared_from_this()] {
    state_of(seat).catches_up_later = false;
    caught_up(seat);
  });
}

// One change may be several events. The last has the position of the session. A socket that reads takes any
// number of them; to one that does not, those that do not fit are one config_sync.
void ClientVocabulary::tell_items(Seat& seat, const FlagItems& items) {
  const UnixMs now = now_of(seat);
  std::vector<std::pair<std::string_view, std::string>> events;
  for (const FlagItems::Item& item : items.items)
    events.emplace_back("feature_update",
                        update_text("feature", item.is_switched, item.flag_id, item.text, now));
  for (const std::int64_t id : items.deleted)
    events.emplace_back("feature_update", update_text("feature", false, id, gone_text(id), now));
  if (items.has_hidden) events.emplace_back("config_sync", sync_text("feature_hidden", now));
  const hub::Sending::Burst together = seat.desk().shard.burst();
  const auto say_last = [&](std::string_view name, std::string_view data) {
    const Seq position = seat.session().position();
    const std::string meta =
        R"({"seq":)" + std::to_string(position) + R"(,"timestamp":")" + rfc3339(now) + R"("})";
    seat.say_with_position(name, data, meta, position, views_readers);
  };
  bool is_too_much = items.is_too_much;
  for (std::size_t i = 0; i < events.size() && !is_too_much; ++i) {
    const auto& [name, data] = events[i];
    is_too_much = !fits(seat, data.size(), 3);
    if (is_too_much) break;
    if (i + 1 < events.size())
      seat.say_volatile(name, data, views_readers);
    else
      say_last(name, data);
  }
  if (is_too_much && !std::exchange(state_of(seat).is_behind, true))
    say_last("config_sync", sync_text("requested", now));
}

// ---- what the client says ----

bool ClientVocabulary::call(Seat& seat, Call&& call) const {
  static constexpr std::array verbs{
      Verb<ClientVocabulary>{"client_connect", &ClientVocabulary::connect},
      Verb<ClientVocabulary>{"config_check", &ClientVocabulary::check_config},
      Verb<ClientVocabulary>{"feature_check", &ClientVocabulary::check_feature},
      Verb<ClientVocabulary>{"report_metrics", &ClientVocabulary::take_metrics},
      Verb<ClientVocabulary>{"heartbeat", &ClientVocabulary::beat},
  };
  return run_verb<ClientVocabulary>(*this, verbs, seat, call);
}

void ClientVocabulary::connect(Seat& seat, Asked& asked) const {
  welcome_again(*this, seat, asked, connected);
}

void ClientVocabulary::check_config(Seat& seat, Asked& asked) const {
  std::string features;
  if (const std::optional<Refusal> refusal = read_views(seat, features))
    return seat.refuse(asked.ack(), *refusal);
  std::string data = R"({"features":)" + features;
  data.append(R"(,"platforms":)").append(platforms_of(seat));
  data.append(R"(,"timestamp":")").append(rfc3339(now_of(seat))).append(R"("})");
  reply(seat, asked.ack(), "config_update", data);
}

// What is unknown or out of sight is off.
void ClientVocabulary::check_feature(Seat& seat, Asked& asked) const {
  const std::string key = asked.required_text("feature_key");
  const std::string sub_key = asked.text("sub_key");
  if (asked.refusal()) return seat.refuse(asked.ack(), *asked.refusal());
  const StandpointOf here(seat);
  const flags::Flag* flag = here.find(key);
  if (flag != nullptr && !sub_key.empty()) {
    const flags::Flag* const child = here.find(sub_key);
    flag = child != nullptr && child->parent == flag ? child : nullptr;
  }
  const bool on = flag != nullptr && is_on(Evaluations().of(*flag, here, state_of(seat).place.context));
  reply(seat, asked.ack(), "feature_check_result",
        json_text(json::object{{"feature_key", key},
                               {"sub_key", sub_key.empty() ? json::value() : json::value(sub_key)},
                               {"is_enabled", on},
                               {"timestamp", rfc3339(now_of(seat))}}));
}

void ClientVocabulary::take_metrics(Seat& seat, Asked& asked) const {
  const Session& session = seat.session();
  if (session.identity().is_guest())
    return seat.refuse(asked.ack(), {name(ErrorCode::forbidden), "Guests report nothing."});
  if (!session.exempt() && !parts_.reports.take(reporter(session.identity())).allowed)
    return seat.refuse(asked.ack(), {name(ErrorCode::rate_limited), "You report more often than you may."});
  const json::value* const metrics = asked.members().if_contains("metrics");
  if (metrics == nullptr || !metrics->is_object())
    return seat.refuse(asked.ack(), {name(ErrorCode::validation_failed), "metrics is an object."});
  const std::string text = raw_member(asked.text(), "metrics").value();
  if (text.size() > client_metrics_bytes_max)
    return seat.refuse(asked.ack(), {name(ErrorCode::payload_too_large), "metrics may have at most 8 KiB."});
  if (!publish_metrics(seat, text))
    return seat.refuse(asked.ack(), {name(ErrorCode::overloaded), "The server has no room for this now."});
  reply(seat, asked.ack(), "metrics_received",
        json_text(json::object{{"status", "success"}, {"timestamp", rfc3339(now_of(seat))}}));
}

// For administrators who are there, and for whom nothing waits: whoever reports fills nobody's outbox.
bool ClientVocabulary::publish_metrics(const Seat& seat, const std::string& metrics) const {
  hub::EventDraft draft{"client.metrics",
                        R"({"client_id":)" + client_id_of(seat) + R"(,"metrics":)" + metrics + "}",
                        hub::Audience::admins()};
  std::vector<hub::Entry> entries;
  hub::Notice notice{hub::EventRef(new hub::Event(std::move(draft), 0, now_of(seat)))};
  notice.if_idle = true;
  entries.emplace_back(std::move(notice));
  return parts_.hub.try_publish(std::make_shared<hub::Batch>(std::move(entries)));
}

void ClientVocabulary::beat(Seat& seat, Asked& asked) const {
  reply(seat, asked.ack(), "heartbeat_ack", json_text(json::object{{"timestamp", rfc3339(now_of(seat))}}));
}

// ---- what is answered ----

void ClientVocabulary::answer(Seat& seat, const Request& request, const Outcome& outcome) const {
  if (request.note != connected || std::holds_alternative<Refusal>(outcome))
    return Vocabulary::answer(seat, request, outcome);
  std::string features;
  if (const std::optional<Refusal> refusal = read_views(seat, features))
    return seat.refuse(request.ack, *refusal);
  const std::string welcome = welcome_text(seat, features);
  reply_with(seat, request.ack, welcome,
             [&] { seat.welcome(connected, welcome, {seat.session().position(), false, 0}); });
}

}  // namespace

std::unique_ptr<const Vocabulary> client_vocabulary(const ServerParts& parts) {
  return std::make_unique<const ClientVocabulary>(parts);
}

}  // namespace corohub::gateway::socketio
